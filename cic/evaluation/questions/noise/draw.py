"""Pictures: noise/section."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from cic.evaluation.drawing.drawing import BLUE, GREEN, GREY, PURPLE, VERMILION, new_figure

LINES: dict[str, tuple[str, str, Literal["-", ":", "--", "-."]]] = {
    "model": (BLUE, "o", "-"),
    "pca": (VERMILION, "s", "-"),
    "span": (PURPLE, "^", ":"),
    "profile": (GREY, "D", "--"),
    "code_logistic": (BLUE, "o", "-"),
    "pca_logistic": (VERMILION, "s", "-"),
    "profile_lda": (GREEN, "v", "-."),
    "profile_centroid": (GREY, "P", "--"),
}
"""Colour, mark and line of each curve. What stands behind an accuracy looks like what stands behind its error."""
SIZES = {name: 4.0 for name in ("model", "code_logistic")} | {
    "pca": 6.5, "pca_logistic": 6.5, "span": 5.0, "profile": 5.0, "profile_lda": 9.0, "profile_centroid": 5.0,
}  # fmt: skip
"""Of marks, in points: where curves coincide, each still shows behind the smaller ones."""
LEGEND = {
    "model": "model (accuracy: logistic regression on its code)",
    "pca": "PCA of equal width (accuracy: likewise)",
    "span": "training span, nothing reduced",
    "profile": "the disturbed profile itself",
    "profile_lda": "LDA on genes",
    "profile_centroid": "nearest centroid on genes",
}


def noise_curves(curves: pd.DataFrame, unit: str, chance: float | None) -> Figure:
    """Draw error and accuracy over noise and over missing genes, from the table `noise_curves`.

    Parameters
    ----------
    unit
        Of the levels of noise.
    chance
        Balanced accuracy without any knowledge; `None` leaves the panels on accuracy out.
    """
    measures = ("unexplained",) if chance is None else ("unexplained", "accuracy")
    panels = [(kind, measure) for kind in ("gaussian", "missing") for measure in measures]
    figure, all_axes = new_figure(1.5 + 1.75 * len(panels), rows=len(panels))
    for axes, (kind, measure) in zip(all_axes, panels, strict=True):
        own = curves[(curves["kind"] == kind) & (curves["measure"] == measure)]
        for name, (colour, mark, line) in LINES.items():
            one = own[own["method"] == name].sort_values("level")
            if measure == "unexplained":
                one = one[one["value"] > 0]  # a clean profile has no error, and a logarithmic axis no 0
            if one.empty:
                continue
            size = SIZES[name]
            axes.plot(
                one["level"], one["value"], line, marker=mark, color=colour, markersize=size, linewidth=1.5,
                zorder=4 - size / 10,
            )  # fmt: skip
            if name in ("model", "code_logistic") and one["low"].notna().all():
                axes.fill_between(one["level"], one["low"], one["high"], color=colour, alpha=0.18, linewidth=0)
        _dress(axes, measure, chance)
        if measure == "unexplained":
            # what is next to nothing must not take the room of the rest
            lowest = own.loc[own["method"].isin(["model", "pca"]), "value"].min()
            bottom, top = max(min(lowest, 1) / 4, 1e-4), 1.6 * max(own["value"].max(), 1)
            axes.set_ylim(bottom, top)
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if top < 300 * bottom else (1,)))
        levels = np.unique(own["level"])
        if kind == "gaussian":
            axes.set_xscale("symlog", base=2, linthresh=levels[1])
            axes.set_xticks(levels, [f"{level:g}" for level in levels])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlim(-levels[1] / 5, 1.15 * levels[-1])
            axes.set_xlabel(f"added noise (in units of {short_unit(unit)})")
        else:
            axes.set_xticks(levels, [f"{100 * level:.0f}" for level in levels])
            axes.set_xlabel("genes missing (%)")
    shown = set(curves["method"]) & set(LEGEND)
    handles = [
        Line2D([], [], color=colour, marker=mark, linestyle=line, markersize=SIZES[name], label=LEGEND[name])
        for name, (colour, mark, line) in LINES.items()
        if name in shown
    ]
    label = "mean profile" if chance is None else "mean profile (error), chance (accuracy)"
    handles.append(Line2D([], [], color=GREY, linestyle="-", linewidth=0.9, label=label))
    figure.legend(handles=handles, loc="outside upper left", ncols=1, fontsize=8, labelspacing=0.25)
    return figure


def _dress(axes: Axes, measure: str, chance: float | None) -> None:
    if measure == "unexplained":
        axes.set_yscale("log")
        axes.axhline(1, color=GREY, linewidth=0.9, zorder=1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylabel("unexplained variance\nof the clean profile")
    elif chance is not None:
        axes.axhline(chance, color=GREY, linewidth=0.9, zorder=1)
        axes.set_ylim(0, 1.06)
        axes.set_ylabel("balanced accuracy")
    axes.tick_params(length=0)


def short_unit(unit: str) -> str:
    """Give the unit of noise in words that an axis has room for."""
    return {"replicate noise": "replicate noise", "gene standard deviation": "each gene's standard deviation"}[unit]
