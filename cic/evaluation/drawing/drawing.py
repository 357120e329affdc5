"""How figures look and are written: one style, the same bytes every time, colours that everybody can tell apart.

Ink, rules and paper are drawn in three colours that nothing else uses; where a figure goes into the report these
become the page's own, so that it follows the reader's light or dark setting.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cic.evaluation.statistics.intervals import Interval

INK, RULE, PAPER = "#1f2933", "#d3d9e0", "#fdfdfe"
PAGE_COLOURS = {INK: "var(--ink)", RULE: "var(--rule)", PAPER: "var(--paper)"}
BLUE, VERMILION, GREEN, GREY, PURPLE = "#1f7fc4", "#d55e00", "#009e73", "#7b8794", "#b8609a"
WIDTH = 4.7
"""Inches. Narrow, so that text stays readable when a telephone shrinks the figure to its width."""
MARKS = {
    "model": (BLUE, "o"),
    "pca": (VERMILION, "s"),
    "baseline": (GREY, "D"),
    "span": (PURPLE, "^"),
    "replicates": (GREEN, "*"),
}
STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "cic",
}


@dataclass(frozen=True)
class Picture:
    """A figure as written to disk, and what it shows in words for who cannot see it."""

    name: str
    svg: str
    alt: str


@dataclass(frozen=True)
class Row:
    """One line of a dot plot: a name, a value with its interval, how to mark it and a note at the right."""

    name: str
    interval: Interval
    mark: str
    note: str = ""


def draw(folder: Path, name: str, alt: str, plot: Callable[[], Figure]) -> Picture:
    """Call `plot` in the report's style and write `name`.svg and `name`.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure = plot()
        FigureCanvasAgg(figure)
        content = BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(folder / f"{name}.png", dpi=160, metadata={"Software": None})
    svg = content.getvalue().decode()
    (folder / f"{name}.svg").write_text(svg)
    return Picture(name, svg, alt)


def new_figure(height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Give a figure of the report's width and `height` inches, with `rows` axes below each other."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, list(figure.subplots(rows, 1, squeeze=False)[:, 0])


def inline_svg(picture: Picture) -> str:
    """Give the SVG for use inside a page: no ids that another figure has too, and the page's colours."""
    svg = picture.svg[picture.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'xlink:href="#([^"]+)"', svg))

    def own(match: re.Match[str]) -> str:
        return f' id="{picture.name}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r' id="([^"]+)"', own, svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{picture.name}-\1)", svg)
    svg = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{picture.name}-\1"', svg)
    for fixed, variable in PAGE_COLOURS.items():
        svg = svg.replace(fixed, variable)
    return re.sub(r"<svg ", '<svg role="img" aria-hidden="true" ', svg, count=1)


def dot_plot(axes: Axes, rows: list[Row], reference: float | None = None) -> None:
    """Draw `rows` from top to bottom as dots with interval bars, and a line at `reference`."""
    for position, row in enumerate(rows):
        colour, marker = MARKS[row.mark]
        interval = row.interval
        if interval.low is not None and interval.high is not None:
            axes.plot([interval.low, interval.high], [position, position], color=colour, linewidth=2, zorder=2)
        size = 9 if marker == "*" else 6
        axes.plot([interval.value], [position], marker, color=colour, markersize=size, zorder=3, clip_on=False)
        if row.note:
            axes.annotate(
                row.note, (1, position), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                va="center", fontsize=7.5, annotation_clip=False,
            )  # fmt: skip
    if reference is not None:
        axes.axvline(reference, color=GREY, linestyle="--", linewidth=1, zorder=1)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", pad=7)  # a mark at the very left must not touch the name
    axes.grid(visible=False, axis="y")


def shorten(name: str, most: int) -> str:
    """Give `name`, cut at `most` characters with an ellipsis."""
    return name if len(name) <= most else name[: most - 1] + "…"
