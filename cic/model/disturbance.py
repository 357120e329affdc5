"""What was done to a profile before it came: nothing, noise was added, or what it lacked was filled in.

How the profile itself varies over the coordinates tells. Where training profiles have a variance v along a coordinate,
noisy ones have v + t. A profile that is completed by what is usual (the expectation of a normal distribution, as of one
that was seen through noise t: Wiener 1949) has v² / (v + t): it is more usual than any measured one. Of normal
distributions of these variances the likeliest is taken, for each profile by itself.

Axes: S profiles, P left-out ones, X coordinates, D disturbances, the first of them none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cic.seeds import generator

NOISE_D = np.array([0.0, 0.3, 3.0, 0.3, 3.0])
"""Variance of the noise of each disturbance, as multiples of the mean variance of a gene."""
FILLED_D = np.array([False, False, False, True, True])
"""Whether the profile is completed, not noisy: the last of them."""
MOSTLY_FILLED_D = FILLED_D & (NOISE_D > 1)
FOLDS = 5
TRIED = np.geomspace(1e-3, 10, 25)
"""Variances of new profiles beyond that of the training ones, as multiples of the mean variance of a gene."""
ROUNDING = 1e-6
"""Share of the variance of profiles below which what they have outside of the coordinates is rounding of float32."""


@dataclass(frozen=True)
class Spread:
    """How undisturbed profiles that are new vary.

    Attributes
    ----------
    variance_X
        Along each coordinate.
    outside, n_outside
        Along each of so many directions outside of the coordinates.
    noise_D
        What each disturbance adds to variances, or completed profiles are as if it had been added.
    least_outside
        What less of `outside` is rounding, which differs between one profile and many and must not tell anything.
    """

    variance_X: np.ndarray
    outside: float
    n_outside: int
    noise_D: np.ndarray
    least_outside: float

    def normals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give what tells the log density of disturbed profiles (float32).

        Returns
        -------
        numpy.ndarray, numpy.ndarray, numpy.ndarray
            Inverse variances along coordinates (D x X) and outside of them (D), and constants (D).
        """
        variance_DX = self._disturbed(self.variance_X)
        outside_D = np.maximum(self._disturbed(np.array([self.outside]))[:, 0], self.least_outside)
        constant_D = -(np.log(variance_DX).sum(axis=1) + self.n_outside * np.log(outside_D)) / 2
        return (1 / variance_DX).astype(np.float32), (1 / outside_D).astype(np.float32), constant_D.astype(np.float32)

    def noisy(self, x_SX: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """Add to profiles the noise of each disturbance that is no more than that, x_DSX."""
        return np.stack([x_SX + draw.normal(size=x_SX.shape) * noise**0.5 for noise in self.noise_D[~FILLED_D]])

    def restoring(self) -> np.ndarray:
        """Give by what to multiply coordinates to make them those of noisy profiles (D x X): filled ones shrank."""
        return np.where(FILLED_D[:, None], 1 + self.noise_D[:, None] / self.variance_X, 1.0)

    def _disturbed(self, variance_X: np.ndarray) -> np.ndarray:
        noisy_DX = variance_X + self.noise_D[:, None]
        return np.where(FILLED_D[:, None], variance_X**2 / noisy_DX, noisy_DX)


def spread_of(x_SX: np.ndarray, outside_S: np.ndarray, n_genes: int, beyond: float) -> Spread:
    """Tell how new profiles vary by training profiles.

    Parameters
    ----------
    x_SX, outside_S
        Their coordinates, centred, and squared norms outside of them.
    n_genes
        That coordinates and all else stand for.
    beyond
        What new profiles vary by beyond these (`varies_beyond`).
    """
    variance_X, outside, gene = _variances(x_SX, outside_S, n_genes)
    more, n_outside = beyond * gene, _n_outside(x_SX, n_genes)
    return Spread(variance_X + more, outside + more, n_outside, NOISE_D * gene, ROUNDING * gene * n_genes / n_outside)


def varies_beyond(x_SX: np.ndarray, outside_S: np.ndarray, unit_S: np.ndarray, n_genes: int, seed: int) -> float:
    """Give the noise with which left-out training profiles are likeliest, as a multiple of the mean variance of a gene.

    Training profiles vary by chance along their own coordinates: new ones vary less there, and more elsewhere.

    Parameters
    ----------
    unit_S
        Number of the group that is left out with each profile.
    """
    units, at_S = np.unique(unit_S, return_inverse=True)
    if len(units) == 1:
        units, at_S = np.arange(len(unit_S)), np.arange(len(unit_S))
    fold_S = (generator(seed, "disturbance").permutation(len(units)) % FOLDS)[at_S]
    n_outside, fit_T = _n_outside(x_SX, n_genes), np.zeros(len(TRIED))
    noise_T = TRIED * _variances(x_SX, outside_S, n_genes)[2]
    for fold in np.unique(fold_S) if len(units) > 1 else []:  # of one profile none is left
        out_S = fold_S == fold
        kept_SX, (_, outside, _) = x_SX[~out_S], _variances(x_SX[~out_S], outside_S[~out_S], n_genes)
        variance_X, axes_XX = np.linalg.eigh(kept_SX.T @ kept_SX / len(kept_SX))
        energy_X, energy = np.square(x_SX[out_S] @ axes_XX).sum(axis=0), outside_S[out_S].sum()
        variance_TX, outside_T = variance_X.clip(min=0) + noise_T[:, None], outside + noise_T
        size_T = np.log(variance_TX).sum(axis=1) + n_outside * np.log(outside_T)
        fit_T -= ((energy_X / variance_TX).sum(axis=1) + energy / outside_T + out_S.sum() * size_T) / 2
    return float(TRIED[fit_T.argmax()])


def _variances(x_SX: np.ndarray, outside_S: np.ndarray, n_genes: int) -> tuple[np.ndarray, float, float]:
    """Give the variance of each coordinate, of each direction outside of these, and the mean one of a gene."""
    variance_X, outside = np.square(x_SX).mean(axis=0), float(outside_S.mean())
    gene = max((float(variance_X.sum()) + outside) / n_genes, float(np.finfo(np.float32).tiny))
    return variance_X, outside / _n_outside(x_SX, n_genes), gene


def _n_outside(x_SX: np.ndarray, n_genes: int) -> int:
    return max(n_genes - x_SX.shape[1], 1)
