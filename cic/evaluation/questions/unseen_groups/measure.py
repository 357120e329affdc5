"""Groups (studies, donors) that a model never saw: trained again without them, and applied to their profiles.

Axes: S profiles (all, or those that were left out).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cic.data.split import grouped_folds, unit_of_samples
from cic.evaluation.finding import Answer
from cic.evaluation.left_out.errors import by_member, count_better, left_out_errors, pooled
from cic.evaluation.questions.unseen_groups.found import Found
from cic.evaluation.retrainings.retraining import retrain_all
from cic.evaluation.statistics.intervals import FEWEST_UNITS
from cic.evaluation.subject import Subject
from cic.seeds import derive_seed

FEWEST_GROUPS = 3
"""Of two groups, leaving one out leaves a single one to train on."""
VALIDATION_FOLDS = 5
"""Of so many parts of the profiles one serves the best epoch where no group can be spared for that."""


def measure(subject: Subject) -> Answer:
    """Leave every group (study, donor) of the training and test parts out in turn, and reconstruct its profiles.

    The validation part serves the best epoch of every retraining and is never left out. Groups linked by replicates
    go together. More than `evaluate.group_sets` groups are left out in that many sets.

    Where the training and test parts have fewer than `FEWEST_UNITS` groups, those of the validation part are left out
    too, each in turn, whatever `evaluate.group_sets` says; a fifth of the other groups' profiles then serves the best
    epoch. Fewer than `FEWEST_UNITS` groups in all get their numbers, and no interval.

    Returns
    -------
    Answer
        Its `metrics`:

        - `n`, `n_groups`, `n_sets` (retrainings), `units`, `by`
        - `unexplained_variance`: intervals of model and pca (that never saw the group), seen and pca_seen (fitted to
          all of these profiles, hence flattering), all over the squared distance from the mean of all these profiles
        - intervals `ratio_to_pca`, `ratio_to_seen`, `pca_ratio_to_seen`, `seen_ratio_to_pca`
        - `n_better_than_pca`, `n_worse_than_pca`, `n_undecided`: groups, by their intervals, which are over the
          profiles or replicate sets of the group
        - `each`: where there are too few groups for an interval, a list of group, n and ratio_to_pca; else null

        The table `unseen_groups` has a row a group: group, n, set, unexplained_model, unexplained_pca,
        unexplained_seen, unexplained_pca_seen, ratio_to_pca, low, high, ratio_to_seen, seen_low, seen_high,
        pca_ratio_to_seen.
    """
    if "group" not in subject.samples:
        text = "the data name no group such as study, donor or batch (`data.group`)."
        return Answer(None, {"unseen_groups": text})
    design = _design(subject)
    if isinstance(design, str):
        return Answer(None, {"unseen_groups": design})
    given = design.given
    if any(subject.too_little(design.train_S & one_S, design.validation_S & one_S) for one_S in given):
        return Answer(None, {"unseen_groups": "leaving a group out leaves too few profiles to train on."})
    errors = _errors(subject, design)
    samples = subject.samples[design.scored_S]
    group_S = samples["group"].astype(str).to_numpy()
    few = design.n_units < FEWEST_UNITS
    plan = subject.resampling(samples, "unseen_groups")
    within = subject.resampling(samples.drop(columns="group"), "unseen_groups, within")
    if few:  # an interval over their profiles would speak of these groups, not of groups
        plan = within = replace(plan, unit_S=design.set_S, by="left-out group")
    groups = sorted(np.unique(group_S))
    table, _ = by_member(errors, group_S, groups, within, samples, "group")
    set_of = dict(zip(group_S, design.set_S[design.scored_S], strict=True))
    table.insert(2, "set", [int(set_of[name]) for name in groups])
    table = table.rename(columns={"name": "group"})
    metrics = {
        **pooled(errors, plan),
        "n_groups": len(groups),
        "n_sets": design.n_sets,
        **count_better(table),
        "each": table[["group", "n", "ratio_to_pca"]].to_dict("records") if few else None,
    }
    return Answer(Found.model_validate(metrics), {}, _cautions(design, len(groups)), {"unseen_groups": table})


def _errors(subject: Subject, design: _Design) -> dict[str, np.ndarray]:
    """Train without each set in turn, and once with all, and give the errors on the scored profiles."""
    names = [", none left out", *(f" {number}" for number in range(design.n_sets))]
    fitted, *unseen = retrain_all(
        [
            subject.retraining(f"unseen groups{name}", design.train_S & one_S, design.validation_S & one_S)
            for name, one_S in zip(names, design.given, strict=True)
        ],
        subject.workers,
        "unseen groups",
    )
    left_out = [design.set_S == number for number in range(design.n_sets)]
    return left_out_errors(fitted, unseen, left_out, design.scored_S)


def _cautions(design: _Design, n_groups: int) -> dict[str, str]:
    found = {}
    if design.validation_left_out:
        found["unseen_groups.validation"] = (
            "There are so few groups that those of the validation part are left out as well: the best epoch of a "
            "retraining was chosen by profiles of the groups that it was trained on."
        )
    if design.n_sets < n_groups:
        why = "since some share a sample" if design.validation_left_out else "balanced in size and cell types"
        found["unseen_groups.sets"] = (
            f"{n_groups} groups were left out in {design.n_sets} sets of whole groups, {why}, not one by one: each "
            "retraining also missed the other groups of its set."
        )
    return found


@dataclass(frozen=True)
class _Design:
    """Whom to leave out: `set_S` numbers the set that each scored profile is left out with, and is -1 elsewhere."""

    scored_S: np.ndarray
    set_S: np.ndarray
    train_S: np.ndarray
    validation_S: np.ndarray
    n_units: int
    validation_left_out: bool

    @property
    def n_sets(self) -> int:
        """Sets that are left out, one at a time."""
        return int(self.set_S.max()) + 1

    @property
    def given(self) -> list[np.ndarray]:
        """Masks of what may be seen where nothing is left out, and where each set is."""
        return [self.set_S >= -1] + [self.set_S != number for number in range(self.n_sets)]


def _design(subject: Subject) -> _Design | str:
    """Give sets of whole groups, or why there are none."""
    samples, validation_S = subject.samples, subject.part_S == "validation"
    n_units = len(np.unique(unit_of_samples(samples[~validation_S])))
    if n_units >= FEWEST_UNITS:
        set_S = np.full(len(samples), -1)
        n_sets = min(n_units, subject.params.evaluate.group_sets)
        seed = derive_seed(subject.seed, "unseen_groups", "sets")
        set_S[~validation_S] = grouped_folds(samples[~validation_S], n_sets, seed)
        return _Design(~validation_S, set_S, ~validation_S, validation_S, n_units, validation_left_out=False)
    set_S = pd.factorize(unit_of_samples(samples))[0]
    n_units, n_groups = int(set_S.max()) + 1, samples["group"].nunique()
    if n_units < FEWEST_GROUPS:
        linked = f" in {n_units} set{'s' * (n_units != 1)} that share no sample" if n_units < n_groups else ""
        return (
            f"the profiles come from {n_groups} group{'s' * (n_groups != 1)}{linked}. Without one there is one left to "
            "train on, or none, which does not tell how groups differ; it takes "
            f"{FEWEST_GROUPS} to leave each out in turn, and {FEWEST_UNITS} for an interval."
        )
    alone = samples.drop(columns="group")
    if len(np.unique(unit_of_samples(alone))) < VALIDATION_FOLDS:
        return f"fewer than {VALIDATION_FOLDS} replicate sets are too few to choose the best epoch by a part of them."
    fold_S = grouped_folds(alone, VALIDATION_FOLDS, derive_seed(subject.seed, "unseen_groups", "validation"))
    return _Design(np.ones(len(samples), dtype=bool), set_S, fold_S > 0, fold_S == 0, n_units, validation_left_out=True)
