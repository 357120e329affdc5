"""Pictures: pathways/section."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cic.evaluation.drawing.heat_maps import heat_map, short_set, short_sets

MOST_LABELS, MOST_SETS = 26, 28
"""Columns and rows that can be read at the width of a telephone."""


def number_map(links: pd.DataFrame, needed: float, width: int) -> Figure:
    """Draw the links of the sets chosen for it, numbers against sets; a dot where they recur in `needed` of seeds."""
    shown = links[links["shown"]]
    names = list(dict.fromkeys(shown["set"]))
    numbers = [number for number in range(1, width + 1) if (shown["number"] == number).any()]
    values_RC = np.full((len(names), len(numbers)), np.nan)
    marked_RC = np.zeros(values_RC.shape, dtype=bool)
    for row in shown.to_dict("records"):
        at = names.index(row["set"]), numbers.index(row["number"])
        values_RC[at], marked_RC[at] = row["nes"], row["seeds_share"] >= needed
    return heat_map(
        values_RC, short_sets(names), [str(number) for number in numbers], marked_RC,
        "normalised enrichment score; dot: recurs", "number of the code",
    )  # fmt: skip


def label_map(activity: pd.DataFrame) -> Figure:
    """Draw the sets chosen for cell types against cell types; a dot where a set was chosen for a cell type."""
    best = activity.groupby("label")["activity"].max().sort_values(ascending=False, kind="stable")
    labels = list(best.index[:MOST_LABELS])
    own = activity[activity["label"].isin(labels)]
    chosen = own[own["chosen"] > 0]
    if chosen["set"].nunique() > MOST_SETS:
        chosen = chosen[chosen["chosen"] == 1]
    names = list(dict.fromkeys(chosen["set"]))
    values_RC = own.pivot(index="set", columns="label", values="activity").loc[names, labels].to_numpy()
    picked = set(zip(chosen["set"], chosen["label"], strict=True))
    marked_RC = np.array([[(name, label) in picked for label in labels] for name in names])
    values_RC = values_RC / np.maximum(np.abs(values_RC).max(axis=1, keepdims=True), 1e-9)
    return heat_map(
        values_RC, short_sets(names), [short_set(label, 18) for label in labels], marked_RC,
        "activity (1: the set's largest); dot: chosen", "",
    )  # fmt: skip
