"""Profiles that are the same, or all but the same, and how well replicates agree.

Axes, besides: P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cic.config import Split
from cic.data.audit import codes_of
from cic.data.equal import numbered, sets_of
from cic.data.matrix import ExpressionMatrix
from cic.data.sparse import dense
from cic.data.sparse_units import log2_of
from cic.data.suspects import LOOKED_AT, find_suspects
from cic.data.twins import Twins, find_twins
from cic.seeds import generator

NEARER_THAN = 0.25
"""Share of the other profiles that all of a set ought to be nearer than."""
LIKE_OTHERS = 0.9
"""Median distance within sets over that between sets above which replicates agree no better than others do."""
MOST_PAIRS = 20_000
"""Of profiles of different samples, drawn for comparison with replicates."""


@dataclass(frozen=True)
class Neighbours:
    """What lies too near.

    Attributes
    ----------
    copies
        Sets of positions of profiles that are equal to the last bit.
    twins
        Pairs that are all but equal, the nearest first, by positions among all profiles.
    n_compared
        Profiles that were compared over all genes: all, or those that a sketch of their values made suspicious.
    """

    copies: tuple[tuple[int, ...], ...]
    twins: tuple[Twins, ...]
    n_compared: int


@dataclass(frozen=True)
class Replicates:
    """How far apart, root mean square over genes on log2 scale, replicates of a sample lie, and different samples.

    Attributes
    ----------
    within_P, alike_P, between_P
        Of pairs of one set, of pairs of one label but two sets, and of any two sets.
    odd
        Positions of profiles no nearer to their own set than to the share `NEARER_THAN` of all others. None are named
        where replicates agree no better than different samples do.
    n_sets, n_profiles
        How many were compared.
    """

    within_P: np.ndarray
    alike_P: np.ndarray
    between_P: np.ndarray
    odd: tuple[int, ...]
    n_sets: int
    n_profiles: int

    @property
    def agree(self) -> bool:
        """Whether replicates are more alike than different samples."""
        return bool(np.median(self.within_P) <= LIKE_OTHERS * np.median(self.between_P))


def neighbours_of(matrix: ExpressionMatrix, split: Split, seed: int) -> Neighbours:
    """Look for profiles that are the same, or would pass for leaked by the audit if the split parted them.

    Replicates of one set are left out: they shall be alike.
    """
    content_S = numbered(matrix.values)
    copies = tuple(tuple(rows.tolist()) for rows in sets_of(content_S))
    if matrix.n_samples < 3:
        return Neighbours(copies, (), matrix.n_samples)
    out_SK = np.stack([content_S, codes_of(matrix.samples, "replicate")], axis=1)
    rows, each = np.arange(matrix.n_samples), np.arange(matrix.n_samples).astype(str)
    if matrix.n_samples > LOOKED_AT:
        rows = find_suspects(matrix, each, out_SK, seed).rows
    some = matrix.select(rows)
    log2_SG = dense(log2_of(some.values, some.unit), some.source)
    found, _ = find_twins(log2_SG, each[rows], out_SK[rows], split.near_identical, split.near_distance)
    twins = [
        Twins(int(rows[one.first]), int(rows[one.second]), one.sign, one.correlation, one.distance)
        for one in sorted(found, key=lambda one: (-one.correlation, one.first, one.second))
    ]
    return Neighbours(copies, tuple(twins), len(rows))


def replicates_of(matrix: ExpressionMatrix, seed: int) -> Replicates | None:
    """Compare profiles of the same sample with one another, of many sets some; nothing where there is but one."""
    set_S = codes_of(matrix.samples, "replicate")
    size_R = np.bincount(set_S)
    sets = np.flatnonzero(size_R > 1)
    sets = generator(seed, "replicates").permutation(sets)
    sets = sets[np.cumsum(size_R[sets]) <= LOOKED_AT]
    if len(sets) < 2:
        return None
    rows = np.flatnonzero(np.isin(set_S, sets))
    some = matrix.select(rows)
    apart_SS = _apart(dense(log2_of(some.values, some.unit), some.source))
    same_SS = set_S[rows, None] == set_S[rows]
    label_S = codes_of(some.samples, "label")
    upper = np.triu_indices(len(rows), k=1)
    within_P = same_SS[upper]
    alike_P = ~within_P & (label_S[:, None] == label_S)[upper]
    own_SS = np.where(same_SS & ~np.eye(len(rows), dtype=bool), apart_SS, np.nan)
    to_own_S = np.nanmean(own_SS, axis=1)
    to_others_S = np.nanquantile(np.where(same_SS, np.nan, apart_SS), NEARER_THAN, axis=1)
    odd = rows[to_own_S >= to_others_S]
    apart_P, draw = apart_SS[upper], generator(seed, "pairs")
    found = Replicates(
        apart_P[within_P],
        _some(apart_P[alike_P], draw),
        _some(apart_P[~within_P], draw),
        tuple(int(row) for row in odd),
        len(sets),
        len(rows),
    )
    return found if found.agree else replace(found, odd=())


def _apart(log2_SG: np.ndarray) -> np.ndarray:
    """Give the distance of each two profiles, root mean square over genes."""
    x_SG = log2_SG - log2_SG.mean(axis=0)
    square_S = np.square(x_SG).sum(axis=1, dtype=np.float64)
    square_SS = square_S[:, None] + square_S - 2 * (x_SG @ x_SG.T)
    return np.sqrt(np.maximum(square_SS, 0) / x_SG.shape[1])


def _some(value_P: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    return value_P if len(value_P) <= MOST_PAIRS else draw.choice(value_P, MOST_PAIRS, replace=False)
