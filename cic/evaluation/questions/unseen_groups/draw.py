"""What is drawn of groups that the model never saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from cic.evaluation.drawing.dots import height, two_ratios
from cic.evaluation.drawing.marks import LOOKS, Axis, Panel, Rule, Series, Spec

MOST_ROWS = 60
"""Groups that are drawn by name; more are drawn by rank."""
SMALL_DOT = replace(LOOKS["model"], size=2.5, bar=0.7)


def unseen_groups_figure(table: pd.DataFrame) -> Spec:
    """Show both ratios by group: by name, or by rank where there are too many to name."""
    if len(table) <= MOST_ROWS:
        return Spec([two_ratios(table, "group", "over the model\nfitted to the group")], [height(len(table)) + 0.25])
    panels = []
    rank = np.arange(1, len(table) + 1)
    for column, low, high, beside in (
        ("ratio_to_pca", "low", "high", "over PCA"),
        ("ratio_to_seen", "seen_low", "seen_high", "over fitted"),
    ):
        ordered = table.sort_values(column, kind="stable")
        dots = Series(rank, ordered[column], SMALL_DOT, ordered[low], ordered[high])
        panels.append([Panel([Rule(1, "y"), dots], Axis(), Axis(f"squared error\n{beside}"))])
    panels[1][0] = replace(panels[1][0], x=Axis("groups that the model never saw, by rank"))
    return Spec(panels, [2.0, 2.0])
