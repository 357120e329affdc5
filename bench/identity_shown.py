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
PLAIN = ("lda", "svm_linear", "svm_rbf", "logistic")
FIELDS = {
    "LDA, SVM, logistic regression on genes": tuple(f"{how}, genes" for how in PLAIN),
    "LDA, SVM, logistic regression on genes or ranks": tuple(
        f"{how}, {of}" for how in PLAIN for of in ("genes", "ranks")
    ),
    "all rivals": None,
}
"""Of which rivals the best in hindsight is taken: what the field begins with, and whatever was measured (None)."""
CURVES = {
    "lda, genes": ("LDA on genes", Look(VERMILION, "s", "--", size=4)),
    "svm_linear, genes": ("linear SVM on genes", Look(OCHRE, "D", "--", size=4)),
    "lda, ranks": ("LDA on ranks", Look(GREY, "^", "--", size=4)),
    "label spreading, PCA": ("label spreading on PCA", Look(GREEN, "v", ":", size=4)),
    "self-training lda, PCA": ("self-training LDA on PCA", Look(PURPLE, "P", ":", size=4)),
    "joint": ("joint classifier", Look(BLUE, "o", "-", size=5, width=2)),
}


def beside(one: Scores, ours: Sequence[str], mine: str, field: Sequence[str] | None) -> tuple[str, Interval]:
    """Give the best rival of a field in hindsight, and `mine` less it."""
    rivals = [method for method in one.value if method not in ours and (field is None or method in field)]
    best = one.best(rivals)
    return best, one.difference(mine, best)


def table_of_fields(found: Mapping[str, Scores], ours: Sequence[str], mine: str) -> str:
    """Give a line of Markdown a field of rivals: in how many settings `mine` is better or worse, and the means."""
    head = ["against the best in hindsight of", "surely better in", "surely worse in", f"mean of {mine}", "of the best"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    own = np.mean([one.value[mine] for one in found.values()])
    for name, field in FIELDS.items():
        pairs = [beside(one, ours, mine, field) for one in found.values()]
        sides = [against(difference, 0.0) for _, difference in pairs]
        best = np.mean([one.value[rival] for one, (rival, _) in zip(found.values(), pairs, strict=True)])
        counts = f"{sides.count('above')} of {len(sides)} | {sides.count('below')}"
        lines.append(f"| {name} | {counts} | {own:.3f} | {best:.3f} |")
    return "\n".join(lines)


def table_of_settings(found: Mapping[str, Scores], ours: Sequence[str], mine: str) -> str:
    """Give a line a setting, those first where `mine` is furthest behind: beside the best of each field of rivals."""
    lines = [
        f"| {' | '.join(['setting, labels a type', mine, *(f'less the best of {name}' for name in FIELDS)])} |",
        "|---" * (2 + len(FIELDS)) + "|",
    ]
    for name, one in sorted(found.items(), key=lambda of: beside(of[1], ours, mine, None)[1].value):
        cells = [
            f"{judged(difference)}: {rival}"
            for rival, difference in (beside(one, ours, mine, field) for field in FIELDS.values())
        ]
        lines.append(f"| {' | '.join([name, f'{one.value[mine]:.3f}', *cells])} |")
    return "\n".join(lines)


def table_of_methods(found: Mapping[str, Scores], ours: Sequence[str], mine: str) -> str:
    """Give a line a method: its mean, its settings better and worse than the best other rival, and those of `mine`."""
    sides = ("better than the best other rival", "worse", f"{mine} better than it", "worse")
    lines = [f"| method | mean over settings | {' | '.join(sides)} |", "|---" * 6 + "|"]
    methods = _measured(found)
    mean = {method: float(np.mean([one.value[method] for one in found.values()])) for method in methods}
    for method in sorted(methods, key=lambda method: (-mean[method], method)):
        rivals = [rival for rival in methods if rival not in ours and rival != method]
        counts = []
        for first, second in ((method, rivals), (mine, [method])):
            told = [against(one.difference(first, one.best(second)), 0.0) for one in found.values()]
            counts += [str(told.count("above")), str(told.count("below"))] if first != second[0] else ["", ""]
        name = f"**{method}**" if method in ours else method
        lines.append(f"| {name} | {mean[method]:.3f} | {' | '.join(counts)} |")
    return "\n".join(lines)


def _measured(found: Mapping[str, Scores]) -> list[str]:
    """Give the methods that were measured in all settings, in the order of the first."""
    first, *others = (one.value for one in found.values())
    return [method for method in first if all(method in other for other in others)]


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
    methods = {method: CURVES[method] for method in CURVES if method in _measured(found)}
    methods.setdefault(mine, (mine, Look(INK, "o", "-", size=5, width=2)))
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
