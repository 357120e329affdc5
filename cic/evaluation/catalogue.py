"""The questions that an evaluation answers, found in the folders of `cic.evaluation.questions`.

A question is a folder with `question.toml` (its declaration), `found.py` with the type `Found`, `measure.py` with the
function `measure`, and `say.py` with `SECTIONS` of the report and `TOPICS` of the verdict.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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
        What the report shows of it, and what the verdict says.
    """

    declared: Declaration
    found: type[Finding]
    measure: Callable[[Subject], Answer]
    sections: tuple[Callable[[Evidence, Path], Section | None], ...]
    topics: tuple[Topic, ...]

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
    return Question(declared, found.Found, measure.measure, say.SECTIONS, say.TOPICS)
