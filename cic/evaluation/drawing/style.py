"""One style: colours that everybody can tell apart, and letters that are still read on a telephone.

Ink, rules and paper are drawn in three colours that nothing else uses; where a figure goes into the report these
become the page's own, so that it follows the reader's light or dark setting.
"""

from __future__ import annotations

from typing import Any

INK, RULE, PAPER = "#1f2933", "#d3d9e0", "#fdfdfe"
PAGE_COLOURS = {INK: "var(--ink)", RULE: "var(--rule)", PAPER: "var(--paper)"}
BLUE, VERMILION, GREEN, GREY, PURPLE, OCHRE = "#1f7fc4", "#d55e00", "#009e73", "#7b8794", "#b8609a", "#997700"
WIDTH = 4.3
"""Inches. Narrow: shrunk to a telephone of 360 pixels, a point is still a pixel."""
TEXT, SMALL = 9.0, 8.0
"""Points. Nothing is written smaller than `SMALL`."""
STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.titlelocation": "left",
    "axes.labelsize": TEXT,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.xmargin": 0.06,
    "axes.ymargin": 0.1,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.3,
    "text.color": INK,
    "text.parse_math": False,
    **{f"{axis}tick.{part}": value for axis in "xy" for part, value in {
        "color": RULE, "labelcolor": INK, "labelsize": SMALL, "major.size": 0, "minor.size": 0,
    }.items()},
    "ytick.major.pad": 6,  # a mark at the very left must not touch the name
    "svg.fonttype": "none",
    "svg.hashsalt": "cic",
}  # fmt: skip


def shorten(name: str, most: int) -> str:
    """Give `name`, cut at `most` characters with an ellipsis."""
    return name if len(name) <= most else name[: most - 1] + "…"
