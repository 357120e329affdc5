"""Plain facts about the values of profiles, from one pass over blocks of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cic.data.matrix import ExpressionMatrix

STANDARDISED_WITHIN = 0.01
"""Of 0 and of 1, for a gene's mean and standard deviation to be taken for made, not measured."""


def value_facts(matrix: ExpressionMatrix) -> dict[str, Any]:
    """Give `values` (range, mean, share of zeros), `constant_genes` and `standardised_genes`."""
    parts, sums_2G = [], np.zeros((2, matrix.n_genes))
    low_G, high_G = np.full(matrix.n_genes, np.inf), np.full(matrix.n_genes, -np.inf)
    for block_SG in matrix.blocks():
        parts.append((block_SG.mean(dtype=np.float64), (block_SG == 0).mean(), len(block_SG)))
        low_G, high_G = np.minimum(low_G, block_SG.min(axis=0)), np.maximum(high_G, block_SG.max(axis=0))
        # summed about 0: only genes of mean 0 and standard deviation 1 are looked for
        sums_2G += [block_SG.sum(axis=0, dtype=np.float64), np.square(block_SG, dtype=np.float64).sum(axis=0)]
    mean, zeros, size = np.array(parts).T
    share = size / size.sum()
    mean_G, square_G = sums_2G / matrix.n_samples
    deviation_G = np.sqrt(np.maximum(square_G - mean_G**2, 0.0))
    standardised_G = (np.abs(mean_G) < STANDARDISED_WITHIN) & (np.abs(deviation_G - 1) < STANDARDISED_WITHIN)
    return {
        "values": {
            "min": float(low_G.min()),
            "max": float(high_G.max()),
            "mean": float(mean @ share),
            "share_of_zeros": float(zeros @ share),
        },
        "standardised_genes": int(standardised_G.sum()),
        "constant_genes": int((low_G == high_G).sum()),
    }
