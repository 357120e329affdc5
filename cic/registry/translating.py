"""Fitting a map from the codes of one model to those of another, and what it comes to on profiles that neither saw.

Axes: S profiles, G genes, W numbers of the older code, V of the newer, N profiles that the map is fitted on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, KFold

from cic.data.matrix import ExpressionMatrix
from cic.data.units import log2_scale
from cic.errors import ModelError
from cic.evaluation.statistics.intervals import against, ratio_interval, resampling
from cic.model.bundle import Bundle
from cic.model.threads import one_thread
from cic.model.translation import CodeMap, Expected, Translation
from cic.registry.evidence import in_chunks, trained_on
from cic.seeds import derive_seed, generator

FEWEST_FITTED, FEWEST_HELD_OUT = 20, 10
MOST = 2000
"""Profiles that a map is fitted on, and measured on, at most: drawn from all."""
FOLDS = 5
PENALTIES = np.logspace(-10, 1, 12)
"""Of the affine map, over the sum of squares of a number of the code."""
KERNEL = {"alpha": [1e-3, 1e-2, 1e-1, 1.0], "gamma": [0.03, 0.1, 0.3, 1.0, 3.0]}
"""Penalties, and widths over the inverse of the mean squared distance of two codes."""
RESAMPLES, CONFIDENCE = 2000, 0.95


def fit_translation(
    old: Bundle,
    new: Bundle,
    matrix: ExpressionMatrix,
    part_S: np.ndarray,
    seed: int,
) -> Translation:
    """Fit the map from the codes of `old` to those of `new`, on profiles that both were trained on.

    It is affine, unless kernel ridge regression of what that leaves is better with confidence, on profiles that neither
    was trained on.

    Parameters
    ----------
    matrix, part_S
        Profiles and the part of each, with the columns `group` and `replicate` as far as known. It is fitted on those
        that both models were trained on, and measured on those of the test part that neither was trained on.
    seed
        Of folds, resampling, and the choice of `MOST` where there are more.

    Raises
    ------
    ModelError
        If the profiles lack genes of one of the models, or too few were seen by both, or by neither.
    """
    training = _such(
        matrix, ~np.isin(part_S, ("test", "sealed")), seed, lambda rows: np.logical_and(*_seen(old, new, rows)),
        FEWEST_FITTED, "that both models were trained on",
    )  # fmt: skip
    held_out = _such(
        matrix, part_S == "test", seed, lambda rows: ~np.logical_or(*_seen(old, new, rows)),
        FEWEST_HELD_OUT, "that neither model was trained on",
    )  # fmt: skip
    old_NW, new_NV = (_codes(bundle, training) for bundle in (old, new))
    old_SW, new_SV = (_codes(bundle, held_out) for bundle in (old, new))
    truth_SG = _log2(new, held_out)
    affine = fit_affine(old_NW, new_NV)
    bent = with_kernel(affine, old_NW, new_NV, derive_seed(seed, "translation", "folds"))
    flat_S, bent_S = (_errors(new, one.apply(old_SW), truth_SG) for one in (affine, bent))
    plan = resampling(held_out.samples, RESAMPLES, CONFIDENCE, derive_seed(seed, "translation", "intervals"))
    surely = against(ratio_interval(bent_S, flat_S, plan)) == "below"
    chosen, error_S = (bent, bent_S) if surely else (affine, flat_S)
    again_S = _errors(new, new_SV, truth_SG)
    ratio = ratio_interval(error_S, again_S, plan)
    total = _squares(truth_SG - _log2(new, training).mean(axis=0))
    expected = Expected(
        translated=float(error_S.sum()) / total,
        reencoded=float(again_S.sum()) / total,
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        code=_squares(chosen.apply(old_SW) - new_SV) / _squares(new_SV - new_NV.mean(axis=0)),
        affine=float(flat_S.sum()) / total,
        kernel=float(bent_S.sum()) / total,
        n_fitted=training.n_samples,
        n_held_out=held_out.n_samples,
    )
    return Translation(chosen, old.digest, new.digest, expected)


def fit_affine(old_NW: np.ndarray, new_NV: np.ndarray) -> CodeMap:
    """Fit new codes to old ones by ridge regression, the penalty by leaving one out (float64)."""
    old_NW, new_NV = old_NW.astype(np.float64), new_NV.astype(np.float64)
    scale = _squares(old_NW - old_NW.mean(axis=0)) / old_NW.shape[1]
    with one_thread():
        found = RidgeCV(alphas=PENALTIES * scale).fit(old_NW, new_NV)
    none_NW, none_NV = np.empty((0, old_NW.shape[1])), np.empty((0, new_NV.shape[1]))
    return CodeMap(found.coef_.reshape(new_NV.shape[1], -1).T, np.atleast_1d(found.intercept_), none_NW, none_NV)


def with_kernel(affine: CodeMap, old_NW: np.ndarray, new_NV: np.ndarray, seed: int) -> CodeMap:
    """Fit what an affine map leaves by kernel ridge regression, penalty and width by cross-validation.

    So far from the profiles that it was fitted on, the map becomes the affine one.
    """
    old_NW = old_NW.astype(np.float64)
    left_NV = new_NV - affine.apply(old_NW).astype(np.float64)
    spread = 2 * _squares(old_NW - old_NW.mean(axis=0)) / len(old_NW)  # mean squared distance of two codes
    grid = {"alpha": KERNEL["alpha"], "gamma": [width / spread for width in KERNEL["gamma"]]}
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    with one_thread():
        search = GridSearchCV(KernelRidge(kernel="rbf"), grid, scoring="neg_mean_squared_error", cv=folds)
        found = search.fit(old_NW, left_NV)
    dual_NV = found.best_estimator_.dual_coef_.reshape(len(old_NW), -1)
    return CodeMap(affine.weights_WV, affine.offset_V, old_NW, dual_NV, float(found.best_params_["gamma"]))


def _such(
    matrix: ExpressionMatrix,
    keep_S: np.ndarray,
    seed: int,
    counts: Callable[[ExpressionMatrix], np.ndarray],
    fewest: int,
    which: str,
) -> ExpressionMatrix:
    """Give the profiles under a mask, or `MOST` drawn from them, as far as they count; an error where they are few."""
    rows = np.flatnonzero(keep_S)
    if len(rows) > MOST:
        rows = np.sort(generator(seed, "translation", "drawn").choice(rows, MOST, replace=False))
    if len(rows):
        rows = rows[counts(matrix.select(rows))]
    if len(rows) < fewest:
        raise ModelError(f"there are {len(rows)} profiles {which}, of at least {fewest}")
    return matrix.select(rows)


def _seen(old: Bundle, new: Bundle, matrix: ExpressionMatrix) -> list[np.ndarray]:
    """Say of each profile whether the older model was trained on it, and whether the newer was."""
    return [trained_on(bundle, bundle.align(matrix, matrix.source)) for bundle in (old, new)]


def _squares(value: np.ndarray) -> float:
    return float(np.square(value, dtype=np.float64).sum())


def _codes(bundle: Bundle, matrix: ExpressionMatrix) -> np.ndarray:
    return in_chunks(bundle.encode, bundle.align(matrix, matrix.source))


def _log2(bundle: Bundle, matrix: ExpressionMatrix) -> np.ndarray:
    """Give profiles on log2 scale, over the genes that the model gives."""
    place = pd.Index(bundle.genes_in).get_indexer(pd.Index(bundle.genes))
    return log2_scale(bundle.align(matrix, matrix.source), bundle.unit)[:, place]


def _errors(bundle: Bundle, code_SV: np.ndarray, truth_SG: np.ndarray) -> np.ndarray:
    """Give the squared error of each profile that codes decode to (float64, S)."""

    def errors(rows: np.ndarray) -> np.ndarray:
        difference_SG = bundle.decode(code_SV[rows]) - truth_SG[rows]
        return np.einsum("sg,sg->s", difference_SG, difference_SG, dtype=np.float64)

    return in_chunks(errors, np.arange(len(code_SV)))
