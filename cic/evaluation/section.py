"""What a report is made of: sections, and the evidence that they are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
from markupsafe import Markup

from cic.evaluation.drawing.drawing import Picture, inline_svg
from cic.evaluation.facts import Facts
from cic.evaluation.finding import Finding
from cic.evaluation.words import Sentence

F_contra = TypeVar("F_contra", bound=Finding, contravariant=True)


@dataclass(frozen=True)
class Evidence:
    """All that the report is made from, besides the finding of the question.

    Attributes
    ----------
    facts, labels, tables
        From `measure.measure`.
    trials, choice, curves, audit, checks
        What the stages before left.
    about
        Lineage, from the bundle.
    data
        Name of the file of profiles.
    samples, part_S, xy_S2, shares
        All profiles: sample columns, part, codes in two dimensions and the share of variance of each axis.
    gene_unit
        The unit that errors of a gene are in.
    """

    facts: Facts
    labels: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    trials: pd.DataFrame | None
    choice: Mapping[str, Any]
    curves: pd.DataFrame
    audit: Mapping[str, Any]
    checks: Mapping[str, Any]
    about: Mapping[str, Any]
    data: str
    samples: pd.DataFrame
    part_S: np.ndarray
    xy_S2: np.ndarray
    shares: tuple[float, float]
    gene_unit: str


@dataclass(frozen=True)
class Table:
    """A table: column names, and rows of text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One claim with its evidence.

    Attributes
    ----------
    claim
        What the figure shows, in a sentence.
    baseline, n
        What it is compared with, and on how many profiles; empty where that makes no sense.
    notes
        How to read it, and what it does not show.
    """

    key: str
    title: str
    claim: str
    picture: Picture | None = None
    baseline: str = ""
    n: str = ""
    table: Table | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def svg(self) -> Markup | None:
        """The figure, ready to stand in the page."""
        return None if self.picture is None else Markup(inline_svg(self.picture))


@dataclass(frozen=True)
class Topic(Generic[F_contra]):
    """What sentences of the verdict are about.

    Attributes
    ----------
    section
        Key of the section with the evidence.
    sentences
        What says them, from what was found.
    few_groups
        The cautions that say of its intervals that they are over profiles, since there are fewer than five groups.
    unmeasured
        What says that nothing was found, where that must be said.
    """

    title: str
    section: str
    sentences: Callable[[F_contra, Facts], list[Sentence]]
    few_groups: tuple[str, ...] = ()
    unmeasured: Callable[[Facts], list[Sentence]] | None = None

    def conclusions(self, found: F_contra | None, facts: Facts) -> list[Sentence]:
        """Give the sentences, each kept to the groups that it rests on where these are few: there none is good."""
        if found is None:
            return self.unmeasured(facts) if self.unmeasured else []
        few = set(self.few_groups) & set(facts.cautions)
        return [_of_few_groups(one) if few else one for one in self.sentences(found, facts)]


def _of_few_groups(sentence: Sentence) -> Sentence:
    # what says that nothing can be told claims nothing
    if "cannot be" in sentence.claim:
        return sentence
    claim = f"On these few groups, which cannot speak for others: {sentence.claim}"
    return Sentence("bad" if sentence.standing == "bad" else "open", claim, sentence.details)


def words(value: Any, most: int = 80) -> str:
    """Give a value of JSON as a person would write it."""
    if isinstance(value, Mapping):
        parts = [f"{name}: {words(inner)}" for name, inner in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [words(inner) for inner in value]
    elif value is None:
        return "none"
    elif isinstance(value, float):
        return f"{value:.4g}"
    else:
        return str(value)
    shown = ", ".join(parts[:most]) + (f" and {len(parts) - most} more" if len(parts) > most else "")
    return shown or "none"


def remarks(evidence: Evidence, name: str) -> list[str]:
    """Give the cautions of a measure, and what it left out in part."""
    cautions, left_out = evidence.facts.cautions, evidence.facts.left_out
    kept = [text for key, text in cautions.items() if key == name or key.startswith(f"{name}.")]
    return kept + [f"Left out: {text}" for key, text in left_out.items() if key.startswith(f"{name}.")]
