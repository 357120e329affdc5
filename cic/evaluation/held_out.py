"""What is always measured, on the held-out profiles: reconstruction beside its baselines, and replicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.data.checks import CONFOUNDED_ABOVE
from cic.evaluation.intervals import Resampling, ratio_interval, resampling
from cic.evaluation.measures import reconstruction, replicates
from cic.evaluation.measures.noise_floor import measure_floor
from cic.evaluation.subject import Given, Subject, sample_column


def measure_held_out(subject: Subject, given: Given) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Give the metrics that are there whatever `evaluate.measures` says, and the tables by profile and by label.

    Keys and columns are those of `cic.evaluation.measure.measure` and `Measured`.
    """
    bundle, values_SG, samples, part_S = subject.bundle, subject.values_SG, subject.samples, subject.part_S
    profiles, errors, plan, config = subject.profiles, subject.errors, subject.plan, subject.params.evaluate
    audit, checks, trials, test_S = given.audit, given.checks, given.trials, subject.test_S
    test_errors = {name: error_S[test_S] for name, error_S in errors.items()}
    held_out = samples[test_S]
    left_out: dict[str, str] = {}
    means = reconstruction.type_means(profiles, sample_column(samples, "label"), part_S == "train").select(test_S)
    type_mean = _measure_type_mean(test_errors, profiles.select(test_S), means, held_out, plan, left_out)
    correlated = reconstruction.correlations(bundle, values_SG[test_S], profiles.select(test_S), means)
    replicate, alike, label_alike, few_sets = _measure_replicates(subject, left_out)
    with_types = test_errors | type_mean.errors
    labels, label_caution, label_plan = _measure_labels(with_types, held_out, profiles.n_genes, plan)
    by_profile = _by_profile(with_types, correlated, alike[test_S], profiles.n_genes)
    labels = _with_correlations(labels, by_profile, held_out).merge(label_alike, on="label", how="left")
    found = {
        "resampling": plan.caution,
        "labels": label_caution,
        "replicates": few_sets,
        "confounding": confounding(samples, checks),
    }
    cautions = {name: text for name, text in found.items() if text}
    if bundle.basis.left_out > 1e-6:
        cautions["basis"] = (
            f"The sample basis is truncated and leaves out {100 * bundle.basis.left_out:.2g}% of the training "
            "variance; the span ceiling is that of this basis."
        )
    metrics = {
        "profiles": {
            **{name: int((part_S == name).sum()) for name in ("train", "validation", "test")},
            "genes": profiles.n_genes,
            "labels": len(labels),
            "groups": int(sample_column(held_out, "group").nunique()),
        },
        "model": {
            "depth": bundle.architecture.depth,
            "bottleneck_width": bundle.architecture.bottleneck_width,
            "hidden_width": bundle.architecture.hidden_width if bundle.architecture.depth else 0,
            "validation_unexplained_variance": _share(errors, "model", part_S == "validation"),
            "validation_unexplained_variance_pca": _share(errors, "pca", part_S == "validation"),
        },
        "unexplained_variance": {
            **_plain(reconstruction.unexplained(test_errors, plan)),
            "type_mean": type_mean.unexplained_variance,
        },
        "rmse": {
            **_plain(reconstruction.root_mean_squares(test_errors, profiles.n_genes, plan)),
            "type_mean": type_mean.rmse,
        },
        "ratio_to_pca": ratio_interval(test_errors["model"], test_errors["pca"], plan).to_json(),
        "ratio_to_type_mean": type_mean.ratio,
        **{
            f"{kind}_median": {name: reconstruction.median(r_S) for name, r_S in by_method.items()}
            for kind, by_method in correlated.items()
        },
        "labels": _label_counts(labels, label_plan.by),
        "replicates": replicate,
        "search": _trial_counts(trials),
        "audit": {
            "passed": int(audit["passed"]),
            "blocking": sum(bool(finding["blocks"]) for finding in audit["findings"]),
            "findings": len(audit["findings"]),
        },
        "interval": {
            "confidence": config.confidence,
            "resamples": config.bootstrap,
            "units": plan.n_units,
            "by": plan.by,
        },
        "left_out": left_out,
        "cautions": cautions,
    }
    return metrics, by_profile, labels


def confounding(samples: pd.DataFrame, checks: Mapping[str, Any]) -> str:
    """Say how far label and group can be told apart in these data; empty where they can."""
    if "label" not in samples:
        return ""
    columns = [
        f"{one['labels_with_one_value']} of {samples['label'].nunique()} cell types occur with a single value of the "
        f"column `{one['column']}`, so if that is a batch, what tells cell types apart may be the batch."
        for one in checks["confounded_columns"]
    ]
    if "group" not in samples:
        return " ".join(
            [
                "The data name no group (study, donor, batch), so profiles of one study may be on both sides of the "
                "split, and what tells cell types apart may be the study.",
                *columns,
            ]
        )
    found = checks["confounding"]
    single = found["labels_in_one_group"]
    # donors of one cell type each are usual, and no harm while each type has several
    if not single or (found["cramers_v"] <= CONFOUNDED_ABOVE and len(single) < samples["label"].nunique()):
        return " ".join(columns)
    told = (
        f"Cell type and group are confounded (Cramér's V {found['cramers_v']:.2f}; {len(single)} of "
        f"{samples['label'].nunique()} cell types come from a single group): what tells cell types apart here may be "
        "the group."
    )
    return " ".join([told, *columns])


@dataclass(frozen=True)
class _TypeMean:
    """The mean of the type as a method: plain intervals, `None` where no held-out profile has one."""

    errors: dict[str, np.ndarray]
    unexplained_variance: dict[str, float | None] | None = None
    rmse: dict[str, float | None] | None = None
    ratio: dict[str, float | None] | None = None


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
    return _TypeMean(errors, **_plain(found))


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
    by_profile = resampling(held_out.drop(columns="group"), plan.n_resamples, plan.confidence, plan.seed)
    caution = (
        f"No cell type occurs in enough held-out groups to resample them, so intervals of single cell types are over "
        f"{by_profile.by}s and too narrow for a new group."
    )
    return reconstruction.by_label(test_errors, label_S, n_genes, by_profile), caution, by_profile


def _measure_replicates(
    subject: Subject, left_out: dict[str, str]
) -> tuple[dict[str, Any] | None, pd.DataFrame, pd.DataFrame, str]:
    """Give the ceiling, `replicates.by_profile` and `by_label`, empty where there is none, and a caution."""
    bundle, samples, profiles = subject.bundle, subject.samples, subject.profiles
    sets, of = replicates.choose_sets(samples, subject.test_S)
    agreement = replicates.measure_sets(bundle, subject.values_SG, sets)
    alike = replicates.by_profile(sets, agreement, len(samples), profiles.n_genes)
    if not agreement.between_T.any():
        if sets:
            left_out["replicates"] = "replicates do not differ in any gene, so they tell nothing of noise."
        elif "replicate" in samples:
            left_out["replicates"] = "no sample was measured twice."
        else:
            left_out["replicates"] = "the data name no technical replicates (`data.replicate`)."
        return None, alike, pd.DataFrame(columns=list(replicates.BY_LABEL)), ""
    plan = replicates.over_sets(sets, samples, subject.plan)
    to_others = replicates.distances_to_others(profiles, sets)
    label_S = sample_column(samples, "label")
    found = replicates.ceiling(sets, of, agreement, subject.errors, to_others, profiles.n_genes, plan)
    by_label = replicates.by_label(sets, agreement, subject.errors, label_S, profiles.n_genes, plan)
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
    return found.to_json() | {"floor": floor}, alike, by_label, few_sets


def _share(errors: dict[str, np.ndarray], method: str, mask_S: np.ndarray) -> float | None:
    if not mask_S.any():
        return None
    return float(errors[method][mask_S].sum() / errors["mean_profile"][mask_S].sum())


def _plain(intervals: Mapping[str, Any]) -> dict[str, Any]:
    return {name: interval.to_json() for name, interval in intervals.items()}


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


def _trial_counts(trials: pd.DataFrame | None) -> dict[str, int] | None:
    if trials is None:
        return None
    states = ("complete", "pruned", "failed")
    return {"trials": len(trials)} | {name: int((trials["state"] == name).sum()) for name in states}
