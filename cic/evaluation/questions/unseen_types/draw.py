"""Pictures: unseen_types/section."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cic.evaluation.drawing.drawing import BLUE, GREY, VERMILION, WIDTH, shorten
from cic.evaluation.drawing.ratios import two_ratios
from cic.evaluation.statistics.intervals import FEWEST_UNITS

MOST_POINTED_OUT = 3
"""Types that the scatter plot names."""


def unseen_types_figure(table: pd.DataFrame) -> Figure:
    """Draw both ratios by type, and the loss from not having seen a type over the distance to the nearest other one."""
    with_scatter = len(table) >= FEWEST_UNITS
    upper, lower = 0.75 + 0.19 * len(table), 2.5 * with_scatter
    figure = Figure(figsize=(WIDTH, upper + lower), layout="constrained")
    top, *rest = figure.subfigures(
        1 + with_scatter, 1, height_ratios=[upper, lower][: 1 + with_scatter], squeeze=False
    )[:, 0]
    two_ratios(list(top.subplots(1, 2)), table, "label", "over the model\nthat saw the type")
    if rest:
        _distance_plot(rest[0].subplots(1, 1), table)
    return figure


def _distance_plot(axes: Axes, table: pd.DataFrame) -> None:
    shown = (("pca_ratio_to_seen", VERMILION, "s", "PCA"), ("ratio_to_seen", BLUE, "o", "model"))
    for column, colour, mark, name in shown:
        axes.plot(table["distance"], table[column], mark, color=colour, markersize=5, label=name, linestyle="none")
    named: list[float] = []
    apart = 0.08 * np.ptp(table[["ratio_to_seen", "pca_ratio_to_seen"]].to_numpy())
    for row in table.sort_values("ratio_to_seen", ascending=False, kind="stable").to_dict("records"):
        height = row["ratio_to_seen"]
        if len(named) == MOST_POINTED_OUT or any(abs(height - other) < apart for other in named):
            continue  # names one above the other stay readable
        named.append(height)
        left = row["distance"] > table["distance"].mean()
        axes.annotate(
            shorten(str(row["label"]), 20), (row["distance"], height), xytext=(-6 if left else 6, 0),
            textcoords="offset points", fontsize=7.5, va="center", ha="right" if left else "left",
        )  # fmt: skip
    axes.axhline(1, color=GREY, linestyle="--", linewidth=1, zorder=1)
    axes.set_xlabel("distance to the nearest other type (root mean square a gene)")
    axes.set_ylabel("error, type never seen\nover type seen")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, reverse=True)
