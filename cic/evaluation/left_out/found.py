"""What errors on profiles that a training left out come to, together."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class LeftOutErrors(Finding):
    """Unexplained variance by who made the reconstructions."""

    model: Interval
    """That never saw the type or group."""
    pca: Interval
    """Likewise."""
    seen: Interval
    """The model that did."""
    pca_seen: Interval


class LeftOut(Finding):
    """Errors on left-out profiles, over one denominator, so that ratios of sums are ratios of errors."""

    n: int
    units: int
    by: str
    unexplained_variance: LeftOutErrors
    """Over the squared distance from the mean of all profiles that the training which left nothing out had."""
    ratio_to_pca: Interval
    """The model that never saw them over PCA that never saw them."""
    ratio_to_seen: Interval
    """The model that never saw them over the model that did."""
    pca_ratio_to_seen: Interval
    seen_ratio_to_pca: Interval
    n_better_than_pca: int
    """Types or groups, by their whole intervals."""
    n_worse_than_pca: int
    n_undecided: int
