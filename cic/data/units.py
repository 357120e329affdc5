"""Units of expression: to log2 scale and back, and what the numbers say against a declared unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cic.data.sparse import Values, at, is_sparse, totals
from cic.data.terms import CENTRED_UNITS, LINEAR_UNITS, UNITS, Unit
from cic.errors import DataError

# Nothing that is measured reaches 2^32, and no whole linear profile stays below 32.
LARGEST_LOG2 = 32.0
ENOUGH_GENES = 100
ENOUGH_VALUES = 1_000


def log2_scale(values_SG: np.ndarray, unit: Unit) -> np.ndarray:
    """Bring values to log2 scale.

    Parameters
    ----------
    values_SG
        Samples x genes in `unit`, shape (S, G). For `counts` all genes that were counted must be among them, since the
        total of each sample is taken over them.
    unit
        `log2`, `log_ratio` and `scaled` stay, `tpm`, `cpm` and `intensity` become log2(x + 1), `counts` log2(CPM + 1).

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
    if unit == "counts":
        values_SG = (values_SG * to_a_million(values_SG)[:, None]).astype(np.float32)
    return np.log2(values_SG + np.float32(1))


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
    """Bring log2-scale values back to `unit`, as far as that is possible: `counts` come back as counts per million."""
    log2_SG = np.asarray(log2_SG, dtype=np.float32)
    if unit not in LINEAR_UNITS:
        return log2_SG
    return np.maximum(np.exp2(log2_SG) - np.float32(1), np.float32(0))


def check_unit(values_SG: Values, unit: str, samples: list[str], genes: list[str], where: str) -> None:
    """Refuse a declared unit that the values clearly contradict; doubtful cases pass.

    Raises
    ------
    DataError
        If linear values are negative, counts are no whole numbers, `log2` or `log_ratio` is clearly linear, or another
        linear unit is clearly on a log scale, with the sample and gene where that shows.
    """
    stored = values_SG.data if is_sparse(values_SG) else values_SG
    zero = [0.0] if stored.size < values_SG.shape[0] * values_SG.shape[1] else []  # what is not stored
    low, high = (float(end([*zero, *([end(stored)] if stored.size else [])])) for end in (np.min, np.max))
    declared = _Declared(values_SG, stored, unit, samples, genes, where, low, high)
    for check in (
        _check_none_negative, _check_whole_counts, _check_log_range, _check_fractions, _check_both_signs,
        _check_linear_range, _check_million,
    ):  # fmt: skip
        check(declared)


@dataclass(frozen=True)
class _Declared:
    """Values, and those of them that are stored, with the unit that a file is said to have."""

    values_SG: Values
    stored: np.ndarray
    unit: str
    samples: list[str]
    genes: list[str]
    where: str
    low: float
    high: float

    def at(self, flat: int) -> str:
        """Name the place of a stored value."""
        sparse_values = is_sparse(self.values_SG)
        row, column = at(self.values_SG, flat) if sparse_values else np.unravel_index(flat, self.values_SG.shape)
        return f"{self.where}, sample {self.samples[row]}, gene {self.genes[column]}"


def _check_none_negative(declared: _Declared) -> None:
    if declared.unit in LINEAR_UNITS and declared.low < 0:
        raise DataError(
            f"a value of {declared.low:g} contradicts the unit `{declared.unit}`",
            where=declared.at(int(declared.stored.argmin())),
            expected="no negative values",
            fix="declare the unit that the file has: on a log scale `log2`, or `log_ratio`"
            + ("; intensities below a background are raised to it by --floor" * (declared.unit == "intensity")),
        )


def _check_whole_counts(declared: _Declared) -> None:
    if declared.unit != "counts":
        return
    values_SG, stored = declared.values_SG, declared.stored
    if (odd := stored != np.rint(stored)).any():
        first = int(odd.argmax())
        raise DataError(
            f"{int(odd.sum())} value(s), such as {stored.flat[first]:g}, contradict the unit `counts`",
            where="first at " + declared.at(first),
            expected="whole numbers",
            fix="declare `estimated_counts`, which are rounded, or `tpm`, `intensity` or `log2`",
        )
    if (empty_S := np.diff(values_SG.indptr) == 0 if is_sparse(values_SG) else ~values_SG.any(axis=1)).any():
        named = [declared.samples[row] for row in np.flatnonzero(empty_S)[:5]]
        raise DataError(
            f"{int(empty_S.sum())} sample(s) have no counts at all: {', '.join(named)}",
            where=declared.where,
            expected="at least one count a sample",
            fix="leave out the empty samples: --drop-empty",
        )


def _check_log_range(declared: _Declared) -> None:
    low, high = declared.low, declared.high
    if declared.unit in ("log2", "log_ratio") and max(high, -low) > LARGEST_LOG2:
        far = high if high >= -low else low
        raise DataError(
            f"a value of {far:g} contradicts the unit `{declared.unit}`",
            where=declared.at(int(declared.stored.argmax() if far == high else declared.stored.argmin())),
            expected=f"log2 values, at most {LARGEST_LOG2:g}",
            fix="declare the linear unit that the file has: `tpm`, `counts` or `intensity`"
            if low >= 0
            else "no linear unit has negative values: of z-scores, or values standardised otherwise, better import "
            "those from before; the scale of genes is a parameter here (`preprocess.scale`). Else declare `scaled`",
        )


def _check_fractions(declared: _Declared) -> None:
    n_values = len(declared.samples) * len(declared.genes)
    many, unsigned = n_values >= ENOUGH_VALUES, declared.low >= 0 and declared.high >= 4
    if declared.unit in ("log2", "tpm", "cpm") and many and unsigned and _whole(declared.stored):
        raise DataError(
            f"all {n_values} values are whole numbers, which contradicts the unit `{declared.unit}`",
            where=declared.where,
            expected="values with fractions",
            fix="declare `counts`",
        )


def _check_both_signs(declared: _Declared) -> None:
    if (
        declared.unit in CENTRED_UNITS
        and len(declared.samples) * len(declared.genes) >= ENOUGH_VALUES
        and declared.low >= 0
    ):
        raise DataError(
            f"no value is negative (the least is {declared.low:g}), which contradicts the unit `{declared.unit}`",
            where=declared.where,
            expected="values on both sides of 0",
            fix="declare `log2`, or the linear unit that the file has",
        )


def _check_linear_range(declared: _Declared) -> None:
    n_genes, high = len(declared.genes), declared.high
    if declared.unit in ("tpm", "cpm", "intensity") and n_genes >= ENOUGH_GENES and high <= LARGEST_LOG2:
        raise DataError(
            f"no value is above {high:g} in {n_genes} genes, which contradicts the unit `{declared.unit}`",
            where=declared.where,
            expected="linear values, which reach hundreds",
            fix="declare `log2` if the file is on a log scale",
        )


def _check_million(declared: _Declared) -> None:
    if declared.unit not in ("tpm", "cpm"):
        return
    total_S = totals(declared.values_SG)
    if (most := float(total_S.max())) > 1.05e6:
        raise DataError(
            f"a profile adds up to {most:,.0f}, which contradicts the unit `{declared.unit}`",
            where=f"{declared.where}, sample {declared.samples[int(total_S.argmax())]}",
            expected="at most a million of a million",
            fix="declare `counts` if these are reads, or `intensity` for another linear scale",
        )


def _whole(values_SG: np.ndarray) -> bool:
    return bool((values_SG == np.rint(values_SG)).all())
