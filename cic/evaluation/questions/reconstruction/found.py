"""What is found of reconstruction on held-out profiles."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Errors(Finding):
    """An error of each method, with its interval."""

    model: Interval
    pca: Interval
    type_mean: Interval | None
    """Over the profiles whose label was trained on; null where no held-out profile has one."""
    mean_profile: Interval
    span_ceiling: Interval


class Correlations(Finding):
    """Median over held-out profiles of a correlation over genes, log2 scale."""

    model: float | None
    pca: float | None
    type_mean: float | None
    mean_profile: float | None


class ByLabel(Finding):
    """Cell types one by one, counted by their whole intervals."""

    n: int
    n_better_than_pca: int
    n_worse_than_pca: int
    n_undecided: int
    worst_ratio_to_pca: float
    by: str
    """What is resampled."""
    n_with_replicates: int
    n_as_accurate_as_replicates: int
    n_less_accurate_than_replicates: int


class ByMethod(Finding):
    """Of the model and of PCA."""

    model: Interval
    pca: Interval


class Floor(Finding):
    """Error on a scale from the noise of replicates (0) to the mean profile (1); see `noise_floor`."""

    shared: Interval
    """Share of the mean profile's squared error that is more than noise."""
    missed: ByMethod | None
    """Share of what replicates share that a reconstruction misses; null where noise and mean profile are not told
    apart."""
    missed_of_other: ByMethod | None
    """The same against the other replicates, whose noise a reconstruction cannot follow."""


class Ceiling(Finding):
    """Reconstruction error beside replicate disagreement, over the same replicate sets."""

    n_sets: int
    n_profiles: int
    held_out: int
    """1 when the sets are of the test part, 0 when too few are and those of every part are used."""
    rmse_between: float
    """Root mean square over genes and sets of the difference of two replicates (preprocessed units)."""
    rmse_model: float
    """The same between a profile and its reconstruction."""
    rmse_pca: float
    rmse_span_ceiling: float
    """The same to the nearest point of the training span."""
    ratio: Interval
    """Reconstruction over replicates; at most 1 is as accurate as replicates."""
    ratio_pca: Interval
    ratio_mean_profile: Interval
    """Where noise is all there is, even the mean profile is at most 1."""
    ratio_to_other: Interval
    """Distance between the reconstruction of one replicate and the others, over that between the replicates; below 1,
    the reconstruction foretells the second measurement better than the first one does."""
    ratio_to_other_pca: Interval
    pearson_median: float | None
    """Over pairs of replicates, log2 scale."""
    spearman_median: float | None


class Replicates(Ceiling):
    """Reconstruction error beside replicate disagreement, and its place between noise and mean profile."""

    floor: Floor


class Found(Finding):
    """Error on held-out profiles beside that of other methods. Its fields stand at the top of `metrics.json`."""

    unexplained_variance: Errors
    """Squared error over squared distance from the training mean."""
    rmse: Errors
    """Root mean squared error a gene, in preprocessed units."""
    ratio_to_pca: Interval
    """The model's unexplained variance over PCA's, paired."""
    ratio_to_type_mean: Interval | None
    """The same over that of the mean of the type, on the profiles that have one."""
    pearson_median: Correlations
    spearman_median: Correlations
    labels: ByLabel | None
    replicates: Replicates | None
