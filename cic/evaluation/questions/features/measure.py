"""Features beside as many axes of other methods: which gene sets and which planted programs they follow.

Axes: S profiles, N training profiles, G genes, F axes, P gene sets, R resamples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.axes.matching import matched, medians
from cic.evaluation.axes.recovery import Links, compare, correlations
from cic.evaluation.axes.rivals import RIVALS, Axes, Profiles, RivalSpec, regressed, rival_axes
from cic.evaluation.axes.set_links import FOLLOWS, LinkSpec, SetLinks, held_out_r, set_expression, set_links
from cic.evaluation.finding import Answer
from cic.evaluation.gene_sets.enrichment import discovered, rank_sums
from cic.evaluation.gene_sets.expected import activities, counted
from cic.evaluation.gene_sets.gene_sets import MatchedSets
from cic.evaluation.gene_sets.links import find_sets
from cic.evaluation.questions.features.found import Found
from cic.evaluation.statistics.intervals import Interval, percentile_interval
from cic.evaluation.subject import Subject
from cic.model.features import Features
from cic.model.named_sets import moved, named_by, rich_in
from cic.model.threads import one_thread
from cic.progress import track
from cic.seeds import derive_seed, generator

FEWEST_PROFILES = 10
"""Held-out profiles below which correlations with the truth are chance."""
SHUFFLES = 200
"""Of each axis; all sets together give the null, so that few are enough."""
SHUFFLED = 5
"""Times that the profiles of the features are shuffled, to see that shuffled ones have about no links."""
COLUMNS = ("feature", "set", "collection", "size", "r", "p", "named")


def measure(subject: Subject) -> Answer:
    """Hold features against gene sets, and against the truth of simulated profiles.

    Returns
    -------
    Answer
        Its finding, and the table `feature_links`: links of features with sets, strongest first within each feature,
        with the columns `COLUMNS`.
    """
    features = subject.bundle.features  # of bundles from before there were any, `None`
    if features is None:
        return Answer(None, {"features": "the model has no features (`fit.features`)."})
    sets, _, reason = find_sets(subject)
    if sets is None:
        return Answer(None, {"features": reason})
    methods = axes_of(subject, features)
    with one_thread():
        x_train_NG, x_test_SG = subject.x_SG[subject.part_S == "train"], subject.x_SG[subject.test_S]
        spread_G = x_train_NG.std(axis=0)
        expression_PN, held_PS = (set_expression(x_SG, sets.members, spread_G) for x_SG in (x_train_NG, x_test_SG))
        shuffled = _shuffled(subject, methods["features"].train_NF)
    config = subject.params.evaluate
    specs = [
        LinkSpec(
            expression_PN, activity_NF, SHUFFLES, config.false_discoveries, derive_seed(subject.seed, "features", at)
        )
        for at, activity_NF in enumerate([*(axes.train_NF for axes in methods.values()), *shuffled])
    ]
    links = list(track(subject.workers.map(set_links, specs), "gene sets of features", total=len(specs)))
    linked, of_shuffled = dict(zip(methods, links, strict=False)), links[len(methods) :]
    with one_thread():
        followed = {name: np.asarray(one.found.any(axis=1), dtype=np.float64) for name, one in linked.items()}
        held_out, leads = _held_out(subject, methods, expression_PN, held_PS)
        planted, lead = _planted(subject, methods, sets) or (None, None)
        named = {
            name: named_by(rich_in(moved(methods[name].loading_GF), sets.members), one.r)
            for name, one in linked.items()
        }
        expected = {name: _expected(subject, sets, methods[name], linked[name]) for name in methods}
        found = {
            "n": len(features),
            "recurrence": float(np.median(features.recurrence_F)),
            "active": float(np.median(features.active_F)),
            "n_sets": len(sets),
            "n_given": sets.n_given,
            "follows": FOLLOWS,
            "shuffled": float(np.mean([one.beyond.sum() for one in of_shuffled])),
            "n_expected": expected["features"][1] or None,
            "methods": {
                name: {
                    "axes": one.found.shape[1],
                    "beyond": int(one.beyond.sum()),
                    "links": int(one.found.sum()),
                    "sets": _share(subject, followed[name]),
                    "held_out": held_out[name],
                    "expected": expected[name][0] if expected[name][1] else None,
                    "named": int(named[name].sum()),
                    "named_sets": _share(subject, np.asarray(named[name].any(axis=1), dtype=np.float64)),
                }
                for name, one in linked.items()
            },
            "least_lead": _least(leads.values()),
            "leads": leads,
            "planted": planted,
            "lead": lead,
            "least_planted_lead": None if lead is None else _least([one["r"] for one in lead.values()]),
        }
    return Answer(
        Found.model_validate(found), tables={"feature_links": _table(sets, linked["features"], named["features"])}
    )


def axes_of(subject: Subject, features: Features) -> dict[str, Axes]:
    """Give the features, the numbers of the code, and as many axes as there are features by every other method."""
    train_S, test_S, x_SG = subject.part_S == "train", subject.test_S, subject.x_SG
    code_SW, z_SK = subject.profiles.code_SW, subject.profiles.z_SK
    activity_SF = subject.bundle.activities(z_SK, code_SW)
    profiles = Profiles(subject.bundle.basis.components_GK, z_SK[train_S], z_SK[test_S], x_SG[train_S], x_SG[test_S])
    with one_thread():
        own = {
            "features": Axes(features.loading_GF(), activity_SF[train_S], activity_SF[test_S]),
            "code": regressed(profiles, code_SW[train_S], code_SW[test_S]),
        }
    seed = derive_seed(subject.seed, "features")
    specs = [RivalSpec(name, profiles, len(features), seed) for name in RIVALS]
    found = track(subject.workers.map(rival_axes, specs), "axes of other methods", total=len(specs))
    return own | dict(zip(RIVALS, found, strict=True))


def _least(leads: Iterable[Interval]) -> Interval:
    return min(leads, key=lambda one: one.value)


def _shuffled(subject: Subject, activity_NF: np.ndarray) -> list[np.ndarray]:
    draw = generator(subject.seed, "features", "shuffled profiles")
    return [draw.permuted(activity_NF, axis=0) for _ in range(SHUFFLED)]


def _held_out(
    subject: Subject, methods: Mapping[str, Axes], train_PN: np.ndarray, test_PS: np.ndarray
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Give what `Found` has of `held_out`, and of `leads`: intervals are over sets, the same drawn for all."""
    config, seed = subject.params.evaluate, derive_seed(subject.seed, "features", "held out")
    median = {
        name: medians(held_out_r(train_PN, axes.train_NF, test_PS, axes.test_SF), config.bootstrap, seed)
        for name, axes in methods.items()
    }
    own, own_R = median["features"]

    def interval(value: float, value_R: np.ndarray) -> Interval:
        return percentile_interval(value, value_R, config.confidence, len(train_PN))

    leads = {name: interval(own - one, own_R - one_R) for name, (one, one_R) in median.items() if name != "features"}
    return {name: interval(*one) for name, one in median.items()}, leads


def _expected(subject: Subject, sets: MatchedSets, axes: Axes, linked: SetLinks) -> tuple[int, int]:
    label_N = subject.column("label")[subject.part_S == "train"]
    if label_N.nunique() < 2:
        return 0, 0
    return counted(sets.names, activities(axes.train_NF, label_N, linked.r, linked.found))


def _share(subject: Subject, value_P: np.ndarray) -> Interval:
    """Give a mean over sets; the same sets are drawn whatever is averaged."""
    config, n = subject.params.evaluate, len(value_P)
    drawn_RP = generator(subject.seed, "features", "sets").multinomial(n, np.full(n, 1 / n), size=config.bootstrap)
    return percentile_interval(float(value_P.mean()), drawn_RP @ value_P / n, config.confidence, n)


def _planted(
    subject: Subject, methods: Mapping[str, Axes], sets: MatchedSets
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Give what `Found` has of `planted` and `lead`; None where the truth is not known."""
    if subject.truth is None:
        return None
    planted = [at for at, name in enumerate(sets.names) if name in subject.truth.columns]
    known_S = subject.samples.index[subject.test_S].isin(subject.truth.index)
    if not planted or known_S.sum() < FEWEST_PROFILES:
        return None
    config, seed = subject.params.evaluate, derive_seed(subject.seed, "features", "programs")
    activity_SP = subject.truth.loc[
        subject.samples.index[subject.test_S][known_S], [sets.names[at] for at in planted]
    ].to_numpy()
    links, median = {}, {}
    for name, axes in methods.items():
        ranked = rank_sums(axes.loading_GF, [sets.members[at] for at in planted])
        called = discovered(ranked.p, config.false_discoveries)[1]
        links[name] = Links(ranked.score, called, np.zeros_like(called), axes.test_SF[known_S])
        r_P = matched(correlations(activity_SP, axes.test_SF[known_S]))
        median[name] = medians(r_P, config.bootstrap, seed)
    recoveries, differences = compare(links, activity_SP, config.bootstrap, config.confidence, seed)

    def interval(value: float, value_R: np.ndarray) -> Interval:
        return percentile_interval(value, value_R, config.confidence, len(planted))

    found = {
        name: {
            "r": interval(*median[name]),
            "precision": one.precision,
            "recall": one.recall,
            "average_precision": one.average_precision,
            "base_rate": one.base_rate,
        }
        for name, one in recoveries.items()
    }
    first, first_R = median["features"]
    lead = {
        name: {
            "r": interval(first - median[name][0], first_R - median[name][1]),
            "precision": differences[name]["precision"],
            "recall": differences[name]["recall"],
        }
        for name in methods
        if name != "features"
    }
    return found, lead


def _table(sets: MatchedSets, linked: SetLinks, named_PF: np.ndarray) -> pd.DataFrame:
    set_at, feature_at = np.nonzero(linked.found)
    order = np.lexsort((set_at, -np.abs(linked.r[set_at, feature_at]), feature_at))
    rows = [
        (
            int(feature) + 1, sets.names[at], sets.collections[at], len(sets.members[at]),
            float(linked.r[at, feature]), float(linked.p[at, feature]), bool(named_PF[at, feature]),
        )
        for at, feature in zip(set_at[order], feature_at[order], strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
