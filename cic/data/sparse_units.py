"""Sparse profiles on log2 scale: what is not stored is 0 in every unit, and stays 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cic.data.terms import COUNT_UNITS, LINEAR_UNITS, Unit
from cic.data.units import to_a_million

if TYPE_CHECKING:
    import scipy.sparse


def log2_sparse(values_SG: scipy.sparse.csr_array, unit: Unit) -> scipy.sparse.csr_array:
    """Bring compressed rows to log2 scale: to the bit what `cic.data.units.log2_scale` makes of them dense.

    Raises
    ------
    DataError
        If a sample has no counts at all.
    """
    if unit not in LINEAR_UNITS:
        return values_SG
    stored = values_SG.data
    if unit in COUNT_UNITS:
        stored = (stored * np.repeat(to_a_million(values_SG), np.diff(values_SG.indptr))).astype(np.float32)
    log2 = np.log2(stored + np.float32(1))
    return type(values_SG)((log2, values_SG.indices, values_SG.indptr), shape=values_SG.shape)
