"""Units of expression: to log2 scale and back."""

from __future__ import annotations

import numpy as np

from cic.data.sparse import Values, totals
from cic.data.terms import COUNT_UNITS, LINEAR_UNITS, UNITS, Unit
from cic.errors import DataError


def log2_scale(values_SG: np.ndarray, unit: Unit, share: float = 1.0) -> np.ndarray:
    """Bring values to log2 scale.

    Parameters
    ----------
    values_SG
        Samples x genes in `unit`, shape (S, G). Of counts, estimated or not, all genes that were counted must be among
        them, since the total of each sample is taken over them.
    unit
        `log2`, `log_ratio` and `scaled` stay, `tpm`, `cpm` and `intensity` become log2(x + 1), counts log2(CPM + 1).
    share
        Of all counts, what these genes are taken to have, where some that were counted are not among them.

    Returns
    -------
    numpy.ndarray
        float32, shape (S, G).

    Raises
    ------
    DataError
        If a linear value is negative, a value is not finite, or a sample has no counts at all.
    """
    assert unit in UNITS, unit
    values_SG = np.asarray(values_SG, dtype=np.float32)
    if not np.isfinite(values_SG).all():
        row, column = np.argwhere(~np.isfinite(values_SG))[0]
        raise DataError(
            "a value is missing or infinite", where=f"row {row}, column {column}", expected="finite numbers"
        )
    if unit not in LINEAR_UNITS:
        return values_SG
    if (values_SG < 0).any():
        row, column = np.argwhere(values_SG < 0)[0]
        raise DataError(
            f"a value of {values_SG[row, column]:g} cannot be brought to log2 scale",
            where=f"row {row}, column {column}",
            expected=f"no negative values, as the unit is `{unit}`",
        )
    # in place: to be given memory takes longer than the logarithms
    if unit in COUNT_UNITS:
        factor_S1 = (share * to_a_million(values_SG))[:, None]
        log2_SG = np.multiply(values_SG, factor_S1, out=np.empty_like(values_SG), casting="same_kind")
        log2_SG += np.float32(1)
    else:
        log2_SG = values_SG + np.float32(1)
    return np.log2(log2_SG, out=log2_SG)


def to_a_million(counts_SG: Values) -> np.ndarray:
    """Give the factor by which the counts of each profile add up to a million (float64, S).

    Raises
    ------
    DataError
        If a sample has no counts at all.
    """
    total_S = totals(counts_SG)
    if (total_S == 0).any():
        raise DataError(
            f"{int((total_S == 0).sum())} sample(s) have no counts at all",
            where=f"first at row {int((total_S == 0).argmax())}",
            expected="at least one count a sample",
            fix="drop the empty samples",
        )
    return 1e6 / total_S


def from_log2_scale(log2_SG: np.ndarray, unit: Unit) -> np.ndarray:
    """Bring log2-scale values back to `unit`, as far as that is possible: counts come back as counts per million."""
    log2_SG = np.asarray(log2_SG, dtype=np.float32)
    if unit not in LINEAR_UNITS:
        return log2_SG
    return np.maximum(np.exp2(log2_SG) - np.float32(1), np.float32(0))
