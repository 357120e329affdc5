"""Pictures of where the model comes from."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cic.evaluation.drawing.drawing import BLUE, GREY, VERMILION, new_figure


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
