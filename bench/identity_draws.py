"""Draws of a setting in which cell types are told: which profiles are known, which of them with a label, which asked.

A third of the profiles is asked, groups and replicates whole; with the next draws the other thirds, then thirds of
another deal. Of the others, the pool, so many a type keep their label. Whatever tells types is given a `Setting`, which
holds no label of an asked profile; the `Truth` stays with the bench.

Axes: S profiles of a set, N profiles of the pool, T asked profiles, X numbers as a set has them (genes, or coordinates
in an orthonormal basis of all its profiles), Y coordinates in the basis of the pool, G genes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data.split import grouped_folds
from cic.evaluation.questions.identity.folds import folds_of
from cic.evaluation.statistics.intervals import resampling
from cic.model.basis import SampleBasis
from cic.model.prepare import left_out_units
from cic.seeds import derive_seed, generator

ASKED_FOLDS, ELSEWHERE_FOLDS = 3, 6
"""A third of a set is asked; where what is asked comes from elsewhere, each draw leaves out a sixth of the others."""
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
        float32, the same axis twice or two different ones; NaN where a value is missing, which the mean of the
        pool then fills.
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
    """The profiles of a draw, which all its settings share, and the number of the set that training keeps whole."""

    log2: View
    ranks: View
    top: View
    unit_N: np.ndarray


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
"""Whatever tells types: by name of a method, a label (int64) for each asked profile. What methods share is worked out once,
so a teller may give several. Asked profiles are told one by one: which others are asked must make no difference."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What the methods are held against: labels of the asked profiles, and what is resampled (`resampling`), by number."""

    label_T: np.ndarray
    unit_T: np.ndarray


def draw(
    source: Source, name: str, counts: Sequence[int], number: int, seed: int, *, elsewhere: bool = False
) -> Iterator[tuple[Setting, Truth]]:
    """Give the settings of one draw, with each of `counts` labelled profiles a type (0: all), nested in each other.

    Parameters
    ----------
    elsewhere
        Whether all profiles with `asked` are asked in every draw: they come from elsewhere, and are no twins of known
        ones.
    """
    samples = source.samples
    n_folds = ELSEWHERE_FOLDS if elsewhere else ASKED_FOLDS
    fold_S = grouped_folds(samples, n_folds, derive_seed(seed, "identity", name, "deal", number // n_folds))
    is_asked_S = samples["asked"].to_numpy() if "asked" in samples else None
    out_S = fold_S == number % n_folds
    pool_S, test_S = ~out_S, out_S
    if is_asked_S is not None:
        pool_S, test_S = ~is_asked_S & ~out_S, is_asked_S & (out_S | elsewhere)
    rng = generator(seed, "identity", name, "labels", number)
    known_N, asked_T = np.flatnonzero(pool_S), np.flatnonzero(test_S)
    known_N = np.sort(rng.permutation(known_N)[:MOST_KNOWN])
    labels, at_S = np.unique(samples["label"].astype(str), return_inverse=True)
    asked_T = asked_T[np.isin(at_S[asked_T], at_S[known_N])]
    pool = Pool(
        rotated(source.log2_SX[known_N], source.log2_SX[asked_T], source.n_genes),
        rotated(source.ranks_SX[known_N], source.ranks_SX[asked_T], source.n_genes),
        _top(source.top_SG[known_N], source.top_SG[asked_T]),
        left_out_units(samples.iloc[known_N]),
    )
    unit_S = np.full(len(samples), -1)
    may_be_asked_S = np.ones(len(samples), dtype=bool) if is_asked_S is None else is_asked_S
    unit_S[may_be_asked_S] = resampling(samples[may_be_asked_S], 1, 0.95, 0).unit_S
    order_N = rng.permutation(len(known_N))
    for count in counts:
        label_N = _told(at_S[known_N], order_N, count)
        told_N = label_N >= 0
        inner_N = np.full(len(known_N), -1)
        told_samples = samples.iloc[known_N[told_N]]
        inner_N[told_N], _, _ = folds_of(
            told_samples, INNER_FOLDS, derive_seed(seed, "identity", name, "inner", number)
        )
        own = f"{name}, {count or 'all'}"
        setting = Setting(own, pool, label_N, inner_N, len(labels), derive_seed(seed, "identity", own, number))
        yield setting, Truth(at_S[asked_T], unit_S[asked_T])


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
    centred_NX, centred_TX = known_NX - mean_X, np.nan_to_num(asked_TX - mean_X)
    basis = SampleBasis.fit(centred_NX)
    known_NK, _ = basis.project(centred_NX)
    asked_TK, outside_T = basis.project(centred_TX)
    scale = np.float32(basis.scale)
    known_NY = np.column_stack([known_NK * scale, np.zeros(len(known_NK), dtype=np.float32)])
    return View(known_NY, np.column_stack([asked_TK * scale, np.sqrt(outside_T).astype(np.float32)]), n_features)


def _top(known_NG: np.ndarray, asked_TG: np.ndarray) -> View:
    """Take the genes of greatest variance among the known profiles."""
    genes = np.sort(np.argsort(-known_NG.var(axis=0), kind="stable")[:TOP_GENES])
    mean_G = known_NG[:, genes].mean(axis=0)
    return View(known_NG[:, genes] - mean_G, np.nan_to_num(asked_TG[:, genes] - mean_G), len(genes))
