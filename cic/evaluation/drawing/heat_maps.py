"""Heat maps with rows and columns in an order in which what is alike stands together."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage

from cic.evaluation.drawing.marks import Axis, Cells, Panel, Spec, names_at
from cic.evaluation.drawing.style import SMALL, WIDTH

BELOW, ABOVE = "#7a4fc0", "#d9720b"
"""Purple below zero, orange above: told apart with any colour vision. Zero is clear, on light and on dark paper."""
SHORT = 3
"""Letters of names that stand upright below the columns, in steps; longer ones are turned."""
PREFIXES = re.compile(r"^(HALLMARK|REACTOME|WP|KEGG(_MEDICUS)?|GO(BP|CC|MF)?|BIOCARTA|PID)_")


def heat_map(
    values_RC: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    marked_RC: np.ndarray,
    scale: str,
    column_label: str,
) -> Spec:
    """Show values around zero; what is not a number stays blank, and what is marked has a dot.

    Parameters
    ----------
    rows, columns
        Names, shortened already.
    scale, column_label
        What the colours mean, with the unit, and what the columns are.
    """
    filled_RC = np.nan_to_num(values_RC)
    row_order, column_order = similar_together(filled_RC), similar_together(filled_RC.T)
    values_RC, marked_RC = (array[np.ix_(row_order, column_order)] for array in (values_RC, marked_RC))
    largest = max(float(np.abs(filled_RC).max(initial=0)), 1e-9)
    cells = Cells(values_RC, BELOW, ABOVE, largest, scale, dots=[(at[0], at[1]) for at in np.argwhere(marked_RC)])
    names = [columns[at] for at in column_order]
    longest = max(map(len, names))
    apart = (72 * WIDTH - 0.6 * SMALL * max(map(len, rows)) - 14) / len(names)  # points from column to column
    x = Axis(column_label, grid=False, upright=True, size=max(6.5, min(SMALL, apart / 1.1)), ticks=names_at(names))
    if longest <= SHORT:
        steps = int(-(-(0.64 * SMALL * longest + 2) // apart))
        x = Axis(column_label, grid=False, ticks=names_at(["\n" * (at % steps) + one for at, one in enumerate(names)]))
    y = Axis(ticks=names_at([rows[at] for at in row_order]), grid=False)
    below = 0.06 * longest if x.upright else 0.15 * steps
    return Spec([[Panel([cells], x, y)]], [1.3 + 0.165 * len(rows) + below])


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
