"""What the numbers of a file say against the unit that is declared of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cic.data.sparse import Values, at, dense, is_sparse, totals
from cic.data.terms import CENTRED_UNITS, COUNT_UNITS, LINEAR_UNITS, Unit
from cic.errors import DataError

# Nothing that is measured reaches 2^32, and no whole linear profile stays below 32.
LARGEST_LOG2 = 32.0
LOW_LOG2 = 7.0
"""What the logarithms to base 2 of a whole transcriptome pass, and those to base 10 do not."""
ENOUGH_GENES = 100
MANY_GENES = 1_000
ENOUGH_VALUES = 1_000
FEWEST_SAMPLES = 3
BASES = {"log2": 2.0, "ln": float(np.e), "log10": 10.0}
IN_WORDS = {"log2": "logarithms to base 2", "ln": "natural logarithms", "log10": "logarithms to base 10"}
LOOKED_AT = 64
"""Profiles, spread evenly, whose sums tell the base of a logarithm."""
EVEN, UNEVEN = 1e-3, 1e-2
"""Standard deviation over mean of sums that are all alike, and of such that are not."""
LEAST_OF_A_MILLION = 0.9e6
FEW_COUNTS = 500
"""A shallow cell has more, and a sample of many cells some millions."""


def check_unit(values_SG: Values, unit: str, samples: Sequence[str], genes: Sequence[str], where: str) -> None:
    """Refuse a declared unit that the values clearly contradict; doubtful cases pass.

    Raises
    ------
    DataError
        If linear values are negative, `counts` are no whole numbers, a logarithm is clearly linear or to another base,
        or another linear unit is clearly on a log scale, with the sample and gene where that shows.
    """
    stored = values_SG.data if is_sparse(values_SG) else values_SG
    zero = [0.0] if stored.size < values_SG.shape[0] * values_SG.shape[1] else []  # what is not stored
    low, high = (float(end([*zero, *([end(stored)] if stored.size else [])])) for end in (np.min, np.max))
    declared = _Declared(values_SG, stored, unit, samples, genes, where, low, high)
    for check in (
        _check_none_negative, _check_whole_counts, _check_none_empty, _check_base, _check_log_range, _check_fractions,
        _check_both_signs, _check_linear_range, _check_million,
    ):  # fmt: skip
        check(declared)


@dataclass(frozen=True)
class _Declared:
    """Values, and those of them that are stored, with the unit that a file is said to have."""

    values_SG: Values
    stored: np.ndarray
    unit: str
    samples: Sequence[str]
    genes: Sequence[str]
    where: str
    low: float
    high: float

    def at(self, flat: int) -> str:
        """Name the place of a stored value."""
        sparse_values = is_sparse(self.values_SG)
        row, column = at(self.values_SG, flat) if sparse_values else np.unravel_index(flat, self.values_SG.shape)
        return f"{self.where}, sample {self.samples[int(row)]}, gene {self.genes[int(column)]}"


def _check_none_negative(declared: _Declared) -> None:
    if declared.unit in (*LINEAR_UNITS, "fpkm") and declared.low < 0:
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
    stored = declared.stored
    if (odd := stored != np.rint(stored)).any():
        first = int(odd.argmax())
        raise DataError(
            f"{int(odd.sum())} value(s), such as {stored.flat[first]:g}, contradict the unit `counts`",
            where="first at " + declared.at(first),
            expected="whole numbers",
            fix="declare `estimated_counts` if a program estimated them, else `tpm`, `intensity` or `log2`",
        )


def _check_none_empty(declared: _Declared) -> None:
    if declared.unit not in COUNT_UNITS:
        return
    values_SG = declared.values_SG
    if (empty_S := np.diff(values_SG.indptr) == 0 if is_sparse(values_SG) else ~values_SG.any(axis=1)).any():
        named = [declared.samples[row] for row in np.flatnonzero(empty_S)[:5]]
        raise DataError(
            f"{int(empty_S.sum())} sample(s) have no counts at all: {', '.join(named)}",
            where=declared.where,
            expected="at least one count a sample",
            fix="leave out the empty samples: --drop-empty; or, if these are genes, turn --samples-in round",
        )


def _check_log_range(declared: _Declared) -> None:
    low, high = declared.low, declared.high
    most = LARGEST_LOG2 / np.log2(BASES.get(declared.unit, 2.0))
    if declared.unit in (*BASES, "log_ratio") and max(high, -low) > most:
        far = high if high >= -low else low
        raise DataError(
            f"a value of {far:g} contradicts the unit `{declared.unit}`",
            where=declared.at(int(declared.stored.argmax() if far == high else declared.stored.argmin())),
            expected=f"{IN_WORDS.get(declared.unit, IN_WORDS['log2'])}, at most {most:.3g}",
            fix="declare the linear unit that the file has: `tpm`, `counts` or `intensity`"
            + "; or `log2`" * (high <= LARGEST_LOG2)
            if low >= 0
            else "no linear unit has negative values: of z-scores, or values standardised otherwise, better import "
            "those from before; the scale of genes is a parameter here (`preprocess.scale`). Else declare `scaled`",
        )


def _check_fractions(declared: _Declared) -> None:
    n_values = len(declared.samples) * len(declared.genes)
    many, unsigned = n_values >= ENOUGH_VALUES, declared.low >= 0 and declared.high >= 4
    if declared.unit in (*BASES, "tpm", "cpm") and many and unsigned and _whole(declared.stored):
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
    if declared.unit in ("tpm", "cpm", "fpkm", "intensity") and n_genes >= ENOUGH_GENES and high <= LARGEST_LOG2:
        raise DataError(
            f"no value is above {high:g} in {n_genes} genes, which contradicts the unit `{declared.unit}`",
            where=declared.where,
            expected="linear values, which reach hundreds",
            fix="declare `log2`, `ln` or `log10` if the file is on a log scale",
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


def _check_base(declared: _Declared) -> None:
    """Refuse logarithms to another base, where that shows: profiles that were brought to one sum add up to it again."""
    shape = declared.values_SG.shape
    like_logarithms = declared.low >= 0 and declared.high <= LARGEST_LOG2
    if declared.unit not in BASES or not like_logarithms or shape[0] < FEWEST_SAMPLES or shape[1] < ENOUGH_GENES:
        return
    some_SG = declared.values_SG[:: -(-shape[0] // LOOKED_AT)]
    some_SG = dense(some_SG).astype(np.float64)
    sum_S = {unit: (base**some_SG - 1).sum(axis=1) for unit, base in BASES.items()}
    likely = min(sum_S, key=lambda unit: _spread(sum_S[unit]))
    as_declared_S = sum_S[declared.unit]
    if _spread(sum_S[likely]) < EVEN and _spread(as_declared_S) > UNEVEN:
        raise DataError(
            f"read as {IN_WORDS[likely]} of x + 1 every profile adds up to {sum_S[likely].mean():,.0f}, while as "
            f"{IN_WORDS[declared.unit]} they would add up to {as_declared_S.min():,.0f} to {as_declared_S.max():,.0f}",
            where=declared.where,
            expected=f"{IN_WORDS[declared.unit]}, as `{declared.unit}` says",
            fix=f"declare `{likely}`",
        )


def _spread(sum_S: np.ndarray) -> float:
    return float(sum_S.std() / sum_S.mean()) if sum_S.mean() > 0 else 0.0


def doubts(values_SG: Values, unit: Unit) -> list[str]:
    """Say what looks odd for the unit and yet may be right, each with the evidence.

    Parameters
    ----------
    values_SG
        Samples x genes, which `check_unit` has found nothing against.
    """
    n_genes, high, total_S = values_SG.shape[1], float(values_SG.max()), totals(values_SG)
    if n_genes < ENOUGH_GENES:
        return []
    median = float(np.median(total_S))
    found = []
    if unit in ("tpm", "cpm") and median < LEAST_OF_A_MILLION:
        sums = f"{total_S.min():,.0f} to {total_S.max():,.0f}, with a median of {median:,.0f}"
        found.append(
            f"every profile adds up to {median:,.0f} and not to a million: as `{unit}` only if genes were left out and "
            "the rest scaled again; declare `intensity` for any other linear scale"
            if _spread(total_S) < EVEN
            else f"profiles add up to {sums}, not to a million, as `{unit}` do unless genes were left out"
        )
    if unit in COUNT_UNITS and median < FEW_COUNTS:
        found.append(
            f"the median sample has {median:,.0f} counts, where a cell has a thousand and a tissue some millions: were "
            "most genes left out, or is this another unit?"
        )
    if unit == "estimated_counts" and high <= LARGEST_LOG2:
        found.append(f"no value is above {high:g} in {n_genes} genes: are these logarithms, and no counts?")
    if unit == "log2" and n_genes >= MANY_GENES and float(values_SG.min()) >= 0 and high < LOW_LOG2:
        found.append(
            f"no value is above {high:.3g} in {n_genes} genes, where logarithms to base 2 reach 12 and more: if these "
            "are to base 10, declare `log10`, and if natural ones, `ln`"
        )
    return found


def _whole(values_SG: np.ndarray) -> bool:
    return bool((values_SG == np.rint(values_SG)).all())
