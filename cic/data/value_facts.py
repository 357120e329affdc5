"""Plain facts about the values of profiles, from one pass over blocks of them; of sparse ones over what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cic.data.matrix import ExpressionMatrix
from cic.data.sparse import blocks_as_kept, is_sparse

if TYPE_CHECKING:
    import scipy.sparse

STANDARDISED_WITHIN = 0.05
"""Of 0 and of 1, for a gene's mean and standard deviation to be taken for made, not measured; clipped ones, as scanpy
leaves them, and those of most of the samples are that near."""


@dataclass(frozen=True)
class Sums:
    """What a block of profiles adds: of all genes where it is a number, otherwise a gene each.

    Attributes
    ----------
    total, zeros, with_gaps
        Sum of the values, how many are 0, and how many profiles lack some.
    of_genes_3G
        Sum of the values, of their squares, and how many are missing.
    low_G, high_G
        Least and largest value, NaN where there is none.
    """

    total: float
    zeros: int
    with_gaps: int
    of_genes_3G: np.ndarray
    low_G: np.ndarray
    high_G: np.ndarray


def value_facts(matrix: ExpressionMatrix) -> dict[str, Any]:
    """Give `values` (range, mean, share of zeros), `missing` and `constant_genes`, `standardised_genes`.

    Missing values count for nothing else; a gene without any value is constant.
    """
    total, zeros, with_gaps, sums_3G = 0.0, 0, 0, np.zeros((3, matrix.n_genes))
    low_G, high_G = np.full(matrix.n_genes, np.inf), np.full(matrix.n_genes, -np.inf)
    for found in _passed(matrix):
        total, zeros, with_gaps = total + found.total, zeros + found.zeros, with_gaps + found.with_gaps
        low_G, high_G = np.fmin(low_G, found.low_G), np.fmax(high_G, found.high_G)
        sums_3G += found.of_genes_3G
    gaps_G = sums_3G[2]
    n_G = np.maximum(matrix.n_samples - gaps_G, 1)
    mean_G = sums_3G[0] / n_G
    deviation_G = np.sqrt(np.maximum(sums_3G[1] / n_G - mean_G**2, 0.0))
    standardised_G = (np.abs(mean_G) < STANDARDISED_WITHIN) & (np.abs(deviation_G - 1) < STANDARDISED_WITHIN)
    n_present = max(matrix.n_samples * matrix.n_genes - gaps_G.sum(), 1)
    return {
        "values": {
            "min": float(low_G.min()),
            "max": float(high_G.max()),
            "mean": float(total / n_present),
            "share_of_zeros": float(zeros / n_present),
        },
        "missing": {"values": int(gaps_G.sum()), "genes": int((gaps_G > 0).sum()), "samples": with_gaps},
        "standardised_genes": int(standardised_G.sum()),
        "constant_genes": int((low_G >= high_G).sum()),
    }


def _passed(matrix: ExpressionMatrix) -> Iterator[Sums]:
    if is_sparse(matrix.values):
        return map(_of_rows, blocks_as_kept(matrix.values))
    return map(_of_block, matrix.blocks())


def _of_block(block_SG: np.ndarray) -> Sums:
    gap_SG = np.isnan(block_SG)
    present_SG = np.where(gap_SG, np.float32(0), block_SG) if gap_SG.any() else block_SG
    # summed about 0: only genes of mean 0 and standard deviation 1 are looked for
    square_G = np.square(present_SG, dtype=np.float64).sum(axis=0)
    return Sums(
        float(present_SG.sum(dtype=np.float64)),
        int((block_SG == 0).sum()),
        int(gap_SG.any(axis=1).sum()),
        np.stack([present_SG.sum(axis=0, dtype=np.float64), square_G, gap_SG.sum(axis=0)]),
        np.fmin.reduce(block_SG),
        np.fmax.reduce(block_SG),
    )


def _of_rows(rows_SG: scipy.sparse.csr_array) -> Sums:
    """Give the same of compressed rows, which lack no value, by what is stored of them."""
    n_rows, n_genes = rows_SG.shape
    at_V, value_V = rows_SG.indices, rows_SG.data.astype(np.float64)
    sum_G, square_G = (np.bincount(at_V, each_V, n_genes) for each_V in (value_V, value_V**2))
    # a gene that is not stored in every profile is 0 in some
    bound_G = np.where(np.bincount(at_V, minlength=n_genes) < n_rows, np.float32(0), np.float32(np.nan))
    low_G, high_G = bound_G, bound_G.copy()
    np.fmin.at(low_G, at_V, rows_SG.data)
    np.fmax.at(high_G, at_V, rows_SG.data)
    zeros = n_rows * n_genes - np.count_nonzero(value_V)
    return Sums(float(value_V.sum()), zeros, 0, np.stack([sum_G, square_G, np.zeros(n_genes)]), low_G, high_G)
