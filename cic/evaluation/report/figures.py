"""The figures of the report, one a claim, each with what it is to be compared with.

Each function takes plain values and gives a matplotlib figure; `drawing.draw` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cic.evaluation.intervals import Interval
from cic.evaluation.report.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    PURPLE,
    VERMILION,
    WIDTH,
    Row,
    dot_plot,
    new_figure,
)

DEPTH_STYLES = ((VERMILION, "s"), (BLUE, "o"), (GREEN, "^"), (PURPLE, "D"), ("#997700", "v"), (GREY, "P"))
"""By depth. Depth 0 has PCA's colour and mark, since it is PCA."""


def reconstruction(
    rmse: Mapping[str, Interval], unexplained: Mapping[str, Interval], width: int, scaled: bool
) -> Figure:
    """Draw the root mean squared error of the model beside that of PCA, the means, span ceiling and replicates.

    `scaled` tells that genes were scaled to unit variance, so that the error is in standard deviations.
    """
    names = {
        "mean_profile": ("mean profile", "baseline"),
        "type_mean": ("mean of the type", "baseline"),
        "pca": (f"PCA, {width} numbers", "pca"),
        "model": (f"model, {width} numbers", "model"),
        "replicates": ("technical replicates", "replicates"),
        "span_ceiling": ("span ceiling", "span"),
    }
    rows = [
        Row(name, rmse[key], mark, f"{100 * unexplained[key].value:.1f}%" if key in unexplained else "")
        for key, (name, mark) in names.items()
        if key in rmse
    ]
    figure, (axes,) = new_figure(0.9 + 0.3 * len(rows))
    dot_plot(axes, rows)
    axes.set_xlim(left=0)
    unit = "standard deviations" if scaled else "log2"
    axes.set_xlabel(f"root mean squared error a gene ({unit})")
    axes.annotate(
        "unexplained", (1, 1), xycoords="axes fraction", xytext=(4, 2), textcoords="offset points", fontsize=7.5
    )
    return figure


def search_surface(trials: pd.DataFrame, chosen: tuple[int, int]) -> Figure:
    """Draw the validation error of every trial by width and depth, and over PCA's; `chosen` is (depth, width)."""
    scored = trials[trials["error"].notna()]
    complete = scored[scored["state"] == "complete"]
    widths = sorted(scored["bottleneck_width"].unique())
    at = {width: index for index, width in enumerate(widths)}
    depths = sorted(scored["depth"].unique())
    figure, panels = new_figure(4.6, rows=2)
    for axes, column in zip(panels, ("error", "error_ratio_to_pca"), strict=True):
        for order, depth in enumerate(depths):
            colour, marker = DEPTH_STYLES[int(depth) % len(DEPTH_STYLES)]
            shift = 0.12 * (order - (len(depths) - 1) / 2)
            own = scored[scored["depth"] == depth]
            for state, face in (("complete", colour), ("pruned", "none")):
                part = own[own["state"] == state]
                axes.plot(
                    part["bottleneck_width"].map(at) + shift, part[column], marker, color=colour, alpha=0.45,
                    markerfacecolor=face, markersize=3.5, linestyle="none",
                )  # fmt: skip
            best = complete[complete["depth"] == depth].groupby("bottleneck_width")[column].min()
            axes.plot(
                [at[width] + shift for width in best.index], best.to_numpy(), marker=marker, color=colour,
                markersize=6, linewidth=1.4, label=f"depth {depth}" + (" (PCA)" if depth == 0 else ""),
            )  # fmt: skip
            if depth == chosen[0] and chosen[1] in best.index:
                axes.plot(
                    [at[chosen[1]] + shift], [best[chosen[1]]], "o", markersize=13, markerfacecolor="none",
                    markeredgecolor=INK, markeredgewidth=1.4,
                )  # fmt: skip
        axes.set_xticks(range(len(widths)), [str(width) for width in widths])
        axes.set_xlim(-0.5, len(widths) - 0.5)
        axes.margins(y=0.14)
    panels[0].set_ylabel("unexplained variance")
    panels[1].axhline(1, color=GREY, linestyle="--", linewidth=1, zorder=1)
    panels[1].set_ylabel("over that of PCA")
    panels[1].set_xlabel("bottleneck width (numbers a profile)")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(3, len(depths)), fontsize=8
    )
    return figure


def loss_curves(curves: pd.DataFrame, pca_error: float) -> Figure:
    """Draw training and validation error by epoch, all trainings, the kept one bold, with PCA's error as a line."""
    figure, (axes,) = new_figure(2.9)
    for number, own in curves.groupby("training"):
        kept = bool(own["kept"].any())
        for column, colour, style, name in (
            ("train_error", GREY, "-", "training, each profile left out"),
            ("validation_error", BLUE, "-", "validation"),
        ):
            axes.plot(
                own["epoch"], own[column], style, color=colour, linewidth=1.8 if kept else 0.8,
                alpha=1 if kept else 0.45, label=name if kept else None, zorder=3 if kept else 2,
                gid=f"training-{number}",
            )  # fmt: skip
        if kept:
            best = own.loc[own["validation_error"].idxmin()]
            axes.plot([best["epoch"]], [best["validation_error"]], "o", color=BLUE, markersize=6, label="kept weights")
    axes.axhline(pca_error, color=VERMILION, linestyle="--", linewidth=1.4, label="PCA of equal width, validation")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter("")
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("epoch")
    axes.set_ylabel("unexplained variance")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=8)
    return figure


def label_ratios(table: pd.DataFrame) -> Figure:
    """Draw unexplained variance over PCA's, and error over the distance of replicates, a label a line, worst first.

    Parameters
    ----------
    table
        `Measured.labels`. The second panel is left out where no label has replicates.
    """
    ordered = table.sort_values("ratio_to_pca", ascending=False, kind="stable").reset_index(drop=True)
    with_replicates = bool(ordered["ratio_to_replicates"].notna().any())
    figure = Figure(figsize=(WIDTH, 1.2 + 0.19 * len(ordered)), layout="constrained")
    panels = list(figure.subplots(1, 1 + with_replicates, sharey=True, squeeze=False)[0])
    rows = [
        Row(
            _short(row["label"], 20 if with_replicates else 28),
            Interval(row["ratio_to_pca"], _none(row["low"]), _none(row["high"])),
            "model",
        )
        for row in ordered.to_dict("records")
    ]
    dot_plot(panels[0], rows, reference=1.0)
    panels[0].set_xlabel("unexplained variance over\nthat of PCA" if with_replicates else
                         "unexplained variance over that of PCA (left of 1: better)")  # fmt: skip
    notes = ordered["n"].astype(str)
    if with_replicates:
        notes += " / " + ordered["n_sets"].fillna(0).astype(int).astype(str)
        for name, column, marker, colour, face, size in (
            ("PCA", "ratio_to_replicates_pca", "s", VERMILION, "none", 7.5),
            ("model", "ratio_to_replicates", "o", BLUE, BLUE, 6),
        ):
            panels[1].plot(
                ordered[column].astype(float), ordered.index, marker, color=colour, markerfacecolor=face,
                markersize=size, linestyle="none", zorder=3, label=name,
            )  # fmt: skip
        for position, row in ordered.iterrows():
            low, high = _none(row["ratio_to_replicates_low"]), _none(row["ratio_to_replicates_high"])
            if low is not None and high is not None:
                panels[1].plot([low, high], [position, position], color=BLUE, linewidth=2, zorder=2)
        panels[1].axvline(1, color=GREEN, linestyle="-.", linewidth=1.2, zorder=1, label="replicates")
        panels[1].set_xlabel("error over distance\nof replicates")
        panels[1].tick_params(length=0, labelleft=False)
        panels[1].grid(visible=False, axis="y")
        figure.legend(*panels[1].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
    for position, note in enumerate(notes):
        panels[-1].annotate(
            note, (1, position), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=7.5, annotation_clip=False,
        )  # fmt: skip
    panels[-1].annotate(
        "n / sets" if with_replicates else "n", (1, 1), xycoords="axes fraction", xytext=(4, 2),
        textcoords="offset points", fontsize=7.5,
    )  # fmt: skip
    return figure


def _short(name: str, most: int = 28) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _none(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
