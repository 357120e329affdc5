"""Profiles as a worse measurement would give them: with more noise, or with genes missing.

All of it happens in the model's basis, where a profile over 20,000 genes is a few hundred coordinates; tests compare it
with the same done over genes.

Axes: S disturbed profiles, G genes, K coordinates of the sample basis, L labels, M replicates of one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cic.evaluation.classifiers.classifiers import ledoit_wolf
from cic.evaluation.profiles.replicates import variance_within
from cic.model.basis import SampleBasis, squared_norms

ROWS_AT_A_TIME = 256
SETTLED = 0.02
"""Filling ends when a round moves the reconstructions by less than this share of their norm."""


def replicate_noise(x_SG: np.ndarray, sets: Sequence[np.ndarray]) -> np.ndarray:
    """Give each gene's standard deviation within replicate sets, pooled over `sets`, in preprocessed units.

    Genes in which all replicates agree to the last digit say nothing of their noise and get the median of the others;
    all are 0 if there are no others.
    """
    deviation_G = np.sqrt(variance_within(x_SG, sets))
    known_G = deviation_G > 0
    return np.where(known_G, deviation_G, np.median(deviation_G[known_G])) if known_G.any() else deviation_G


def spread(x_SG: np.ndarray) -> np.ndarray:
    """Give each gene's root mean square distance from the training mean, in preprocessed units."""
    squares_G = np.zeros(x_SG.shape[1])
    for start in range(0, len(x_SG), ROWS_AT_A_TIME):
        block_SG = x_SG[start : start + ROWS_AT_A_TIME]
        squares_G += np.einsum("sg,sg->g", block_SG, block_SG, dtype=np.float64)
    return np.sqrt(squares_G / len(x_SG))


def drawn_noise(
    basis: SampleBasis, deviation_G: np.ndarray, n_profiles: int, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw Gaussian noise for each gene of each profile: its coordinates (S, K), and its squared norm over genes (S).

    Noise of another level is a multiple of it, so that all levels share their draws.
    """
    found = []
    for start in range(0, n_profiles, ROWS_AT_A_TIME):
        shape = (min(ROWS_AT_A_TIME, n_profiles - start), len(deviation_G))
        noise_SG = draw.standard_normal(shape, dtype=np.float32) * deviation_G.astype(np.float32)
        found.append((noise_SG @ basis.components_GK / np.float32(basis.scale), squared_norms(noise_SG)))
    noise_SK, norm_S = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return noise_SK, norm_S


@dataclass(frozen=True)
class Masked:
    """Profiles of which only some genes were measured, the same ones in all.

    Attributes
    ----------
    z_SK
        Coordinates when every missing gene is put at its training mean, in units of the basis.
    missing_KK
        A'A over the missing genes, where A is the basis (genes x K): the identity minus that over the others.
    lost_S
        Squared norm of what is missing, centred at the training mean: the error of the mean-filled profile.
    """

    z_SK: np.ndarray
    missing_KK: np.ndarray
    lost_S: np.ndarray

    @cached_property
    def observed_KK(self) -> np.ndarray:
        """A'A over the genes that were measured."""
        return np.eye(len(self.missing_KK), dtype=np.float32) - self.missing_KK

    @cached_property
    def step(self) -> np.float32:
        """One over the largest eigenvalue of `observed_KK`, at least 1."""
        largest = float(np.linalg.eigvalsh(self.observed_KK.astype(np.float64))[-1])
        return np.float32(1 / max(largest, 1e-6))


def masked(
    basis: SampleBasis, x_SG: np.ndarray, shares: Sequence[float], draw: np.random.Generator
) -> Iterator[Masked]:
    """Take away a growing part of the genes, in an order drawn at random.

    Parameters
    ----------
    x_SG
        Preprocessed profiles, which are 0 where a gene is at its training mean.
    shares
        Of the genes missing, ascending. The genes missing at one share are missing at the next, so that the products
        over genes are made once.
    """
    order_G = draw.permutation(x_SG.shape[1])
    z_SK = basis.project(x_SG)[0]
    missing_KK = np.zeros((basis.rank, basis.rank), dtype=np.float32)
    lost_S = np.zeros(len(x_SG))
    gone = 0
    for share in shares:
        upto = round(share * len(order_G))
        genes = np.sort(order_G[gone:upto])
        a_GK, own_SG = basis.components_GK[genes], x_SG[:, genes]
        missing_KK = missing_KK + a_GK.T @ a_GK
        z_SK = z_SK - own_SG @ a_GK / np.float32(basis.scale)
        lost_S = lost_S + squared_norms(own_SG)
        gone = upto
        yield Masked(z_SK, missing_KK, lost_S)


def filled(profiles: Masked, reconstruct: Callable[[np.ndarray], np.ndarray], most_rounds: int) -> np.ndarray:
    """Put in place of the missing genes what `reconstruct` makes of the others, and repeat; give the coordinates.

    With A over observed (o) and missing (m) genes, a profile that has x_o where it was measured and the reconstruction
    A_m r elsewhere has the coordinates A_o' x_o + A_m' A_m r = r + (A_o' x_o - A_o' A_o r): the reconstruction, moved
    against the gradient of its error over the observed genes. For PCA this is iterative imputation (Kiers 1997,
    Psychometrika 62:251), an instance of expectation-maximisation (Dempster, Laird and Rubin 1977), which creeps
    where most genes are missing. The longest step that cannot overshoot is over the largest eigenvalue of A_o' A_o,
    which is at most 1 (as in singular value projection: Jain, Meka and Dhillon 2010); it leads to the same place.

    Parameters
    ----------
    reconstruct
        From coordinates to coordinates.
    most_rounds
        At least 1. It ends before if a round moves the reconstructions by less than `SETTLED`.
    """
    made_SK = np.zeros_like(profiles.z_SK)
    z_SK = profiles.z_SK * profiles.step
    for _ in range(most_rounds):
        before_SK, made_SK = made_SK, reconstruct(z_SK)
        z_SK = made_SK + profiles.step * (profiles.z_SK - made_SK @ profiles.observed_KK)
        if squared_norms(made_SK - before_SK).sum() <= SETTLED**2 * squared_norms(made_SK).sum():
            break
    return z_SK


@dataclass(frozen=True)
class Classes:
    """Normal classes with a common covariance, in coordinates: what nearest centroid and discriminant analysis need.

    Attributes
    ----------
    mean_LK
        Mean of each class.
    root_KK, ridge
        The covariance within classes is root root' + ridge I, shrunk towards a multiple of the identity as by Ledoit
        and Wolf 2004. The ridge also stands for genes outside the basis.
    """

    names_L: np.ndarray
    prior_L: np.ndarray
    mean_LK: np.ndarray
    root_KK: np.ndarray
    ridge: float

    @classmethod
    def fit(cls, z_SK: np.ndarray, label_S: np.ndarray, n_genes: int) -> Classes:
        """Learn classes from clean training profiles in coordinates that are centred at the training mean.

        The covariance of all `n_genes` genes is shrunk, most of whose directions lie outside the basis.
        """
        z_SK = z_SK.astype(np.float64)
        names_L, index_S, count_L = np.unique(label_S, return_inverse=True, return_counts=True)
        mean_LK = np.zeros((len(names_L), z_SK.shape[1]))
        np.add.at(mean_LK, index_S, z_SK)
        mean_LK /= count_L[:, None]
        within_SK = z_SK - mean_LK[index_S]
        covariance_KK = within_SK.T @ within_SK / len(z_SK)
        shrunk = ledoit_wolf(within_SK, n_genes)
        values_K, vectors_KK = np.linalg.eigh(covariance_KK)
        root_KK = vectors_KK * np.sqrt(np.maximum((1 - shrunk) * values_K, 0.0))
        # classes of one profile each have no spread: the ridge then makes this the nearest centroid
        floor = 1e-6 * float(np.square(z_SK).sum(axis=1).mean()) / n_genes
        return cls(
            names_L,
            count_L / len(z_SK),
            mean_LK,
            root_KK,
            max(shrunk * float(np.trace(covariance_KK)) / n_genes, floor),
        )

    def centroid(self, z_SK: np.ndarray, observed_KK: np.ndarray | None = None) -> np.ndarray:
        """Name the class whose mean is nearest, over all genes, or over those that `observed_KK` = A_o' A_o is of."""
        seen_LK = self.mean_LK if observed_KK is None else self.mean_LK @ observed_KK
        score_SL = z_SK @ self.mean_LK.T - np.einsum("lk,lk->l", seen_LK, self.mean_LK) / 2
        return self.names_L[score_SL.argmax(axis=1)]

    def discriminant(self, z_SK: np.ndarray, observed_KK: np.ndarray | None = None) -> np.ndarray:
        """Name the most probable class by linear discriminant analysis, over all genes or over the observed ones.

        The covariance of the observed genes is the block of them in that of all, inverted by Woodbury's identity.
        """
        weight_LK, offset_L = self._over_all_genes if observed_KK is None else self._discriminants(observed_KK)
        score_SL = (z_SK @ weight_LK.T - offset_L) / self.ridge + np.log(self.prior_L)
        return self.names_L[score_SL.argmax(axis=1)]

    @cached_property
    def _over_all_genes(self) -> tuple[np.ndarray, np.ndarray]:
        return self._discriminants(np.eye(len(self.root_KK)))

    def _discriminants(self, observed_KK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half_KK = observed_KK @ self.root_KK
        inner_KK = self.root_KK.T @ half_KK + self.ridge * np.eye(len(half_KK))
        weight_LK = self.mean_LK - np.linalg.solve(inner_KK, (self.mean_LK @ half_KK).T).T @ self.root_KK.T
        return weight_LK, np.einsum("lk,lk->l", weight_LK @ observed_KK, self.mean_LK) / 2
