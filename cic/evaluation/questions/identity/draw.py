"""Pictures: identity/section."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator

from cic.evaluation.classifiers.names import METHOD_NAMES
from cic.evaluation.drawing.drawing import BLUE, GREY, INK, VERMILION, Row, dot_plot, new_figure
from cic.evaluation.questions.identity.found import Calibration
from cic.evaluation.statistics.intervals import Interval

SHARE_IN_CELL, NAMED_COLUMNS = 12, 20
"""Types up to which cells of the confusion matrix hold numbers, and its columns names rather than numbers."""


def score_figure(scores: Mapping[str, Interval], chance: float) -> Figure:
    """Draw balanced accuracy by method; where all but chance is far right, the axis begins there and says so."""
    lows = [one.value if one.low is None else one.low for name, one in scores.items() if name != "majority"]
    near = min(lows) > max(0.6, chance + 0.2)
    kinds = {"joint": "model", "code": "model", "pca": "pca"}
    rows = [
        Row(METHOD_NAMES[name], one, kinds.get(name.split("_")[0], "baseline"), f"{one.value:.3f}")
        for name, one in scores.items()
        if not (near and name == "majority")
    ]
    figure, (axes,) = new_figure(0.9 + 0.21 * len(rows))
    dot_plot(axes, rows, reference=None if near else chance)
    left = np.floor(20 * min(lows) - 0.5) / 20 if near else 0.0
    axes.set_xlim(left, 1 + 0.02 * (1 - left))
    where = "left of this axis" if near else "dashed line"
    axes.set_xlabel(f"balanced accuracy (chance {chance:.2f}: {where})")
    return figure


def confusion_figure(joint: pd.DataFrame) -> Figure:
    """Draw, by true type (rows, summing to 1) and answer, the share of profiles as depth of colour."""
    names = sorted({*joint["true"], *joint["predicted"]})
    at = {name: number for number, name in enumerate(names)}
    share = joint["n"] / joint.groupby("true")["n"].transform("sum")
    few = len(names) <= NAMED_COLUMNS
    figure, (axes,) = new_figure(max(2.0, 1.1 + (0.2 if few else 0.135) * len(names)))
    cells, colours = [], []
    for true, said, part in zip(joint["true"], joint["predicted"], share, strict=True):
        cells.append(Rectangle((at[said] - 0.5, at[true] - 0.5), 1, 1))
        # the least share must still be seen on light and on dark paper
        colours.append(((BLUE if true == said else VERMILION), 0.45 + 0.45 * part))
        if len(names) <= SHARE_IN_CELL:
            percentage = f"{100 * part:.0f}" if part >= 0.01 else "<1"
            axes.text(at[said], at[true], percentage, ha="center", va="center", fontsize=7.5, color=INK)
    axes.add_collection(PatchCollection(cells, facecolors=colours, linewidths=0))
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    size = 8 if few else 7
    shown = [name if len(name) <= 28 else name[:27] + "…" for name in names]
    if few:
        axes.set_xticks(range(len(names)), shown, rotation=90 if len(names) > 3 else 0, fontsize=size)
        axes.set_yticks(range(len(names)), shown, fontsize=size)
    else:
        every = range(4, len(names), 5)
        axes.set_xticks(every, [str(number + 1) for number in every], fontsize=size)
        axes.set_yticks(
            range(len(names)), [f"{name} · {number}" for number, name in enumerate(shown, 1)], fontsize=size
        )
    axes.grid(visible=False)
    axes.xaxis.set_minor_locator(MultipleLocator(1, -0.5))
    axes.yaxis.set_minor_locator(MultipleLocator(1, -0.5))
    if few:
        axes.grid(which="minor")
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("answer" if few else "answer (numbers as at the left)")
    axes.set_ylabel("true type")
    return figure


def reliability_figure(table: pd.DataFrame, joint: Calibration) -> Figure:
    """Draw accuracy over confidence by bin, before and after temperature scaling."""
    figure, (axes,) = new_figure(3.4)
    low = max(0.0, np.floor(10 * table[["confidence", "accuracy"]].to_numpy().min() - 0.5) / 10)
    high = min(1.0, np.ceil(10 * table[["confidence", "accuracy"]].to_numpy().max() + 0.5) / 10)
    axes.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1, zorder=1)
    shown = (("before", joint.ece_before, GREY, "D", "none"), ("after", joint.ece_after, BLUE, "o", BLUE))
    for when, error, colour, marker, face in shown:
        own = table[table["when"] == when]
        axes.plot(
            own["confidence"], own["accuracy"], marker=marker, color=colour, markerfacecolor=face, linewidth=1.2,
            markersize=5, clip_on=False, linestyle=":" if when == "before" else "-", zorder=3,
            label=f"{when}: error {100 * error:.1f}%",
        )  # fmt: skip
    margin = 0.02 * (high - low)
    axes.set_xlim(low, high + margin)
    axes.set_ylim(low, high + margin)
    axes.set_xlabel(f"certainty of the answer (about {table['n'].median():.0f} profiles a mark)")
    axes.set_ylabel("share of right answers")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.13), ncols=2, borderaxespad=0)
    return figure
