"""Picture of how well groups are told apart, and of the error with the penalty on that and without."""

from __future__ import annotations

from cic.evaluation.drawing.dots import Row, dot_panel, height
from cic.evaluation.drawing.marks import Axis, Spec
from cic.evaluation.questions.groups.found import Found
from cic.evaluation.statistics.intervals import Interval


def groups_figure(found: Found) -> Spec:
    """Show the share of profiles whose group is told by code, and below it the error over PCA's by training."""
    chance, penalty = found.model.by_chance.value, found.penalty
    rows = [_row("code", found.model.accuracy), _row("PCA's code", found.pca.accuracy, "pca")]
    if penalty is not None:
        rows += _again(penalty.told.accuracy, penalty.told_without.accuracy)
    told = dot_panel(
        rows, Axis(f"profiles whose group is told\n(chance {chance:.2f}: dashed line)", limits=(0, None)), chance
    )
    if penalty is None:
        return Spec([[told]], [height(len(rows)) + 0.1])
    errors = _again(penalty.ratio_to_pca, penalty.ratio_to_pca_without)
    cost = dot_panel(errors, Axis("squared error over PCA's"), 1.0)
    return Spec([[told], [cost]], [height(len(rows)) + 0.1, height(len(errors))])


def _again(penalised: Interval, free: Interval) -> list[Row]:
    return [_row("again, with penalty", penalised), _row("again, without", free, "baseline")]


def _row(name: str, interval: Interval, look: str = "model") -> Row:
    return Row(name, interval, look, f"{interval.value:.2f}")
