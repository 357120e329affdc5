"""Tuning with equal care: every classifier chooses its setting by the same inner folds of the training profiles.

Axes: N training profiles, T profiles to tell, X numbers a profile, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cic.evaluation.classifiers.classifiers import LOGISTIC, SPACES, Fitting, Method, logistic_logits
from cic.model.threads import one_thread

TREES_TO_TUNE = 40
"""Trees of the random forests that only choose a setting."""


@dataclass(frozen=True)
class TuningSpec:
    """One representation of one outer fold, for all methods on it: pure data, so that it can run anywhere.

    Attributes
    ----------
    fold, space
        The outer fold, and one of `SPACES`.
    inner_N
        Inner fold of each training profile.
    tested_TX
        Profiles to test on, which nothing is tuned on.
    standardise
        Bring each of the X numbers to unit variance over the training profiles.
    """

    fold: int
    space: str
    train_NX: np.ndarray
    label_N: np.ndarray
    inner_N: np.ndarray
    tested_TX: np.ndarray
    n_features: int
    standardise: bool
    seed: int


@dataclass(frozen=True)
class Predicted:
    """What a tuned method says: the setting it was tuned to, and a label for each profile."""

    setting: Any
    predicted_T: np.ndarray


@dataclass(frozen=True)
class Tuned:
    """Answers by method; with the logits of logistic regression (columns `labels`) where it is among the methods."""

    predictions: dict[str, Predicted]
    labels: np.ndarray
    logit_TL: np.ndarray


def tune(spec: TuningSpec) -> Tuned:
    """Tune each method by balanced accuracy over the inner folds, fit it to all training profiles and let it tell.

    Where the training profiles have one label only, every method says that.
    """
    methods, labels = SPACES[spec.space], np.unique(spec.label_N)
    n = len(spec.tested_TX)
    if len(labels) < 2:
        predicted_T = np.repeat(labels, n)
        return Tuned({name: Predicted(None, predicted_T) for name in methods}, labels, np.zeros((n, 1)))
    with one_thread():
        train_NX, tested_TX = spec.train_NX.astype(np.float64), spec.tested_TX.astype(np.float64)
        if spec.standardise:
            spread_X = train_NX.std(axis=0)
            spread_X[spread_X == 0] = 1.0
            train_NX, tested_TX = train_NX / spread_X, tested_TX / spread_X
        settings = _tuned_settings(spec, methods, train_NX)
        whole = Fitting(train_NX, spec.label_N, tested_TX, spec.n_features, spec.seed)
        predictions, logit_TL = {}, np.zeros((n, len(labels)))
        for name, method in methods.items():
            if method is LOGISTIC:
                _, (logit_TL,) = logistic_logits(whole, [settings[name]])
                predicted_T = labels[logit_TL.argmax(axis=1)]
            else:
                (predicted_T,) = method.tell(whole, [settings[name]])
            predictions[name] = Predicted(settings[name], predicted_T)
    return Tuned(predictions, labels, logit_TL)


def _tuned_settings(spec: TuningSpec, methods: dict[str, Method], train_NX: np.ndarray) -> dict[str, Any]:
    predicted = {name: np.full((len(method.grid), len(train_NX)), -1) for name, method in methods.items()}
    seen_N = np.zeros(len(train_NX), dtype=bool)
    for fold in np.unique(spec.inner_N):
        subset_N = spec.inner_N == fold
        label_N = spec.label_N[~subset_N]
        if len(np.unique(label_N)) < 2:
            continue
        seen_N |= subset_N
        fitting = Fitting(train_NX[~subset_N], label_N, train_NX[subset_N], spec.n_features, spec.seed, TREES_TO_TUNE)
        for name, method in methods.items():
            if len(method.grid) > 1:
                predicted[name][:, subset_N] = method.tell(fitting, method.grid)
    if not seen_N.any():
        return {name: method.grid[0] for name, method in methods.items()}
    true_N = spec.label_N[seen_N]
    return {
        name: method.grid[
            int(np.argmax([balanced_accuracy(true_N, predicted_N[seen_N]) for predicted_N in predicted[name]]))
        ]
        for name, method in methods.items()
    }


def balanced_accuracy(true_S: np.ndarray, predicted_S: np.ndarray) -> float:
    """Give the mean over the labels among the truth of the share of their profiles that was told."""
    return float(np.mean([np.mean(predicted_S[true_S == label] == label) for label in np.unique(true_S)]))
