"""Pictures of reconstruction error: by method, and by cell type."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cic.evaluation.drawing.drawing import BLUE, GREEN, VERMILION, WIDTH, Row, dot_plot, new_figure, shorten
from cic.evaluation.statistics.intervals import Interval


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
            shorten(row["label"], 20 if with_replicates else 28),
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


def _none(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
