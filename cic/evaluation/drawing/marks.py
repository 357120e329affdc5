"""What a picture is made of, as data: marks on panels with axes. `rendering` draws them.

Marks are drawn in their order, later ones over earlier ones. What has a `label` stands in the legend, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cic.evaluation.drawing.style import BLUE, GREEN, GREY, INK, PURPLE, VERMILION

Ticks = Sequence[tuple[float, str]]
"""Places on an axis and what is written there."""


@dataclass(frozen=True)
class Look:
    """How dots and lines look.

    Attributes
    ----------
    marker, line
        As matplotlib spells them; empty for none.
    size, rim, width, bar
        Points: of a marker, its edge, a line, and the bar of an interval.
    face, edge
        Of a marker, where it is not all of one colour; "none" leaves it open.
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
    """Dots, a curve or both.

    Attributes
    ----------
    low, high
        Ends of an interval of each, not a number where there is none; empty where there are none at all.
    along
        The axis that intervals lie along.
    band
        Whether intervals are a band rather than bars.
    """

    x: ArrayLike
    y: ArrayLike
    look: Look
    low: ArrayLike = ()
    high: ArrayLike = ()
    along: Literal["x", "y"] = "y"
    band: bool = False
    label: str = ""


@dataclass(frozen=True)
class Rule:
    """A straight line at one value of axis `along`, across the panel or over `span` of the other axis."""

    at: float
    along: Literal["x", "y"]
    look: Look = REFERENCE
    span: tuple[float, float] | None = None
    label: str = ""


@dataclass(frozen=True)
class Hexagons:
    """How many of many points lie where, by opacity, so that it reads on light and dark paper.

    Attributes
    ----------
    thing, label
        One point, and whose: for the legend, as in "3 genes, model".
    """

    x: ArrayLike
    y: ArrayLike
    colour: str
    thing: str
    label: str


@dataclass(frozen=True)
class Cells:
    """A table of numbers as coloured cells; what is not a number stays blank.

    Attributes
    ----------
    values_RC
        Row 0 is at the top. The farther from zero, the deeper the colour.
    below, above
        Colours of numbers on either side of zero.
    largest
        The number of full colour.
    scale
        What the numbers are, for a scale above the cells; empty for no scale.
    dots, texts
        Rows and columns of cells with a dot, and of those with a text.
    grid
        Whether blank cells have borders.
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

    Attributes
    ----------
    place
        `beside` the point; in the right `margin` from top to bottom, with a line to a ring around each; or in a frame
        of its own colour that is `apart` from the other ones, with a line to the point.
    colours
        Of the frames.
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

    Attributes
    ----------
    linear
        Of the scales that are linear around zero: up to where.
    limits
        Lower (or left) and upper end; `None` follows the data.
    ticks
        Otherwise round numbers, at most `most`.
    upright
        Whether the ticks' texts are turned by a quarter.
    """

    label: str = ""
    scale: Literal["linear", "log", "symlog", "asinh"] = "linear"
    linear: float = 1.0
    limits: tuple[float | None, float | None] = (None, None)
    ticks: Ticks | None = None
    most: int = 6
    grid: bool = True
    upright: bool = False


@dataclass(frozen=True)
class Panel:
    """Marks between two axes.

    Attributes
    ----------
    notes, notes_head
        Texts at the right of 0, 1, 2, … of the vertical axis, and above them.
    square
        Whether both axes have one unit.
    """

    marks: Sequence[Mark]
    x: Axis = Axis()
    y: Axis = Axis()
    title: str = ""
    notes: Sequence[str] = ()
    notes_head: str = ""
    square: bool = False


@dataclass(frozen=True)
class Spec:
    """A figure: rows of panels with their heights in inches, and a legend for all of them.

    Attributes
    ----------
    legend
        Where it stands.
    """

    rows: Sequence[Sequence[Panel]]
    heights: Sequence[float]
    legend: Literal["upper", "lower"] = "upper"
    legend_title: str = ""


def names_at(names: Sequence[str]) -> Ticks:
    """Give ticks 0, 1, 2, … with names."""
    return [(float(at), name) for at, name in enumerate(names)]
