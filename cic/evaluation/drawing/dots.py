"""Dots with intervals, a name a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.drawing.marks import LOOKS, Axis, Mark, Panel, Rule, Series, names_at
from cic.evaluation.drawing.style import shorten
from cic.evaluation.statistics.intervals import Interval


@dataclass(frozen=True)
class Row:
    """One line: a name, a value with its interval, a key of `LOOKS`, and a note at the right."""

    name: str
    interval: Interval
    look: str = "model"
    note: str = ""


def dot_panel(rows: Sequence[Row], x: Axis, reference: float | None = None, beside: Sequence[Mark] = ()) -> Panel:
    """Give `rows` from top to bottom as dots with interval bars, a line at `reference` and other marks below them."""
    marks: list[Mark] = [] if reference is None else [Rule(reference, "x")]
    marks += beside
    for look in dict.fromkeys(row.look for row in rows):
        at = [number for number, row in enumerate(rows) if row.look == look]
        values, lows, highs = np.array([_three(rows[number].interval) for number in at]).T
        marks.append(Series(values, at, LOOKS[look], lows, highs, along="x"))
    return Panel(marks, x, name_axis([row.name for row in rows]), notes=[row.note for row in rows])


def name_axis(names: Sequence[str]) -> Axis:
    """Give the vertical axis of a panel with a name a line."""
    return Axis(ticks=names_at(names), limits=(len(names) - 0.4, -0.6), grid=False)


def height(n_rows: int, each: float = 0.19) -> float:
    """Give the inches that lines of names and the axis below them take."""
    return 0.6 + each * n_rows


def interval_of(row: Any, value: str, low: str, high: str) -> Interval:
    """Give the interval in three columns of a table's row; ends that are not numbers are none."""
    return Interval(float(row[value]), *(None if pd.isna(row[end]) else float(row[end]) for end in (low, high)))


def two_ratios(table: pd.DataFrame, name: str, beside: str) -> tuple[Panel, Panel]:
    """Give the columns `ratio_to_pca` and `ratio_to_seen` of `table` with their intervals, worst first."""
    ordered = table.sort_values("ratio_to_pca", ascending=False, kind="stable").to_dict("records")
    left = [Row(shorten(str(row[name]), 22), interval_of(row, "ratio_to_pca", "low", "high")) for row in ordered]
    right = [
        Row("", interval_of(row, "ratio_to_seen", "seen_low", "seen_high"), note=f"n {row['n']}") for row in ordered
    ]
    return (
        dot_panel(left, Axis("squared error\nover PCA", most=3), reference=1.0),
        dot_panel(right, Axis(f"squared error\n{beside}", most=3), reference=1.0),
    )


def _three(interval: Interval) -> tuple[float, float, float]:
    low, high = (np.nan if end is None else end for end in (interval.low, interval.high))
    return interval.value, low, high
