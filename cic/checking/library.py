"""How much was measured of each profile: its size, zeros, missing values, and mitochondrial share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.terms import CENTRED_UNITS, Unit
from cic.data.units import log2_scale

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
    parts = [_of_block(block_SG, matrix.unit, is_mitochondrial_G) for block_SG in matrix.blocks()]
    return pd.concat(parts).set_axis(matrix.samples.index)


def _of_block(block_SG: np.ndarray, unit: Unit, is_mitochondrial_G: np.ndarray) -> pd.DataFrame:
    missing_SG = np.isnan(block_SG)
    missing_S = missing_SG.sum(axis=1)
    if missing_S.any():
        block_SG = np.where(missing_SG, np.float32(0), block_SG)
    present_S = block_SG.shape[1] - missing_S
    share_S = np.full(len(block_SG), np.nan)
    if is_mitochondrial_G.any() and unit not in CENTRED_UNITS:
        linear_SG = np.exp2(block_SG) - 1 if unit == "log2" else block_SG
        sum_S = linear_SG.sum(axis=1, dtype=np.float64)
        share_S = linear_SG[:, is_mitochondrial_G].sum(axis=1, dtype=np.float64) / np.where(sum_S > 0, sum_S, np.nan)
    if unit == "counts":
        size_S = block_SG.sum(axis=1, dtype=np.float64)
    else:
        size_S = log2_scale(block_SG, unit).sum(axis=1, dtype=np.float64) / np.maximum(present_S, 1)
    low_S = np.where(missing_SG, np.inf, block_SG).min(axis=1)
    high_S = np.where(missing_SG, -np.inf, block_SG).max(axis=1)
    zeros_S = ((block_SG == 0).sum(axis=1) - missing_S) / np.maximum(present_S, 1)
    return pd.DataFrame(
        {
            "size": size_S,
            "zeros": zeros_S,
            "mitochondrial": share_S,
            "missing": missing_S,
            "flat": (low_S >= high_S) & (block_SG.shape[1] > 1),
        }
    )


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
