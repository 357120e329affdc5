"""The dozen figures that MLflow shows of a run, out of the hundreds in `metrics.json`.

Those of `headline.json` are others, which the questions declare: see `headlines`.
"""

from __future__ import annotations

import math

from cic.evaluation.metrics import Metrics
from cic.evaluation.questions.identity.found import Found as Identity


def run_figures(metrics: Metrics) -> dict[str, float]:
    """Give the figures that a page of runs shows; the first by name is the error over that of PCA.

    What was not measured, or has no interval, is not among them.
    """
    unexplained, ratio = metrics.unexplained_variance, metrics.ratio_to_pca
    replicates, identity = metrics.replicates, metrics.of(Identity)
    found = {
        "error_test_over_pca": ratio.value,
        "error_test_over_pca_high": ratio.high,
        "error_test_over_pca_low": ratio.low,
        "profiles_test": metrics.profiles.test,
        "unexplained_test": unexplained.model.value,
        "unexplained_test_pca": unexplained.pca.value,
        "unexplained_test_span_ceiling": unexplained.span_ceiling.value,
    }
    if replicates is not None:
        found["replicates_error_over_disagreement"] = replicates.ratio.value
    if identity is not None:
        found["identity_balanced_accuracy"] = identity.methods["classifier"].balanced_accuracy.value
        found["identity_chance"] = identity.chance
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}
