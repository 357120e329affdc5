"""What is found of the telling of cell types."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Scores(Finding):
    """How well a method tells cell types."""

    accuracy: Interval
    balanced_accuracy: Interval
    macro_f1: Interval


class BundleClassifier(Scores):
    """The measured model's own classifier on the test part."""

    n: int
    n_unseen: int
    """Profiles of a label that it does not have; its errors."""


class Calibration(Finding):
    """Whether probabilities mean what they say."""

    n: int
    temperature: float
    """Median over folds."""
    ece_before: float
    """Expected calibration error, before temperature scaling."""
    ece_after: float
    ece_by_chance: float
    """Expected of perfect probabilities, with so few profiles."""
    nll_before: float
    """Mean negative log-likelihood, in nats."""
    nll_after: float


class Resampled(Finding):
    """What intervals are over."""

    units: int
    by: str


class Found(Finding):
    """How well the cell type is told by the model, by nested cross-validation, and if as well as from all genes."""

    n: int
    n_labels: int
    n_folds: int
    folds_by: str
    """What is kept whole in a fold: group, replicate set or profile."""
    n_unseen: int
    """Profiles whose label was in no other fold; everybody's errors."""
    chance: float
    """Of balanced accuracy, one over the number of labels."""
    methods: dict[str, Scores]
    """By the names of `cic.evaluation.classifiers.names`."""
    differences: dict[str, dict[str, Interval]]
    """Of balanced accuracy: `classifier`, `joint` and `code_logistic`, each minus each of its rivals, paired."""
    calibration: dict[str, Calibration] | None
    """Of the same three; null without labelled validation profiles."""
    bundle_classifier: BundleClassifier | None
    interval: Resampled
