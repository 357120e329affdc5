"""Profiles as features see them, in the directions in which they differ.

Axes: S profiles, K coordinates, G genes, R directions in which profiles differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from cic.model.basis import SampleBasis

KEPT_VARIANCE = 0.9999
"""Of the profiles: what is less is rounding rather than profiles that differ."""


@dataclass(frozen=True)
class Shown:
    """Training profiles as features see them beside one network, in the directions in which they differ.

    Attributes
    ----------
    z_SK, mean_K
        These profiles in the basis, and their mean.
    whitening_KR
        Such a profile less the mean, times the whitening, has mean 0 and variance 1 in each direction.
    row_GR
        How each gene varies: its length is the standard deviation.
    """

    z_SK: np.ndarray
    mean_K: np.ndarray
    whitening_KR: np.ndarray
    row_GR: np.ndarray


def directions(seen_SK: np.ndarray, basis: SampleBasis) -> Shown:
    """Turn what profiles differ by into directions."""
    seen_SK = seen_SK.astype(np.float64)
    mean_K = seen_SK.mean(axis=0)
    centred_SK = seen_SK - mean_K
    # of the smaller of the two products; it has as many eigenvalues above 0 as profiles differ in directions
    tall = len(centred_SK) > centred_SK.shape[1]
    values, vectors = eigh(centred_SK.T @ centred_SK if tall else centred_SK @ centred_SK.T)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    n_kept = int(np.searchsorted(np.cumsum(values), KEPT_VARIANCE * values.sum())) + 1
    spread_R = np.sqrt(values[:n_kept] / len(centred_SK))
    direction_KR = vectors[:, :n_kept] if tall else centred_SK.T @ vectors[:, :n_kept] / np.sqrt(values[:n_kept])
    row_GR = basis.components_GK @ (direction_KR * spread_R).astype(np.float32)
    return Shown(seen_SK, mean_K, direction_KR / spread_R, row_GR)
