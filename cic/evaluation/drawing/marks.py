"""What a picture is made of, as data: marks on panels with axes. `rendering` draws them.

Marks are drawn in their order, later ones over earlier ones. What has a `label` stands in the legend, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cic.evaluation.drawing.style import BLUE, GREEN, GREY, INK, PURPLE, SMALL, VERMILION

Side = Literal["x", "y"]
Ticks = Sequence[tuple[float, str]]
"""Places on an axis and what is written there."""


@dataclass(frozen=True)
class Look:
    """How dots and lines look: marker and line as matplotlib spells them (empty for none), all sizes in points.

    `rim` and `bar` are the widths of a marker's edge and of the bar of an interval. Where a marker is not all of one
    colour, `face` and `edge` say so; a `face` of "none" is open.
    """

    colour: str
    marker: str = ""
    line: str = ""
    size: float = 6
    rim: float = 1
    width: float = 1.4
    bar: float = 2
    face: str | None = None
    edge: str | None = None
    alpha: float = 1


LOOKS = {
    "model": Look(BLUE, "o"),
    "pca": Look(VERMILION, "s"),
    "baseline": Look(GREY, "D"),
    "span": Look(PURPLE, "^"),
    "replicates": Look(GREEN, "*", size=9),
}
PCA_BEHIND = Look(VERMILION, "s", size=7.5, face="none")
"""PCA's where the model's mark often lies at the same place."""
RING = Look(INK, "o", size=13, rim=1.4, face="none")
REFERENCE = Look(GREY, line="--", width=1)


@dataclass(frozen=True)
class Series:
    """Dots, a curve or both, with intervals `along` an axis where these are numbers: bars, or together a `band`."""

    x: ArrayLike
    y: ArrayLike
    look: Look
    low: ArrayLike = ()
    high: ArrayLike = ()
    along: Side = "y"
    band: bool = False
    label: str = ""


@dataclass(frozen=True)
class Rule:
    """A straight line at one value of axis `along`, across the panel or over `span` of the other axis."""

    at: float
    along: Side
    look: Look = REFERENCE
    span: tuple[float, float] | None = None
    label: str = ""


@dataclass(frozen=True)
class Hexagons:
    """How many of many points lie where, by opacity; `thing` is one, and `label` says whose: "3 genes, model"."""

    x: ArrayLike
    y: ArrayLike
    colour: str
    thing: str
    label: str


@dataclass(frozen=True)
class Cells:
    """A table of numbers, row 0 at the top, as cells that are the deeper in colour the farther from zero a number is.

    `below` and `above` are the colours of either side, full at `largest`; what is not a number stays blank. `scale`
    says what the numbers are, beside a scale (none where it is empty). `dots` and `texts` stand in cells by row and
    column. With `grid`, blank cells have borders.
    """

    values_RC: np.ndarray
    below: str
    above: str
    largest: float
    scale: str = ""
    dots: Sequence[tuple[int, int]] = ()
    texts: Sequence[tuple[int, int, str]] = ()
    grid: bool = False


@dataclass(frozen=True)
class Names:
    """Names of points.

    They stand `beside` the point; in the right `margin` from top to bottom, with a line to a ring around each; or in
    frames of `colours`, moved `apart`, with a line to the point.
    """

    x: ArrayLike
    y: ArrayLike
    names: Sequence[str]
    place: Literal["beside", "margin", "apart"]
    colours: Sequence[str] = ()


Mark = Series | Rule | Hexagons | Cells | Names


@dataclass(frozen=True)
class Axis:
    """One axis of a panel.

    Two scales are linear up to `linear` around zero. Limits of `None` follow the data. Without `ticks` there are round
    numbers, at most `most`; `upright` turns them, `size` is of their letters.
    """

    label: str = ""
    scale: Literal["linear", "log", "symlog", "asinh"] = "linear"
    linear: float = 1.0
    limits: tuple[float | None, float | None] = (None, None)
    ticks: Ticks | None = None
    most: int = 6
    grid: bool = True
    upright: bool = False
    size: float = SMALL


@dataclass(frozen=True)
class Panel:
    """Marks between two axes, and `notes` at the right of 0, 1, 2, … of the vertical one, under `notes_head`."""

    marks: Sequence[Mark]
    x: Axis = Axis()
    y: Axis = Axis()
    title: str = ""
    notes: Sequence[str] = ()
    notes_head: str = ""
    square: bool = False


@dataclass(frozen=True)
class Spec:
    """A figure: rows of panels with their heights in inches, and above or below them one legend for all."""

    rows: Sequence[Sequence[Panel]]
    heights: Sequence[float]
    legend: Literal["upper", "lower"] = "upper"
    legend_title: str = ""


def names_at(names: Sequence[str]) -> Ticks:
    """Give ticks 0, 1, 2, … with names."""
    return [(float(at), name) for at, name in enumerate(names)]
