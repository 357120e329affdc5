"""The links of the model, of PCA, ICA and NMF with planted programs, by the same procedure and against the truth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.axes.recovery import TRUE_ABOVE, Links, Recovery, compare, decoded, mean_over_programs
from cic.evaluation.axes.rivals import Profiles, ica_of_profiles, nmf
from cic.evaluation.finding import Answer
from cic.evaluation.gene_sets import loadings
from cic.evaluation.gene_sets.enrichment import discovered, rank_sums, relabelled
from cic.evaluation.gene_sets.gene_sets import MatchedSets
from cic.evaluation.gene_sets.links import Linked, find_sets, links
from cic.evaluation.questions.programs.found import Found
from cic.evaluation.statistics.intervals import Interval
from cic.evaluation.subject import Subject
from cic.model.threads import one_thread
from cic.seeds import derive_seed

FEWEST_PROFILES = 10
"""Held-out profiles below which correlations with the truth are chance."""
COLUMNS = (
    "method", "links", "true", "decoys", "precision", "precision_low", "precision_high", "recall", "recall_low",
    "recall_high", "strongest", "strongest_low", "strongest_high", "reachable", "average_precision", "base_rate",
)  # fmt: skip
METHODS = ("model", "pca", "ica", "nmf", "model_decoder", "model_running_sum")
"""The first four by rank sums on regression loadings, all alike; then the model's own: by rank sums on what its
decoder does, and the links of the report, by the running sum."""


def measure(subject: Subject) -> Answer:
    """Compare links with the truth of simulated profiles.

    Returns
    -------
    Answer
        Its `metrics`: n_programs, n_test, r_needed; `methods` (by the names of `METHODS`: links, true, decoys, which
        are links with sets of random genes, intervals precision, recall and strongest, reachable, average_precision,
        base_rate); `difference_to` (by the same names: these intervals of `model` minus theirs); `decoded` (by code,
        interval: the share of a program's variance that all numbers together foretell, a mean over programs) and the
        interval decoded_difference_to_pca. The table `program_recovery` has `methods` with the columns `COLUMNS`.
    """
    if subject.truth is None:
        return Answer(None, {"programs": "the true programs are known of simulated profiles only."})
    sets, _, reason = find_sets(subject)
    if sets is None:
        return Answer(None, {"programs": reason})
    planted = [at for at, name in enumerate(sets.names) if name in subject.truth.columns]
    test_S = subject.test_S & subject.samples.index.isin(subject.truth.index)
    if not planted or test_S.sum() < FEWEST_PROFILES:
        text = (
            f"{len(planted)} of the gene sets are planted programs, and the activity of the programs is known of "
            f"{test_S.sum()} held-out profiles; it takes one of those and {FEWEST_PROFILES} of these."
        )
        return Answer(None, {"programs": text})
    found = links(subject, sets)
    with one_thread():
        return _recovery(subject, subject.truth, sets, found, planted, test_S)


def _recovery(
    subject: Subject, truth: pd.DataFrame, sets: MatchedSets, found: Linked, planted: list[int], test_S: np.ndarray
) -> Answer:
    x_SG = subject.x_SG
    activity_SP = truth.loc[subject.samples.index[test_S], [sets.names[at] for at in planted]].to_numpy()
    members = [sets.members[at] for at in planted]
    decoys = relabelled(members, x_SG.shape[1], derive_seed(subject.seed, "pathways", "decoys"))
    config, train_S = subject.params.evaluate, subject.part_S == "train"
    code_SW, pca_SW = subject.profiles.code_SW, subject.profiles.pca_code_SW
    codes = {"model": (code_SW[train_S], code_SW[test_S]), "pca": (pca_SW[train_S], pca_SW[test_S])}
    z_SK = subject.profiles.z_SK
    profiles = Profiles(subject.bundle.basis.components_GK, z_SK[train_S], z_SK[test_S], x_SG[train_S], x_SG[test_S])
    for name, rival in (("ica", ica_of_profiles), ("nmf", partial(nmf, init="nndsvda"))):
        axes = rival(profiles, pca_SW.shape[1], derive_seed(subject.seed, "pathways"))
        codes[name] = (axes.train_NF, axes.test_SF)
    by_method = {
        name: (loadings.regression_loadings(x_SG[train_S], train), test) for name, (train, test) in codes.items()
    }
    by_method["model_decoder"] = (found.loading_GW, code_SW[test_S])
    methods = {}
    for name, (method_GW, test_SW) in by_method.items():
        ranked = rank_sums(method_GW, [*members, *decoys])
        called = discovered(ranked.p, config.false_discoveries)[1]
        n = len(members)
        methods[name] = Links(ranked.score[:n], called[:n], called[n:], test_SW)
    methods["model_running_sum"] = Links(
        found.sets.score[planted], found.found_PW[planted], found.random_found_PW[planted], code_SW[test_S]
    )
    recoveries, differences = compare(
        methods, activity_SP, config.bootstrap, config.confidence, derive_seed(subject.seed, "pathways", "programs")
    )
    table = pd.DataFrame([_row(name, one) for name, one in recoveries.items()], columns=list(COLUMNS))
    known_S = train_S & subject.samples.index.isin(truth.index)
    activity_train_SP = truth.loc[subject.samples.index[known_S], [sets.names[at] for at in planted]].to_numpy()
    foretold = {
        name: decoded(train[known_S[train_S]], test, activity_train_SP, activity_SP)
        for name, (train, test) in codes.items()
    }
    over = (config.bootstrap, config.confidence, derive_seed(subject.seed, "pathways", "decoded"))
    metrics = {
        "n_programs": len(planted),
        "n_test": int(test_S.sum()),
        "r_needed": TRUE_ABOVE,
        "methods": {name: _plain(one) for name, one in recoveries.items()},
        "decoded": {name: mean_over_programs(value_P, *over) for name, value_P in foretold.items()},
        "decoded_difference_to_pca": mean_over_programs(foretold["model"] - foretold["pca"], *over),
        "least_lead": _least_lead(differences),
        "difference_to": {name: by_share for name, by_share in differences.items() if name != "model"},
    }
    return Answer(Found.model_validate(metrics), tables={"program_recovery": table})


def _least_lead(differences: Mapping[str, Mapping[str, Interval]]) -> Interval:
    leads = [differences[name][share] for name in ("pca", "ica", "nmf") for share in ("precision", "recall")]
    return min((one for one in leads if one.is_defined), key=lambda one: one.value, default=leads[0])


def _plain(one: Recovery) -> dict[str, Any]:
    return {
        "links": one.n_links,
        "true": one.n_true,
        "decoys": one.n_decoys,
        "precision": one.precision,
        "recall": one.recall,
        "strongest": one.strongest,
        "reachable": one.reachable,
        "average_precision": one.average_precision,
        "base_rate": one.base_rate,
    }


def _row(name: str, one: Recovery) -> tuple[Any, ...]:
    shares = [
        bound for share in (one.precision, one.recall, one.strongest) for bound in (share.value, share.low, share.high)
    ]
    return (
        name, one.n_links, one.n_true, one.n_decoys, *shares, one.reachable, one.average_precision, one.base_rate,
    )  # fmt: skip
