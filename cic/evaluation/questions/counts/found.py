"""What is found of how counts are foretold."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Deviances(Finding):
    """Multinomial deviance of the held-out counts over that of the mean profile."""

    model: Interval
    pca: Interval
    noise: Interval
    """What counting alone would leave if the model's rates were the true ones."""


class Shares(Finding):
    """Of the mean profile in what a method foretells, chosen on the validation profiles."""

    model: float
    pca: float


class Found(Finding):
    """How well the counts of held-out profiles are foretold, whatever scale the model is on."""

    n: int
    """Held-out profiles."""
    counts_a_profile: float
    """Median total over the modelled genes."""
    deviance: Deviances
    ratio_to_pca: Interval
    """The model's deviance over PCA's, paired."""
    mean_profile_share: Shares
