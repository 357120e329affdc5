"""What is found of pathways."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Sets(Finding):
    """Gene sets that were tested."""

    n: int
    files: int
    small: int
    """Left out by size."""
    large: int
    given: int
    """Left out since features were drawn towards them, or towards others that have most of their genes."""
    genes_matched: int
    genes: int


class Loadings(Finding):
    """How alike a number moves genes in all profiles: cosine of single profiles' derivatives with the mean one."""

    constancy_median: float
    constancy_least: float


class Links(Finding):
    """Links of numbers with gene sets, within the false discovery rate over all of them together."""

    n: int
    numbers: int
    """With at least one."""
    sets: int
    tests: int
    undecided: int
    """Tests without a p-value, counted as no links: too few random sets score on that side."""
    p_needed: float
    """The largest p-value of a link."""
    false_discoveries: float
    permutations: int
    random_sets: int
    """Links that random genes have at the same p-value."""
    rank_sums: int
    """Links by rank sums instead."""
    agreement: float | None
    """Share of the links that rank sums find too."""
    shuffled: float
    """Links by rank sums of codes with shuffled profiles, on average."""
    over_shuffled: Interval
    """Links by rank sums over those of codes with shuffled profiles, which stand for nothing; no interval."""
    beyond_shuffled: int
    """Links with a score that shuffled codes do not reach, at the same rate."""


class Stability(Finding):
    """Whether trainings from other seeds say the same."""

    seeds: int
    needed: float
    """Share of the seeds in which a link must recur."""
    recurring: int
    """Links."""
    share: Interval
    """Of the links that recur, by number."""
    mean_share: float | None
    """Of the seeds, a link."""
    mean_share_by_chance: float | None
    """With numbers matched wrongly."""
    r_median: float | None
    """|r| of matched numbers."""
    disparity: float
    """What the best rotation leaves unexplained (Procrustes)."""
    r_median_to_pca: float | None
    disparity_to_pca: float


class Expected(Finding):
    """Pathways that any textbook expects to be high in a cell type."""

    n: int
    found: int
    """Through the links."""
    found_by_rank: int
    """Through links by rank sums."""
    found_pca: int
    """Through PCA's, by rank sums."""
    chance: float
    """Expected of blind links."""


class Found(Finding):
    """Which pathways the numbers of a code go with, and whether another training would say the same."""

    sets: Sets
    loadings: Loadings
    links: Links
    stability: Stability
    expected: Expected | None
