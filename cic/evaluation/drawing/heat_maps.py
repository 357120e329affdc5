"""Heat maps with rows and columns in an order in which what is alike stands together."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage

from cic.evaluation.drawing.drawing import PAPER, new_figure

BELOW, ABOVE = "#7a4fc0", "#d9720b"
COLOURS = LinearSegmentedColormap.from_list(
    "sides", [(0, to_rgba(BELOW, 1)), (0.5, to_rgba(BELOW, 0)), (0.5, to_rgba(ABOVE, 0)), (1, to_rgba(ABOVE, 1))]
)
"""Purple below zero, orange above: told apart with any colour vision. Zero is clear, on light and on dark paper."""
PREFIXES = re.compile(r"^(HALLMARK|REACTOME|WP|KEGG(_MEDICUS)?|GO(BP|CC|MF)?|BIOCARTA|PID)_")


def heat_map(
    values_RC: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    marked_RC: np.ndarray,
    label: str,
    column_label: str,
) -> Figure:
    """Draw values around zero; what is not a number stays blank, and what is marked has a dot.

    Parameters
    ----------
    rows, columns
        Names, shortened already.
    label, column_label
        What the colours mean, with the unit, and what the columns are.
    """
    filled_RC = np.nan_to_num(values_RC)
    row_order, column_order = similar_together(filled_RC), similar_together(filled_RC.T)
    values_RC, marked_RC = (array[np.ix_(row_order, column_order)] for array in (values_RC, marked_RC))
    figure, (axes,) = new_figure(1.2 + 0.165 * len(rows) + 0.055 * max(map(len, columns)))
    largest = max(float(np.abs(filled_RC).max(initial=0)), 1e-9)
    colours = COLOURS.with_extremes(bad=PAPER)
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(values_RC), cmap=colours, vmin=-largest, vmax=largest, edgecolors=PAPER, linewidth=0.4
    )
    at_row, at_column = np.nonzero(marked_RC)
    axes.plot(
        at_column + 0.5, at_row + 0.5, "o", markersize=2.6, markerfacecolor="white", markeredgecolor="black",
        markeredgewidth=0.5,
    )  # fmt: skip
    small = 7.5 if len(columns) <= 30 else 6
    axes.set_xticks(np.arange(len(columns)) + 0.5, [columns[at] for at in column_order], rotation=90, fontsize=small)
    axes.set_yticks(np.arange(len(rows)) + 0.5, [rows[at] for at in row_order], fontsize=7.5)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(column_label)
    bar = figure.colorbar(mesh, ax=axes, location="top", shrink=0.7, aspect=30, pad=0.01)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return figure


def similar_together(values_RC: np.ndarray) -> np.ndarray:
    """Give an order of the rows in which neighbours are alike (average linkage, leaves turned for that)."""
    if len(values_RC) < 3:
        return np.arange(len(values_RC))
    return np.asarray(leaves_list(linkage(values_RC, "average", optimal_ordering=True)))


def short_set(name: str, most: int = 34) -> str:
    """Give a set's name without the prefix of its collection, in small letters if all are capitals, cut at `most`."""
    told = PREFIXES.sub("", name).replace("_", " ")
    told = told.capitalize() if told.isupper() and told != name else told
    return told if len(told) <= most else told[: most - 1].rstrip() + "…"


def short_sets(names: Sequence[str], most: int = 34) -> list[str]:
    """Give the names shortened, and numbered where that made two of them the same."""
    told = [short_set(name, most) for name in names]
    seen: dict[str, int] = {}
    for at, name in enumerate(told):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            told[at] = f"{name} {seen[name]}"
    return told
