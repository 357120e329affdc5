"""What the checks of `cic doctor` give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["OK", "WARN", "FAIL"]


@dataclass(frozen=True)
class Checkup:
    """One line of the report."""

    level: Level
    subject: str
    found: str
    fix: str = ""
