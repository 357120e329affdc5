"""Picture of types that the model never saw."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.drawing.dots import height, two_ratios
from cic.evaluation.drawing.marks import LOOKS, PCA_BEHIND, Axis, Names, Panel, Rule, Series, Spec
from cic.evaluation.drawing.style import shorten
from cic.evaluation.statistics.intervals import FEWEST_UNITS

MOST_POINTED_OUT = 3
"""Types that the scatter plot names."""


def unseen_types_figure(table: pd.DataFrame) -> Spec:
    """Show both ratios by type, and the loss from not having seen a type over the distance to the nearest other one."""
    rows: list[Sequence[Panel]] = [two_ratios(table, "label", "over the model\nthat saw the type")]
    heights = [height(len(table)) + 0.25]
    if len(table) >= FEWEST_UNITS:
        rows.append([_distance_panel(table)])
        heights.append(2.3)
    return Spec(rows, heights)


def _distance_panel(table: pd.DataFrame) -> Panel:
    named: list[dict[Hashable, Any]] = []
    apart = 0.12 * np.ptp(table[["ratio_to_seen", "pca_ratio_to_seen"]].to_numpy())
    for row in table.sort_values("ratio_to_seen", ascending=False, kind="stable").to_dict("records"):
        # names one above the other stay readable
        if len(named) < MOST_POINTED_OUT and all(
            abs(row["ratio_to_seen"] - other["ratio_to_seen"]) >= apart for other in named
        ):
            named.append(row)
    own = pd.DataFrame(named)
    return Panel(
        [
            Rule(1, "y"),
            Series(table["distance"], table["pca_ratio_to_seen"], PCA_BEHIND, label="PCA"),
            Series(table["distance"], table["ratio_to_seen"], LOOKS["model"], label="model"),
            Names(own["distance"], own["ratio_to_seen"], [shorten(str(name), 20) for name in own["label"]], "beside"),
        ],
        Axis("distance to the nearest other type\n(root mean square a gene)"),
        Axis("error, type never seen\nover type seen"),
    )
