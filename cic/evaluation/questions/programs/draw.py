"""Pictures: programs/section."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from cic.evaluation.drawing.drawing import GREY, Row, dot_plot, new_figure
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
    ("precision: links that are true (dashes: blind)", lambda one: one.precision, lambda one: one.base_rate),
    ("recall: with a true link (dashes: possible)", lambda one: one.recall, lambda one: one.reachable),
    ("strongest number is true (dashes: possible)", lambda one: one.strongest, lambda one: one.reachable),
)
"""What each panel shows, and its limit."""


def recovery_plot(methods: Mapping[str, Recovered]) -> Figure:
    """Draw precision, recall and the share of strongest numbers that are true, by method, each beside its limit."""
    figure, panels = new_figure(5.4, rows=3)
    for axes, (name, share_of, limit_of) in zip(panels, SHARES, strict=True):
        rows = [
            Row(title, share_of(methods[method]), mark, rounded(share_of(methods[method]).value))
            for method, (title, mark) in METHOD_ROWS.items()
        ]
        dot_plot(axes, rows)
        for at, method in enumerate(METHOD_ROWS):
            limit = limit_of(methods[method])
            axes.plot([limit, limit], [at - 0.35, at + 0.35], color=GREY, linewidth=1.4, linestyle="--", zorder=1)
        axes.set_xlim(left=0)
        axes.set_xlabel(name)
    return figure
