"""How much was measured of each profile: its size, zeros, missing values, and mitochondrial share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.sparse import Values, blocks_as_kept, is_sparse, totals
from cic.data.sparse_units import log2_of
from cic.data.terms import CENTRED_UNITS, Unit

ENOUGH_OF_A_SET = 5
"""Profiles of a group or label from which on they are compared with one another, and not with all."""
MITOCHONDRIAL = "MT-"


def size_of(unit: Unit) -> str:
    """Say what is called the size of a profile in this unit.

    Of units other than counts the sum would be that of the few largest genes.
    """
    return "library size (counts)" if unit == "counts" else "mean of its values on log2 scale"


def library_of(matrix: ExpressionMatrix) -> pd.DataFrame:
    """Measure each profile, in one pass over blocks.

    Returns
    -------
    pandas.DataFrame
        Indexed as the samples: `size` (see `size_of`), `zeros` and `mitochondrial` (shares; the latter of the sum of a
        profile, missing where no gene is named as mitochondrial), `missing` (values), `flat` (whether all values are
        the same, or missing).
    """
    is_mitochondrial_G = np.array([gene.upper().startswith(MITOCHONDRIAL) for gene in matrix.genes])
    blocks = blocks_as_kept(matrix.values) if is_sparse(matrix.values) else matrix.blocks()
    parts = [_of_block(block_SG, matrix.unit, is_mitochondrial_G) for block_SG in blocks]
    return pd.concat(parts).set_axis(matrix.samples.index)


def _of_block(block_SG: Values, unit: Unit, is_mitochondrial_G: np.ndarray) -> pd.DataFrame:
    n_samples, n_genes = block_SG.shape
    if is_sparse(block_SG):  # which lacks no value
        missing_S, zeros_S = np.zeros(n_samples, dtype=int), n_genes - block_SG.count_nonzero(axis=1)
        low_S, high_S = (most_S.toarray() for most_S in (block_SG.min(axis=1), block_SG.max(axis=1)))
    else:
        missing_SG = np.isnan(block_SG)
        missing_S, zeros_S = missing_SG.sum(axis=1), (block_SG == 0).sum(axis=1)
        low_S = np.where(missing_SG, np.inf, block_SG).min(axis=1)
        high_S = np.where(missing_SG, -np.inf, block_SG).max(axis=1)
        if missing_S.any():
            block_SG = np.where(missing_SG, np.float32(0), block_SG)
    present_S = np.maximum(n_genes - missing_S, 1)
    return pd.DataFrame(
        {
            "size": totals(block_SG) if unit == "counts" else totals(log2_of(block_SG, unit)) / present_S,
            "zeros": zeros_S / present_S,
            "mitochondrial": _share_of(is_mitochondrial_G, block_SG, unit),
            "missing": missing_S,
            "flat": (low_S >= high_S) & (n_genes > 1),
        }
    )


def _share_of(is_one_G: np.ndarray, block_SG: Values, unit: Unit) -> np.ndarray:
    """Give the share of some genes in the sum of each profile; NaN where there are none, or nothing is summed up."""
    if not is_one_G.any() or unit in CENTRED_UNITS:
        return np.full(block_SG.shape[0], np.nan)
    linear_SG = block_SG
    if unit == "log2" and is_sparse(block_SG):
        linear_SG = block_SG.copy()
        linear_SG.data = np.exp2(block_SG.data) - 1
    elif unit == "log2":
        linear_SG = np.exp2(block_SG) - 1
    total_S = totals(linear_SG)
    return totals(linear_SG[:, is_one_G]) / np.where(total_S > 0, total_S, np.nan)


def deviations(value_S: np.ndarray, set_S: pd.Series | None) -> tuple[np.ndarray, np.ndarray]:
    """Give how far values lie from the median of their set, and that in robust standard deviations.

    These are 1.4826 times the median absolute deviation, over all sets: that of few profiles would be no yardstick.

    Parameters
    ----------
    set_S
        Group or label of each; sets of less than `ENOUGH_OF_A_SET` are held against the median of all.
    """
    value = pd.Series(value_S, dtype=np.float64)
    centre_S = np.full(len(value), value.median())
    if set_S is not None:
        by_set = value.groupby(pd.factorize(set_S)[0])
        known_S = set_S.notna().to_numpy() & (by_set.transform("size").to_numpy() >= ENOUGH_OF_A_SET)
        centre_S = np.where(known_S, by_set.transform("median").to_numpy(), centre_S)
    away_S = value.to_numpy() - centre_S
    return away_S, away_S / max(1.4826 * float(np.median(np.abs(away_S))), np.finfo(np.float64).tiny)
