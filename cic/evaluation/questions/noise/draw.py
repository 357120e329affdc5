"""Picture of what noise and missing genes do to error and accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cic.evaluation.drawing.marks import Axis, Look, Mark, Panel, Rule, Series, Spec
from cic.evaluation.drawing.style import BLUE, GREEN, GREY, PURPLE, VERMILION

CURVES = {
    "model": (Look(BLUE, "o", "-", size=4), "model (accuracy: logistic regression on its code)"),
    "pca": (Look(VERMILION, "s", "-", size=6.5), "PCA of equal width (accuracy: likewise)"),
    "span": (Look(PURPLE, "^", ":", size=5), "training span, nothing reduced"),
    "profile": (Look(GREY, "D", "--", size=5), "the disturbed profile itself"),
    "code_logistic": (Look(BLUE, "o", "-", size=4), ""),
    "pca_logistic": (Look(VERMILION, "s", "-", size=6.5), ""),
    "profile_lda": (Look(GREEN, "v", "-.", size=9), "LDA on genes"),
    "profile_centroid": (Look(GREY, "P", "--", size=5), "nearest centroid on genes"),
}
"""What stands behind an accuracy looks like what stands behind its error. Large marks are drawn first: where curves
coincide, each still shows behind the smaller ones."""
UNITS = {"replicate noise": "replicate noise", "gene standard deviation": "each gene's standard deviation"}


def noise_curves(curves: pd.DataFrame, unit: str, chance: float | None) -> Spec:
    """Show error and accuracy over noise and over missing genes, from the table `noise_curves`.

    Parameters
    ----------
    unit
        Of the levels of noise.
    chance
        Balanced accuracy without any knowledge; `None` leaves the panels on accuracy out.
    """
    level = Look(GREY, line="-", width=0.9)
    shown = set(curves["method"])
    keys = [Series((), (), look, label=label) for name, (look, label) in CURVES.items() if label and name in shown]
    without = "mean profile" if chance is None else "mean profile (error), chance (accuracy)"
    rows = []
    for kind in ("gaussian", "missing"):
        own = curves[curves["kind"] == kind]
        x = _levels(kind, np.unique(own["level"]), UNITS[unit])
        errors = own[own["measure"] == "unexplained"]
        # a clean profile has no error, and a logarithmic axis no 0
        marks = [*keys, Rule(1, "y", level, label=without), *_curves(errors[errors["value"] > 0])]
        # what is next to nothing must not take the room of the rest
        lowest = errors.loc[errors["method"].isin(["model", "pca"]), "value"].min()
        limits = (max(min(lowest, 1) / 4, 1e-4), 1.6 * max(errors["value"].max(), 1))
        rows.append([Panel(marks, x, Axis("unexplained variance\nof the clean profile", "log", limits=limits))])
        if chance is not None:
            marks = [Rule(chance, "y", level), *_curves(own[own["measure"] == "accuracy"])]
            rows.append([Panel(marks, x, Axis("balanced accuracy", limits=(0, 1.06)))])
    return Spec(rows, [1.75] * len(rows))


def _curves(own: pd.DataFrame) -> Sequence[Mark]:
    marks = []
    for name, (look, _) in sorted(CURVES.items(), key=lambda curve: -curve[1][0].size):
        one = own[own["method"] == name].sort_values("level")
        if one.empty:
            continue
        banded = name in ("model", "code_logistic") and bool(one["low"].notna().all())
        low, high = (one["low"], one["high"]) if banded else ((), ())
        marks.append(Series(one["level"], one["value"], look, low, high, band=banded))
    return marks


def _levels(kind: str, levels: np.ndarray, unit: str) -> Axis:
    if kind == "missing":
        return Axis("genes missing (%)", ticks=[(level, f"{100 * level:.0f}") for level in levels])
    return Axis(
        f"added noise (in units of {unit})", "symlog", levels[1], (-levels[1] / 5, 1.15 * levels[-1]),
        ticks=[(level, f"{level:g}") for level in levels],
    )  # fmt: skip
