"""Two ratios side by side, a type or group a line: over PCA, and over the model that saw it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cic.evaluation.drawing.drawing import Row, dot_plot, shorten
from cic.evaluation.statistics.intervals import Interval


def two_ratios(panels: list[Axes], table: pd.DataFrame, name: str, beside: str) -> None:
    """Draw the columns `ratio_to_pca` and `ratio_to_seen` of `table` with their intervals, worst first."""
    ordered = table.sort_values("ratio_to_pca", ascending=False, kind="stable").to_dict("records")
    left = [Row(shorten(str(row[name]), 24), _of(row, "ratio_to_pca", "low", "high"), "model") for row in ordered]
    right = [Row("", _of(row, "ratio_to_seen", "seen_low", "seen_high"), "model", f"n {row['n']}") for row in ordered]
    dot_plot(panels[0], left, reference=1.0)
    dot_plot(panels[1], right, reference=1.0)
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    panels[0].set_xlabel("squared error\nover PCA")
    panels[1].set_xlabel(f"squared error\n{beside}")


def _of(row: Mapping[Hashable, Any], value: str, low: str, high: str) -> Interval:
    bounds = (None if np.isnan(row[bound]) else float(row[bound]) for bound in (low, high))
    return Interval(float(row[value]), *bounds)
