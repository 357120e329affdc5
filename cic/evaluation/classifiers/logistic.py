"""Logistic regression on codes, not tuned: standardised numbers, L2, C = 1.

Axes: S profiles, N training profiles, W code, L labels.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cic.model.threads import one_thread


def logistic_on_codes(code_NW: np.ndarray, label_N: np.ndarray) -> Pipeline:
    """Fit the classifier; it takes codes in float64."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=5000))
    return model.fit(code_NW.astype(np.float64), label_N)


def class_probabilities(code_SW: np.ndarray, train_S: np.ndarray, label_S: np.ndarray) -> np.ndarray:
    """Give the probability of each training class, sorted (S x L)."""
    with one_thread():
        model = logistic_on_codes(code_SW[train_S], label_S[train_S].astype(str))
        return model.predict_proba(code_SW.astype(np.float64))
