"""Tables and a figure of what came of telling types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.identity_scores import Scores
from cic.evaluation.drawing.marks import Axis, Look, Panel, Series, Spec
from cic.evaluation.drawing.style import BLUE, GREEN, GREY, OCHRE, PURPLE, VERMILION
from cic.evaluation.statistics.intervals import Interval, against

ALL_AT = 60.0
"""Place of all labels on the axis of labels a type."""
PANELS = ("gtex26", "tcga", "pbmc3k", "simulated", "celseq2", "rnamix, dominant line")
CURVES = {
    "lda, genes": ("LDA on genes", Look(VERMILION, "s", "--", size=4)),
    "svm_linear, genes": ("linear SVM on genes", Look(OCHRE, "D", "--", size=4)),
    "centroid, genes": ("nearest mean of genes", Look(GREY, "^", ":", size=4)),
    "label spreading, PCA": ("label spreading on PCA", Look(GREEN, "v", ":", size=4)),
    "self-training LDA, PCA": ("self-training LDA on PCA", Look(PURPLE, "P", ":", size=4)),
}


def table_of_settings(found: Mapping[str, Scores], ours: Sequence[str], mine: str) -> str:
    """Give a line of Markdown a setting: the best rival in hindsight, our method, and the paired difference."""
    lines = [
        f"| setting, labels a type | best rival | it | {mine} | difference | | best of ours, difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        best, our_best = one.best([method for method in one.value if method not in ours]), one.best(ours)
        difference = one.difference(mine, best)
        cells = [
            name, best, shown(one.interval(best)), shown(one.interval(mine)), shown(difference, "+"),
            outcome(difference), f"{our_best}: {shown(one.difference(our_best, best), '+')}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def table_of_methods(found: Mapping[str, Scores], ours: Sequence[str]) -> str:
    """Give a line a method: mean balanced accuracy over all settings, and in how many it is behind the best rival."""
    lines = ["| method | mean over settings | better than | worse than the best other |", "|---|---|---|---|"]
    methods = sorted(
        set.intersection(*(set(one.value) for one in found.values())),
        key=lambda method: -np.mean([one.value[method] for one in found.values()]),
    )
    for method in methods:
        mean = np.mean([one.value[method] for one in found.values()])
        sides = []
        for one in found.values():
            others = [rival for rival in one.value if rival not in ours and rival != method]
            sides.append(against(one.difference(method, one.best(others)), 0.0))
        bold = "**" if method in ours else ""
        lines.append(f"| {bold}{method}{bold} | {mean:.3f} | {sides.count('above')} | {sides.count('below')} |")
    return "\n".join(lines)


def outcome(difference: Interval) -> str:
    """Say what a difference from the best rival means."""
    return {"above": "**better**", "below": "worse", "undecided": ""}[against(difference, 0.0)]


def shown(interval: Interval, sign: str = "") -> str:
    """Give a value with its interval."""
    text = f"{interval.value:{sign}.3f}"
    return text if interval.bounds is None else f"{text} ({interval.low:{sign}.3f} to {interval.high:{sign}.3f})"


def learning_curves(found: Mapping[str, Scores], mine: str) -> Spec:
    """Show balanced accuracy over labelled profiles a type, a panel a set."""
    methods = {**CURVES, mine: ("joint classifier", Look(BLUE, "o", "-", size=5, width=2))}
    panels = []
    for name in PANELS:
        own = {setting.rsplit(", ", 1)[1]: one for setting, one in found.items() if setting.rsplit(", ", 1)[0] == name}
        at = [ALL_AT if count == "all" else float(count) for count in own]
        marks = [
            Series(at, [one.value[method] for one in own.values()], look, label=label)
            for method, (label, look) in methods.items()
        ]
        low, high = (
            [getattr(one.interval(mine), end) or one.value[mine] for one in own.values()] for end in ("low", "high")
        )
        marks.append(Series(at, [one.value[mine] for one in own.values()], methods[mine][1], low, high))
        ticks = [(place, count) for place, count in zip(at, own, strict=True)]
        x = Axis("labelled profiles a type", "log", ticks=ticks, limits=(1.6, 80))
        panels.append(Panel(marks, x, Axis("balanced accuracy"), title=name))
    rows = [panels[at : at + 2] for at in range(0, len(panels), 2)]
    return Spec(rows, [1.7] * len(rows), legend="lower")
