"""Passes over many profiles: what is worked out of each block of them, here or by workers, in the order of the blocks.

So sums over blocks come out the same to the bit, whoever works them out, and however many do so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from cic.data import sparse
from cic.data.sparse import Values

S = TypeVar("S")
R = TypeVar("R")


class Over(Protocol):
    """What runs a function on descriptions and gives the results in their order: `here`, or `pass_over` of workers."""

    def __call__(self, run: Callable[[S], R], specs: Sequence[S], /) -> Iterator[R]:
        """Yield the results."""


def here(run: Callable[[S], R], specs: Sequence[S], /) -> Iterator[R]:
    """Run one after the other in this process."""
    return map(run, specs)


@dataclass(frozen=True)
class BlockOf:
    """A block of many profiles, cut out where it is worked on: workers get the arrays of all once."""

    arrays: tuple[np.ndarray, ...]
    n_genes: int
    start: int
    stop: int

    @property
    def values(self) -> Values:
        """The profiles of the block."""
        return sparse.together(self.arrays, self.n_genes)[self.start : self.stop]


def blocks_of(values_SG: Values) -> list[BlockOf]:
    """Describe all blocks of `sparse.BLOCK_ROWS` profiles, in order."""
    arrays, (n_samples, n_genes) = sparse.apart(values_SG), values_SG.shape
    starts = range(0, n_samples, sparse.BLOCK_ROWS)
    return [BlockOf(arrays, n_genes, start, min(start + sparse.BLOCK_ROWS, n_samples)) for start in starts]
