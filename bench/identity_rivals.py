"""What tells types without a model: classifiers on genes and on ranks, and semi-supervised ones on PCA of the pool.

Every one is tuned by balanced accuracy over the inner folds of the labelled profiles, and sees no others' labels.

Axes: N profiles of the pool, or of them the known ones of a fold; T asked profiles, X numbers a profile, W components.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from bench.identity_draws import Setting, Teller, View
from cic.evaluation.questions.identity.tuning import TuningSpec, balanced_accuracy, tune
from cic.model.threads import one_thread

WIDTHS = (10, 30)
Candidate = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Tells T asked profiles from N known ones and their labels (-1: not told)."""


def supervised(setting: Setting, view: View, space: str, ending: str) -> dict[str, np.ndarray]:
    """Give what the classifiers of a `space` (those of the evaluation) tell that see the labelled profiles alone."""
    told_N = setting.label_N >= 0
    spec = TuningSpec(
        0, space, view.known_NY[told_N], setting.label_N[told_N], setting.inner_N[told_N], view.asked_TY,
        view.n_features, space == "code", setting.seed,
    )  # fmt: skip
    predictions = tune(spec).predictions
    return {f"{name.removeprefix(space + '_').removeprefix('profile_')}, {ending}": one.predicted_T
            for name, one in predictions.items()}  # fmt: skip


def on_genes(setting: Setting) -> Mapping[str, np.ndarray]:
    """Give LDA, linear and RBF SVM, logistic regression, nearest profiles and nearest mean, over all genes."""
    return supervised(setting, setting.pool.log2, "profile", "genes")


def on_ranks(setting: Setting) -> Mapping[str, np.ndarray]:
    """Give the same on normal scores of within-sample ranks."""
    return supervised(setting, setting.pool.ranks, "profile", "ranks")


def on_top_genes(setting: Setting) -> Mapping[str, np.ndarray]:
    """Give a random forest on the genes of greatest variance."""
    return supervised(setting, setting.pool.top, "genes", "top genes")


def chosen(setting: Setting, view: View, candidates: Sequence[Candidate]) -> np.ndarray:
    """Let the candidate tell that tells the inner folds best, of equals the first; unlabelled profiles stay known."""
    with one_thread():
        scores = [_inner_score(setting, view, one) for one in candidates]
        best = candidates[int(np.argmax(scores))]
        return best(view.known_NY, setting.label_N, view.asked_TY).astype(np.int64)


def _inner_score(setting: Setting, view: View, candidate: Candidate) -> float:
    told_N, predicted_N = setting.label_N >= 0, np.full(len(setting.label_N), -1)
    for fold in np.unique(setting.inner_N[told_N]):
        out_N = setting.inner_N == fold
        if len(np.unique(setting.label_N[told_N & ~out_N])) > 1:
            predicted_N[out_N] = candidate(view.known_NY[~out_N], setting.label_N[~out_N], view.known_NY[out_N])
    return balanced_accuracy(setting.label_N[told_N], predicted_N[told_N])


def spread(
    known_NX: np.ndarray, label_N: np.ndarray, asked_TX: np.ndarray, *, width: int, neighbours: int, alpha: float
) -> np.ndarray:
    """Spread labels over the graph of nearest profiles (Zhou et al. 2003), in the first components of the pool."""
    model = LabelSpreading(kernel="knn", n_neighbors=min(neighbours, len(known_NX)), alpha=alpha, max_iter=100)
    with np.errstate(invalid="ignore", divide="ignore"):  # of profiles that no label reaches
        return model.fit(known_NX[:, :width], label_N).predict(asked_TX[:, :width])


def self_trained(
    known_NX: np.ndarray, label_N: np.ndarray, asked_TX: np.ndarray, *, width: int, base: Any, certain: float
) -> np.ndarray:
    """Take what a classifier is certain of for labels, and fit it anew, up to five times (Yarowsky 1995)."""
    told_N = label_N >= 0
    if told_N.sum() == len(np.unique(label_N[told_N])):  # one profile a type: nothing tells how types vary
        base, certain = KNeighborsClassifier(1), 1.0
    model = make_pipeline(StandardScaler(), base)
    if certain < 1 and not told_N.all():
        model = SelfTrainingClassifier(model, threshold=certain, max_iter=5)
        return model.fit(known_NX[:, :width], label_N).predict(asked_TX[:, :width])
    return model.fit(known_NX[told_N, :width], label_N[told_N]).predict(asked_TX[:, :width])


SPREAD: tuple[Candidate, ...] = tuple(
    partial(spread, width=width, neighbours=neighbours, alpha=alpha)
    for width, neighbours, alpha in product(WIDTHS, (5, 15), (0.2, 0.8))
)
LDA = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
LOGISTIC = LogisticRegression(C=1.0, max_iter=300, tol=1e-2)


def _by_certainty(base: Any, certain: Sequence[float]) -> tuple[Candidate, ...]:
    return tuple(partial(self_trained, width=w, base=base, certain=c) for w, c in product(WIDTHS, certain))


def on_components(setting: Setting) -> Mapping[str, np.ndarray]:
    """Give what unlabelled profiles help: classifiers, self-training and labels spread on PCA of the whole pool.

    Of LDA and logistic regression the number of components is chosen, as it is for what is semi-supervised.
    """
    view, widest = setting.pool.log2, max(WIDTHS)
    first = View(view.known_NY[:, :widest], view.asked_TY[:, :widest], widest)
    of = {"lda": LDA, "logistic": LOGISTIC}
    return {
        **supervised(setting, first, "code", "PCA"),
        **{f"{name}, PCA": chosen(setting, view, _by_certainty(base, (1.0,))) for name, base in of.items()},
        **{f"self-training {name}, PCA": chosen(setting, view, _by_certainty(base, (0.8, 0.95)))
           for name, base in of.items()},
        "label spreading, PCA": chosen(setting, view, SPREAD),
    }  # fmt: skip


RIVALS: tuple[Teller, ...] = (on_genes, on_ranks, on_top_genes, on_components)
