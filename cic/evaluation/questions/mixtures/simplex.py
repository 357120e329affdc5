"""Where profiles lie among pure components: the nearest point of the simplex that these span, and the way to its plane.

Axes: M profiles, C components, D dimensions of whatever a profile is described by.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

SUM_WEIGHT = 1e4
"""Of the condition that shares add up to 1, in units of the farthest pure profile."""


def estimate_shares(x_MD: np.ndarray, pure_CD: np.ndarray) -> np.ndarray:
    """Give the shares, none below 0 and with the sum 1, of the mixture of `pure_CD` that lies nearest to each row.

    Least squares under these constraints, as non-negative least squares with the sum as one more equation of large
    weight (Lawson and Hanson 1974, chapter 23; Haskell and Hanson 1981).

    Returns
    -------
    numpy.ndarray
        float64, M x C.
    """
    # with a sum of 1 nothing changes if all are moved by the same; of the rest only what is within the span of the pure
    # ones matters, so that D equations become C
    origin_D = pure_CD.mean(axis=0)
    from_origin_CD = pure_CD - origin_D
    basis_DC, mixing_CC = np.linalg.qr(from_origin_CD.T)
    inside_MC = (x_MD - origin_D) @ basis_DC
    weight = SUM_WEIGHT * (float(np.linalg.norm(from_origin_CD, axis=1).max()) or 1.0)
    equations = np.vstack([mixing_CC, np.full(len(pure_CD), weight)])
    shares = [nnls(equations, np.append(inside_C, weight))[0] for inside_C in inside_MC]
    share_MC = np.stack(shares)
    return share_MC / share_MC.sum(axis=1, keepdims=True)


def error_of_means(x_MD: np.ndarray, pure_CD: np.ndarray, true_MC: np.ndarray, same_M: np.ndarray) -> float:
    """Give the root mean squared error of shares told from the means of mixtures with the same number in `same_M`."""
    means = [x_MD[same_M == number].mean(axis=0, dtype=np.float64) for number in range(same_M.max() + 1)]
    truths = [true_MC[same_M == number].mean(axis=0) for number in range(same_M.max() + 1)]
    return float(np.sqrt(np.square(estimate_shares(np.stack(means), pure_CD) - np.stack(truths)).mean()))


def off_plane(x_MD: np.ndarray, pure_CD: np.ndarray) -> np.ndarray:
    """Give each row's distance from the plane through `pure_CD`, over the mean distance of two of these (float64, M).

    NaN where the pure ones do not differ.
    """
    origin_D = pure_CD.mean(axis=0)
    from_origin_MD = x_MD.astype(np.float64) - origin_D
    _, length_C, basis_CD = np.linalg.svd(pure_CD - origin_D, full_matrices=False)
    basis_CD = basis_CD[length_C > 1e-9 * max(length_C[0], np.finfo(float).tiny)]
    outside_MD = from_origin_MD - (from_origin_MD @ basis_CD.T) @ basis_CD
    first, second = np.triu_indices(len(pure_CD), k=1)
    spread = np.linalg.norm(pure_CD[first] - pure_CD[second], axis=1).mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.linalg.norm(outside_MD, axis=1) / spread)
