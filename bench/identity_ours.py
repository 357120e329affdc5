"""What tells types by a model of the pool: its classifier, or classifiers on its code.

Models have one hidden layer. A fifth of the pool keeps the best epoch and chooses the weight of the joint loss, as the
validation part does in the pipeline.

Axes: N profiles of the pool, T asked profiles, P both, W code, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from bench.identity_draws import Pool, Setting, Teller, View
from bench.identity_rivals import supervised
from cic.config import Evaluate, Training
from cic.evaluation.classifiers.classifiers import Fitting, centroid
from cic.evaluation.questions.identity.tuning import balanced_accuracy
from cic.evaluation.retrainings.retraining import Coordinates, Retrained, RetrainingError, RetrainingSpec, retrain
from cic.model.training import Hyperparameters
from cic.seeds import derive_seed, generator

WIDTH, RANK = 30, 256
WEIGHTS = Evaluate().label_weights
FIFTH = 5


def trained(
    pool: Pool, train_N: np.ndarray, validation_N: np.ndarray, seed: int, label_N: np.ndarray | None = None,
    n_labels: int = 0, weight: float = 0.0,
) -> Retrained:  # fmt: skip
    """Train on part of the pool as the pipeline does, and apply the model to all profiles, the pool's first."""
    y_PY, rank_PY = (np.vstack([view.known_NY, view.asked_TY]) for view in (pool.log2, pool.ranks))
    others_T, inside_P = np.zeros(len(pool.log2.asked_TY), dtype=np.int64), np.zeros(len(y_PY))
    width = min(WIDTH, len(train_N) // 4)
    spec = RetrainingSpec(
        name="bench",
        coordinates=Coordinates(y_PY, inside_P),
        train_S=np.concatenate([train_N, others_T > 0]),
        validation_S=np.concatenate([validation_N, others_T > 0]),
        unit_S=np.concatenate([pool.unit_N, others_T]),
        hyper=Hyperparameters(depth=1, bottleneck_width=width),
        training=Training(label_weight=weight),
        seed=derive_seed(seed, "training"),
        rank=RANK,
        label_S=None if label_N is None else np.concatenate([label_N, others_T - 1]),
        n_labels=n_labels,
        label_unit_S=np.concatenate([pool.label_unit_N, others_T]),
        rank_coordinates=None if weight else Coordinates(rank_PY, inside_P),
        n_genes=pool.log2.n_features,
    )
    return retrain(spec)


def validation_of(setting: Setting) -> np.ndarray:
    """Give the mask of a fifth of the pool: an inner fold of the labelled profiles, and as many of the others."""
    n = len(setting.label_N)
    fold_N = generator(setting.seed, "validation").permutation(n) % FIFTH
    return np.where(setting.label_N >= 0, setting.inner_N == 0, fold_N == 0)


def classifier(setting: Setting) -> Mapping[str, np.ndarray]:
    """Give the classifier that is found after a training without labels, on the whole pool."""
    n, held_N = len(setting.label_N), validation_of(setting)
    whole = np.ones(n, dtype=bool)
    model = trained(setting.pool, whole, held_N, setting.seed, setting.label_N, setting.n_labels)
    return {"classifier": _told(model, setting)[n:]}


def joint(setting: Setting) -> Mapping[str, np.ndarray]:
    """Give today's joint classifier: as the pipeline has it, and trained anew on the whole pool at its weight.

    A training that comes to nothing tells no profile.
    """
    n, held_N = len(setting.label_N), validation_of(setting)
    known = (setting.label_N, setting.n_labels)
    try:
        tried = [trained(setting.pool, ~held_N, held_N, setting.seed, *known, weight) for weight in WEIGHTS]
    except RetrainingError:
        return dict.fromkeys(("joint", "joint, whole pool"), np.full(len(setting.pool.log2.asked_TY), -1))
    told_N = held_N & (setting.label_N >= 0)
    scores = [balanced_accuracy(setting.label_N[told_N], _told(one, setting)[:n][told_N]) for one in tried]
    best = int(np.argmax(scores))
    whole = trained(setting.pool, np.ones(n, dtype=bool), held_N, setting.seed, *known, WEIGHTS[best])
    return {"joint": _told(tried[best], setting)[n:], "joint, whole pool": _told(whole, setting)[n:]}


def _told(model: Retrained, setting: Setting) -> np.ndarray:
    """Give the likeliest label of each profile, among those that some profile of the pool was told to have."""
    assert model.logit_SL is not None, "it was trained jointly"
    known = np.unique(setting.label_N[setting.label_N >= 0])
    return known[model.logit_SL[:, known].argmax(axis=1)]


@lru_cache(maxsize=1)
def code_of(pool: Pool) -> View:
    """Give codes of a model that saw no label, which all settings of a draw share."""
    held_N = generator(1, "identity", "code").permutation(len(pool.unit_N)) % FIFTH == 0
    code_PW = trained(pool, ~held_N, held_N, 1).code_SW
    return View(code_PW[: len(held_N)], code_PW[len(held_N) :], code_PW.shape[1])


def on_code(setting: Setting) -> Mapping[str, np.ndarray]:
    """Give logistic regression, LDA, RBF SVM, nearest profiles and nearest mean on the code."""
    code, told_N = code_of(setting.pool), setting.label_N >= 0
    fitting = Fitting(
        code.known_NY[told_N].astype(np.float64), setting.label_N[told_N], code.asked_TY.astype(np.float64),
        code.n_features, setting.seed,
    )  # fmt: skip
    return {**supervised(setting, code, "code", "code"), "centroid, code": centroid(fitting, [None])[0]}


OURS: tuple[Teller, ...] = (joint, classifier, on_code)
