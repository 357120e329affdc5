"""Pictures: mixtures/section."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cic.evaluation.drawing.drawing import BLUE, GREEN, GREY, INK, PAPER, PURPLE, VERMILION, WIDTH

MARKS = ("o", "s", "^", "D", "v", "P", "X")
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, GREY)
"""Marks and colours are as many as share no divisor, so that no two of 35 components look alike."""


def estimated_shares(table: pd.DataFrame) -> Figure:
    """Draw estimated against true shares, the model left and PCA right, one mark a component, and the means large."""
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    components = list(dict.fromkeys(table["component"]))
    for axes, method, title in zip(panels, ("model", "pca"), ("model", "PCA of equal width"), strict=True):
        axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, zorder=1)
        for number, name in enumerate(components):
            own = table[table["component"] == name]
            # apart from each other, since several components often have the same few shares
            shift = 0.08 * (number - (len(components) - 1) / 2) / max(1, len(components) - 1)
            colour, marker = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
            face = colour if method == "model" else "none"
            axes.plot(
                own["true"] + shift, own[method], marker, color=colour, markerfacecolor=face, markersize=3, alpha=0.35,
                linestyle="none", zorder=2,
            )  # fmt: skip
            means = own.groupby(own["true"].round(3))[method].mean()
            axes.plot(
                means.index + shift, means, marker, markerfacecolor=colour if method == "model" else PAPER,
                markeredgecolor=INK if method == "model" else colour, markeredgewidth=1.2, markersize=7.5,
                linestyle="none", zorder=3, label=name if len(name) <= 20 else name[:19] + "…",
            )  # fmt: skip
        axes.set_title(title)
        axes.set_xlim(-0.09, 1.09)
        axes.set_ylim(-0.09, 1.09)
        axes.set_xticks(np.linspace(0, 1, 5), ["0", "0.25", "0.5", "0.75", "1"])
        axes.set_yticks(np.linspace(0, 1, 5), ["0", "0.25", "0.5", "0.75", "1"])
        axes.set_xlabel("true share")
        axes.set_aspect("equal")
        axes.tick_params(length=0)
    panels[0].set_ylabel("share told from the code")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(3, len(components)), fontsize=8
    )
    return figure
