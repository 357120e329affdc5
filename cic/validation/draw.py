"""Pictures of a validation: from what was found to a `Spec` of marks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from cic.evaluation.drawing.dots import Row, dot_panel, height, interval_of
from cic.evaluation.drawing.marks import LOOKS, REFERENCE, Axis, Cells, Look, Panel, Series, Spec, names_at
from cic.evaluation.drawing.style import BLUE, GREY, VERMILION, shorten
from cic.model.familiarity import UNKNOWN
from cic.validation.found import CellTypes, Reconstruction

METHODS = {
    "mean_profile": ("mean training profile", "baseline"),
    "pca": ("PCA of equal width", "pca"),
    "model": ("model", "model"),
    "span_ceiling": ("span ceiling", "span"),
}
NAMED_COLUMNS = 24
"""Answers up to which the columns of the confusions have names."""
SHARE_IN_CELL = 12


def errors(found: Reconstruction, gene_unit: str) -> Spec:
    """Show the root mean squared error a gene of the model beside its yardsticks."""
    rows = [
        Row(
            name,
            found.rmse[key],
            look,
            f"{100 * found.unexplained[key].value:.1f}%" if key in found.unexplained else "",
        )
        for key, (name, look) in METHODS.items()
    ]
    x = Axis(f"root mean squared error a gene\n({gene_unit})", limits=(0, None))
    return Spec([[replace(dot_panel(rows, x), notes_head="unexplained")]], [height(len(rows), 0.3) + 0.3])


def by_label(types: pd.DataFrame) -> Spec:
    """Show error over PCA's and, of known types, the share told rightly, a label a line, what it knows first."""
    ordered = types.sort_values(["right", "ratio_to_pca"], ascending=[True, False], kind="stable")
    rows = ordered.to_dict("records")
    left = [
        Row(shorten(row["label"], 22), interval_of(row, "ratio_to_pca", "low", "high"), note=f"n {row['n']}")
        for row in rows
    ]
    ratio = dot_panel(left, Axis("squared error\nover PCA's", most=3), 1.0)
    if ordered["right"].isna().all():
        return Spec([[ratio]], [height(len(rows)) + 0.3])
    right = [Row("", interval_of(row, "right", "right_low", "right_high")) for row in rows]
    share = dot_panel(right, Axis("share told rightly", limits=(-0.04, 1.04), most=3))
    return Spec(
        [[replace(ratio, notes=[]), replace(share, notes=[row.note for row in left])]], [height(len(rows)) + 0.3]
    )


def percentiles(percentile_S: np.ndarray) -> Spec:
    """Show which share of the profiles lies below each percentile of held-out ones; the diagonal is no shift."""
    at = np.linspace(0, 100, 101)
    share = np.searchsorted(np.sort(percentile_S), at, side="right") / len(percentile_S)
    marks = [
        Series([0, 100], [0, 1], REFERENCE, label="as held-out profiles"),
        Series(at, share, Look(BLUE, line="-", width=1.8), label="these profiles"),
    ]
    x = Axis("percentile of the error among held-out profiles", limits=(-2, 102))
    return Spec([[Panel(marks, x, Axis("share of profiles\nat or below", limits=(-0.02, 1.02)))]], [2.5])


def confusions(pairs: pd.DataFrame) -> Spec:
    """Show, by true type (rows, summing to 1) and answer, the share of profiles as depth of colour."""
    rows = sorted(set(pairs["true"]))
    columns = [*rows, *sorted(set(pairs["predicted"]) - {*rows, UNKNOWN}), UNKNOWN]
    share = pairs["n"] / pairs.groupby("true")["n"].transform("sum")
    values_RC, texts = np.full((len(rows), len(columns)), np.nan), []
    for true, said, part in zip(pairs["true"], pairs["predicted"], share, strict=True):
        at = rows.index(true), columns.index(said)
        values_RC[at] = (1 if true == said else -1) * (0.3 if said == UNKNOWN else 0.45 + 0.45 * part)
        texts.append((*at, f"{100 * part:.0f}"))
    few = len(columns) <= NAMED_COLUMNS
    cells = Cells(values_RC, VERMILION, BLUE, 1.0, texts=texts if len(columns) <= SHARE_IN_CELL else (), grid=few)
    names = [shorten(name, 24) for name in columns]
    numbered = [f"{name} · {n}" if not few else name for n, name in enumerate(names, 1)]
    ticks = names_at(names) if few else names_at([str(n) for n in range(1, len(names) + 1)])[4::5]
    x = Axis("answer" if few else "answer (numbers as at the left)", ticks=ticks, grid=False, upright=few)
    y = Axis("true type", ticks=names_at(numbered[: len(rows)]), grid=False)
    below = 0.06 * max(map(len, names)) if few else 0.1
    return Spec([[Panel([cells], x, y)]], [max(1.6, 0.4 + 0.2 * len(rows)) + below])


def reliability(table: pd.DataFrame, found: CellTypes) -> Spec:
    """Show accuracy over probability by bin; on the diagonal a probability is what it says."""
    own = LOOKS["model"]
    label = f"error {100 * found.calibration.error:.1f}%, by chance {100 * found.calibration.error_by_chance:.1f}%"
    marks = [
        Series([0, 1], [0, 1], REFERENCE),
        Series(table["confidence"], table["accuracy"], replace(own, line="-", size=5), label=label),
    ]
    x = Axis(f"probability of the answer (about {table['n'].median():.0f} profiles a mark)", limits=(-0.02, 1.02))
    return Spec([[Panel(marks, x, Axis("share of right answers", limits=(-0.02, 1.02)))]], [2.8])


def unknown_shares(types: pd.DataFrame) -> Spec:
    """Show the share of each label that comes out unknown: small is right for known types, large for others."""
    ordered = types.sort_values(["known", "unknown"], kind="stable")
    marks = []
    for known, look, name in ((True, Look(BLUE, "o"), "the model's types"), (False, Look(GREY, "D"), "other types")):
        at = np.flatnonzero(ordered["known"].to_numpy(dtype=bool) == known)
        if len(at):
            marks.append(Series(ordered["unknown"].to_numpy()[at], at.astype(float), look, label=name))
    y = Axis(
        ticks=names_at([shorten(one, 28) for one in ordered["label"]]), limits=(len(ordered) - 0.4, -0.6), grid=False
    )
    x = Axis("share called unknown", limits=(-0.04, 1.04))
    return Spec([[Panel(marks, x, y, notes=[f"n {n}" for n in ordered["n"]])]], [height(len(ordered)) + 0.3])
