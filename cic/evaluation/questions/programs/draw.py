"""Picture of how planted programs are recovered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from cic.evaluation.drawing.dots import Row, dot_panel, height
from cic.evaluation.drawing.marks import REFERENCE, Axis, Rule, Spec
from cic.evaluation.questions.programs.found import Recovered
from cic.evaluation.statistics.intervals import Interval
from cic.evaluation.words import rounded

METHOD_ROWS = {
    "model": ("model, regression", "model"),
    "model_decoder": ("model, decoder", "model"),
    "model_running_sum": ("model, decoder, running sum", "model"),
    "pca": ("PCA", "pca"),
    "ica": ("ICA", "baseline"),
    "nmf": ("NMF", "span"),
}
SHARES: tuple[tuple[str, Callable[[Recovered], Interval], Callable[[Recovered], float]], ...] = (
    ("precision: links that are true\n(dashes: blind)", lambda one: one.precision, lambda one: one.base_rate),
    ("recall: with a true link\n(dashes: possible)", lambda one: one.recall, lambda one: one.reachable),
    ("strongest number is true\n(dashes: possible)", lambda one: one.strongest, lambda one: one.reachable),
)
"""What each panel shows, and its limit."""


def recovery_plot(methods: Mapping[str, Recovered]) -> Spec:
    """Show precision, recall and the share of strongest numbers that are true, by method, each beside its limit."""
    panels = []
    for label, share_of, limit_of in SHARES:
        rows = [
            Row(name, share_of(methods[method]), look, rounded(share_of(methods[method]).value))
            for method, (name, look) in METHOD_ROWS.items()
        ]
        limits = [
            Rule(limit_of(methods[method]), "x", replace(REFERENCE, width=1.4), span=(at - 0.35, at + 0.35))
            for at, method in enumerate(METHOD_ROWS)
        ]
        panels.append([dot_panel(rows, Axis(label, limits=(0, None), most=5), beside=limits)])
    return Spec(panels, [height(len(METHOD_ROWS)) + 0.1] * len(panels))
