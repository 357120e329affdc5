"""What is found of “unknown” as an answer."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class AnswerSets(Finding):
    """Sets of answers of one classifier, over test profiles of known types."""

    coverage: Interval
    """Share of the sets that hold the true type."""
    set_size: Interval
    """Mean."""
    single: Interval
    """Share with one answer."""
    empty: Interval
    """Share with none."""
    single_right: Interval
    """Share right of those with one."""


class Conformal(Finding):
    """Sets of answers by split conformal prediction."""

    error_rate: float
    guarantee: float
    """One minus the error rate."""
    n_calibration: int
    n: int
    """Test profiles of known types."""
    n_classes: int
    by: str
    methods: dict[str, AnswerSets]
    """On the code and on PCA's (`code`, `pca`)."""


class Always(Finding):
    """A classifier that always answers."""

    error: Interval
    """An answered unknown is an error."""
    error_known: Interval
    """Among known ones."""


class Point(Always):
    """A classifier that rejects what its score finds too foreign; errors are among answered."""

    known_answered: Interval
    unknown_rejected: Interval


class Operating(Finding):
    """Rejection at the threshold that a stated share of validation profiles of known types pass."""

    error_rate: float
    n_types: int
    unknown_share: float
    """Of all judgements."""
    always: Always
    scores: dict[str, Point]


class Found(Finding):
    """How well a cell type that training never had is told from known ones.

    Scores are `model_error`, `pca_error`, `max_probability` and `centroid`.
    """

    conformal: Conformal | None
    """Null where the validation part is too small for the error rate."""
    n_types: int
    n_unknown: int
    n_known: int
    """Test profiles as judged by one retraining, on average."""
    units: int
    by: str
    auroc: dict[str, Interval]
    """By score, pooled over types, each weighted by its profiles: the chance that a left-out profile scores above a
    known one that the same retraining judges; 0.5 where it cannot tell."""
    difference_to_pca: dict[str, Interval]
    """By each other score, its area minus that of PCA's error."""
    model_minus: dict[str, Interval]
    """By each other score, the area of the model's error minus its own."""
    operating: Operating | None
    """Null where the validation part is too small."""
