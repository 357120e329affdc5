"""What is found of groups that are told apart by their codes."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Told(Finding):
    """How well groups are told apart from one code, within labels."""

    accuracy: Interval
    """Share of profiles whose group a linear discriminant tells rightly, cross-validated over replicate sets."""
    by_chance: Interval
    """The same with groups shuffled within labels."""
    over_chance: Interval
    """Accuracy minus that by chance, paired."""
    share: float | None
    """Share of the code's variance within labels that group means explain (`cic.model.group_share`)."""
    share_by_chance: float | None


class Penalty(Finding):
    """What `training.group_penalty` costs and buys: retrainings with it and without, from the same seed."""

    weight: float
    n: int
    """Profiles whose errors are compared: all that are held out, not only those that groups are told by."""
    units: int
    by: str
    error_ratio: Interval
    """Squared error with the penalty over that without."""
    ratio_to_pca: Interval
    """Squared error with the penalty over PCA's."""
    ratio_to_pca_without: Interval
    told: Told
    told_without: Told
    difference: Interval
    """Accuracy with the penalty minus that without."""
    share_training: float
    """Share of variance by which groups are told among the profiles that were trained on, with the penalty."""
    share_training_without: float


class Found(Finding):
    """How well the group (study, donor, batch) is told from codes of profiles of groups that training never had."""

    n: int
    """Profiles of labels that more than one of the groups has."""
    n_groups: int
    n_labels: int | None
    """Null where the data name none."""
    held_out: int
    """1 where they are of the test part, 0 where groups were left out of retrainings, half of them at a time."""
    units: int
    by: str
    model: Told
    pca: Told
    """PCA's code of equal width."""
    difference_to_pca: Interval
    """Accuracy from the code minus that from PCA's."""
    penalty: Penalty | None
    """Null where the training had none."""
