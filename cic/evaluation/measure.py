"""All measures of one bundle on the held-out part, as plain numbers. Nothing is written here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.config import MEASURES, Measure, Params
from cic.data.checks import CONFOUNDED_ABOVE
from cic.data.matrix import ExpressionMatrix
from cic.evaluation.intervals import Resampling, ratio_interval, resampling
from cic.evaluation.measures import classification, reconstruction, replicates
from cic.evaluation.subject import Finding, Given, Subject, sample_column
from cic.model.bundle import Bundle
from cic.model.threads import one_thread
from cic.progress import track
from cic.seeds import derive_seed
from cic.workers import Workers


@dataclass(frozen=True)
class Measured:
    """Everything measured: `metrics` is what `metrics.json` holds, `tables` the rest, by name."""

    metrics: dict[str, Any]
    subject: Subject
    labels: pd.DataFrame
    tables: dict[str, pd.DataFrame]


MEASURE_FUNCTIONS: dict[Measure, Callable[[Subject], Finding]] = {}
"""By the names of `evaluate.measures`, in the order in which they are measured."""


def measure(given: Given, params: Params, workers: Workers, seed: int) -> Measured:
    """Measure everything; nothing is written.

    Returns
    -------
    Measured
        Its `metrics` have these keys, whatever the data (an interval is `value`, `low`, `high`, the bounds null where
        there are too few independent units; what could not be measured is null, with the reason in `left_out`):

        - `profiles`: train, validation, test, genes (modelled), labels and groups among the test profiles
        - `model`: depth, bottleneck_width, hidden_width, validation_unexplained_variance and that of pca
        - `unexplained_variance`: intervals model, pca, mean_profile (1 by definition), span_ceiling
        - `rmse`: the same methods, a gene, in preprocessed units
        - `ratio_to_pca`: interval of the model's unexplained variance over PCA's, paired
        - `pearson_median`: model, pca, mean_profile, over the genes of a profile on log2 scale
        - `labels`: n, n_better_than_pca, n_worse_than_pca, n_undecided, worst_ratio_to_pca, by (what is resampled)
        - `replicates`: n_sets, n_profiles, held_out (1 or 0), rmse_between, rmse_model, rmse_pca,
          rmse_span_ceiling, intervals ratio and ratio_pca, pearson_median
        - `classification`: n, n_labels, n_unseen, chance (of balanced accuracy: 1 / n_labels), `methods` (accuracy,
          balanced_accuracy and macro_f1 of model_classifier, code_logistic, pca_logistic, pca_centroid, majority),
          interval difference_to_pca (of balanced accuracy, the first of them minus pca_logistic)
        - a key for each name of `evaluate.measures`; see the module of that name in `cic.evaluation.measures`
        - `search`: trials, complete, pruned, failed
        - `audit`: passed (1 or 0), blocking (findings that fail it), findings (all)
        - `interval`: confidence, resamples, units, by
        - `left_out`, `cautions`: sentences by name
    """
    subject = as_subject(given, params, workers, seed)
    with one_thread():
        metrics, labels, tables = _always_measured(subject, given)
    left_out, cautions = metrics.pop("left_out"), metrics.pop("cautions")
    wanted = [name for name in MEASURE_FUNCTIONS if name in params.evaluate.measures]
    metrics |= dict.fromkeys(MEASURES)
    left_out |= {
        name: "it is switched off in `evaluate.measures`." for name in MEASURES if name not in params.evaluate.measures
    }
    for name in track(wanted, "measures"):
        found = MEASURE_FUNCTIONS[name](subject)
        metrics[name] = found.metrics
        left_out |= found.left_out
        cautions |= found.cautions
        tables |= found.tables
    metrics |= {"left_out": left_out, "cautions": cautions}
    return Measured(_finite(metrics), subject, labels, tables)


def as_subject(given: Given, params: Params, workers: Workers, seed: int) -> Subject:
    """Bring the model and all profiles together, with the errors that every measure starts from."""
    bundle, matrix = given.bundle, given.matrix
    values_SG = matrix.values if matrix.genes == bundle.genes_in else bundle.align(_frame(matrix), matrix.source)
    profiles = reconstruction.project(bundle, values_SG)
    held_out, config = matrix.samples[given.part_S == "test"], params.evaluate
    return Subject(
        bundle=bundle,
        values_SG=values_SG,
        samples=matrix.samples,
        part_S=given.part_S,
        profiles=profiles,
        errors=reconstruction.squared_errors(profiles),
        plan=resampling(held_out, config.bootstrap, config.confidence, derive_seed(seed, "bootstrap")),
        params=params,
        trials=given.trials,
        finalists=given.finalists,
        truth=given.truth,
        seed=seed,
        workers=workers,
    )


def _always_measured(subject: Subject, given: Given) -> tuple[dict[str, Any], pd.DataFrame, dict[str, pd.DataFrame]]:
    bundle, values_SG, samples, part_S = subject.bundle, subject.values_SG, subject.samples, subject.part_S
    profiles, errors, plan, config = subject.profiles, subject.errors, subject.plan, subject.params.evaluate
    audit, checks, trials, test_S = given.audit, given.checks, given.trials, subject.test_S
    test_errors = {name: error_S[test_S] for name, error_S in errors.items()}
    held_out = samples[test_S]
    labels, label_caution, label_plan = _measure_labels(test_errors, held_out, plan)
    left_out: dict[str, str] = {}
    replicate = _measure_replicates(bundle, values_SG, errors, samples, test_S, plan, left_out)
    identity = _measure_classification(bundle, profiles, samples, part_S, plan, left_out)
    found = (("resampling", plan.caution), ("labels", label_caution), ("confounding", confounding(samples, checks)))
    cautions = {name: text for name, text in found if text}
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
        "unexplained_variance": _plain(reconstruction.unexplained(test_errors, plan)),
        "rmse": _plain(reconstruction.root_mean_squares(test_errors, profiles.n_genes, plan)),
        "ratio_to_pca": ratio_interval(test_errors["model"], test_errors["pca"], plan).to_json(),
        "pearson_median": reconstruction.median_correlations(bundle, values_SG[test_S], profiles.select(test_S)),
        "labels": _label_counts(labels, label_plan.by),
        "replicates": replicate,
        "classification": identity,
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
    return metrics, labels, {}


def flat_numbers(metrics: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of `metrics` under a dotted name, as experiment trackers take them."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from flat_numbers(value, f"{before}{name}.")
        elif isinstance(value, (int, float)):
            yield f"{before}{name}", float(value)


def confounding(samples: pd.DataFrame, checks: Mapping[str, Any]) -> str:
    """Say how far label and group can be told apart in these data; empty where they can."""
    if "label" not in samples:
        return ""
    if "group" not in samples:
        return (
            "The data name no group (study, donor, batch), so profiles of one study may be on both sides of the split, "
            "and what tells cell types apart may be the study."
        )
    found = checks["confounding"]
    single = found["labels_in_one_group"]
    if found["cramers_v"] <= CONFOUNDED_ABOVE and len(single) < samples["label"].nunique():
        return ""
    only = f"; {len(single)} of {samples['label'].nunique()} cell types come from a single group" if single else ""
    return (
        f"Cell type and group are confounded (Cramér's V {found['cramers_v']:.2f}{only}): what tells cell types apart "
        "here may be the group."
    )


def _measure_labels(
    test_errors: dict[str, np.ndarray], held_out: pd.DataFrame, plan: Resampling
) -> tuple[pd.DataFrame, str, Resampling]:
    """Give `reconstruction.by_label` over groups, or over profiles and a caution where each label is in few groups."""
    label_S = sample_column(held_out, "label")
    table = reconstruction.by_label(test_errors, label_S, plan)
    if table.empty or plan.by != "group" or table["low"].notna().any():
        return table, "", plan
    by_profile = resampling(held_out.drop(columns="group"), plan.n_resamples, plan.confidence, plan.seed)
    caution = (
        f"No cell type occurs in enough held-out groups to resample them, so intervals of single cell types are over "
        f"{by_profile.by}s and too narrow for a new group."
    )
    return reconstruction.by_label(test_errors, label_S, by_profile), caution, by_profile


def _measure_replicates(
    bundle: Bundle,
    values_SG: np.ndarray,
    errors: dict[str, np.ndarray],
    samples: pd.DataFrame,
    test_S: np.ndarray,
    plan: Resampling,
    left_out: dict[str, str],
) -> dict[str, Any] | None:
    sets, of = replicates.choose_sets(samples, test_S)
    if not sets:
        left_out["replicates"] = (
            "no sample was measured twice."
            if "replicate" in samples
            else "the data name no technical replicates (`data.replicate`)."
        )
        return None
    found = replicates.ceiling(
        sets, of, replicates.measure_sets(bundle, values_SG, sets), errors, len(bundle.genes), samples, plan
    )
    return {
        "n_sets": found.n_sets,
        "n_profiles": found.n_profiles,
        "held_out": int(found.of == "test"),
        "rmse_between": found.rmse_between,
        "rmse_model": found.rmse_model,
        "rmse_pca": found.rmse_pca,
        "rmse_span_ceiling": found.rmse_span_ceiling,
        "ratio": found.ratio.to_json(),
        "ratio_pca": found.ratio_pca.to_json(),
        "pearson_median": found.pearson_median,
    }


def _measure_classification(
    bundle: Bundle,
    profiles: reconstruction.Projected,
    samples: pd.DataFrame,
    part_S: np.ndarray,
    plan: Resampling,
    left_out: dict[str, str],
) -> dict[str, Any] | None:
    label_S = sample_column(samples, "label")
    known_S = label_S.notna().to_numpy()
    train_S, test_S = (part_S == "train") & known_S, (part_S == "test") & known_S
    train_label_S, true_S = (label_S[mask].astype(str).to_numpy() for mask in (train_S, test_S))
    if len(set(train_label_S)) < 2 or len(set(true_S)) < 2:
        left_out["classification"] = (
            "the profiles have no labels (`data.label`)."
            if not known_S.any()
            else "it takes at least two labels among the training and among the held-out profiles."
        )
        return None
    own = resampling(samples[test_S], plan.n_resamples, plan.confidence, plan.seed)
    code_SW, pca_SW = profiles.code_SW, profiles.pca_code_SW
    said = {
        "code_logistic": classification.logistic_regression(code_SW[train_S], train_label_S, code_SW[test_S]),
        "pca_logistic": classification.logistic_regression(pca_SW[train_S], train_label_S, pca_SW[test_S]),
        "pca_centroid": classification.nearest_centroid(pca_SW[train_S], train_label_S, pca_SW[test_S]),
        "majority": classification.majority(train_label_S, len(true_S)),
    }
    if bundle.labels:
        most_likely_S = bundle.classify_codes(code_SW[test_S]).argmax(axis=1)
        said = {"model_classifier": np.array(bundle.labels)[most_likely_S], **said}
    scores = {name: classification.score(true_S, said_S, own) for name, said_S in said.items()}
    best = scores["model_classifier" if bundle.labels else "code_logistic"]
    return {
        "n": len(true_S),
        "n_labels": len(set(true_S)),
        "n_unseen": len(set(true_S) - set(train_label_S)),
        "chance": 1 / len(set(true_S)),
        "methods": {name: one.to_json() for name, one in scores.items()},
        "difference_to_pca": classification.difference(best, scores["pca_logistic"], own).to_json(),
    }


def _frame(matrix: ExpressionMatrix) -> pd.DataFrame:
    return pd.DataFrame(matrix.values, index=matrix.samples.index, columns=list(matrix.genes))


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
    }


def _trial_counts(trials: pd.DataFrame | None) -> dict[str, int] | None:
    if trials is None:
        return None
    states = ("complete", "pruned", "failed")
    return {"trials": len(trials)} | {name: int((trials["state"] == name).sum()) for name in states}


def _finite(content: Any) -> Any:
    """Replace numbers that are not finite by null: JSON has none."""
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
