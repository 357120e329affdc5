"""Cell types that a model never saw: trained again without them, and applied to their profiles.

Every comparison is made on the same left-out profiles, of the same budget of training, and over one denominator, so
that ratios of sums are ratios of errors. Errors are squared errors over the preprocessed genes.

Axes: S profiles (all, or those that were left out), Y coordinates of all profiles, C types, T replicate sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.finding import Answer
from cic.evaluation.left_out.errors import by_member, count_better, left_out_errors, pooled, rank_correlation
from cic.evaluation.left_out.types import without_types
from cic.evaluation.profiles.preprocessed import rows_of
from cic.evaluation.profiles.replicates import of_sets, replicate_sets, squared_difference
from cic.evaluation.questions.unseen_types.found import Found
from cic.evaluation.statistics.intervals import FEWEST_UNITS, ratio_interval, root
from cic.evaluation.subject import Subject
from cic.seeds import derive_seed


def measure(subject: Subject) -> Answer:
    """Leave every cell type out of training in turn, and reconstruct its test profiles, whose groups are new as well.

    Profiles without a label are left out of these retrainings altogether: they might be of the left-out type.

    Returns
    -------
    Answer
        Its `metrics`:

        - `n`, `n_types`, `units`, `by`: left-out test profiles, their types, and what is resampled
        - `unexplained_variance`: intervals of model and pca (that never saw the type), seen and pca_seen (that did),
          all over the squared distance from the mean of all labelled training profiles
        - intervals `ratio_to_pca` (model over pca), `ratio_to_seen` (model over seen), `pca_ratio_to_seen` (pca over
          pca_seen), `seen_ratio_to_pca` (seen over pca_seen)
        - `n_better_than_pca`, `n_worse_than_pca`, `n_undecided`: types, by their intervals
        - `ratio_to_replicates`: interval of the error of the model that never saw the type over the disagreement of
          technical replicates (root mean squares); null without replicates
        - `replicates`: n_sets, and intervals pca and seen of the same ratio; null without replicates
        - `distance`: n_types, and intervals of Spearman's correlation over types between the distance to the nearest
          other type and `ratio_to_seen` (ratio_to_seen), or the unexplained variance (unexplained); null below
          `FEWEST_UNITS` types

        The table `unseen_types` has a row a type: label, n, n_train (training profiles left out), unexplained_model,
        unexplained_pca, unexplained_seen, unexplained_pca_seen, ratio_to_pca, low, high, ratio_to_seen,
        seen_low, seen_high, pca_ratio_to_seen, distance (root mean square over genes, between the mean of the type
        and that of the nearest other type's training profiles) and nearest (that type).
    """
    labels = subject.column("label")
    known_S = labels.notna().to_numpy()
    if not known_S.any():
        return Answer(None, {"unseen_types": "the profiles have no labels (`data.label`)."})
    found = without_types(subject)
    label_S, names = found.label_S, found.names
    left_out = {f"unseen_types.{name}": reason for name, reason in found.not_left_out.items()}
    if found.seen is None:
        text = "it takes a cell type among the held-out profiles that others are left to train without."
        return Answer(None, left_out | {"unseen_types": text})
    train_S, test_S = (known_S & (subject.part_S == part) for part in ("train", "test"))
    scored_S = test_S & np.isin(label_S, names)
    errors = left_out_errors(found.seen, list(found.without.values()), [label_S == name for name in names], scored_S)
    held_out = subject.samples[scored_S]
    plan = subject.resampling(held_out, "unseen_types")
    table, few_profiles = by_member(errors, label_S[scored_S], names, plan, held_out, "cell type")
    table.insert(2, "n_train", [int((train_S & (label_S == name)).sum()) for name in names])
    table["distance"], table["nearest"] = _distances(subject, label_S, train_S, names)
    table = table.rename(columns={"name": "label"})
    over_replicates = _over_replicates(subject, errors, scored_S)
    if over_replicates is None:
        left_out["unseen_types.replicates"] = (
            f"fewer than {FEWEST_UNITS} samples among the left-out test profiles were measured more than once, or "
            "their replicates do not differ."
        )
    distance = _distance_matters(subject, table)
    if distance is None:
        left_out["unseen_types.distance"] = f"it takes {FEWEST_UNITS} left-out cell types to see a trend over them."
    metrics = {
        **pooled(errors, plan),
        "n_types": len(names),
        **count_better(table),
        "ratio_to_replicates": None if over_replicates is None else over_replicates.pop("model"),
        "replicates": over_replicates,
        "distance": distance,
    }
    few_groups = "" if plan.caution == subject.plan.caution else plan.caution  # which is said of all held-out profiles
    cautions = {
        "unseen_types": few_groups,
        "unseen_types.by_type": few_profiles,
        "unseen_types.unlabelled": _unlabelled(int((~known_S).sum())),
    }
    cautions = {name: text for name, text in cautions.items() if text}
    return Answer(Found.model_validate(metrics), left_out, cautions, {"unseen_types": table})


def _unlabelled(n: int) -> str:
    if not n:
        return ""
    return (
        f"{n} profiles have no label and were left out of the retrainings for unseen cell types, since they might be "
        "of the type that is left out."
    )


def _distances(
    subject: Subject, label_S: np.ndarray, train_S: np.ndarray, names: Sequence[str]
) -> tuple[list[float], list[str]]:
    """Give how far each type's mean lies from the nearest other type's training mean, a gene, and which that is."""
    y_SY = subject.coordinates.y_SY
    others = np.array(sorted(set(label_S[train_S])), dtype=object)
    centre_CY = np.stack([y_SY[train_S & (label_S == name)].mean(axis=0, dtype=np.float64) for name in others])
    found: list[float] = []
    nearest: list[str] = []
    for name in names:
        subset_Y = y_SY[label_S == name].mean(axis=0, dtype=np.float64)
        distance_C = np.sqrt(np.square(centre_CY - subset_Y).sum(axis=1) / subject.profiles.n_genes)
        distance_C[others == name] = np.inf
        found.append(float(distance_C.min()))
        nearest.append(str(others[distance_C.argmin()]))
    return found, nearest


def _distance_matters(subject: Subject, table: pd.DataFrame) -> dict[str, Any] | None:
    if len(table) < FEWEST_UNITS:
        return None
    config = subject.params.evaluate
    plan = (config.bootstrap, config.confidence, derive_seed(subject.seed, "unseen_types", "distance"))
    distance_C = table["distance"].to_numpy()
    return {
        "n_types": len(table),
        "ratio_to_seen": rank_correlation(distance_C, table["ratio_to_seen"].to_numpy(), plan),
        "unexplained": rank_correlation(distance_C, table["unexplained_model"].to_numpy(), plan),
    }


def _over_replicates(subject: Subject, errors: Mapping[str, np.ndarray], scored_S: np.ndarray) -> dict[str, Any] | None:
    """Give error over the disagreement of replicates, as `replicates.ceiling` does, on left-out test profiles."""
    sets = [rows for rows in replicate_sets(subject.samples) if scored_S[rows].all()]
    if len(sets) < FEWEST_UNITS:
        return None
    between_T = np.array([squared_difference(rows_of(subject.x_SG, rows)) for rows in sets])
    if not between_T.any():
        return None
    position_S = np.cumsum(scored_S) - 1
    scored = [position_S[rows] for rows in sets]
    firsts = subject.samples.iloc[[rows[0] for rows in sets]]
    plan = subject.resampling(firsts.drop(columns="replicate"), "unseen_types, replicates")
    ratios = {
        name: root(ratio_interval(of_sets(errors[name], scored), between_T, plan)) for name in ("model", "pca", "seen")
    }
    return {"n_sets": len(sets)} | ratios
