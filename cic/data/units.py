"""Units of expression: to log2 scale and back, and what the numbers say against a declared unit."""

from __future__ import annotations

import numpy as np

from cic.data.terms import UNITS, Unit
from cic.errors import DataError

LINEAR_UNITS = ("tpm", "counts", "intensity")
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
        `log2` and `log_ratio` stay, `tpm` and `intensity` become log2(x + 1), `counts` log2(CPM + 1).

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
        values_SG = _per_million(values_SG)
    return np.log2(values_SG + np.float32(1))


def _per_million(counts_SG: np.ndarray) -> np.ndarray:
    total_S = counts_SG.sum(axis=1, dtype=np.float64)
    if (total_S == 0).any():
        raise DataError(
            f"{int((total_S == 0).sum())} sample(s) have no counts at all",
            where=f"first at row {int((total_S == 0).argmax())}",
            expected="at least one count a sample",
            fix="drop the empty samples",
        )
    return (counts_SG * (1e6 / total_S)[:, None]).astype(np.float32)


def from_log2_scale(log2_SG: np.ndarray, unit: Unit) -> np.ndarray:
    """Bring log2-scale values back to `unit`, as far as that is possible: `counts` come back as counts per million."""
    log2_SG = np.asarray(log2_SG, dtype=np.float32)
    if unit not in LINEAR_UNITS:
        return log2_SG
    return np.maximum(np.exp2(log2_SG) - np.float32(1), np.float32(0))


def check_unit(values_SG: np.ndarray, unit: str, samples: list[str], genes: list[str], where: str) -> None:
    """Refuse a declared unit that the values clearly contradict; doubtful cases pass.

    Raises
    ------
    DataError
        If linear values are negative, counts are no whole numbers, `log2` or `log_ratio` is clearly linear, or `tpm`
        or `intensity` is clearly on a log scale, with the sample and gene where that shows.
    """
    low, high = float(values_SG.min()), float(values_SG.max())

    def at(flat: int) -> str:
        row, column = np.unravel_index(flat, values_SG.shape)
        return f"{where}, sample {samples[row]}, gene {genes[column]}"

    if unit in LINEAR_UNITS and low < 0:
        raise DataError(
            f"a value of {low:g} contradicts the unit `{unit}`",
            where=at(int(values_SG.argmin())),
            expected="no negative values",
            fix="declare the unit that the file has: on a log scale `log2`, or `log_ratio`",
        )
    if unit == "counts" and (odd_SG := values_SG != np.rint(values_SG)).any():
        first = int(odd_SG.argmax())
        raise DataError(
            f"{int(odd_SG.sum())} value(s), such as {values_SG.flat[first]:g}, contradict the unit `counts`",
            where="first at " + at(first),
            expected="whole numbers",
            fix="declare `tpm`, `intensity` or `log2`; round estimated counts before the import",
        )
    if unit == "counts" and (empty_S := ~values_SG.any(axis=1)).any():
        named = [samples[row] for row in np.flatnonzero(empty_S)[:5]]
        raise DataError(
            f"{int(empty_S.sum())} sample(s) have no counts at all: {', '.join(named)}",
            where=where,
            expected="at least one count a sample",
            fix="drop the empty samples",
        )
    if unit in ("log2", "log_ratio") and max(high, -low) > LARGEST_LOG2:
        far = high if high >= -low else low
        raise DataError(
            f"a value of {far:g} contradicts the unit `{unit}`",
            where=at(int(values_SG.argmax() if far == high else values_SG.argmin())),
            expected=f"log2 values, at most {LARGEST_LOG2:g}",
            fix="declare the linear unit that the file has: `tpm`, `counts` or `intensity`"
            if low >= 0
            else "no linear unit has negative values: of z-scores, or values standardised otherwise, import those "
            "from before; the scale of genes is a parameter here (`preprocess.scale`)",
        )
    if unit in ("log2", "tpm") and values_SG.size >= ENOUGH_VALUES and low >= 0 and high >= 4 and _whole(values_SG):
        raise DataError(
            f"all {values_SG.size} values are whole numbers, which contradicts the unit `{unit}`",
            where=where,
            expected="values with fractions",
            fix="declare `counts`",
        )
    if unit == "log_ratio" and values_SG.size >= ENOUGH_VALUES and low >= 0:
        raise DataError(
            f"no value is negative (the least is {low:g}), which contradicts the unit `log_ratio`",
            where=where,
            expected="values on both sides of 0",
            fix="declare `log2`, or the linear unit that the file has",
        )
    if unit in ("tpm", "intensity") and len(genes) >= ENOUGH_GENES and high <= LARGEST_LOG2:
        raise DataError(
            f"no value is above {high:g} in {len(genes)} genes, which contradicts the unit `{unit}`",
            where=where,
            expected="linear values, which reach hundreds",
            fix="declare `log2` if the file is on a log scale",
        )
    if unit == "tpm" and (most := float((total_S := values_SG.sum(axis=1, dtype=np.float64)).max())) > 1.05e6:
        raise DataError(
            f"a profile adds up to {most:,.0f}, which contradicts the unit `tpm`",
            where=f"{where}, sample {samples[int(total_S.argmax())]}",
            expected="at most a million transcripts per million",
            fix="declare `counts` if these are reads, or `intensity` for another linear scale",
        )


def _whole(values_SG: np.ndarray) -> bool:
    return bool((values_SG == np.rint(values_SG)).all())
