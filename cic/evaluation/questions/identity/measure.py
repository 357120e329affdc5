"""How well the cell type is told by the model, and if as well as from all genes.

By nested cross-validation over groups. The profiles of the training and test parts that have a label are dealt into
outer folds, groups and replicates whole. For each fold, autoencoders are trained again on the others: without labels,
for which a classifier is then found, and jointly with one. Rival classifiers are tuned by inner folds and fitted on the
same profiles: on the codes, on codes of PCA of equal width, and on the profiles themselves. The validation part is
never scored; in every fold it serves to keep the best epoch, to choose the weight of the joint classifier's loss, and
to fit temperatures. Which genes are modelled, and how they are scaled, is the measured model's choice: from the
training part, and blind to labels. So is its architecture, which was chosen by reconstruction.

The classifier that is found after training (`cic.model.classifier_fit`) is the model's answer, and is compared with
`RIVALS`; both were fixed before anything was scored.
Methods that see only distances and inner products are given `Coordinates` in place of genes (see `classifiers`):
exact up to the 4,096 profiles that an exact basis takes, beyond them without what the truncated basis leaves out.

Axes: P all profiles, S scored profiles, V validation profiles, Y coordinates, G genes, L labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.finding import Answer
from cic.evaluation.questions.identity.cross_validation import ANSWER, MODELS, Outcome, cross_validated
from cic.evaluation.questions.identity.folds import Design, design
from cic.evaluation.questions.identity.found import Found
from cic.evaluation.statistics import classification
from cic.evaluation.statistics.calibration import answers, calibration_error, error_by_chance, reliability
from cic.evaluation.statistics.intervals import Resampling, resampling
from cic.evaluation.subject import Subject
from cic.seeds import derive_seed, generator

RIVALS = ("profile_lda", "profile_svm_linear", "profile_svm_rbf", "pca_logistic")
"""What the classifier is compared with in pairs."""


def measure(subject: Subject) -> Answer:
    """Score the classifier and its rivals on profiles of groups that none was trained on.

    Returns
    -------
    Answer
        `metrics`, `None` if there are fewer than two labels to tell apart:

        - `n`, `n_labels`, `n_folds`, `folds_by` (what is kept whole in a fold: group, replicate set or profile)
        - `n_unseen`: profiles whose label was in no other fold; everybody's errors
        - `chance`: of balanced accuracy, 1 / n_labels
        - `methods`: accuracy, balanced_accuracy and macro_f1 of each, as intervals
        - `differences`: classifier, joint and code_logistic, each minus each of `RIVALS`, in balanced accuracy, as
          intervals
        - `calibration`: by the same three, n, temperature (median over folds), ece_before, ece_after,
          ece_by_chance (expected of perfect probabilities), nll_before, nll_after; `None` without labelled validation
          profiles
        - `bundle_classifier`: n, n_unseen and the scores of the measured model's own classifier on the test part;
          `None` without one
        - `interval`: units, by

        Tables: `identity_answers` (sample_id, fold, true, and what each method said), `identity_settings` (fold,
        method, setting), `confusion` (method, true, predicted, n), `reliability` (method, when, bin, confidence,
        accuracy, n).
    """
    plan = design(subject)
    if isinstance(plan, str):
        return Answer(None, left_out={"identity": plan})
    scored = subject.samples.iloc[plan.scored]
    drawn = subject.resampling(scored, "identity")
    outcome = cross_validated(subject, plan)
    true_S, names = np.array(plan.labels)[plan.label_S], np.array([*plan.labels, ""])
    named = {method: names[predicted_S] for method, predicted_S in outcome.predicted.items()}
    scores = {method: classification.score(true_S, predicted_S, drawn) for method, predicted_S in named.items()}
    left_out, cautions = dict(plan.left_out), dict(plan.cautions)
    if drawn.caution:
        cautions["identity.resampling"] = f"For cell identity: {drawn.caution}"
    unseen_S = ~_seen(plan)
    if unseen_S.any():
        types = ", ".join(sorted(set(true_S[unseen_S]))[:5])
        cautions["identity.unseen"] = (
            f"{unseen_S.sum()} profiles are of a type that no other fold has ({types}), since type and "
            f"{plan.by} go together; no method can tell them, and they count as errors of all."
        )
    calibrations, tables = _calibrations(outcome, plan, subject.seed)
    if not calibrations:
        left_out["identity.calibration"] = (
            "no temperature can be fitted: no profile of the validation part has one of the labels, or no type is in "
            "two folds."
        )
    metrics = {
        "n": len(true_S),
        "n_labels": len(plan.labels),
        "n_folds": plan.n_folds,
        "folds_by": plan.by,
        "n_unseen": int(unseen_S.sum()),
        "chance": 1 / len(plan.labels),
        "methods": {method: one.intervals for method, one in scores.items()},
        "differences": {
            model: {rival: classification.difference(scores[model], scores[rival], drawn) for rival in RIVALS}
            for model in MODELS
        },
        "calibration": calibrations or None,
        "bundle_classifier": _bundle_classifier(subject),
        "interval": {"units": drawn.n_units, "by": drawn.by},
    }
    predictions = pd.DataFrame({"sample_id": scored.index, "fold": plan.fold_S + 1, "true": true_S, **named})
    tables |= {
        "identity_answers": predictions,
        "identity_settings": outcome.chosen,
        "confusion": _confusion(predictions),
    }
    return Answer(Found.model_validate(metrics), left_out, cautions, tables)


def _seen(plan: Design) -> np.ndarray:
    """Tell of each scored profile if its label occurs in another fold."""
    count_FL = np.zeros((plan.n_folds, len(plan.labels)), dtype=int)
    np.add.at(count_FL, (plan.fold_S, plan.label_S), 1)
    return (count_FL.sum(axis=0) - count_FL)[plan.fold_S, plan.label_S] > 0


def _calibrations(outcome: Outcome, plan: Design, seed: int) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    found, tables, seen_S = {}, [], _seen(plan)
    if (plan.validation_label_V >= 0).any() and seen_S.any():
        for model in MODELS:
            logit_SL, label_S = outcome.logits[model][seen_S], plan.label_S[seen_S]
            temperature_S = outcome.temperatures[model][seen_S]
            one: dict[str, float] = {"n": int(seen_S.sum()), "temperature": float(np.median(temperature_S))}
            for when, divisor_S in (("before", np.ones_like(temperature_S)), ("after", temperature_S)):
                given = answers(logit_SL, label_S, divisor_S)
                table = reliability(given.confidence_S, given.hit_S)
                tables.append(table.assign(method=model, when=when))
                one |= {f"ece_{when}": calibration_error(table), f"nll_{when}": given.surprise}
            one["ece_by_chance"] = error_by_chance(given.confidence_S, generator(seed, "identity", "ece", model))
            found[model] = one
    columns = ["method", "when", "bin", "confidence", "accuracy", "n"]
    return found, {"reliability": pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)}


def _bundle_classifier(subject: Subject) -> dict[str, Any] | None:
    known_P = subject.column("label").notna().to_numpy() & subject.test_S
    labels, config = subject.bundle.labels, subject.params.evaluate
    if not labels or not known_P.any():
        return None
    true_S = subject.column("label")[known_P].astype(str).to_numpy()
    told = subject.profiles.select(known_P)
    seen = subject.values_SG[known_P], told.code_SW, told.z_SK, told.outside_S
    predicted_S = np.array(labels)[subject.bundle.classify(*seen).argmax(axis=1)]
    seed = derive_seed(subject.seed, "identity", "bundle")
    plan: Resampling = resampling(subject.samples[known_P], config.bootstrap, config.confidence, seed)
    unseen_S = ~np.isin(true_S, labels)
    scores = classification.score(true_S, predicted_S, plan)
    return {"n": len(true_S), "n_unseen": int(unseen_S.sum()), **scores.intervals}


def _confusion(predictions: pd.DataFrame) -> pd.DataFrame:
    """Count answers of the model's classifier and of its first rival by true label."""
    counted = [
        predictions.groupby(["true", method])
        .size()
        .rename("n")
        .rename_axis(["true", "predicted"])
        .reset_index()
        .assign(method=method)
        for method in (ANSWER, RIVALS[0])
    ]
    return pd.concat(counted, ignore_index=True)[["method", "true", "predicted", "n"]]
