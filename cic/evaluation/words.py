"""Words that the evaluation is told in: sentences, and figures within them. Nothing is called better by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from cic.evaluation.statistics.intervals import Interval

Standing = Literal["good", "bad", "open"]


@dataclass(frozen=True)
class Sentence:
    """One conclusion: whether it speaks for the model, what it comes to, and the figures behind that."""

    standing: Standing
    claim: str
    details: str = ""

    @property
    def text(self) -> str:
        """The whole of it, the conclusion first."""
        return f"{self.claim} {self.details}".rstrip()


def percent(value: float | None) -> str:
    """Give a share as a percentage with three figures at most."""
    return "undefined" if value is None else f"{100 * value:.3g}%"


def besides_given(n_sets: int) -> str:
    """Say behind a number of gene sets how many were left out as given to features in training; nothing if none was."""
    return f" ({n_sets:,} more were given to features in training, or nearly, and are left out)" if n_sets else ""


def with_interval(interval: Interval, confidence: float, digits: int = 2) -> str:
    """Give ``0.91 (95% interval 0.88 to 0.94)``."""
    if not interval.is_defined:
        return "undefined"
    digits = enough_digits(interval, digits)
    value = _number(interval.value, digits)
    if interval.bounds is None:
        return f"{value} (no interval: too few independent units)"
    low, high = (_number(bound, digits) for bound in interval.bounds)
    return f"{value} ({percent(confidence)} interval {low} to {high})"


def enough_digits(interval: Interval, digits: int) -> int:
    """Give as many digits as it takes to tell the ends of an interval apart, up to four: 1.00 to 1.00 tells nothing.

    Ends that rounding alone tells apart, as of a model that is PCA, are one.
    """
    if interval.bounds is None or math.isclose(*interval.bounds, rel_tol=1e-9):
        return digits
    while digits < 4 and len({_number(end, digits) for end in interval.bounds}) == 1:
        digits += 1
    return digits


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # adding 0 makes -0.00 into 0.00


def rounded(value: float | None, digits: int = 2) -> str:
    """Give ``0.91``, or ``undefined`` of what is no number."""
    return "undefined" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def spanned(interval: Interval, digits: int = 2) -> str:
    """Give ``0.79 (0.78 to 0.81)``, as a table has room for."""
    if not interval.is_defined:
        return "undefined"
    digits = enough_digits(interval, digits)
    value = _number(interval.value, digits)
    if interval.bounds is None:
        return value
    return f"{value} ({' to '.join(_number(bound, digits) for bound in interval.bounds)})"


def listed(names: list[str]) -> str:
    """Give ``a, b and c``."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
