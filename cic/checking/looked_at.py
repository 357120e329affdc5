"""The profiles that are compared with one another over their genes: all of them, or a sample of many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.utils.extmath import randomized_svd

from cic.checking.library import deviations
from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.sparse_units import log2_of
from cic.seeds import derive_seed, generator

MOST_GENES = 2000
"""Of largest variance, that the components are of: as many as are usual, and enough to tell profiles apart."""
COMPONENTS = 10
APART = 4.0
"""Robust standard deviations of the logarithm of the distance, within a label, beyond which a profile lies apart."""
FAR = 3.0
"""And the distance itself: that of a profile which lies as far out on each component as is usual is 1."""


@dataclass(frozen=True)
class Components:
    """Profiles in the first principal components of their most variable genes, on log2 scale.

    Attributes
    ----------
    rows
        Positions of the profiles, ascending: all, or a sample of `cic.data.sparse.FEW`.
    scores_SK, shares
        Their scores, and the share of the variance that each component holds.
    distance_S
        Root mean square over the components of the robust deviations from the median of the label.
    apart_S
        Whether that is far beyond what is usual.
    """

    rows: np.ndarray
    scores_SK: np.ndarray
    shares: tuple[float, ...]
    distance_S: np.ndarray
    apart_S: np.ndarray


def without_gaps(matrix: ExpressionMatrix) -> ExpressionMatrix:
    """Give the profiles with each missing value in its gene's mean, for comparisons that need a number."""
    values_SG = matrix.values
    stored = values_SG.data if sparse.is_sparse(values_SG) else values_SG
    if not np.isnan(stored).any():
        return matrix
    filled_SG = np.array(matrix.dense())
    missing_SG = np.isnan(filled_SG)
    filled_SG[missing_SG] = 0
    mean_G = filled_SG.sum(axis=0, dtype=np.float64) / np.maximum((~missing_SG).sum(axis=0), 1)
    filled_SG[missing_SG] = mean_G.astype(np.float32)[np.nonzero(missing_SG)[1]]
    return replace(matrix, values=filled_SG)


def components_of(matrix: ExpressionMatrix, seed: int) -> Components | None:
    """Place profiles by what makes them differ most; nothing where they are too few, or do not differ.

    Parameters
    ----------
    matrix
        Without missing values (`without_gaps`).
    seed
        Of the choice among many profiles, and of where the search for components starts.
    """
    rows = np.arange(matrix.n_samples)
    if not matrix.is_few:
        rows = np.sort(generator(seed, "checks").choice(matrix.n_samples, sparse.FEW, replace=False))
    some = matrix.select(rows)
    log2_SG = sparse.dense(log2_of(some.values, some.unit), some.source)
    kept = np.sort(np.argsort(-log2_SG.var(axis=0), kind="stable")[:MOST_GENES])
    x_SG = log2_SG[:, kept] - log2_SG[:, kept].mean(axis=0)
    n_components = min(COMPONENTS, *(length - 1 for length in x_SG.shape))
    if n_components < 2 or not np.ptp(log2_SG, axis=0).any():
        return None
    u_SK, length_K, _ = randomized_svd(x_SG, n_components, random_state=derive_seed(seed, "components"))
    scores_SK, total = (u_SK * length_K).astype(np.float64), float(np.square(x_SG, dtype=np.float64).sum())
    shares = tuple(float(length) ** 2 / total for length in length_K)
    distance_S, apart_S = _distances(scores_SK, some.samples.get("label"))
    return Components(rows, scores_SK, shares, distance_S, apart_S)


def _distances(scores_SK: np.ndarray, label_S: pd.Series | None) -> tuple[np.ndarray, np.ndarray]:
    """Give each profile's distance from the median of its label, and whether it is far beyond that of others there."""
    square_SK = np.square([deviations(score_S, label_S)[1] for score_S in scores_SK.T]).T
    distance_S = np.sqrt(square_SK.mean(axis=1))
    _, beyond_S = deviations(np.log(np.maximum(distance_S, np.finfo(np.float64).tiny)), label_S)
    return distance_S, (beyond_S > APART) & (distance_S > FAR)
