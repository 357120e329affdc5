"""The replicate ceiling: how far apart technical replicates of one sample lie.

A reconstruction nearer to its profile than two replicates are to each other is as accurate as measuring again. Nearer
to the *other* replicates than its own profile is, it foretells a second measurement better than the first one does.

Axes: S profiles, G genes, K coordinates of the sample basis, T replicate sets, M replicates of one set, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data.preprocess import Preprocessor
from cic.data.split import unit_of_samples
from cic.data.within import ranks
from cic.evaluation.profiles.preprocessed import rows_of
from cic.evaluation.profiles.reconstruction import Projected
from cic.evaluation.statistics.intervals import (
    FEWEST_UNITS,
    Resampling,
)
from cic.model.basis import squared_norms


@dataclass(frozen=True)
class Agreement:
    """How alike the replicates of each set are.

    Attributes
    ----------
    between_T
        Mean over the pairs of a set of their squared distance over the preprocessed genes (float64).
    squared
        The same, by pairs: an M x M matrix (float64) a set.
    pearson, spearman
        By pairs likewise, over genes on log2 scale.
    """

    between_T: np.ndarray
    squared: tuple[np.ndarray, ...]
    pearson: tuple[np.ndarray, ...]
    spearman: tuple[np.ndarray, ...]


def replicate_sets(samples: pd.DataFrame) -> list[np.ndarray]:
    """Give the positions of the profiles of each sample that was measured at least twice."""
    if "replicate" not in samples:
        return []
    position = pd.Series(np.arange(len(samples)), index=samples["replicate"].to_numpy())
    sets = [rows.to_numpy() for _, rows in position[position.index.notna()].groupby(level=0, sort=True)]
    return [rows for rows in sets if len(rows) >= 2]


def choose_sets(samples: pd.DataFrame, test_S: np.ndarray) -> tuple[list[np.ndarray], str]:
    """Give the replicate sets of the test part, if at least `FEWEST_UNITS` lie in it, else those of all parts."""
    sets = replicate_sets(samples)
    held_out = [rows for rows in sets if test_S[rows].all()]
    return (held_out, "test") if len(held_out) >= FEWEST_UNITS else (sets, "all")


def variance_within(x_SG: np.ndarray, sets: Sequence[np.ndarray]) -> np.ndarray:
    """Give each gene's variance within replicate sets, pooled; each set has one degree of freedom less."""
    squares_G = np.zeros(x_SG.shape[1])
    for rows in sets:
        squares_G += np.var(rows_of(x_SG, rows), axis=0, dtype=np.float64) * len(rows)
    return squares_G / sum(len(rows) - 1 for rows in sets)


def squared_difference(x_MG: np.ndarray) -> float:
    """Give the mean over pairs of M replicates of their squared distance: twice the summed variance."""
    return float(2 * np.var(x_MG, axis=0, ddof=1, dtype=np.float64).sum())


def mean_to_others(pair_MM: np.ndarray) -> np.ndarray:
    """Give, for each of M replicates, the mean over its pairs with the others (M)."""
    n = len(pair_MM)
    return (pair_MM.sum(axis=1) - np.diag(pair_MM)) / (n - 1)


def pairs(pair_MM: np.ndarray) -> np.ndarray:
    """Give the entries of every two different replicates once."""
    return pair_MM[np.triu_indices(len(pair_MM), k=1)]


def measure_sets(preprocessor: Preprocessor, values_SG: np.ndarray, sets: list[np.ndarray]) -> Agreement:
    """Compare the replicates of each set with each other, pair by pair.

    Parameters
    ----------
    values_SG
        Profiles over `preprocessor.genes_in`, in its unit.
    """
    between_T = np.zeros(len(sets))
    apart, pearson, spearman = [], [], []
    for index, rows in enumerate(sets):
        x_MG, log2_MG = preprocessor.transform(values_SG[rows]), preprocessor.measured(values_SG[rows])
        between_T[index] = squared_difference(x_MG)
        centred_MG = x_MG - x_MG.mean(axis=0, dtype=np.float64)
        apart.append(squared_distances(centred_MG, centred_MG))
        pearson.append(np.corrcoef(log2_MG))
        spearman.append(np.corrcoef(ranks(log2_MG)))
    return Agreement(between_T, tuple(apart), tuple(pearson), tuple(spearman))


def squared_distances(left_MX: np.ndarray, right_NX: np.ndarray) -> np.ndarray:
    """Give the squared distance of every row to every row of the other (float64, M x N)."""
    left_MX, right_NX = left_MX.astype(np.float64), right_NX.astype(np.float64)
    product_MN = left_MX @ right_NX.T
    return np.maximum(squared_norms(left_MX)[:, None] + squared_norms(right_NX)[None, :] - 2 * product_MN, 0.0)


def distances_to_others(profiles: Projected, sets: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Give a set's mean squared distance between the reconstruction of one replicate and the others (float64, T).

    By `model` and `pca`. What lies outside the training span is out of reach of a reconstruction, and counts in full.
    """
    made = {"model": profiles.reconstruction_SK, "pca": profiles.pca_reconstruction_SK}
    found = {name: np.zeros(len(sets)) for name in made}
    for index, rows in enumerate(sets):
        for name, made_SK in made.items():
            apart_MM = squared_distances(made_SK[rows], profiles.z_SK[rows]) * profiles.scale**2
            found[name][index] = mean_to_others(apart_MM + profiles.outside_S[rows]).mean()
    return found


def over_sets(sets: list[np.ndarray], samples: pd.DataFrame, plan: Resampling) -> Resampling:
    """Resample `sets` by the group of each, where there are enough; number, confidence and seed as in `plan`."""
    firsts = samples.iloc[[rows[0] for rows in sets]]
    by_group = pd.DataFrame(index=firsts.index)
    if "group" in samples:  # sets may link groups, which then are drawn together as the split keeps them
        by_group["group"] = unit_of_samples(samples)[[rows[0] for rows in sets]]
    return plan.over(by_group)


def of_sets(error_S: np.ndarray, sets: list[np.ndarray]) -> np.ndarray:
    """Give each set's mean of what its profiles have."""
    return np.array([error_S[rows].mean() for rows in sets])
