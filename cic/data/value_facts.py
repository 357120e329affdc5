"""Plain facts about the values of profiles, from one pass over blocks of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cic.data.matrix import ExpressionMatrix

STANDARDISED_WITHIN = 0.01
"""Of 0 and of 1, for a gene's mean and standard deviation to be taken for made, not measured."""


def value_facts(matrix: ExpressionMatrix) -> dict[str, Any]:
    """Give `values` (range, mean, share of zeros), `missing` and `constant_genes`, `standardised_genes`.

    Missing values count for nothing else; a gene without any value is constant.
    """
    sums, sums_3G = np.zeros(2), np.zeros((3, matrix.n_genes))
    low_G, high_G = np.full(matrix.n_genes, np.inf), np.full(matrix.n_genes, -np.inf)
    with_gaps = 0
    for block_SG in matrix.blocks():
        gap_SG = np.isnan(block_SG)
        present_SG = block_SG
        if gap_SG.any():
            present_SG = np.where(gap_SG, np.float32(0), block_SG)
            with_gaps += int(gap_SG.any(axis=1).sum())
        sums += present_SG.sum(dtype=np.float64), (block_SG == 0).sum()
        low_G, high_G = np.fmin(low_G, np.fmin.reduce(block_SG)), np.fmax(high_G, np.fmax.reduce(block_SG))
        # summed about 0: only genes of mean 0 and standard deviation 1 are looked for
        square_G = np.square(present_SG, dtype=np.float64).sum(axis=0)
        sums_3G += [present_SG.sum(axis=0, dtype=np.float64), square_G, gap_SG.sum(axis=0)]
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
            "mean": float(sums[0] / n_present),
            "share_of_zeros": float(sums[1] / n_present),
        },
        "missing": {"values": int(gaps_G.sum()), "genes": int((gaps_G > 0).sum()), "samples": with_gaps},
        "standardised_genes": int(standardised_G.sum()),
        "constant_genes": int((low_G >= high_G).sum()),
    }
