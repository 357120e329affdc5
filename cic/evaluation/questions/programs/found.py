"""What is found of programs that were planted in simulated profiles."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Shares(Finding):
    """Shares of links or programs, or differences of them; intervals are over programs."""

    precision: Interval
    """Links that are true."""
    recall: Interval
    """Programs with a true link."""
    strongest: Interval
    """Programs whose strongest number, link or not, truly follows them."""


class Recovered(Shares):
    """How a method's links compare with the truth."""

    links: int
    true: int
    decoys: int
    """Links with sets of random genes."""
    reachable: float
    """Share of the programs that any number follows: no links could give a higher recall."""
    average_precision: float | None
    """Over all pairs of number and program, ranked by score."""
    base_rate: float
    """What a blind ranking reaches, which is also the precision of blind links."""


class Found(Finding):
    """Whether planted programs are found again, by the model and by other codes of equal width."""

    n_programs: int
    n_test: int
    """Held-out profiles with known activity."""
    r_needed: float
    """Signed Pearson r between number and activity above which a link is true."""
    methods: dict[str, Recovered]
    """The first four by rank sums on regression loadings, all alike; then the model's own decoder."""
    decoded: dict[str, Interval]
    """By code, the share of a program's variance that all numbers together foretell, a mean over programs."""
    decoded_difference_to_pca: Interval
    least_lead: Interval
    """The least of the differences in precision and recall to PCA, ICA and NMF: the one that speaks most against it."""
    difference_to: dict[str, Shares]
    """The model's shares minus theirs, paired."""
