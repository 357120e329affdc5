"""Classifiers, each with the grid of settings that `tuning` chooses from.

All but the random forest see profiles only through distances and inner products, so what they say of coordinates in
an orthonormal basis is what they would say of the genes. Linear discriminant analysis needs the number of genes
besides, since it shrinks towards the mean variance of a gene. None weighs labels by how rare they are, as the joint
classifier does not.

Axes: N training profiles, T profiles to tell, X numbers a profile, K axes of the span of the training profiles,
L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

TREES = 200
"""Of a random forest."""


@dataclass(frozen=True)
class Fitting:
    """What a classifier is fitted to and asked; what several need is worked out once.

    Attributes
    ----------
    label_N
        Numbers of labels, of which there must be two or more.
    n_features
        Features that the X numbers stand for: genes, where these are coordinates.
    seed, trees
        Of the random forest.
    """

    train_NX: np.ndarray
    label_N: np.ndarray
    tested_TX: np.ndarray
    n_features: int
    seed: int
    trees: int = TREES

    @cached_property
    def spanned(self) -> tuple[np.ndarray, np.ndarray]:
        """Both kinds of profiles, centred, in the span of the training ones, whose mean squared norm is made 1."""
        mean_X = self.train_NX.mean(axis=0)
        train_NX, tested_TX = self.train_NX - mean_X, self.tested_TX - mean_X
        unit = float(np.sqrt(np.square(train_NX).sum(axis=1).mean())) or 1.0
        if train_NX.shape[1] >= len(train_NX):
            square_N, axes_NN = np.linalg.eigh(train_NX @ train_NX.T)
            kept_N = square_N > 1e-9 * square_N[-1]
            axes_XK = train_NX.T @ (axes_NN[:, kept_N] / np.sqrt(square_N[kept_N]))
            train_NX, tested_TX = train_NX @ axes_XK, tested_TX @ axes_XK
        return train_NX / unit, tested_TX / unit

    @cached_property
    def centroids(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels that occur, and the mean of each, L x K."""
        train_NK, _ = self.spanned
        labels = np.unique(self.label_N)
        return labels, np.stack([train_NK[self.label_N == label].mean(axis=0) for label in labels])

    @cached_property
    def products(self) -> tuple[np.ndarray, np.ndarray]:
        """Inner products with the training profiles, N x N and T x N."""
        train_NK, tested_TK = self.spanned
        return train_NK @ train_NK.T, tested_TK @ train_NK.T

    @cached_property
    def distances(self) -> tuple[np.ndarray, np.ndarray]:
        """Squared distances to the training profiles, N x N and T x N, their median among the training profiles 1."""
        square_NN = _squared_distances(self.train_NX, self.train_NX)
        unit = float(np.median(square_NN[np.triu_indices(len(square_NN), 1)])) or 1.0
        return square_NN / unit, _squared_distances(self.tested_TX, self.train_NX) / unit


def _squared_distances(left_TX: np.ndarray, right_NX: np.ndarray) -> np.ndarray:
    norm_T, norm_N = (np.square(side).sum(axis=1) for side in (left_TX, right_NX))
    return (norm_T[:, None] + norm_N - 2 * left_TX @ right_NX.T).clip(min=0)


def lda(fitting: Fitting, shrinkages: Sequence[float | str]) -> list[np.ndarray]:
    """Tell by linear discriminants: a common covariance, shrunk towards its mean variance by the shares given.

    ``auto`` is the share of Ledoit and Wolf (2004).
    """
    train_NK, tested_TK = fitting.spanned
    labels, mean_LK = fitting.centroids
    residual_NK = train_NK - mean_LK[np.searchsorted(labels, fitting.label_N)]
    variance_K, axes_KK = np.linalg.eigh(residual_NK.T @ residual_NK / len(residual_NK))
    variance_K = variance_K.clip(min=0)
    share_L = np.array([(fitting.label_N == label).mean() for label in labels])
    mean_LK, tested_TK = mean_LK @ axes_KK, tested_TK @ axes_KK
    predicted = []
    for shrinkage in shrinkages:
        share = ledoit_wolf(residual_NK, fitting.n_features) if isinstance(shrinkage, str) else shrinkage
        spread_K = (1 - share) * variance_K + share * variance_K.sum() / fitting.n_features
        weight_LK = mean_LK / np.maximum(spread_K, 1e-12)
        logit_TL = tested_TK @ weight_LK.T - (weight_LK * mean_LK).sum(axis=1) / 2 + np.log(share_L)
        predicted.append(labels[logit_TL.argmax(axis=1)])
    return predicted


def ledoit_wolf(residual_NK: np.ndarray, n_features: int) -> float:
    """Give the share by which to shrink the covariance of `n_features` features that centred profiles span.

    Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices", in terms of
    norms and inner products alone.
    """
    n = len(residual_NK)
    norm_N = np.square(residual_NK).sum(axis=1)
    trace, square = norm_N.sum() / n, float(np.square(residual_NK.T @ residual_NK).sum()) / n**2
    distance = square - trace**2 / n_features
    if distance <= 0:
        return 1.0
    return float(np.clip((np.square(norm_N).sum() / n - square) / n / distance, 0, 1))


def logistic_logits(fitting: Fitting, strengths: Sequence[float]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Fit multinomial logistic regression (L2) with each inverse penalty; give the labels, and logits T x L of each."""
    train_NK, tested_TK = fitting.spanned
    model = LogisticRegression(max_iter=2000, tol=1e-3, warm_start=True)  # from weaker to stronger, so warm is quicker
    logits = []
    for strength in strengths:
        logit = model.set_params(C=strength).fit(train_NK, fitting.label_N).decision_function(tested_TK)
        logits.append(np.column_stack([np.zeros(len(logit)), logit]) if logit.ndim == 1 else logit)
    return model.classes_, logits


def logistic(fitting: Fitting, strengths: Sequence[float]) -> list[np.ndarray]:
    """Tell by multinomial logistic regression."""
    labels, logits = logistic_logits(fitting, strengths)
    return [labels[logit_TL.argmax(axis=1)] for logit_TL in logits]


def svm_linear(fitting: Fitting, costs: Sequence[float]) -> list[np.ndarray]:
    """Tell by a support vector machine on inner products."""
    inner_NN, inner_TN = fitting.products
    return [SVC(kernel="precomputed", C=cost).fit(inner_NN, fitting.label_N).predict(inner_TN) for cost in costs]


def svm_rbf(fitting: Fitting, settings: Sequence[tuple[float, float]]) -> list[np.ndarray]:
    """Tell by a support vector machine on Gaussian kernels; settings are (gamma by median squared distance, cost)."""
    square_NN, square_TN = fitting.distances
    return [
        SVC(kernel="precomputed", C=cost).fit(np.exp(-gamma * square_NN), fitting.label_N).predict(
            np.exp(-gamma * square_TN)
        )
        for gamma, cost in settings
    ]  # fmt: skip


def nearest(fitting: Fitting, counts: Sequence[int]) -> list[np.ndarray]:
    """Tell by the most frequent label among the nearest training profiles; of equals, that of the nearest of them."""
    _, square_TN = fitting.distances
    labels, at_N = np.unique(fitting.label_N, return_inverse=True)
    order_TN = square_TN.argsort(axis=1, kind="stable")[:, : max(counts)]
    near_TNL = at_N[order_TN][:, :, None] == np.arange(len(labels))
    first_TL = np.where(near_TNL.any(axis=1), near_TNL.argmax(axis=1), near_TNL.shape[1])
    predicted = []
    for count in counts:
        votes_TL = near_TNL[:, :count].sum(axis=1)
        predicted.append(labels[(votes_TL - first_TL / (near_TNL.shape[1] + 1)).argmax(axis=1)])
    return predicted


def centroid(fitting: Fitting, settings: Sequence[None]) -> list[np.ndarray]:
    """Tell by the nearest mean of a label; there is nothing to tune."""
    labels, mean_LK = fitting.centroids
    _, tested_TK = fitting.spanned
    closeness_TL = tested_TK @ mean_LK.T - np.square(mean_LK).sum(axis=1) / 2
    return [labels[closeness_TL.argmax(axis=1)] for _ in settings]


def forest(fitting: Fitting, shares: Sequence[float | str]) -> list[np.ndarray]:
    """Tell by a random forest; settings are the features looked at by a node."""
    predicted = []
    for share in shares:
        model = RandomForestClassifier(fitting.trees, max_features=share, random_state=fitting.seed, n_jobs=1)
        predicted.append(model.fit(fitting.train_NX, fitting.label_N).predict(fitting.tested_TX))
    return predicted


@dataclass(frozen=True)
class Method:
    """A classifier and the settings it is tuned over, of which the first wins where several are equally good."""

    tell: Callable[[Fitting, Sequence[Any]], list[np.ndarray]]
    grid: tuple[Any, ...]


LDA = Method(lda, ("auto", 0.5, 0.1, 0.01))
LOGISTIC = Method(logistic, (1.0, 30.0, 1000.0))
NEAREST = Method(nearest, (5, 1, 3, 10))
SVM_LINEAR = Method(svm_linear, (1.0, 10.0, 100.0))
SVM_RBF = Method(svm_rbf, ((0.3, 10.0), (1.0, 10.0), (0.3, 100.0), (0.1, 100.0)))
SPACES = {
    "profile": {
        "profile_lda": LDA,
        "profile_svm_linear": SVM_LINEAR,
        "profile_svm_rbf": SVM_RBF,
        "profile_logistic": LOGISTIC,
        "profile_nearest": NEAREST,
        "profile_centroid": Method(centroid, (None,)),
    },
    "genes": {"profile_forest": Method(forest, ("sqrt", 0.01))},
    "code": {"code_logistic": LOGISTIC, "code_lda": LDA, "code_svm_rbf": SVM_RBF, "code_nearest": NEAREST},
    "pca": {"pca_logistic": LOGISTIC, "pca_lda": LDA},
}
"""By what they see: all genes, the most variable genes, codes of the model, codes of PCA."""
