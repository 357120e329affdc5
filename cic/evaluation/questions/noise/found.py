"""What is found of noise and missing genes."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Disturbance(Finding):
    """Error and accuracy under a disturbance of growing strength."""

    levels: list[float]
    """Of noise, or shares of genes missing."""
    unexplained: dict[str, list[float | None]]
    """By method, a value a level: squared error against the clean profile over that profile's squared distance from the
    training mean."""
    accuracy: dict[str, list[float | None]] | None
    """By classifier, balanced accuracy; null without labels, as is all that speaks of accuracy."""
    robustness_unexplained: dict[str, Interval]
    """By method, the mean of the curve over the range of levels (trapezoids); low is good."""
    robustness_accuracy: dict[str, Interval] | None
    """High is good."""
    ratio_to_pca: Interval
    """Of the mean unexplained variance, model over PCA, paired."""
    ratio_to_profile: Interval
    """Model over the disturbed profile itself."""
    difference_to_pca: Interval | None
    """Of the mean accuracy, logistic regression on the code minus that on PCA's code, paired."""
    difference_to_lda: Interval | None
    """Minus LDA on genes."""


class Denoises(Finding):
    """The level from which a reconstruction is nearer to the clean profile than the noisy one is; null if at none."""

    model: float | None
    pca: float | None


class Gaussian(Disturbance):
    """Gaussian noise, independent for each gene."""

    draws: int
    """Behind each level."""
    unit: str
    """`replicate noise` or `gene standard deviation`."""
    n_sets: int
    """Of replicates, behind the unit; 0 without."""
    unexplained_by_one: float
    """What noise of level 1 adds, as unexplained variance."""
    denoises_from: Denoises


class MeanFilled(Disturbance):
    """Missing genes, filled with their training mean."""

    holds_to: dict[str, float | None] | None
    """By classifier, the share of missing genes at which accuracy falls below 0.9 of that on clean profiles; null if at
    none."""


class Missing(MeanFilled):
    """Missing genes, filled by each method's own reconstruction."""

    draws: int
    """Behind each level."""
    most_rounds: int
    """Of filling."""
    mean_filled: MeanFilled


class Found(Finding):
    """What noise and missing genes do to reconstructions and to the telling of cell types."""

    n: int
    """Profiles disturbed."""
    n_held_out: int
    by: str
    """What is resampled."""
    n_labelled: int | None
    """Null where cell types cannot be scored, as the next two."""
    n_labels: int | None
    chance: float | None
    """Of balanced accuracy."""
    gaussian: Gaussian
    missing: Missing
