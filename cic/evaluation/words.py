"""Words that the evaluation is told in: sentences, and figures within them. Nothing is called better by chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Standing = Literal["good", "bad", "open"]
Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Sentence:
    """One finding: whether it speaks for the model, what it comes to, and the figures behind that."""

    standing: Standing
    claim: str
    told: str = ""

    @property
    def text(self) -> str:
        """The whole of it, the conclusion first."""
        return f"{self.claim} {self.told}".rstrip()


def percent(value: float) -> str:
    """Give a share as a percentage with three figures at most."""
    return f"{100 * value:.3g}%"


def with_interval(interval: Metrics, confidence: float, digits: int = 2) -> str:
    """Give ``0.91 (95% interval 0.88 to 0.94)``."""
    if interval["value"] is None:
        return "undefined"
    value = _number(interval["value"], digits)
    if interval["low"] is None:
        return f"{value} (no interval: too few independent units)"
    low, high = _number(interval["low"], digits), _number(interval["high"], digits)
    return f"{value} ({percent(confidence)} interval {low} to {high})"


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # adding 0 makes -0.00 into 0.00


def listed(names: list[str]) -> str:
    """Give ``a, b and c``."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
