"""What is always measured, on the held-out profiles: reconstruction beside its baselines, and replicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.finding import Answer
from cic.evaluation.profiles import correlation, reconstruction, replicates
from cic.evaluation.questions.reconstruction import ceiling as ceilings
from cic.evaluation.questions.reconstruction.found import Found, Replicates
from cic.evaluation.questions.reconstruction.noise_floor import measure_floor
from cic.evaluation.statistics.intervals import Interval, Resampling, ratio_interval
from cic.evaluation.subject import Subject, sample_column
from cic.model.threads import one_thread


def measure(subject: Subject) -> Answer:
    """Measure the error on held-out profiles beside that of other methods, by profile, by cell type, over replicates.

    Returns
    -------
    Answer
        A `Found`.

        The table `profiles` has a row a held-out profile, in their order; for model and PCA (`_pca`) rmse (a gene),
        unexplained (squared error over squared distance from the training mean), pearson and spearman (over genes, log2
        scale); rmse, pearson and spearman `_type_mean`; the same three `_replicates` (a mean over the others of the
        sample). Empty where there is no type mean or replicate. The table `labels` has a row a label of the held-out
        profiles: `reconstruction.BY_LABEL`, medians over its profiles of pearson and spearman (`_model`, `_pca`), and
        `ceiling.BY_LABEL` where the label has replicates.
    """
    with one_thread():
        return _measure(subject)


def _measure(subject: Subject) -> Answer:
    profiles, errors, plan, test_S = subject.profiles, subject.errors, subject.plan, subject.test_S
    test_errors = {name: error_S[test_S] for name, error_S in errors.items()}
    held_out = subject.samples[test_S]
    left_out: dict[str, str] = {}
    train_S = subject.part_S == "train"
    means = reconstruction.type_means(profiles, subject.column("label"), train_S).select(test_S)
    type_mean = _measure_type_mean(test_errors, profiles.select(test_S), means, held_out, plan, left_out)
    correlated = correlation.correlations(subject.bundle, subject.values_SG[test_S], profiles.select(test_S), means)
    replicate, alike, label_alike, few_sets = _measure_replicates(subject, left_out)
    with_types = test_errors | type_mean.errors
    labels, label_caution, label_plan = _measure_labels(with_types, held_out, profiles.n_genes, plan)
    by_profile = _by_profile(with_types, correlated, alike[test_S], profiles.n_genes)
    labels = _with_correlations(labels, by_profile, held_out).merge(label_alike, on="label", how="left")
    metrics = {
        "unexplained_variance": {
            **reconstruction.unexplained(test_errors, plan),
            "type_mean": type_mean.unexplained_variance,
        },
        "rmse": {
            **reconstruction.root_mean_squares(test_errors, profiles.n_genes, plan),
            "type_mean": type_mean.rmse,
        },
        "ratio_to_pca": ratio_interval(test_errors["model"], test_errors["pca"], plan),
        "ratio_to_type_mean": type_mean.ratio,
        **{
            f"{kind}_median": {name: correlation.median(r_S) for name, r_S in by_method.items()}
            for kind, by_method in correlated.items()
        },
        "labels": _label_counts(labels, label_plan.by),
        "replicates": replicate,
    }
    cautions = {name: text for name, text in (("labels", label_caution), ("replicates", few_sets)) if text}
    return Answer(Found.model_validate(metrics), left_out, cautions, {"profiles": by_profile, "labels": labels})


@dataclass(frozen=True)
class _TypeMean:
    """The mean of the type as a method, `None` where no held-out profile has one."""

    errors: dict[str, np.ndarray]
    unexplained_variance: Interval | None = None
    rmse: Interval | None = None
    ratio: Interval | None = None


def _measure_type_mean(
    test_errors: dict[str, np.ndarray],
    profiles: reconstruction.Projected,
    means: reconstruction.TypeMeans,
    held_out: pd.DataFrame,
    plan: Resampling,
    left_out: dict[str, str],
) -> _TypeMean:
    errors = {"type_mean": reconstruction.type_mean_errors(profiles, means)}
    n, n_unknown = len(means.type_S), int((means.type_S < 0).sum())
    if n_unknown == n:
        left_out["reconstruction.type_mean"] = (
            "no held-out profile has a label that a training profile has too."
            if sample_column(held_out, "label").notna().any()
            else "the held-out profiles have no labels (`data.label`)."
        )
        return _TypeMean(errors)
    if n_unknown:
        left_out["reconstruction.type_mean"] = (
            f"{n_unknown} of {n} held-out profiles have no label, or one that no training profile has; the mean of the "
            f"type is measured on the other {n - n_unknown}."
        )
    found = reconstruction.over_known(test_errors | errors, profiles.n_genes, plan)
    return _TypeMean(errors, **found)


def _by_profile(
    test_errors: dict[str, np.ndarray],
    correlated: Mapping[str, Mapping[str, np.ndarray]],
    alike: pd.DataFrame,
    n_genes: int,
) -> pd.DataFrame:
    """Give the columns that `Measured.profiles` names."""
    columns = {}
    for name, ending in (("model", ""), ("pca", "_pca"), ("type_mean", "_type_mean")):
        columns[f"rmse{ending}"] = np.sqrt(test_errors[name] / n_genes)
        if name != "type_mean":
            columns[f"unexplained{ending}"] = test_errors[name] / test_errors["mean_profile"]
        for kind, by_method in correlated.items():
            columns[f"{kind}{ending}"] = by_method[name]
    return pd.concat([pd.DataFrame(columns), alike.reset_index(drop=True)], axis=1)


def _with_correlations(labels: pd.DataFrame, by_profile: pd.DataFrame, held_out: pd.DataFrame) -> pd.DataFrame:
    """Add the medians over the profiles of each label to the table of `_measure_labels`."""
    names = {f"{kind}_{name}": kind + ending for kind in ("pearson", "spearman")
             for name, ending in (("model", ""), ("pca", "_pca"))}  # fmt: skip
    label_S = sample_column(held_out, "label")
    of_label = by_profile[list(names.values())].groupby(label_S.astype(str).where(label_S.notna()).to_numpy())
    medians = of_label.median().set_axis(list(names), axis=1)
    return labels.join(medians, on="label")


def _measure_labels(
    test_errors: dict[str, np.ndarray], held_out: pd.DataFrame, n_genes: int, plan: Resampling
) -> tuple[pd.DataFrame, str, Resampling]:
    """Give `reconstruction.by_label` over groups, or over profiles and a caution where each label is in few groups."""
    label_S = sample_column(held_out, "label")
    table = reconstruction.by_label(test_errors, label_S, n_genes, plan)
    if table.empty or plan.by != "group" or table["low"].notna().any():
        return table, "", plan
    by_profile = plan.over(held_out.drop(columns="group"))
    caution = (
        f"No cell type occurs in enough held-out groups to resample them, so intervals of single cell types are over "
        f"{by_profile.by}s and too narrow for a new group."
    )
    return reconstruction.by_label(test_errors, label_S, n_genes, by_profile), caution, by_profile


def _measure_replicates(
    subject: Subject, left_out: dict[str, str]
) -> tuple[Replicates | None, pd.DataFrame, pd.DataFrame, str]:
    """Give the ceiling, `ceiling.by_profile` and `by_label`, empty where there is none, and a caution."""
    samples, profiles = subject.samples, subject.profiles
    sets, of = replicates.choose_sets(samples, subject.test_S)
    agreement = replicates.measure_sets(subject.bundle.preprocessor, subject.values_SG, sets)
    alike = ceilings.by_profile(sets, agreement, len(samples), profiles.n_genes)
    if not agreement.between_T.any():
        if sets:
            left_out["replicates"] = "replicates do not differ in any gene, so they tell nothing of noise."
        elif "replicate" in samples:
            left_out["replicates"] = "no sample was measured twice."
        else:
            left_out["replicates"] = "the data name no technical replicates (`data.replicate`)."
        return None, alike, pd.DataFrame(columns=list(ceilings.BY_LABEL)), ""
    plan = replicates.over_sets(sets, samples, subject.plan)
    to_others = replicates.distances_to_others(profiles, sets)
    label_S = sample_column(samples, "label")
    found = ceilings.ceiling(sets, of, agreement, subject.errors, to_others, profiles.n_genes, plan)
    by_label = ceilings.by_label(sets, agreement, subject.errors, label_S, profiles.n_genes, plan)
    in_sets = {name: replicates.of_sets(error_S, sets) for name, error_S in subject.errors.items()}
    floor, reason = measure_floor(in_sets, to_others, agreement.between_T, plan)
    if reason:
        left_out["replicates.noise_floor"] = reason
    few_sets = (
        "The replicate sets come from too few groups to resample: intervals are over the sets, and too narrow for a "
        "sample from a new group."
        if plan.caution and not subject.plan.caution
        else ""
    )
    return Replicates(**dict(found), floor=floor), alike, by_label, few_sets


def _label_counts(table: pd.DataFrame, by: str) -> dict[str, Any] | None:
    if table.empty:
        return None
    better, worse = (table["high"].astype(float) < 1).sum(), (table["low"].astype(float) > 1).sum()
    return {
        "n": len(table),
        "n_better_than_pca": int(better),
        "n_worse_than_pca": int(worse),
        "n_undecided": int(len(table) - better - worse),
        "worst_ratio_to_pca": float(table["ratio_to_pca"].max()),
        "by": by,
        "n_with_replicates": int(table["ratio_to_replicates"].notna().sum()),
        "n_as_accurate_as_replicates": int((table["ratio_to_replicates_high"].astype(float) < 1).sum()),
        "n_less_accurate_than_replicates": int((table["ratio_to_replicates_low"].astype(float) > 1).sum()),
    }
