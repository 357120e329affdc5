"""The sample basis: the space that N training profiles span, in which everything is trained.

With far fewer profiles than genes, an autoencoder that gradient descent trains on squared error
never leaves the span of its training profiles. Rotating into that span once makes training tens of
times cheaper, and what a held-out profile has outside it is a constant of that profile's error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cic.errors import DataError
from cic.model.rows import ArrayRows, Block, Rows
from cic.seeds import generator

EXACT_UP_TO = 4096
"""Profiles, or genes, up to which the basis comes from the smaller Gram matrix of profiles that are all at hand."""
GRAM_UP_TO = 10_000
"""Genes up to which the basis of more profiles comes from the Gram matrix of the genes, summed as profiles pass by;
beyond, it comes from subspace iteration over passing profiles."""
RELATIVE_TOLERANCE = 1e-6
"""Components whose singular value is below this share of the first are rounding, not data."""
LEAST_BESIDE = 1e-3
"""Directions beside the basis whose singular value is below this share of its first are left to rounding."""
STREAMED_TOLERANCE = 1e-3
"""The same where products are taken in float32: eigenvalues are right to 1e-6 of the first."""


@dataclass(frozen=True)
class SampleBasis:
    """An orthonormal basis of centred training profiles, ordered by variance, and one scalar scale.

    Attributes
    ----------
    components_GK
        float32, orthonormal columns: the right singular vectors of the training profiles, and behind them what
        `extended` adds.
    singular_values_K
        float64, descending; of what `extended` adds likewise.
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
    def fit(cls, x_SG: np.ndarray | Rows, rank: int = 0, seed: int = 0) -> SampleBasis:
        """Find the basis of centred training profiles.

        Parameters
        ----------
        x_SG
            Centred training profiles, float32; of many, what passes over them in blocks.
        rank
            Number of components; 0 keeps all that `x_SG` has, or, where it is not exact, an eighth of `EXACT_UP_TO`.
        seed
            Of the start of the subspace iteration; without effect where there is none.

        Raises
        ------
        DataError
            If the profiles do not differ.
        """
        exact = is_exact(x_SG.shape)
        if isinstance(x_SG, np.ndarray) and exact:
            total = float(np.einsum("sg,sg->", x_SG, x_SG, dtype=np.float64))
            _check_differ(total)
            components_GK, singular_K = _from_gram(x_SG, rank)
        else:
            rows = ArrayRows(x_SG) if isinstance(x_SG, np.ndarray) else x_SG
            total = sum(rows.each(_total))
            _check_differ(total)
            if x_SG.shape[1] <= GRAM_UP_TO:
                components_GK, singular_K = _from_streamed_gram(rows, rank, exact)
            else:
                components_GK, singular_K = _from_subspace_iteration(rows, rank or EXACT_UP_TO // 8, seed)
        # the sign of a singular vector is arbitrary: make its largest entry positive
        largest_K = np.abs(components_GK).argmax(axis=0)
        signs_K = np.sign(components_GK[largest_K, np.arange(components_GK.shape[1])])
        components_GK = np.ascontiguousarray(components_GK * signs_K, dtype=np.float32)
        left_out = max(0.0, 1 - float(np.sum(singular_K**2)) / total)
        return cls(components_GK, singular_K, float(singular_K[0] / np.sqrt(x_SG.shape[0])), left_out)

    def extended(self, x_RG: np.ndarray, weight: float) -> SampleBasis:
        """Give the basis with the directions behind its own in which further profiles differ from its span.

        Parameters
        ----------
        x_RG
            Further profiles, centred as the training profiles are.
        weight
            What each of them counts beside a training profile, in the singular values.
        """
        rest_RG = x_RG
        for _ in range(2):  # once leaves what rounding leaves
            rest_RG = rest_RG - (rest_RG @ self.components_GK) @ self.components_GK.T
        more_GK, singular_K = _from_gram(rest_RG, 0)
        keep = int(np.sum(singular_K > LEAST_BESIDE * self.singular_values_K[0]))
        return replace(
            self,
            components_GK=np.concatenate([self.components_GK, more_GK[:, :keep].astype(np.float32)], axis=1),
            singular_values_K=np.concatenate([self.singular_values_K, np.sqrt(weight) * singular_K[:keep]]),
        )

    def project(self, x_SG: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the coordinates z_SK (float32) and each profile's squared norm outside the basis (float64, S)."""
        unscaled_SK = x_SG @ self.components_GK
        inside_S = np.einsum("sk,sk->s", unscaled_SK, unscaled_SK, dtype=np.float64)
        residual_S = np.maximum(squared_norms(x_SG) - inside_S, 0.0)
        return np.ascontiguousarray(unscaled_SK / np.float32(self.scale), dtype=np.float32), residual_S

    def project_rows(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give, of passing profiles, z_SK and the squared norm outside the basis as `project`, and the whole (S)."""
        z_SK = np.empty((rows.shape[0], self.rank), dtype=np.float32)
        outside_S, total_S = np.empty((2, rows.shape[0]))
        start = 0
        for unscaled_SK, norm_S in rows.each(partial(_coordinates, self.components_GK)):
            at = slice(start, start + len(unscaled_SK))
            z_SK[at] = unscaled_SK / np.float32(self.scale)
            total_S[at] = norm_S
            outside_S[at] = np.maximum(total_S[at] - squared_norms(unscaled_SK), 0.0)
            start = at.stop
        return z_SK, outside_S, total_S

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


def _check_differ(total: float) -> None:
    if not total > 0:
        raise DataError("the training profiles do not differ", where="sample basis", expected="some variance")


def _from_streamed_gram(rows: Rows, rank: int, exact: bool) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors of Xᵀ X, summed in float64 over passing profiles; where not all are wanted, of float32 products.

    It is summed here whoever else there is: what a block adds to it is larger than the block.
    """
    from scipy.linalg import eigh  # takes a while to import, and using a model does not need it

    n_genes = rows.shape[1]
    gram_GG = np.zeros((n_genes, n_genes))
    for block in rows.blocks():
        x_SG = block.dense().astype(np.float64) if exact else block.dense()
        gram_GG += x_SG.T @ x_SG
    wanted = min(rank or (n_genes if exact else EXACT_UP_TO // 8), n_genes)
    values, vectors = eigh(gram_GG, overwrite_a=True, subset_by_index=(n_genes - wanted, n_genes - 1))
    singular = np.sqrt(np.maximum(values[::-1], 0.0))
    keep = int(np.sum(singular > (RELATIVE_TOLERANCE if exact else STREAMED_TOLERANCE) * singular[0]))
    return vectors[:, ::-1][:, :keep], singular[:keep]


def _from_subspace_iteration(
    rows: Rows, rank: int, seed: int, *, extra: int = 16, passes: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Randomised subspace iteration over passing profiles (Halko, Martinsson and Tropp 2011, algorithm 4.4)."""
    n_samples, n_genes = rows.shape
    width = min(rank + extra, n_samples, n_genes)
    basis_GR = np.linalg.qr(generator(seed, "basis").standard_normal((n_genes, width), dtype=np.float32))[0]
    for _ in range(passes):
        product_GR = np.zeros((n_genes, width))
        for of_block_GR in rows.each(partial(_product, basis_GR)):
            product_GR += of_block_GR
        basis_GR = np.linalg.qr(product_GR)[0].astype(np.float32)
    gram_RR = np.zeros((width, width))
    for of_block_RR in rows.each(partial(_small_gram, basis_GR)):
        gram_RR += of_block_RR
    values, rotation_RR = np.linalg.eigh(gram_RR)
    order = np.argsort(values)[::-1][: min(rank, width)]
    return basis_GR.astype(np.float64) @ rotation_RR[:, order], np.sqrt(np.maximum(values[order], 0.0))


def _total(block: Block) -> float:
    return float(block.squared_norms().sum())


def _product(basis_GR: np.ndarray, block: Block) -> np.ndarray:
    return block.transposed_times(block.times(basis_GR))


def _small_gram(basis_GR: np.ndarray, block: Block) -> np.ndarray:
    small_SR = block.times(basis_GR).astype(np.float64)
    return small_SR.T @ small_SR


def _coordinates(components_GK: np.ndarray, block: Block) -> tuple[np.ndarray, np.ndarray]:
    return block.times(components_GK), block.squared_norms()
