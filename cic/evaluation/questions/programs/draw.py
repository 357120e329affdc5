"""Picture of how planted programs are recovered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cic.evaluation.drawing.dots import Row, dot_panel, height
from cic.evaluation.drawing.marks import REFERENCE, Axis, Rule, Spec
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
    "precision": "precision: links that are true\n(dashes: blind)",
    "recall": "recall: with a true link\n(dashes: possible)",
    "strongest": "strongest number is true\n(dashes: possible)",
}


def recovery_plot(recovery: Mapping[str, Any]) -> Spec:
    """Show precision, recall and the share of strongest numbers that are true, by method, each beside its limit."""
    methods = recovery["methods"]
    panels = []
    for share, label in SHARES.items():
        rows = [
            Row(name, _interval(methods[method][share]), look, _figure(methods[method][share]["value"]))
            for method, (name, look) in METHOD_ROWS.items()
        ]
        of_limit = "base_rate" if share == "precision" else "reachable"
        limits = [
            Rule(methods[method][of_limit], "x", replace(REFERENCE, width=1.4), span=(at - 0.35, at + 0.35))
            for at, method in enumerate(METHOD_ROWS)
        ]
        panels.append([dot_panel(rows, Axis(label, limits=(0, None), most=5), beside=limits)])
    return Spec(panels, [height(len(METHOD_ROWS)) + 0.1] * len(panels))


def _interval(value: Mapping[str, Any]) -> Interval:
    number = float("nan") if value["value"] is None else value["value"]
    return Interval(number, value["low"], value["high"])


def _figure(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.2f}"
