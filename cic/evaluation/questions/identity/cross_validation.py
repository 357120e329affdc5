"""Cross-validation of the joint classifier and its rivals: trained, tuned and fitted anew for each fold.

Axes: P all profiles, S scored profiles, T told ones (of a fold, then of the validation part), V validation profiles,
Y coordinates, G genes, L labels, X features of a space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.evaluation.classifiers.classifiers import SPACES
from cic.evaluation.questions.identity.folds import Design, folds_of
from cic.evaluation.questions.identity.tuning import Tuned, TuningSpec, balanced_accuracy, tune
from cic.evaluation.retrainings.retraining import Retrained, retrain_all
from cic.evaluation.subject import Subject
from cic.model.calibration import temperature
from cic.progress import track
from cic.seeds import derive_seed

INNER_FOLDS = 3
SLOWEST_FIRST = ("genes", "profile", "code", "pca")
FOREST_GENES = 1000
"""Genes of greatest variance among the training profiles, which the random forest sees."""
ANSWER = "classifier"
"""The method that a trained model tells by."""
MODELS = (ANSWER, "joint", "code_logistic")
"""Methods of the model that are compared with rivals, and whose probabilities are calibrated."""


@dataclass(frozen=True)
class Outcome:
    """What was said of the scored profiles, -1 for no label; logits are minus infinity where one cannot be said."""

    predicted: Mapping[str, np.ndarray]
    logits: Mapping[str, np.ndarray]
    temperatures: Mapping[str, np.ndarray]
    chosen: pd.DataFrame


def cross_validated(subject: Subject, plan: Design) -> Outcome:
    """Train, tune and fit everything for each outer fold, and let it tell the profiles of that fold."""
    weights = tuple(sorted(subject.params.evaluate.label_weights))
    retrained = _retrained(subject, plan, weights)
    step = 1 + len(weights)
    tuned = _tuned(subject, plan, unsupervised=retrained[::step])
    n, n_labels = len(plan.scored), len(plan.labels)
    predicted: dict[str, np.ndarray] = {model: np.full(n, -1) for model in (ANSWER, "joint")}
    logits = {model: np.full((n, n_labels), -np.inf) for model in MODELS}
    temperatures = {model: np.ones(n) for model in MODELS}
    rows: list[tuple[int, str, str]] = []
    for fold in range(plan.n_folds):
        subset_S = plan.fold_S == fold
        trained = np.unique(plan.label_S[~subset_S])
        validation_V = np.where(np.isin(plan.validation_label_V, trained), plan.validation_label_V, -1)
        joint, weight = _joint(retrained[fold * step + 1 : (fold + 1) * step], trained, plan, validation_V)
        rows += [(fold + 1, ANSWER, "after training"), (fold + 1, "joint", f"label_weight {weights[weight]:g}")]
        after = _masked(retrained[fold * step], trained)
        of_fold = {
            model: (logit_PL[plan.scored[subset_S]], logit_PL[plan.validation])
            for model, logit_PL in ((ANSWER, after), ("joint", joint))
        }
        for space in SPACES:
            for method, tested in tuned[fold, space].predictions.items():
                predicted.setdefault(method, np.full(n, -1))[subset_S] = tested.predicted_T[: subset_S.sum()]
                rows.append((fold + 1, method, str(tested.setting)))
        logit_TL = _spread(tuned[fold, "code"], n_labels)
        of_fold["code_logistic"] = (logit_TL[: subset_S.sum()], logit_TL[subset_S.sum() :])
        for model, (logit_SL, logit_VL) in of_fold.items():
            logits[model][subset_S] = logit_SL
            temperatures[model][subset_S] = temperature(logit_VL, validation_V)
        for model in (ANSWER, "joint"):
            predicted[model][subset_S] = logits[model][subset_S].argmax(axis=1)
        predicted.setdefault("majority", np.full(n, -1))[subset_S] = np.bincount(plan.label_S[~subset_S]).argmax()
    return Outcome(predicted, logits, temperatures, pd.DataFrame(rows, columns=["fold", "method", "setting"]))


def _retrained(subject: Subject, plan: Design, weights: Sequence[float]) -> list[Retrained]:
    """Train again for each fold: once without labels, which a classifier is found for, then jointly for each weight."""
    label_P = np.full(len(subject.samples), -1, dtype=np.int64)
    label_P[plan.scored], label_P[plan.validation] = plan.label_S, plan.validation_label_V
    specs = []
    for fold in range(plan.n_folds):
        train_P = np.zeros(len(subject.samples), dtype=bool)
        train_P[plan.scored[plan.fold_S != fold]] = True
        validation_P = subject.part_S == "validation"
        name = f"identity, fold {fold + 1}"
        specs.append(subject.retraining(name, train_P, validation_P, label_S=label_P))
        for weight in weights:
            named = f"{name}, weight {weight:g}"
            specs.append(subject.retraining(named, train_P, validation_P, label_S=label_P, label_weight=weight))
    return retrain_all(specs, subject.workers, "identity")


def _tuned(subject: Subject, plan: Design, unsupervised: Sequence[Retrained]) -> dict[tuple[int, str], Tuned]:
    """Tune and fit the classifiers on every space of each fold, of which `unsupervised` has the code."""
    specs = [spec for fold, one in enumerate(unsupervised) for spec in _specs(subject, plan, fold, one)]
    # the longest first, so that no worker is left with one at the end
    specs.sort(key=lambda spec: SLOWEST_FIRST.index(spec.space))
    keys = [(spec.fold, spec.space) for spec in specs]
    found = track(subject.workers.map(tune, specs), "classifiers", total=len(specs))
    return dict(zip(keys, found, strict=True))


def _joint(
    retrained: Sequence[Retrained], trained: np.ndarray, plan: Design, validation_V: np.ndarray
) -> tuple[np.ndarray, int]:
    """Give the logits of all profiles from the weight that tells validation profiles best, and its position."""
    logits = [_masked(one, trained) for one in retrained]
    weight = _best_weight([logit_PL[plan.validation] for logit_PL in logits], validation_V)
    return logits[weight], weight


def _specs(subject: Subject, plan: Design, fold: int, unsupervised: Retrained) -> list[TuningSpec]:
    subset_S = plan.fold_S == fold
    train, tested = plan.scored[~subset_S], plan.scored[subset_S]
    seed = derive_seed(subject.seed, "identity", "fold", fold)
    inner_N, _, _ = folds_of(plan.samples[~subset_S], INNER_FOLDS, seed)
    genes = np.sort(np.argsort(-plan.x_PG[train].var(axis=0), kind="stable")[:FOREST_GENES])
    # logistic regression on the code has its temperature fitted on the validation part
    with_validation = np.concatenate([tested, plan.validation])
    spaces = (
        ("profile", subject.coordinates.y_SY, tested, False, plan.x_PG.shape[1]),
        ("genes", plan.x_PG[:, genes], tested, False, len(genes)),
        ("code", unsupervised.code_SW, with_validation, True, unsupervised.code_SW.shape[1]),
        ("pca", unsupervised.pca_code_SW, tested, True, unsupervised.pca_code_SW.shape[1]),
    )
    return [
        TuningSpec(
            fold, space, x_PX[train], plan.label_S[~subset_S], inner_N, x_PX[rows], n_features, standardise, seed
        )
        for space, x_PX, rows, standardise, n_features in spaces
    ]


def _masked(model: Retrained, trained: np.ndarray) -> np.ndarray:
    """Give the logits of all profiles, minus infinity for labels that were not trained on."""
    assert model.logit_SL is not None, "it was trained with labels"
    logit_PL = np.full(model.logit_SL.shape, -np.inf)
    logit_PL[:, trained] = model.logit_SL[:, trained]
    return logit_PL


def _spread(tuned: Tuned, n_labels: int) -> np.ndarray:
    """Give logits over all labels, minus infinity for those not trained on."""
    logit_TL = np.full((len(tuned.logit_TL), n_labels), -np.inf)
    logit_TL[:, tuned.labels] = tuned.logit_TL
    return logit_TL


def _best_weight(logits: Sequence[np.ndarray], label_V: np.ndarray) -> int:
    """Give the position of the weight that tells validation profiles best; the first, which is smallest, of equals."""
    known_V = label_V >= 0
    if not known_V.any():
        return 0
    return int(
        np.argmax([balanced_accuracy(label_V[known_V], logit_VL[known_V].argmax(axis=1)) for logit_VL in logits])
    )
