"""Pictures of cell type identity: scores by method, confusions, calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cic.evaluation.classifiers.names import METHOD_NAMES
from cic.evaluation.drawing.dots import Row, dot_panel, height
from cic.evaluation.drawing.marks import REFERENCE, Axis, Cells, Look, Panel, Series, Spec, names_at
from cic.evaluation.drawing.style import BLUE, GREY, VERMILION, shorten
from cic.evaluation.questions.identity.found import Calibration
from cic.evaluation.statistics.intervals import Interval

IN_A_LINE = 36
"""Letters that the columns' names may have together before they are turned."""
SHARE_IN_CELL, NAMED_COLUMNS = 12, 20
"""Types up to which cells of the confusion matrix hold numbers, and its columns names rather than numbers."""


def score_figure(scores: Mapping[str, Interval], chance: float) -> Spec:
    """Show balanced accuracy by method; where all but chance is far right, the axis begins there and says so."""
    lows = [one.value if one.low is None else one.low for name, one in scores.items() if name != "majority"]
    near = min(lows) > max(0.6, chance + 0.2)
    kinds = {"classifier": "model", "joint": "model", "code": "model", "pca": "pca"}
    rows = [
        Row(METHOD_NAMES[name], one, kinds.get(name.split("_")[0], "baseline"), f"{one.value:.3f}")
        for name, one in scores.items()
        if not (near and name == "majority")
    ]
    left = np.floor(20 * min(lows) - 0.5) / 20 if near else 0.0
    where = "left of this axis" if near else "dashed line"
    x = Axis(f"balanced accuracy\n(chance {chance:.2f}: {where})", limits=(left, 1 + 0.02 * (1 - left)))
    return Spec([[dot_panel(rows, x, None if near else chance)]], [height(len(rows)) + 0.1])


def confusion_figure(joint: pd.DataFrame) -> Spec:
    """Show, by true type (rows, summing to 1) and answer, the share of profiles as depth of colour."""
    names = sorted({*joint["true"], *joint["predicted"]})
    share = joint["n"] / joint.groupby("true")["n"].transform("sum")
    few = len(names) <= NAMED_COLUMNS
    values_RC = np.full((len(names), len(names)), np.nan)
    texts = []
    for true, said, part in zip(joint["true"], joint["predicted"], share, strict=True):
        at = names.index(true), names.index(said)
        # the least share must still be seen on light and on dark paper
        values_RC[at] = (1 if true == said else -1) * (0.45 + 0.45 * part)
        texts.append((*at, f"{100 * part:.0f}" if part >= 0.01 else "<1"))
    cells = Cells(values_RC, VERMILION, BLUE, 1.0, texts=texts if len(names) <= SHARE_IN_CELL else (), grid=few)
    shown = [shorten(name, 24) for name in names]
    if few:
        x = Axis("answer", ticks=names_at(shown), grid=False, upright=len(names) * max(map(len, shown)) > IN_A_LINE)
        y = Axis("true type", ticks=names_at(shown), grid=False)
    else:
        numbers = names_at([str(number) for number in range(1, len(names) + 1)])
        x = Axis("answer (numbers as at the left)", ticks=numbers[4::5], grid=False)
        y = Axis("true type", ticks=names_at([f"{name} · {n}" for n, name in enumerate(shown, 1)]), grid=False)
    below = 0.06 * max(map(len, shown)) if x.upright else 0.1
    return Spec([[Panel([cells], x, y)]], [max(1.6, 0.4 + (0.2 if few else 0.15) * len(names)) + below])


def reliability_figure(table: pd.DataFrame, joint: Calibration) -> Spec:
    """Show accuracy over confidence by bin, before and after temperature scaling."""
    low = max(0.0, np.floor(10 * table[["confidence", "accuracy"]].to_numpy().min() - 0.5) / 10)
    high = min(1.0, np.ceil(10 * table[["confidence", "accuracy"]].to_numpy().max() + 0.5) / 10)
    looks = {"before": Look(GREY, "D", ":", size=5, face="none"), "after": Look(BLUE, "o", "-", size=5)}
    errors = {"before": joint.ece_before, "after": joint.ece_after}
    parts = [(name, look, table[table["when"] == name]) for name, look in looks.items()]
    curves = [
        Series(own["confidence"], own["accuracy"], look, label=f"{name}: error {100 * errors[name]:.1f}%")
        for name, look, own in parts
    ]
    margin = 0.02 * (high - low)
    limits = (low - margin, high + margin)
    x = Axis(f"certainty of the answer (about {table['n'].median():.0f} profiles a mark)", limits=limits)
    y = Axis("share of right answers", limits=limits)
    return Spec([[Panel([Series([low, high], [low, high], REFERENCE), *curves], x, y)]], [3.0])
