"""Picture of the training of the kept model."""

from __future__ import annotations

import pandas as pd

from cic.evaluation.drawing.marks import Axis, Look, Mark, Panel, Rule, Series, Spec
from cic.evaluation.drawing.style import BLUE, GREY, VERMILION

PARTS = {
    "train_error": (
        Look(GREY, line="-", width=1.8),
        Look(GREY, line="-", width=0.8, alpha=0.45),
        "training, each profile left out",
    ),
    "validation_error": (Look(BLUE, line="-", width=1.8), Look(BLUE, line="-", width=0.8, alpha=0.45), "validation"),
}
"""Of the kept training, and of the others."""


def loss_curves(curves: pd.DataFrame, pca_error: float) -> Spec:
    """Show training and validation error by epoch, all trainings, the kept one bold, with PCA's error as a line."""
    pca = Look(VERMILION, line="--", width=1.4)
    marks: list[Mark] = [Rule(pca_error, "y", pca, label="PCA of equal width, validation")]
    for _, own in sorted(curves.groupby("training"), key=lambda one: bool(one[1]["kept"].any())):
        kept = bool(own["kept"].any())
        for column, (bold, faint, name) in PARTS.items():
            marks.append(Series(own["epoch"], own[column], bold if kept else faint, label=name if kept else ""))
        if kept:
            best = own.loc[own["validation_error"].idxmin()]
            weights = Look(BLUE, "o")
            marks.append(Series([best["epoch"]], [best["validation_error"]], weights, label="kept weights"))
    return Spec([[Panel(marks, Axis("epoch"), Axis("unexplained variance", "log"))]], [2.4])
