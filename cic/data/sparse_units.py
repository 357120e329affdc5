"""Sparse profiles on log2 scale: what is not stored is 0 in every unit, and stays 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cic.data.sparse import totals
from cic.data.terms import Unit
from cic.data.units import LINEAR_UNITS
from cic.errors import DataError

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
    if unit == "counts":
        total_S = totals(values_SG)
        if (total_S == 0).any():
            raise DataError(
                f"{int((total_S == 0).sum())} sample(s) have no counts at all",
                where=f"first at row {int((total_S == 0).argmax())}",
                expected="at least one count a sample",
                fix="drop the empty samples",
            )
        stored = (stored * np.repeat(1e6 / total_S, np.diff(values_SG.indptr))).astype(np.float32)
    log2 = np.log2(stored + np.float32(1))
    return type(values_SG)((log2, values_SG.indices, values_SG.indptr), shape=values_SG.shape)
