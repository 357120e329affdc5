"""Draws of a setting in which cell types are told: which profiles are known, which of them with a label, which asked.

A third of the profiles is asked, groups and replicates whole; with the next draws the other thirds, then thirds of
another deal. Few groups fall into the same thirds in every such deal; from draw `REDEALT` on they are dealt otherwise.
Of the other profiles, the pool, so many a type keep their label. Whatever tells types is given a `Setting`, which holds
no label of an asked profile; the `Truth` stays with the bench.

Axes: S profiles of a set, N profiles of the pool, T asked profiles, X numbers as a set has them (genes, or coordinates
in an orthonormal basis of all its profiles), Y coordinates in the basis of the pool, G genes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats.contingency import association
from sklearn.covariance import ledoit_wolf
from sklearn.metrics.cluster import contingency_matrix

from cic.data.split import grouped_folds, unit_of_samples
from cic.evaluation.questions.identity.folds import folds_of
from cic.evaluation.statistics.intervals import resampling
from cic.model.basis import SampleBasis
from cic.model.prepare import left_out_units
from cic.seeds import derive_seed, generator

ASKED_FOLDS, ELSEWHERE_FOLDS = 3, 6
"""A third of a set is asked; where what is asked comes from elsewhere, each draw leaves out a sixth of the others."""
FEW, REDEALT, REDEALS = 10, 12, 200
"""With fewer units every balanced deal is the same; from this draw on the least like it of so many is taken."""
INNER_FOLDS = 5
MOST_KNOWN = 1000
"""Profiles of a pool; of more, so many at random."""
TOP_GENES = 1000


@dataclass(frozen=True)
class Source:
    """A set of profiles, twice: as they are and by within-sample ranks.

    Attributes
    ----------
    samples
        `label`; `group` and `replicate` where what shares them stays together; `asked` (bool) where profiles that are
        asked are others than those that are known. Index: sample ids.
    log2_SX, ranks_SX
        float32, each over genes or in an orthonormal basis; NaN where an asked profile lacks a value, which is then
        `completed`.
    top_SG
        Genes of great variance, log2, for what is not rotation invariant.
    n_genes
        Genes that the profiles were measured over.
    """

    samples: pd.DataFrame
    log2_SX: np.ndarray
    ranks_SX: np.ndarray
    top_SG: np.ndarray
    n_genes: int


@dataclass(frozen=True, eq=False)
class View:
    """Profiles as a classifier sees them, centred on the pool's mean.

    Attributes
    ----------
    known_NY, asked_TY
        float32. Orthonormal coordinates: the directions of the pool by descending variance, and last what an asked
        profile has outside of them, which is 0 for the pool; inner products and distances are those over genes. Of the
        view `top`, genes themselves.
    n_features
        Genes that these numbers stand for.
    """

    known_NY: np.ndarray
    asked_TY: np.ndarray
    n_features: int


@dataclass(frozen=True, eq=False)
class Pool:
    """The profiles of a draw, which all its settings share.

    Attributes
    ----------
    unit_N, label_unit_N
        Number of the set that training keeps whole, and that finding a classifier does: there two groups are enough.
    """

    log2: View
    ranks: View
    top: View
    unit_N: np.ndarray
    label_unit_N: np.ndarray


@dataclass(frozen=True, eq=False)
class Setting:
    """All that a method is given: it says a label (a number from 0) of each of the `pool`'s asked profiles.

    Attributes
    ----------
    label_N
        Label of each known profile, -1 where it is not told; int64.
    inner_N
        Inner fold of each labelled profile, by which whatever is chosen is to be chosen; -1 for the others.
    """

    name: str
    pool: Pool
    label_N: np.ndarray
    inner_N: np.ndarray
    n_labels: int
    seed: int


Teller = Callable[[Setting], Mapping[str, np.ndarray]]
"""Whatever tells types: by name of a method, a label (int64) for each asked profile. What methods share is worked out
once, so a teller may give several. Profiles are told one by one: which others are asked must make no difference."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What methods are held against: labels of the asked profiles, and the number of the unit that is resampled."""

    label_T: np.ndarray
    unit_T: np.ndarray


def draw(
    source: Source, name: str, counts: Sequence[int], number: int, seed: int, *, elsewhere: bool = False
) -> Iterator[tuple[Setting, Truth]]:
    """Give the settings of one draw, with each of `counts` labelled profiles a type (0: all), nested in each other.

    Parameters
    ----------
    number
        Which draw. Where few groups are dealt, another one may ask the same profiles; draws from `REDEALT` on ask
        groups together that those before it did not.
    elsewhere
        Whether all profiles with `asked` are asked in every draw: they come from elsewhere, and are no twins of known
        ones.
    """
    samples, seed = source.samples, derive_seed(seed, "identity", name)
    labels, at_S = np.unique(samples["label"].astype(str), return_inverse=True)
    known_N, asked_T = dealt(samples, number, seed, elsewhere)
    asked_T = asked_T[np.isin(at_S[asked_T], at_S[known_N])]
    truth = Truth(at_S[asked_T], _units(samples)[asked_T])
    log2, ranks = (rotated(x_SX[known_N], x_SX[asked_T], source.n_genes) for x_SX in (source.log2_SX, source.ranks_SX))
    top = _top(source.top_SG[known_N], source.top_SG[asked_T])
    known = samples.iloc[known_N]
    pool = Pool(log2, ranks, top, left_out_units(known), left_out_units(known, fewest=2))
    order_N = generator(seed, "labels", number).permutation(len(known_N))
    for count in counts:
        label_N = _told(at_S[known_N], order_N, count)
        told_N, inner_N = label_N >= 0, np.full(len(known_N), -1)
        inner_N[told_N] = folds_of(samples.iloc[known_N[told_N]], INNER_FOLDS, derive_seed(seed, "inner", number))[0]
        own = derive_seed(seed, "setting", count, number)
        yield Setting(f"{name}, {count or 'all'}", pool, label_N, inner_N, len(labels), own), truth


def dealt(samples: pd.DataFrame, number: int, seed: int, elsewhere: bool) -> tuple[np.ndarray, np.ndarray]:
    """Give the positions of the pool and of the asked profiles."""
    n_folds = ELSEWHERE_FOLDS if elsewhere else ASKED_FOLDS
    fold_S = grouped_folds(samples, n_folds, derive_seed(seed, "deal", number // n_folds))
    if number >= REDEALT:
        fold_S = _redealt(fold_S, unit_of_samples(samples), generator(seed, "redeal", number // n_folds))
    out_S = fold_S == number % n_folds
    foreign_S = samples["asked"].to_numpy() if "asked" in samples else np.zeros(len(samples), dtype=bool)
    asked_S = _askable(samples) & (out_S | elsewhere)
    known = generator(seed, "pool", number).permutation(np.flatnonzero(~foreign_S & ~out_S))
    return np.sort(known[:MOST_KNOWN]), np.flatnonzero(asked_S)


def _redealt(fold_S: np.ndarray, unit_S: np.ndarray, draw_of: np.random.Generator) -> np.ndarray:
    """Deal few units unlike `fold_S`: those that were together apart, by the least Cramér's V of many random deals."""
    units, first_U = np.unique(unit_S, return_index=True)
    if len(units) >= FEW:
        return fold_S
    fold_U = fold_S[first_U]
    tries = [draw_of.permutation(len(units)) % (fold_S.max() + 1) for _ in range(REDEALS)]
    alike = [association(contingency_matrix(fold_U, tried_U)) for tried_U in tries]
    return tries[int(np.argmin(alike))][np.searchsorted(units, unit_S)]


def _askable(samples: pd.DataFrame) -> np.ndarray:
    return samples["asked"].to_numpy() if "asked" in samples else np.ones(len(samples), dtype=bool)


def _units(samples: pd.DataFrame) -> np.ndarray:
    """Give a number to each unit that is resampled whole among the profiles that may be asked; -1 for others."""
    askable_S, unit_S = _askable(samples), np.full(len(samples), -1)
    unit_S[askable_S] = resampling(samples[askable_S], 1, 0.95, 0).unit_S
    return unit_S


def _told(at_N: np.ndarray, order_N: np.ndarray, count: int) -> np.ndarray:
    """Keep the label of the first `count` profiles of each type in a random order; of all for 0."""
    label_N = np.full(len(at_N), -1, dtype=np.int64)
    for label in np.unique(at_N):
        of_label = order_N[at_N[order_N] == label]
        label_N[of_label[: count or None]] = label
    return label_N


def rotated(known_NX: np.ndarray, asked_TX: np.ndarray, n_features: int) -> View:
    """Rotate both into the basis of the known ones, and add what lies outside it as a last coordinate."""
    mean_X = known_NX.mean(axis=0, dtype=np.float64).astype(np.float32)
    known_NX, asked_TX = known_NX - mean_X, completed(known_NX - mean_X, asked_TX - mean_X)
    basis = SampleBasis.fit(known_NX)
    known_NK, _ = basis.project(known_NX)
    asked_TK, outside_T = basis.project(asked_TX)
    scale = np.float32(basis.scale)
    known_NY = np.column_stack([known_NK * scale, np.zeros(len(known_NK), dtype=np.float32)])
    return View(known_NY, np.column_stack([asked_TK * scale, np.sqrt(outside_T).astype(np.float32)]), n_features)


def completed(known_NX: np.ndarray, asked_TX: np.ndarray) -> np.ndarray:
    """Put what the known profiles expect, all centred, in place of missing values, for all methods alike.

    That is the mean of a normal distribution given what is there, its covariance that of the known profiles shrunk as
    Ledoit and Wolf (2004) do.
    """
    gaps = np.flatnonzero(np.isnan(asked_TX).any(axis=1))
    if not gaps.size:
        return asked_TX
    covariance_XX, _ = ledoit_wolf(known_NX, assume_centered=True)
    asked_TX = asked_TX.copy()
    for row in gaps:
        there_X = ~np.isnan(asked_TX[row])
        weight = np.linalg.solve(covariance_XX[np.ix_(there_X, there_X)], asked_TX[row, there_X])
        asked_TX[row, ~there_X] = covariance_XX[np.ix_(~there_X, there_X)] @ weight
    return asked_TX


def _top(known_NG: np.ndarray, asked_TG: np.ndarray) -> View:
    """Take the genes of greatest variance among the known profiles."""
    genes = np.sort(np.argsort(-known_NG.var(axis=0), kind="stable")[:TOP_GENES])
    mean_G = known_NG[:, genes].mean(axis=0)
    known_NG = known_NG[:, genes] - mean_G
    return View(known_NG, completed(known_NG, asked_TG[:, genes] - mean_G), len(genes))
