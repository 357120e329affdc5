"""The sample basis: the space that N training profiles span, in which everything is trained.

With far fewer profiles than genes, an autoencoder that gradient descent trains on squared error
never leaves the span of its training profiles. Rotating into that span once makes training tens of
times cheaper, and what a held-out profile has outside it is a constant of that profile's error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cic.errors import DataError
from cic.seeds import generator

EXACT_UP_TO = 4096
"""Profiles up to which the basis comes from the N x N Gram matrix; beyond, from streamed subspace iteration."""
RELATIVE_TOLERANCE = 1e-6
"""Components whose singular value is below this share of the first are rounding, not data."""


@dataclass(frozen=True)
class SampleBasis:
    """An orthonormal basis of centred training profiles, ordered by variance, and one scalar scale.

    Attributes
    ----------
    components_GK
        float32, orthonormal columns: the right singular vectors of the training profiles.
    singular_values_K
        float64, descending.
    scale
        Root mean square of the first coordinate over the training profiles: after scaling it is 1, and others less.
    left_out
        Share of the training variance outside the basis: 0 at full rank.
    """

    components_GK: np.ndarray
    singular_values_K: np.ndarray
    scale: float
    left_out: float

    @property
    def rank(self) -> int:
        """Number of components."""
        return self.components_GK.shape[1]

    @classmethod
    def fit(cls, x_SG: np.ndarray, rank: int = 0, seed: int = 0) -> SampleBasis:
        """Find the basis of centred training profiles.

        Parameters
        ----------
        x_SG
            Centred training profiles, float32.
        rank
            Number of components; 0 keeps all that `x_SG` has.
        seed
            Of the start of the subspace iteration; without effect up to `EXACT_UP_TO` profiles.

        Raises
        ------
        DataError
            If the profiles do not differ.
        """
        total = float(np.einsum("sg,sg->", x_SG, x_SG, dtype=np.float64))
        if not total > 0:
            raise DataError("the training profiles do not differ", where="sample basis", expected="some variance")
        if is_exact(x_SG.shape):
            components_GK, singular_K = _from_gram(x_SG, rank)
        else:
            components_GK, singular_K = _from_subspace_iteration(x_SG, rank or EXACT_UP_TO // 8, seed)
        # the sign of a singular vector is arbitrary: make its largest entry positive
        largest_K = np.abs(components_GK).argmax(axis=0)
        signs_K = np.sign(components_GK[largest_K, np.arange(components_GK.shape[1])])
        components_GK = np.ascontiguousarray(components_GK * signs_K, dtype=np.float32)
        left_out = max(0.0, 1 - float(np.sum(singular_K**2)) / total)
        return cls(components_GK, singular_K, float(singular_K[0] / np.sqrt(len(x_SG))), left_out)

    def project(self, x_SG: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the coordinates z_SK (float32) and each profile's squared norm outside the basis (float64, S)."""
        unscaled_SK = x_SG @ self.components_GK
        inside_S = np.einsum("sk,sk->s", unscaled_SK, unscaled_SK, dtype=np.float64)
        residual_S = np.maximum(squared_norms(x_SG) - inside_S, 0.0)
        return np.ascontiguousarray(unscaled_SK / np.float32(self.scale), dtype=np.float32), residual_S

    def lift(self, z_SK: np.ndarray) -> np.ndarray:
        """Give centred profiles, samples x genes, from coordinates."""
        return (z_SK * np.float32(self.scale)) @ self.components_GK.T


def is_exact(shape: tuple[int, ...]) -> bool:
    """Tell whether the basis of so many profiles over so many genes leaves nothing out, unless asked to."""
    return min(shape) <= EXACT_UP_TO


def squared_norms(x_SG: np.ndarray) -> np.ndarray:
    """Give each row's squared norm in float64."""
    return np.einsum("sg,sg->s", x_SG, x_SG, dtype=np.float64)


def _from_gram(x_SG: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors of the smaller of X Xᵀ and Xᵀ X, in float64: as exact as the thin SVD, and quicker."""
    x_SG = x_SG.astype(np.float64)
    tall = x_SG.shape[0] > x_SG.shape[1]
    values, vectors = np.linalg.eigh(x_SG.T @ x_SG if tall else x_SG @ x_SG.T)
    singular = np.sqrt(np.maximum(values[::-1], 0.0))
    keep = int(np.sum(singular > RELATIVE_TOLERANCE * singular[0]))
    keep = min(keep, rank) if rank else keep
    vectors, singular = vectors[:, ::-1][:, :keep], singular[:keep]
    return (vectors if tall else (x_SG.T @ vectors) / singular), singular


def _from_subspace_iteration(
    x_SG: np.ndarray, rank: int, seed: int, *, extra: int = 16, passes: int = 4, rows: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """Randomised subspace iteration over blocks of rows (Halko, Martinsson and Tropp 2011, algorithm 4.4)."""
    n_samples, n_genes = x_SG.shape
    width = min(rank + extra, n_samples, n_genes)
    blocks = [slice(start, start + rows) for start in range(0, n_samples, rows)]
    basis_GR = np.linalg.qr(generator(seed, "basis").standard_normal((n_genes, width), dtype=np.float32))[0]
    for _ in range(passes):
        product_GR = np.zeros((n_genes, width))
        for block in blocks:
            product_GR += x_SG[block].T @ (x_SG[block] @ basis_GR)
        basis_GR = np.linalg.qr(product_GR)[0].astype(np.float32)
    small_SR = np.concatenate([x_SG[block] @ basis_GR for block in blocks]).astype(np.float64)
    values, rotation_RR = np.linalg.eigh(small_SR.T @ small_SR)
    order = np.argsort(values)[::-1][: min(rank, width)]
    return basis_GR.astype(np.float64) @ rotation_RR[:, order], np.sqrt(np.maximum(values[order], 0.0))
