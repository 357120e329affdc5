"""Many preprocessed profiles, which pass by in blocks: the products that a basis needs of them, dense or sparse.

A sparse profile is never written out: of ``(x - m) / s``, where ``x`` is sparse, products with ``x`` are taken, and
the rest is the same for all profiles. Blocks are of `BLOCK_ROWS` profiles, always, so that sums come out the same.

Axes: S profiles of a block, G modelled genes, R columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.passes import BlockOf, Over, blocks_of, here
from cic.data.preprocess import Preprocessor
from cic.model.threads import one_thread

if TYPE_CHECKING:
    import scipy.sparse


R = TypeVar("R")


class Block(Protocol):
    """Some profiles."""

    def dense(self) -> np.ndarray:
        """Give them as an array, float32, S x G."""

    def times(self, b_GR: np.ndarray) -> np.ndarray:
        """Multiply them by a matrix from the right."""

    def transposed_times(self, y_SR: np.ndarray) -> np.ndarray:
        """Multiply their transpose by a matrix."""

    def squared_norms(self) -> np.ndarray:
        """Give the squared norm of each (float64)."""


class Rows(Protocol):
    """Profiles that can be passed over again and again."""

    @property
    def shape(self) -> tuple[int, int]:
        """How many profiles, over how many genes."""

    def blocks(self) -> Iterator[Block]:
        """Yield all, in order."""

    def each(self, work: Callable[[Block], R]) -> Iterator[R]:
        """Yield what `work` makes of each block, in order; it goes to workers where there are any."""


@dataclass(frozen=True)
class DenseBlock:
    """Profiles as an array."""

    x_SG: np.ndarray

    def dense(self) -> np.ndarray:
        """See `Block`."""
        return self.x_SG

    def times(self, b_GR: np.ndarray) -> np.ndarray:
        """See `Block`."""
        return self.x_SG @ b_GR

    def transposed_times(self, y_SR: np.ndarray) -> np.ndarray:
        """See `Block`."""
        return self.x_SG.T @ y_SR

    def squared_norms(self) -> np.ndarray:
        """See `Block`."""
        return np.einsum("sg,sg->s", self.x_SG, self.x_SG, dtype=np.float64)


@dataclass(frozen=True)
class SparseBlock:
    """Compressed rows on the scale of the model over the modelled genes, with what is taken from each gene."""

    x_SG: scipy.sparse.csr_array
    mean_G: np.ndarray
    scale_G: np.ndarray

    def dense(self) -> np.ndarray:
        """See `Block`."""
        return ((self.x_SG.toarray() - self.mean_G) / self.scale_G).astype(np.float32)

    def times(self, b_GR: np.ndarray) -> np.ndarray:
        """See `Block`."""
        scaled_GR = b_GR / self.scale_G.astype(np.float32)[:, None]
        return self.x_SG @ scaled_GR - self.mean_G.astype(np.float32) @ scaled_GR

    def transposed_times(self, y_SR: np.ndarray) -> np.ndarray:
        """See `Block`."""
        product_GR = np.outer(self.mean_G, y_SR.sum(axis=0, dtype=np.float64))
        np.subtract(self.x_SG.T @ y_SR, product_GR, out=product_GR)  # in place, as memory takes its time
        product_GR /= self.scale_G[:, None]
        return product_GR

    def squared_norms(self) -> np.ndarray:
        """See `Block`."""
        x_SG = self.x_SG.astype(np.float64)
        weight_G = self.scale_G**-2.0
        mixed_S = x_SG @ (weight_G * self.mean_G)
        return np.maximum(x_SG.power(2) @ weight_G - 2 * mixed_S + self.mean_G**2 @ weight_G, 0.0)


@dataclass(frozen=True)
class ArrayRows:
    """Profiles of an array, block by block."""

    x_SG: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """See `Rows`."""
        return self.x_SG.shape[0], self.x_SG.shape[1]

    def blocks(self) -> Iterator[Block]:
        """See `Rows`."""
        return (DenseBlock(block_SG) for block_SG in sparse.dense_blocks(self.x_SG))

    def each(self, work: Callable[[Block], R]) -> Iterator[R]:
        """See `Rows`."""
        return map(work, self.blocks())


@dataclass(frozen=True)
class PreprocessedRows:
    """Profiles of a matrix as the model sees them, and what passes over them."""

    matrix: ExpressionMatrix
    preprocessor: Preprocessor
    over: Over = here

    @property
    def shape(self) -> tuple[int, int]:
        """See `Rows`."""
        return self.matrix.n_samples, len(self.preprocessor.kept)

    def blocks(self) -> Iterator[Block]:
        """See `Rows`."""
        return (_preprocessed(block, self.preprocessor) for block in blocks_of(self.matrix.values))

    def each(self, work: Callable[[Block], R]) -> Iterator[R]:
        """See `Rows`."""
        return self.over(_work, [Piece(block, self.preprocessor, work) for block in blocks_of(self.matrix.values)])


@dataclass(frozen=True)
class Piece:
    """What is to be made of one block: pure data, so that it can run anywhere."""

    block: BlockOf
    preprocessor: Preprocessor
    work: Callable[[Block], Any]


def _work(piece: Piece) -> Any:
    with one_thread():
        return piece.work(_preprocessed(piece.block, piece.preprocessor))


def _preprocessed(block: BlockOf, fitted: Preprocessor) -> Block:
    block_SG = block.values
    to_scale = fitted.to_scale
    if not sparse.is_sparse(block_SG) or not to_scale.keeps_zeros:
        return DenseBlock(fitted.transform(sparse.dense(block_SG)))
    x_SG = to_scale.sparse(block_SG)
    if len(fitted.kept) < len(fitted.genes_in):
        x_SG = x_SG[:, fitted.kept]
    return SparseBlock(x_SG, fitted.mean_G, fitted.scale_G)
