"""Pictures of reconstruction error: by method, and by cell type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from cic.evaluation.drawing.dots import Row, dot_panel, height, interval_of, name_axis
from cic.evaluation.drawing.marks import LOOKS, PCA_BEHIND, Axis, Look, Panel, Rule, Series, Spec
from cic.evaluation.drawing.style import GREEN, shorten
from cic.evaluation.statistics.intervals import Interval


def reconstruction(
    rmse: Mapping[str, Interval], unexplained: Mapping[str, Interval], width: int, gene_unit: str
) -> Spec:
    """Show the root mean squared error of the model beside that of PCA, the means, span ceiling and replicates.

    `gene_unit` is what the error of a gene is in.
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
        Row(name, rmse[key], look, f"{100 * unexplained[key].value:.1f}%" if key in unexplained else "")
        for key, (name, look) in names.items()
        if key in rmse
    ]
    x = Axis(f"root mean squared error a gene\n({gene_unit})", limits=(0, None))
    return Spec([[replace(dot_panel(rows, x), notes_head="unexplained")]], [height(len(rows), 0.3) + 0.3])


def label_ratios(table: pd.DataFrame) -> Spec:
    """Show unexplained variance over PCA's, and error over the distance of replicates, a label a line, worst first.

    Parameters
    ----------
    table
        `Measured.labels`. The second panel is left out where no label has replicates.
    """
    ordered = table.sort_values("ratio_to_pca", ascending=False, kind="stable").reset_index(drop=True)
    with_replicates = bool(ordered["ratio_to_replicates"].notna().any())
    rows = [
        Row(shorten(row["label"], 20 if with_replicates else 28), interval_of(row, "ratio_to_pca", "low", "high"),
            note="" if with_replicates else str(row["n"]))
        for row in ordered.to_dict("records")
    ]  # fmt: skip
    if not with_replicates:
        x = Axis("unexplained variance over that of PCA\n(left of 1: better)")
        return Spec([[replace(dot_panel(rows, x, 1.0), notes_head="n")]], [height(len(rows)) + 0.4])
    left = dot_panel(rows, Axis("unexplained\nvariance over\nthat of PCA", most=3), 1.0)
    low, high = ordered["ratio_to_replicates_low"], ordered["ratio_to_replicates_high"]
    right = Panel(
        [
            Rule(1, "x", Look(GREEN, line="-.", width=1.2), label="replicates"),
            Series(ordered["ratio_to_replicates_pca"], ordered.index, PCA_BEHIND, label="PCA"),
            Series(ordered["ratio_to_replicates"], ordered.index, LOOKS["model"], low, high, "x", label="model"),
        ],
        Axis("error over\ndistance of\nreplicates", most=3),
        name_axis([""] * len(rows)),
        notes=[f"{n} / {sets:.0f}" for n, sets in zip(ordered["n"], ordered["n_sets"].fillna(0), strict=True)],
        notes_head="n / sets",
    )
    return Spec([[left, right]], [height(len(rows)) + 0.4])
