"""What is found of features, beside as many axes of other methods."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Followed(Finding):
    """Which gene sets the axes of a method follow, over the training profiles unless said otherwise."""

    axes: int
    beyond: int
    """Pairs of axis and set that go together more than shuffled profiles do, within the false discovery rate."""
    links: int
    """Of these, pairs with |r| of `follows` at least."""
    sets: Interval
    """Share of the sets that have a link; the interval is over sets."""
    held_out: Interval
    """Median over the sets of r, over held-out profiles, with the axis that follows it best over the training ones."""
    expected: int | None
    """Pathways expected in a cell type that are highest there, through the links."""
    named: int
    """Pairs of axis and set by which `cic explain` names the axis (`cic.model.named_sets`)."""
    named_sets: Interval
    """Share of the sets that name an axis; the interval is over sets."""


class Matched(Finding):
    """How single axes follow planted programs over held-out profiles; intervals are over programs."""

    r: Interval
    """Median |r| of a program with its own axis, each axis for one program at most; 0 where none is left."""
    precision: Interval
    """Links by rank sums of loadings that are true."""
    recall: Interval
    """Programs with a true link."""


class Planted(Matched):
    """The same of one method, with what belongs to it."""

    average_precision: float | None
    base_rate: float
    """Precision of blind links."""


class Found(Finding):
    """Whether single features can be named."""

    n: int
    recurrence: float
    """Median over features of r with their match in another training."""
    active: float
    """Median over features of the share of training profiles in which one is active."""
    n_sets: int
    n_given: int
    """Sets left out since features were drawn towards them, or towards others that have most of their genes."""
    follows: float
    shuffled: float
    """Pairs beyond the null of features with shuffled profiles, a mean over shuffles: about none, if it holds."""
    n_expected: int | None
    methods: dict[str, Followed]
    """The features first, then the numbers of the code, then as many axes by other methods."""
    least_lead: Interval
    """The least of the features' leads in `held_out` over the other methods: the one that speaks most against them."""
    leads: dict[str, Interval]
    """By method, `held_out` of the features less that of the method, paired over sets."""
    planted: dict[str, Planted] | None
    """By method, where profiles were simulated."""
    lead: dict[str, Matched] | None
    """The features less each other method, paired."""
    least_planted_lead: Interval | None
    """The least of these in `r`: the one that speaks most against the features."""
