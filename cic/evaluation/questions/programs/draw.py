"""Pictures: programs/section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from cic.evaluation.drawing.drawing import GREY, Row, dot_plot, new_figure
from cic.evaluation.statistics.intervals import Interval

METHOD_ROWS = {
    "model": ("model, regression", "model"),
    "model_decoder": ("model, decoder", "model"),
    "model_running_sum": ("model, decoder, running sum", "model"),
    "pca": ("PCA", "pca"),
    "ica": ("ICA", "baseline"),
    "nmf": ("NMF", "span"),
}
SHARES = {
    "precision": "precision: links that are true (dashes: blind)",
    "recall": "recall: with a true link (dashes: possible)",
    "strongest": "strongest number is true (dashes: possible)",
}


def recovery_plot(recovery: Mapping[str, Any]) -> Figure:
    """Draw precision, recall and the share of strongest numbers that are true, by method, each beside its limit."""
    methods = recovery["methods"]
    figure, panels = new_figure(5.4, rows=3)
    for axes, (share, name) in zip(panels, SHARES.items(), strict=True):
        rows = [
            Row(told, _interval(methods[method][share]), mark, _figure(methods[method][share]["value"]))
            for method, (told, mark) in METHOD_ROWS.items()
        ]
        dot_plot(axes, rows)
        for at, method in enumerate(METHOD_ROWS):
            limit = methods[method]["reachable" if share != "precision" else "base_rate"]
            axes.plot([limit, limit], [at - 0.35, at + 0.35], color=GREY, linewidth=1.4, linestyle="--", zorder=1)
        axes.set_xlim(left=0)
        axes.set_xlabel(name)
    return figure


def _interval(value: Mapping[str, Any]) -> Interval:
    number = float("nan") if value["value"] is None else value["value"]
    return Interval(number, value["low"], value["high"])


def _figure(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.2f}"
