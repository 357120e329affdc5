"""Pictures of the checks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from cic.checking.library import size_of
from cic.checking.looked_at import Components
from cic.checking.neighbours import Replicates
from cic.checking.sexes import APART, Sexes
from cic.data.terms import Unit
from cic.evaluation.drawing.heat_maps import ABOVE, BELOW, similar_together
from cic.evaluation.drawing.maps import code_map
from cic.evaluation.drawing.marks import Axis, Cells, Look, Mark, Names, Panel, Series, Spec, names_at
from cic.evaluation.drawing.style import BLUE, GREEN, GREY, INK, VERMILION, shorten

MOST_NAMED = 8
"""Outliers that a map has room for."""
MOST_SETS = 30
"""Groups and labels that a picture has room for."""
GOLDEN = 0.618
"""Steps of this, without their whole part, spread points evenly."""
DOT, ODD = Look(BLUE, "o", size=3, rim=0, alpha=0.5), Look(VERMILION, "D", size=4.5, rim=0)


def profile_map(components: Components, samples: pd.DataFrame, role: str) -> Spec:
    """Show profiles at their first two components by label or group, and name those far from all others."""
    xy_S2 = components.scores_SK[:, :2]
    some = samples.iloc[components.rows]
    name_S = some[role] if role in some else pd.Series(None, index=some.index, dtype=object)
    shares = (components.shares[0], components.shares[1])
    spec = code_map(xy_S2, name_S, np.full(len(xy_S2), True), shares, what="the profiles")
    far = np.flatnonzero(components.apart_S)
    far = far[np.argsort(-components.distance_S[far], kind="stable")][:MOST_NAMED]
    ((panel,),) = spec.rows
    marks = list(panel.marks)
    if len(far):
        names = [shorten(str(name), 18) for name in some.index[far]]
        marks.append(Names(xy_S2[far, 0], xy_S2[far, 1], names, "margin"))
    return replace(spec, rows=[[replace(panel, marks=marks)]])


def library_strips(library: pd.DataFrame, set_S: pd.Series, unit: Unit, odd: set[str]) -> Spec:
    """Show the size of each profile, a line a group, those of extreme medians where there are many groups."""
    median = library["size"].groupby(set_S).median()
    shown = (median - library["size"].median()).abs().sort_values(ascending=False, kind="stable").index[:MOST_SETS]
    names = [str(name) for name in median.sort_values(kind="stable").index if name in shown]
    line_S = set_S.map({name: line for line, name in enumerate(names)}).to_numpy(dtype=np.float64)
    height_S = line_S + 0.6 * ((np.arange(len(line_S)) * GOLDEN) % 1 - 0.5)
    odd_S = library.index.astype(str).isin(odd)
    size_S = library["size"].to_numpy()
    marks = [Series(size_S[~odd_S], height_S[~odd_S], DOT)]
    if odd_S.any():
        marks.append(Series(size_S[odd_S], height_S[odd_S], ODD, label="outliers"))
    ticks = names_at([shorten(name, 24) for name in names])
    y = Axis(ticks=ticks, limits=(len(names) - 0.4, -0.6), grid=False)
    x = Axis(size_of(unit), "log" if unit == "counts" and (size_S > 0).all() else "linear", most=5)
    return Spec([[Panel(marks, x, y)]], [0.9 + 0.24 * len(names)])


def label_by_group(table_LP: pd.DataFrame) -> Spec:
    """Show how many profiles of each label (rows) are of each group, the deeper the larger the share of the label."""
    count_LP = table_LP.to_numpy(dtype=np.float64)
    if (count_LP.sum(axis=1, keepdims=True) == 0).any():
        count_LP = count_LP[count_LP.any(axis=1)]
    share_LP = count_LP / count_LP.sum(axis=1, keepdims=True)
    rows, columns = similar_together(share_LP), similar_together(share_LP.T)
    count_LP, share_LP = count_LP[np.ix_(rows, columns)], share_LP[np.ix_(rows, columns)]
    has_room = len(columns) <= 14
    texts = [(r, c, f"{count_LP[r, c]:.0f}") for r, c in np.argwhere(count_LP > 0)] if has_room else []
    cells = Cells(np.where(count_LP > 0, 0.75 * share_LP + 0.05, np.nan), BELOW, ABOVE, 1.0, texts=texts, grid=True)
    names_P = [shorten(str(table_LP.columns[at]), 22) for at in columns]
    names_L = [shorten(str(table_LP.index[at]), 24) for at in rows]
    x = Axis(grid=False, upright=True, size=8 if has_room else 6.5, ticks=names_at(names_P))
    return Spec(
        [[Panel([cells], x, Axis(ticks=names_at(names_L), grid=False))]],
        [0.5 + 0.19 * len(names_L) + 0.07 * max(map(len, names_P))],
    )


def replicate_curves(replicates: Replicates) -> Spec:
    """Show the share of pairs that lie nearer than a distance: replicates, and different samples."""
    marks: list[Mark] = []
    for value_P, look, name in (
        (replicates.within_P, Look(GREEN, line="-", width=2), "replicates of one sample"),
        (replicates.alike_P, Look(BLUE, line="-"), "samples of one label"),
        (replicates.between_P, Look(GREY, line="--"), "any two samples"),
    ):
        if len(value_P) > 1:
            share = np.linspace(0, 1, min(len(value_P), 200))
            marks.append(Series(np.quantile(value_P, share), share, look, label=name))
    return Spec(
        [[Panel(marks, Axis("distance (root mean square a gene, log2)"), Axis("share of pairs nearer"))]], [2.4]
    )


def sex_genes(sexes: Sexes) -> Spec:
    """Show XIST against the genes of the Y chromosome, by what is known."""
    marks: list[Mark] = []
    high = max(float(sexes.x_S.max()), float(sexes.y_S.max())) + APART
    for away in (-APART, APART):
        marks.append(Series([-away, high - away], [0, high], Look(GREY, line="--", width=0.8)))
    looks = {"F": (Look(VERMILION, "o", size=4, rim=0, alpha=0.7), "known as female"),
             "M": (Look(BLUE, "s", size=4, rim=0, alpha=0.7), "known as male"),
             "": (Look(GREY, "^", size=4, rim=0, alpha=0.6), "not known")}  # fmt: skip
    for sex, (look, name) in looks.items():
        of_S = sexes.known_S == sex
        if of_S.any():
            marks.append(Series(sexes.x_S[of_S], sexes.y_S[of_S], look, label=name))
    if (odd_S := sexes.contradicts_S).any():
        ring = Look(INK, "o", size=9, rim=1.2, face="none")
        marks.append(Series(sexes.x_S[odd_S], sexes.y_S[odd_S], ring, label="contradicts its genes"))
    limits = (-0.3, high - APART + 0.5)
    return Spec(
        [[Panel(marks, Axis("XIST, log2", limits=limits), Axis("Y genes, mean of log2", limits=limits))]], [3.0]
    )
