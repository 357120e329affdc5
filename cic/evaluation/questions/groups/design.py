"""Profiles of groups that a training never had, by which it is seen whether groups are told apart.

Axes: S all profiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data.split import grouped_folds, unit_of_samples
from cic.evaluation.questions.groups.telling import FOLDS, comparable, sets_of
from cic.evaluation.statistics.intervals import FEWEST_UNITS
from cic.evaluation.subject import Subject
from cic.seeds import derive_seed

FEWEST_GROUPS = 4
"""Two halves of fewer have no two groups each."""
FEWEST_SETS = 2 * FOLDS
"""Replicate sets below which hardly any is left to learn a group from."""


@dataclass(frozen=True)
class View:
    """Profiles that a training leaves out, those of them by which groups are told, and those that it is made of."""

    held_S: np.ndarray
    told_S: np.ndarray
    train_S: np.ndarray


@dataclass(frozen=True)
class Design:
    """The test part in one view, or `halves` of the other groups in one each."""

    views: tuple[View, ...]
    halves: bool


def design(subject: Subject) -> Design | str:
    """Give the test part, or two halves of the groups that training and test part have; or why there are none."""
    samples, validation_S = subject.samples, subject.part_S == "validation"
    test = View(subject.test_S, _tellable(samples, subject.test_S), subject.part_S == "train")
    if _n_units(samples[test.told_S]) >= FEWEST_UNITS:
        return Design((test,), halves=False)
    if (n_units := _n_units(samples[~validation_S])) < FEWEST_GROUPS:
        return (
            f"the training and test parts have {n_units} group{'s' * (n_units != 1)} that share no sample; it takes "
            f"{FEWEST_GROUPS} to leave out two that can be told apart."
        )
    half_S = np.full(len(samples), -1)
    half_S[~validation_S] = grouped_folds(samples[~validation_S], 2, derive_seed(subject.seed, "groups", "halves"))
    both = [View(half_S == left, _tellable(samples, half_S == left), half_S == 1 - left) for left in range(2)]
    views = tuple(one for one in both if one.told_S.any())
    if not views:
        return "too few profiles of groups that are left out together have a label in common."
    if any(subject.too_little(one.train_S, validation_S) for one in views):
        return "leaving half of the groups out leaves too few profiles to train on."
    return Design(views, halves=True)


def _tellable(samples: pd.DataFrame, held_S: np.ndarray) -> np.ndarray:
    """Mask the held-out profiles by which groups can be told; none where they are too few to learn from."""
    told_S = np.zeros(len(samples), dtype=bool)
    told_S[held_S] = comparable(samples[held_S])
    return told_S if len(np.unique(sets_of(samples[told_S]))) >= FEWEST_SETS else np.zeros_like(told_S)


def _n_units(samples: pd.DataFrame) -> int:
    return len(np.unique(unit_of_samples(samples)))
