"""What is found of groups that a training left out."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.left_out.found import LeftOut


class Group(Finding):
    """One group that was left out."""

    group: str
    n: int
    ratio_to_pca: float | None


class Found(LeftOut):
    """Groups (studies, donors) left out of training in turn, and their profiles.

    What was fitted to all of these profiles is `seen`, hence flattering.
    """

    n_groups: int
    n_sets: int
    """Retrainings: one a group, or one a set of groups."""
    each: list[Group] | None
    """Every group, where there are too few for an interval; else null."""
