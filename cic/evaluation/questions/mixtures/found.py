"""What is found of mixtures with known shares."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class ByDescription(Finding):
    """An interval for each description of a mixture; linear is null where the unit is not linear."""

    model: Interval | None
    pca: Interval | None
    """Codes of equal width."""
    profile: Interval | None
    """All genes, scale of the model."""
    linear: Interval | None
    """All genes, linear scale."""


class Rmse(ByDescription):
    """Root mean squared errors of a share."""

    model: Interval
    pca: Interval
    equal_shares: Interval
    """One over the number of components for everyone."""


class Values(Finding):
    """A value for each description of a mixture."""

    model: float | None
    pca: float | None
    profile: float | None
    linear: float | None


class Found(Finding):
    """Whether codes of mixtures lie between those of the pure components; intervals are over mixtures."""

    n: int
    """Mixtures."""
    n_components: int
    n_compositions: int
    """Different ones among the mixtures."""
    held_out: int
    """1, or 0 where too few mixtures are held out and those of all parts are used."""
    units: int
    by: str
    n_pure_training: int
    """The fewest profiles behind a component's pure code."""
    rmse: Rmse
    """Of a share."""
    rmse_of_means: Values
    """Of a share told from the mean of all mixtures of the same composition: what averaging noise away leaves."""
    ratio_to_pca: Interval
    """The model's error over PCA's, paired."""
    ratio_to_equal_shares: Interval
    pearson: ByDescription
    """Over mixtures and components."""
    off_plane: ByDescription
    """Mean distance of a mixture from the plane through the pure codes over the mean distance of two of those; null
    where there are fewer numbers than components."""
    off_plane_pure: Values
    """The same for pure profiles that were not trained on, which is noise alone."""
