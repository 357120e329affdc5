"""What a check finds: how bad it is, what about, in a sentence, and the samples concerned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["must", "warn", "note"]
LEVELS: tuple[Level, ...] = ("must", "warn", "note")
"""From what stops a run, over what makes its outcome doubtful, to what is worth knowing."""
MOST_SAMPLES = 100
"""Named of a finding in `checks.json`."""
MOST_SAID = 5
"""Named in its sentence."""


@dataclass(frozen=True)
class Finding:
    """One thing that deserves attention.

    Attributes
    ----------
    level
        `must` stops the run.
    topic
        What it is about, which is also the key of the page's section with the evidence.
    message
        One sentence with the figures, without its full stop.
    fix
        What to do about it; empty where nothing needs to be done.
    samples
        Ids of the samples concerned, at most `MOST_SAMPLES`.
    """

    level: Level
    topic: str
    message: str
    fix: str = ""
    samples: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The sentence, and what to do."""
        return f"{self.message}; {self.fix}" if self.fix else self.message

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON."""
        return asdict(self) | {"samples": list(self.samples[:MOST_SAMPLES])}


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order findings by their level, else as they come."""
    return tuple(sorted(findings, key=lambda one: LEVELS.index(one.level)))


def some(names: Sequence[str], most: int = MOST_SAID) -> str:
    """Give ``a, b, c and 4 more``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(n: int, thing: str) -> str:
    """Give ``1 profile`` or ``3 profiles``."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def figure(value: float) -> str:
    """Give a number with four figures, or whole with commas."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
