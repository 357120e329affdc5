"""Pictures: unseen_types/unknown_section."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from cic.evaluation.drawing.drawing import BLUE, GREY, PAPER, PURPLE, VERMILION, new_figure
from cic.evaluation.questions.unknown.found import Operating
from cic.evaluation.statistics.intervals import Interval

NAMES = {
    "model_error": "reconstruction error",
    "pca_error": "reconstruction error of PCA",
    "max_probability": "doubt of the classifier",
    "centroid": "distance to the nearest type",
}
STYLES = {
    "model_error": (BLUE, "-", "o"),
    "pca_error": (VERMILION, "--", "s"),
    "max_probability": (PURPLE, "-.", "^"),
    "centroid": (GREY, ":", "D"),
}


def unknown_figure(curve: pd.DataFrame, auroc: Mapping[str, Interval], operating: Operating | None) -> Figure:
    """Draw the ROC curve of each score, its operating point as a mark, and the diagonal of chance."""
    figure, (axes,) = new_figure(4.4)
    for name, (colour, line, mark) in STYLES.items():
        own = curve[curve["score"] == name]
        axes.plot(
            own["known_rejected"], own["unknown_rejected"], line, color=colour, linewidth=1.8,
            label=f"{NAMES[name]}, {auroc[name].value:.2f}",
        )  # fmt: skip
        if operating is not None:
            point = operating.scores[name]
            axes.plot(
                [1 - point.known_answered.value], [point.unknown_rejected.value], mark, color=colour,
                markersize=7, markeredgecolor=PAPER, clip_on=False, zorder=3,
            )  # fmt: skip
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=(0, (6, 4)), linewidth=0.9, zorder=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("share of known types' profiles rejected")
    axes.set_ylabel("share of the unseen type's profiles rejected")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=1, title="score, area")
    return figure
