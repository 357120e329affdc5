"""Pictures of a check."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.evaluation.drawing.dots import height, name_axis
from cic.evaluation.drawing.marks import Axis, Look, Mark, Panel, Rule, Series, Spec
from cic.evaluation.drawing.style import BLUE, GREY, VERMILION, shorten
from cic.watching.monitoring import shares

MOST_INPUTS = 30
"""The newest, which a picture has room for."""
MOST_TYPES = 30
"""Those that changed most, likewise."""
NOW, EARLIER = Look(BLUE, "o", bar=1.5), Look(GREY, "D", size=5)
CURVES = {"percentile": (Look(BLUE, line="-", width=2), "error"),
          "distance_percentile": (Look(VERMILION, line="-.", width=2), "distance of the code")}  # fmt: skip


def places(now: pd.DataFrame) -> Spec:
    """Show the share of scored profiles below each percentile of the held-out ones, where a straight line is usual."""
    marks: list[Mark] = [Series([0, 100], [0, 1], Look(GREY, line="--"), label="as held-out profiles do")]
    for column, (look, name) in CURVES.items():
        if column in now and now[column].notna().all():
            share = np.linspace(0, 1, 201)
            marks.append(Series(np.quantile(now[column].astype(float), share), share, look, label=name))
    x = Axis("percentile among held-out profiles", limits=(0, 100))
    return Spec([[Panel(marks, x, Axis("share of scored profiles below", limits=(0, 1)))]], [2.6])


def by_input(now: pd.DataFrame) -> Spec:
    """Show the error of each input over the usual, median and the middle half, a line an input, the oldest first."""
    of_input = now["error_ratio"].astype(float).groupby(now["input"], sort=False)
    low, middle, high = (of_input.quantile(share).iloc[-MOST_INPUTS:] for share in (0.25, 0.5, 0.75))
    at = np.arange(len(middle))
    marks: list[Mark] = [Rule(1.0, "x"), Series(middle, at, NOW, low, high, along="x")]
    n = of_input.size()[middle.index]
    y = name_axis([shorten(str(name), 30) for name in middle.index])
    x = Axis("error over that of held-out profiles", "log" if (low > 0).all() else "linear", most=4)
    return Spec([[Panel(marks, x, y, notes=[f"{one:,}" for one in n], notes_head="profiles")]], [height(len(at))])


def types(now: pd.DataFrame, earlier: pd.DataFrame) -> Spec:
    """Show the share of each type, now and earlier, those first that changed most."""
    shown = shares(now, earlier).iloc[:MOST_TYPES]
    at = np.arange(len(shown))
    marks = [
        Series(shown["earlier"], at, EARLIER, label=f"{len(earlier):,} earlier profiles"),
        Series(shown["now"], at, NOW, label=f"{len(now):,} profiles now"),
    ]
    y = name_axis([shorten(str(name), 30) for name in shown.index])
    return Spec([[Panel(marks, Axis("share of profiles", most=5), y)]], [height(len(at))])
