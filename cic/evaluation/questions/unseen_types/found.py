"""What is found of cell types that a training left out."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.left_out.found import LeftOut
from cic.evaluation.statistics.intervals import Interval


class OverReplicates(Finding):
    """Error over the disagreement of technical replicates (root mean squares)."""

    n_sets: int
    pca: Interval
    seen: Interval


class Distance(Finding):
    """Spearman's correlation over types with the distance to the nearest other type."""

    n_types: int
    ratio_to_seen: Interval
    """Of the error over that of the model that saw the type."""
    unexplained: Interval
    """Of the unexplained variance."""


class Found(LeftOut):
    """Cell types left out of training in turn, and their test profiles, whose groups are new as well."""

    n_types: int
    ratio_to_replicates: Interval | None
    """Of the model that never saw the type; null without replicates."""
    replicates: OverReplicates | None
    distance: Distance | None
    """Null where there are too few types to see a trend over them."""
