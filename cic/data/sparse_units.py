"""Profiles on log2 scale, sparse ones kept so: what is not stored is 0 in every unit, and stays 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cic.data.sparse import Values, is_sparse
from cic.data.terms import COUNT_UNITS, LINEAR_UNITS, Unit
from cic.data.units import log2_scale, to_a_million

if TYPE_CHECKING:
    import scipy.sparse


def log2_of(values_SG: Values, unit: Unit) -> Values:
    """Bring profiles to log2 scale, sparse or dense as they are.

    Raises
    ------
    DataError
        As `cic.data.units.log2_scale`.
    """
    return log2_sparse(values_SG, unit) if is_sparse(values_SG) else log2_scale(values_SG, unit)


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
