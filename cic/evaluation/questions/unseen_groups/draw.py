"""What is drawn of groups that the model never saw."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cic.evaluation.drawing.drawing import BLUE, GREY, WIDTH, new_figure
from cic.evaluation.drawing.ratios import two_ratios

MOST_ROWS = 60
"""Groups that are drawn by name; more are drawn by rank."""


def unseen_groups_figure(table: pd.DataFrame) -> Figure:
    """Draw both ratios by group: by name, or by rank where there are too many to name."""
    if len(table) <= MOST_ROWS:
        figure = Figure(figsize=(WIDTH, 0.75 + 0.19 * len(table)), layout="constrained")
        two_ratios(list(figure.subplots(1, 2)), table, "group", "over the model\nfitted to the group")
        return figure
    figure, panels = new_figure(4.2, rows=2)
    columns = (("ratio_to_pca", "low", "high", "over PCA"), ("ratio_to_seen", "seen_low", "seen_high", "over fitted"))
    for axes, (column, low, high, name) in zip(panels, columns, strict=True):
        ordered = table.sort_values(column, kind="stable")
        rank = np.arange(1, len(table) + 1)
        axes.vlines(rank, ordered[low], ordered[high], color=BLUE, linewidth=0.7, alpha=0.5)
        axes.plot(rank, ordered[column], "o", color=BLUE, markersize=2.5)
        axes.axhline(1, color=GREY, linestyle="--", linewidth=1)
        axes.set_ylabel(f"squared error\n{name}")
    panels[1].set_xlabel("groups that the model never saw, by rank")
    return figure
