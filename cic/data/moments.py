"""What is learnt of training profiles gene by gene, and of their ascending values, in passes where they are many."""

from __future__ import annotations

from functools import partial

import numpy as np

from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.passes import BlockOf, Over, blocks_of, here
from cic.data.terms import Unit
from cic.data.transforms import Scale
from cic.data.units import log2_scale
from cic.data.within import curve_sum


def training_curve(matrix: ExpressionMatrix, over: Over = here) -> np.ndarray:
    """Give the mean of the ascending profiles on log2 scale (float64, as many as genes)."""
    if matrix.is_few:
        return curve_sum(log2_scale(matrix.dense(), matrix.unit)) / matrix.n_samples
    total_Q = np.zeros(matrix.n_genes)
    for of_block_Q in over(partial(_curve_sum, unit=matrix.unit), blocks_of(matrix.values)):
        total_Q += of_block_Q
    return total_Q / matrix.n_samples


def _curve_sum(block: BlockOf, unit: Unit) -> np.ndarray:
    return curve_sum(log2_scale(sparse.dense(block.values), unit))


def moments(matrix: ExpressionMatrix, to_scale: Scale, over: Over = here) -> tuple[np.ndarray, np.ndarray]:
    """Give mean and standard deviation of each gene on the model's scale, summed in float64 over equal blocks."""
    sums_2G = np.zeros((2, matrix.n_genes))
    for of_block_2G in over(partial(_sums, to_scale=to_scale), blocks_of(matrix.values)):
        sums_2G += of_block_2G
    mean_G, square_G = sums_2G / matrix.n_samples
    return mean_G, np.sqrt(np.maximum(square_G - mean_G**2, 0.0))


def _sums(block: BlockOf, to_scale: Scale) -> np.ndarray:
    """Sum values and their squares over a block, 2 x G."""
    block_SG = block.values
    if sparse.is_sparse(block_SG) and to_scale.keeps_zeros:
        x_SG = to_scale.sparse(block_SG)
        places, stored = x_SG.indices, x_SG.data.astype(np.float64)
        return np.array([np.bincount(places, weights, minlength=block.n_genes) for weights in (stored, stored**2)])
    x_SG = to_scale(sparse.dense(block_SG)).astype(np.float64)
    return np.array([x_SG.sum(axis=0), np.square(x_SG).sum(axis=0)])
