"""The questions that an evaluation answers, found in the folders of `cic.evaluation.questions`.

A question is a folder with `question.toml` (its declaration), `found.py` with the type `Found`, `measure.py` with the
function `measure`, and `say.py` with `SECTIONS` of the report, `TOPICS` of the verdict and, where the report shows
something although nothing was found, `SECTIONS_UNMEASURED`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cic.declarations import Declaration, declarations
from cic.evaluation.finding import Answer, Finding
from cic.evaluation.section import Evidence, Section, Topic
from cic.evaluation.subject import Subject


@dataclass(frozen=True)
class Question:
    """A question with its parts.

    Attributes
    ----------
    found
        The type of its finding, `Found` of `found.py`.
    measure
        Gives the answer.
    sections, topics
        What the report shows of what was found, and what the verdict says.
    sections_unmeasured
        What the report shows instead where nothing was found.
    """

    declared: Declaration
    found: type[Finding]
    measure: Callable[[Subject], Answer]
    sections: tuple[Callable[[Any, Evidence, Path], Section | None], ...]
    sections_unmeasured: tuple[Callable[[Evidence, Path], Section | None], ...]
    topics: tuple[Topic[Any], ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.declared.name


@cache
def questions() -> tuple[Question, ...]:
    """Give all questions in their places."""
    return tuple(_load(one) for one in declarations())


def _load(declared: Declaration) -> Question:
    package = f"cic.evaluation.questions.{declared.name}"
    found, measure, say = (importlib.import_module(f"{package}.{part}") for part in ("found", "measure", "say"))
    unmeasured = getattr(say, "SECTIONS_UNMEASURED", ())
    return Question(declared, found.Found, measure.measure, say.SECTIONS, unmeasured, say.TOPICS)
