"""Picture of how well each score tells unseen types from known ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from cic.evaluation.drawing.marks import REFERENCE, Axis, Look, Mark, Panel, Series, Spec
from cic.evaluation.drawing.style import BLUE, GREY, PAPER, PURPLE, VERMILION
from cic.evaluation.questions.unknown.found import Operating
from cic.evaluation.statistics.intervals import Interval

NAMES = {
    "model_error": "reconstruction error",
    "pca_error": "reconstruction error of PCA",
    "max_probability": "doubt of logistic regression",
    "centroid": "distance to the nearest type",
}
POINTS = {
    "model_error": Look(BLUE, "o", "-"),
    "pca_error": Look(VERMILION, "s", "--"),
    "max_probability": Look(PURPLE, "^", "-."),
    "centroid": Look(GREY, "D", ":"),
}


def unknown_figure(curve: pd.DataFrame, auroc: Mapping[str, Interval], operating: Operating | None) -> Spec:
    """Show the ROC curve of each score, its operating point as a mark, and the diagonal of chance."""
    marks: list[Mark] = [Series([0, 1], [0, 1], REFERENCE)]
    for name, look in POINTS.items():
        own = curve[curve["score"] == name]
        line = replace(look, marker="", width=1.8)
        label = f"{NAMES[name]}, {auroc[name].value:.2f}"
        marks.append(Series(own["known_rejected"], own["unknown_rejected"], line, label=label))
    for name, look in POINTS.items():
        if operating is None:
            break
        point = operating.scores[name]
        known, unknown = 1 - point.known_answered.value, point.unknown_rejected.value
        marks.append(Series([known], [unknown], replace(look, line="", size=7, edge=PAPER)))
    x = Axis("share of known types' profiles rejected", limits=(0, 1))
    y = Axis("share of the unseen type's\nprofiles rejected", limits=(0, 1.02))
    return Spec([[Panel(marks, x, y)]], [3.2], legend_title="score, area")
