"""What is found of single genes."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Correlated(Finding):
    """Spearman's correlation of an error over genes, by who made it."""

    model: Interval
    pca: Interval
    mean_profile: Interval


class Shares(Finding):
    """A share, by who made the reconstructions."""

    model: Interval
    pca: Interval
    mean_profile: Interval


class Counts(Finding):
    """A number of genes, by who made the reconstructions."""

    model: int
    pca: int
    mean_profile: int


class Noise(Finding):
    """Errors of genes beside their noise between replicates."""

    spearman: Correlated
    """Of a gene's error with its noise."""
    share_as_replicates: Shares
    """Of the genes, reproduced as well as replicates agree."""
    n_as_replicates: Counts
    error_share_as_replicates: Shares
    """Of the squared error, in these genes."""
    unavoidable: Shares
    """Noise over squared error, summed over genes."""


class Found(Finding):
    """Which genes are badly reproduced, and whether they are the noisy ones."""

    n_genes: int
    n_profiles: int
    n_sets: int
    """Replicate sets behind the noise."""
    n_replicates: int
    share_better_than_pca: Interval
    """Of the genes; equal ones count half."""
    spearman_level: Correlated | None
    """Of a gene's error with its mean level; null for log ratios."""
    noise: Noise | None
