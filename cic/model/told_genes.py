"""Which genes follow which features: those whose profiles tell one feature apart from the others.

A gene that goes with one program goes with all that go along with it. So genes are regressed on all activities at once,
over the training profiles as they are, not as they are decoded, and each is given to the few features that it goes with
beside the others. Where features are many and go together, as in real profiles, such weights say little of one alone.
So the ridge is a large one: what all features have in common is taken away, and the rest is left nearly as it is.

Axes: S profiles, K coordinates of the basis, G genes, F features, N features that a gene follows.
"""

from __future__ import annotations

import numpy as np

from cic.model.basis import SampleBasis

FOLLOWED = 3
"""Features that a gene follows, at most."""
RIDGE = 10.0
"""Of the regression, for activities of variance 1."""
CUT, CUT_AT_MOST = 3.0, 0.75
"""Standard deviations below which a loading counts as none, as is usual of axes over genes; where many genes are given
to a feature it would leave none of them, so the cut is no more than the latter share of their root mean square."""


def told_genes(activity_SF: np.ndarray, slope_FK: np.ndarray, basis: SampleBasis) -> tuple[np.ndarray, np.ndarray]:
    """Give the features that each gene follows (int64, G x N, all different), and its loadings (float32).

    A ridge makes loadings small, so those of each feature are multiplied by one number, by which they come nearest to
    the slopes of the genes on its activity alone. A loading is 0 where a gene follows fewer features than N.

    Parameters
    ----------
    activity_SF
        Of the training profiles.
    slope_FK
        What `slopes` gives of them.
    """
    unit_SF, spread_F = _of_variance_1(activity_SF)
    with_ridge_FF = unit_SF.T @ unit_SF / len(unit_SF) + RIDGE * np.eye(len(spread_F))
    slope_GF, beside_GF = (
        basis.components_GK @ one_FK.T.astype(np.float32)
        for one_FK in (slope_FK, np.linalg.solve(with_ridge_FF, slope_FK))
    )
    followed_GN = np.argsort(-np.abs(beside_GF), axis=1, kind="stable")[:, :FOLLOWED]
    loading_GN = np.take_along_axis(beside_GF, followed_GN, axis=1).astype(np.float64)

    def sum_F(value_GN: np.ndarray) -> np.ndarray:
        return np.bincount(followed_GN.ravel(), value_GN.ravel(), len(spread_F))

    mean_F, square_F = (sum_F(one_GN) / len(loading_GN) for one_GN in (loading_GN, loading_GN**2))
    given_F = sum_F(np.ones_like(loading_GN)) / len(loading_GN)
    root_mean_square_F = np.sqrt(square_F / np.where(given_F > 0, given_F, np.inf))
    cut_F = np.minimum(CUT * np.sqrt(np.maximum(square_F - mean_F**2, 0)), CUT_AT_MOST * root_mean_square_F)
    loading_GN *= np.abs(loading_GN) >= cut_F[followed_GN]
    square_F = sum_F(loading_GN**2)
    slope_F = sum_F(loading_GN * np.take_along_axis(slope_GF, followed_GN, axis=1))
    slope_F /= np.where(square_F > 0, square_F, np.inf) * spread_F
    return followed_GN, (loading_GN * slope_F[followed_GN]).astype(np.float32)


def slopes(activity_SF: np.ndarray, z_SK: np.ndarray, basis: SampleBasis) -> np.ndarray:
    """Give by how much each coordinate rises for a standard deviation of each activity, unscaled (float64, F x K)."""
    return np.asarray(_of_variance_1(activity_SF)[0].T @ (z_SK - z_SK.mean(axis=0)) * basis.scale / len(z_SK))


def _of_variance_1(activity_SF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give centred activities over their standard deviations, and these, which are infinite where nothing varies."""
    spread_F = activity_SF.std(axis=0, dtype=np.float64)
    spread_F = np.where(spread_F > 0, spread_F, np.inf)
    return (activity_SF - activity_SF.mean(axis=0, dtype=np.float64)) / spread_F, spread_F
