"""Tables and a figure of what came of telling types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from bench.identity_scores import Scores
from cic.evaluation.drawing.marks import Axis, Look, Panel, Series, Spec
from cic.evaluation.drawing.style import BLUE, GREEN, GREY, INK, OCHRE, PURPLE, VERMILION
from cic.evaluation.statistics.intervals import Interval, against

ALL_AT = 60.0
"""Place of all labels on the axis of labels a type."""
PANELS = ("gtex26", "tcga", "pbmc3k", "simulated", "celseq2", "rnamix, mixture by amount")
PLAIN = tuple(f"{how}, {of}" for how in ("lda", "svm_linear", "svm_rbf", "logistic") for of in ("genes", "ranks"))
"""Rivals that the field begins with."""
CURVES = {
    "lda, genes": ("LDA on genes", Look(VERMILION, "s", "--", size=4)),
    "svm_linear, genes": ("linear SVM on genes", Look(OCHRE, "D", "--", size=4)),
    "lda, ranks": ("LDA on ranks", Look(GREY, "^", "--", size=4)),
    "label spreading, PCA": ("label spreading on PCA", Look(GREEN, "v", ":", size=4)),
    "self-training lda, PCA": ("self-training LDA on PCA", Look(PURPLE, "P", ":", size=4)),
    "joint": ("joint classifier", Look(BLUE, "o", "-", size=5, width=2)),
}


def table_of_settings(found: Mapping[str, Scores], ours: Sequence[str], mine: Sequence[str]) -> str:
    """Give a line of Markdown a setting: methods beside the best rival in hindsight, of all and of `PLAIN` ones."""
    heads = [f"{method} minus {other}" for method in mine for other in ("it", "best of LDA, SVM, logistic")]
    lines = [
        f"| {' | '.join(['setting, labels a type', 'best rival', 'it', *heads])} |",
        "|---" * (3 + len(heads)) + "|",
    ]
    for name, one in found.items():
        rivals = [method for method in one.value if method not in ours]
        best, plain = one.best(rivals), one.best([rival for rival in rivals if rival in PLAIN])
        differences = [judged(one.difference(method, rival)) for method in mine for rival in (best, plain)]
        lines.append(f"| {' | '.join([name, best, shown(one.interval(best)), *differences])} |")
    return "\n".join(lines)


def table_of_methods(found: Mapping[str, Scores], ours: Sequence[str]) -> str:
    """Give a line a method: its mean, and in how many settings it is better, or worse, than the best other rival."""
    lines = ["| method | mean over settings | better than the best other rival | worse |", "|---|---|---|---|"]
    methods = set.intersection(*(set(one.value) for one in found.values()))
    mean = {method: float(np.mean([one.value[method] for one in found.values()])) for method in methods}
    for method in sorted(methods, key=lambda method: (-mean[method], method)):
        sides = []
        for one in found.values():
            others = [rival for rival in one.value if rival not in ours and rival != method]
            sides.append(against(one.difference(method, one.best(others)), 0.0))
        name = f"**{method}**" if method in ours else method
        lines.append(f"| {name} | {mean[method]:.3f} | {sides.count('above')} | {sides.count('below')} |")
    return "\n".join(lines)


def judged(difference: Interval) -> str:
    """Give a difference, and what it means where the whole interval is on one side."""
    word = {"above": ", **better**", "below": ", worse", "undecided": ""}[against(difference, 0.0)]
    return shown(difference, "+") + word


def shown(interval: Interval, sign: str = "") -> str:
    """Give a value with its interval."""
    text = f"{interval.value:{sign}.3f}"
    return text if interval.bounds is None else f"{text} ({interval.low:{sign}.3f} to {interval.high:{sign}.3f})"


def learning_curves(found: Mapping[str, Scores], mine: str) -> Spec:
    """Show balanced accuracy over labelled profiles a type, a panel a set, of `mine` with its interval."""
    methods = CURVES if mine in CURVES else {**CURVES, mine: (mine, Look(INK, "o", "-", size=5, width=2))}
    of_set: dict[str, dict[str, Scores]] = defaultdict(dict)
    for setting, one in found.items():
        name, count = setting.rsplit(", ", 1)
        of_set[name][count] = one
    names = [name for name in PANELS if name in of_set]
    panels = []
    for number, name in enumerate(names):
        own = of_set[name]
        at = [ALL_AT if count == "all" else float(count) for count in own]
        marks = [
            Series(at, [one.value[method] for one in own.values()], look, label=label)
            for method, (label, look) in methods.items()
        ]
        intervals = [one.interval(mine) for one in own.values()]
        ends = [[one.value if end is None else end for end in (one.low, one.high)] for one in intervals]
        marks.append(Series(at, [one.value for one in intervals], methods[mine][1], *np.transpose(ends)))
        below, left = number >= len(names) - 2, number % 2 == 0
        ticks = list(zip(at, own, strict=True))
        x = Axis("labelled profiles a type" if below else "", "log", ticks=ticks, limits=(1.6, 80))
        panels.append(Panel(marks, x, Axis("balanced accuracy" if left else ""), title=name.rsplit(", ", 1)[-1]))
    rows = [panels[at : at + 2] for at in range(0, len(panels), 2)]
    return Spec(rows, [1.7] * len(rows), legend="lower")
