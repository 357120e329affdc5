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


class Methods(Finding):
    """The same of what each method makes of half the counts."""

    model: Interval
    pca: Interval


class Halves(Finding):
    """Squared errors against the other half of the counts, on the scale of the model, trained again on halves."""

    explainable: Interval
    """Share of the mean profile's error that is more than counting noise."""
    noise_share: Methods
    """Share of a method's error that counting noise is: 1 is all that there is to explain explained."""
    missed: Methods | None
    """Share of the explainable part that is missed: 0 is all explained, 1 the mean profile; null where it is not sure
    that a hundredth of the mean profile's error is explainable."""


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
    halves: Halves | None
    """What of the error is counting noise, told by halves of the counts; null where no training on them succeeds."""
