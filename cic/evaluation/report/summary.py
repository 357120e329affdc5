"""The lines that a terminal and a model card show of a run."""

from __future__ import annotations

from cic.evaluation.metrics import Metrics
from cic.evaluation.questions.identity.found import Found as Identity
from cic.evaluation.words import with_interval


def summary(metrics: Metrics) -> list[tuple[str, str]]:
    """Give the lines that a terminal shows after a run: a label and a value each."""
    confidence = metrics.interval.confidence
    unexplained, model = metrics.unexplained_variance, metrics.model
    ceiling, identity = metrics.replicates, metrics.of(Identity)
    lines = [
        ("architecture", f"depth {model.depth}, bottleneck width {model.bottleneck_width}"),
        ("held-out unexplained variance", with_interval(unexplained.model, confidence, 3)),
        ("  of PCA of equal width", with_interval(unexplained.pca, confidence, 3)),
        ("  span ceiling", f"{unexplained.span_ceiling.value:.3f}"),
        ("ratio to PCA", with_interval(metrics.ratio_to_pca, confidence, 3)),
        (
            "error over replicate disagreement",
            f"not measured: {metrics.left_out['replicates']}"
            if ceiling is None
            else with_interval(ceiling.ratio, confidence)
            + f", {ceiling.n_sets} sets"
            + ("" if ceiling.held_out else ", not held out"),
        ),
    ]
    if ceiling is not None:
        at = ceiling.floor.missed
        lines.append(
            (
                "  from noise floor (0) to mean profile (1)",
                f"not measured: {metrics.left_out['replicates.noise_floor']}"
                if at is None
                else f"{with_interval(at.model, confidence)}, PCA {at.pca.value:.2f}",
            )
        )
    if identity is not None:
        accuracy = with_interval(identity.methods["classifier"].balanced_accuracy, confidence)
        accuracy += f", chance {identity.chance:.2f}"
        if identity.bundle_classifier is None:
            accuracy += "; trained for the evaluation, the model has one only with fit.classifier"
        lines.append(("balanced accuracy, classifier", accuracy))
    audit = metrics.audit
    failed = f"failed: {audit.blocking} finding{'s' * (audit.blocking != 1)}"
    lines.append(("leakage audit", "passed" if audit.passed else failed))
    return lines
