"""What is declared of each question that an evaluation answers: `question.toml` in the folder of the question.

Parameters, report, model card, the terminal's verdict and the table in docs/evaluation.md are made from these.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).parent / "evaluation" / "questions"


class Headline(BaseModel):
    """A figure that a question comes to.

    Attributes
    ----------
    topic
        The topic of the verdict that it stands beside, by its title.
    words
        What it is, in a few words.
    figure
        Where it stands in the finding, such as ``noise.share_as_replicates.model``: an interval.
    better
        Which side of the reference speaks for the model.
    reference
        What it is held against.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str
    words: str
    figure: str
    better: Literal["lower", "higher"]
    reference: float


class Declaration(BaseModel):
    """What is declared of one question.

    Attributes
    ----------
    name
        Of its folder, its entry in `evaluate.measures`, and its key in `metrics.json`.
    place
        Its place among the questions, by which they are measured, told and listed.
    always
        Whether it is measured whatever `evaluate.measures` says.
    question, against, needs, cost
        In words: the question, what the answer is held against, what it needs of the data, what it costs.
    parameters
        Fields of the section `evaluate` that it reads, besides those of intervals and retrainings.
    headline
        The one figure by which runs are compared.
    beside
        Figures of its other topics, as far as one figure tells them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    place: int
    always: bool = False
    question: str
    against: str
    needs: str
    cost: str
    parameters: tuple[str, ...] = ()
    headline: Headline
    beside: tuple[Headline, ...] = ()


@cache
def declarations(folder: Path = FOLDER) -> tuple[Declaration, ...]:
    """Read the declarations of all questions, in their places."""
    read = [
        Declaration(name=file.parent.name, **tomllib.loads(file.read_text()))
        for file in sorted(folder.glob("*/question.toml"))
    ]
    return tuple(sorted(read, key=lambda one: (one.place, one.name)))


def measure_names() -> tuple[str, ...]:
    """Give the names that `evaluate.measures` may hold."""
    return tuple(one.name for one in declarations() if not one.always)
