"""Picture of how well groups are told apart, and of the error with the penalty on that and without."""

from __future__ import annotations

from cic.evaluation.drawing.dots import Row, dot_panel, height
from cic.evaluation.drawing.marks import Axis, Spec
from cic.evaluation.questions.groups.found import Found


def groups_figure(found: Found) -> Spec:
    """Show the share of profiles whose group is told by code, and below it the error over PCA's by training."""
    chance, penalty = found.model.by_chance.value, found.penalty
    rows = [
        Row("code", found.model.accuracy, note=_note(found.model.accuracy.value)),
        Row("PCA's code", found.pca.accuracy, "pca", _note(found.pca.accuracy.value)),
    ]
    if penalty is not None:
        rows += [
            Row("again, with penalty", penalty.told.accuracy, note=_note(penalty.told.accuracy.value)),
            Row(
                "again, without", penalty.told_without.accuracy, "baseline", _note(penalty.told_without.accuracy.value)
            ),
        ]
    told = dot_panel(
        rows, Axis(f"profiles whose group is told\n(chance {chance:.2f}: dashed line)", limits=(0, None)), chance
    )
    if penalty is None:
        return Spec([[told]], [height(len(rows)) + 0.1])
    errors = [
        Row("again, with penalty", penalty.ratio_to_pca, note=_note(penalty.ratio_to_pca.value)),
        Row("again, without", penalty.ratio_to_pca_without, "baseline", _note(penalty.ratio_to_pca_without.value)),
    ]
    cost = dot_panel(errors, Axis("squared error over PCA's"), 1.0)
    return Spec([[told], [cost]], [height(len(rows)) + 0.1, height(len(errors))])


def _note(value: float) -> str:
    return f"{value:.2f}"
