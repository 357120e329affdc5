"""How well the group (study, donor, batch) is told from the code, and what a penalty on that costs.

Axes: S profiles (all, those held out, or those by which groups are told), W code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.finding import Answer
from cic.evaluation.questions.groups.design import Design, View, design
from cic.evaluation.questions.groups.found import Found
from cic.evaluation.questions.groups.telling import Telling, told, variance_told
from cic.evaluation.retrainings.retraining import Retrained, RetrainingSpec, retrain_all
from cic.evaluation.statistics.intervals import Interval, Resampling, ratio_interval
from cic.evaluation.subject import Subject
from cic.seeds import derive_seed


def measure(subject: Subject) -> Answer:
    """Tell the groups of held-out profiles from their codes, within labels, beside PCA's code and chance.

    Where fewer than `FEWEST_UNITS` groups of the test part share labels, the groups of training and test part are left
    out of two retrainings instead, half of them at a time. With `training.group_penalty` above 0, the same is trained
    without it too, from the same seed.

    Returns
    -------
    Answer
        Its metrics are those of `Found`. The table `groups` has a row a group: group, n, and the shares of its profiles
        that are told from the code (model), from PCA's (pca), and from the code by chance.
    """
    if "group" not in subject.samples:
        text = "the data name no group such as study, donor or batch (`data.group`)."
        return Answer(None, {"groups": text})
    plan = design(subject)
    if isinstance(plan, str):
        return Answer(None, {"groups": plan})
    weight = subject.params.training.group_penalty if subject.hyper.depth else 0.0
    trained, free = _trained(subject, plan, penalised=weight > 0)
    codes = [(one.code_SW, one.pca_code_SW) for one in (trained if plan.halves else [subject.profiles])]
    model, pca = (_told(subject, plan.views, code) for code in zip(*codes, strict=True))
    samples = pd.concat([subject.samples[one.told_S] for one in plan.views])
    over = subject.resampling(samples, "groups")
    metrics = {
        "n": len(samples),
        "n_groups": samples["group"].nunique(),
        "n_labels": samples["label"].nunique() if "label" in samples else None,
        "held_out": int(not plan.halves),
        "units": over.n_units,
        "by": over.by,
        "model": _intervals(model, over),
        "pca": _intervals(pca, over),
        "difference_to_pca": _mean(model.hit_S - pca.hit_S, over),
        "penalty": {"weight": weight, **_penalty(subject, plan.views, trained, free, over)} if free else None,
    }
    shares = {"n": 1, "model": model.hit_S, "pca": pca.hit_S, "chance": model.chance_S}
    rows = pd.DataFrame({"group": samples["group"].astype(str).to_numpy(), **shares})
    table = rows.groupby("group", as_index=False).agg({name: "sum" if name == "n" else "mean" for name in shares})
    left_out = {}
    if subject.params.training.group_penalty > weight:
        left_out["groups.penalty"] = "at depth 0 `training.group_penalty` is without effect, so it costs nothing."
    return Answer(Found.model_validate(metrics), left_out, _cautions(subject, plan, over), {"groups": table})


def _trained(subject: Subject, plan: Design, *, penalised: bool) -> tuple[list[Retrained], list[Retrained]]:
    """Train for each view as the model was, and without the penalty; nothing where that is not needed.

    As long as the model was, since a penalty takes its time.
    """
    if not (plan.halves or penalised):
        return [], []
    validation_S, epochs = subject.part_S == "validation", subject.params.training.epochs
    specs = [
        _changed(subject.retraining(f"groups, view {number}", one.train_S, validation_S), epochs=epochs)
        for number, one in enumerate(plan.views)
    ]
    if penalised:
        specs += [replace(_changed(one, group_penalty=0.0), group_S=None, kind_S=None) for one in specs]
    done = retrain_all(specs, subject.workers, "groups")
    return done[: len(plan.views)], done[len(plan.views) :]


def _changed(spec: RetrainingSpec, **training: float) -> RetrainingSpec:
    return replace(spec, training=spec.training.model_copy(update=training))


def _told(subject: Subject, views: Sequence[View], codes: Sequence[np.ndarray]) -> Telling:
    """Tell groups in each view by codes of all profiles, and give all of them together."""
    seed = derive_seed(subject.seed, "groups")
    each = [
        told(code_SW[view.told_S], subject.samples[view.told_S], seed)
        for view, code_SW in zip(views, codes, strict=True)
    ]
    weights = [len(one.hit_S) for one in each]
    return Telling(
        np.concatenate([one.hit_S for one in each]),
        np.concatenate([one.chance_S for one in each]),
        float(np.average([one.share for one in each], weights=weights)),
        float(np.average([one.share_by_chance for one in each], weights=weights)),
    )


def _penalty(
    subject: Subject, views: Sequence[View], trained: Sequence[Retrained], free: Sequence[Retrained], plan: Resampling
) -> dict[str, Any]:
    """Compare retrainings with the penalty with those without; `plan` resamples the profiles that are told by."""

    def held(errors: Iterable[np.ndarray]) -> np.ndarray:
        return np.concatenate([error_S[view.held_S] for view, error_S in zip(views, errors, strict=True)])

    def seen(trainings: Sequence[Retrained]) -> float:
        pairs = zip(views, trainings, strict=True)
        return float(
            np.mean([variance_told(one.code_SW[view.train_S], subject.samples[view.train_S]) for view, one in pairs])
        )

    samples = pd.concat([subject.samples[one.held_S] for one in views])
    over = subject.resampling(samples, "groups, errors")
    with_S, without_S = (held(one.error_S for one in of) for of in (trained, free))
    pca_S = held(one.pca_error_S for one in free)
    told_with, told_without = (_told(subject, views, [one.code_SW for one in of]) for of in (trained, free))
    return {
        "n": len(samples),
        "units": over.n_units,
        "by": over.by,
        "error_ratio": ratio_interval(with_S, without_S, over),
        "ratio_to_pca": ratio_interval(with_S, pca_S, over),
        "ratio_to_pca_without": ratio_interval(without_S, pca_S, over),
        "told": _intervals(told_with, plan),
        "told_without": _intervals(told_without, plan),
        "share_training": seen(trained),
        "share_training_without": seen(free),
        "difference": _mean(told_with.hit_S - told_without.hit_S, plan),
    }


def _intervals(one: Telling, plan: Resampling) -> dict[str, Any]:
    return {
        "accuracy": _mean(one.hit_S, plan),
        "by_chance": _mean(one.chance_S, plan),
        "over_chance": _mean(one.hit_S - one.chance_S, plan),
        "share": one.share,
        "share_by_chance": one.share_by_chance,
    }


def _mean(value_S: np.ndarray, plan: Resampling) -> Interval:
    return ratio_interval(value_S, np.ones(len(value_S)), plan)


def _cautions(subject: Subject, plan: Design, over: Resampling) -> dict[str, str]:
    found = {"groups.resampling": over.caution}
    if plan.halves:
        found["groups.halves"] = (
            "Too few groups of the test part have a cell type in common, so those of the training and test parts were "
            "left out, half of them at a time: the codes are of trainings on the other half."
        )
    if "label" not in subject.samples:
        found["groups.labels"] = "The data name no labels (`data.label`): groups may be told by the cells they hold."
    return {name: text for name, text in found.items() if text}
