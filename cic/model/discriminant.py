"""Linear heads that tell labels, fitted to profiles that belong to labels in part.

A profile with a label belongs to it. One without belongs to each as far as it looks like it: normal distributions of
one shape, one a label, are fitted to all profiles (expectation and maximisation: Dempster, Laird and Rubin 1977).

Axes: S profiles, T with a label, U without, X features, L labels, l those that something belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

GROUPED_SHRINKAGE, ROUNDS = 0.02, 6
STEPS = 60
"""Of logistic regression, at most."""
LEAST_WITHIN = 1e-3
"""Share of the variance of all profiles that labels vary by at least: one profile a label shows no variance."""
Weights = tuple[np.ndarray, np.ndarray]
"""Weights X x L and constants L of a head: its logits are x @ weights + constants."""


def belonging(x_SX: np.ndarray, of_label_SL: np.ndarray) -> np.ndarray:
    """Give how far each profile belongs to each label (S x L, each row 1).

    Parameters
    ----------
    of_label_SL
        1 at the label of each profile that has one.
    """
    told_S = of_label_SL.any(axis=1)
    to_SL = of_label_SL[told_S]
    share_L = to_SL.sum(axis=0)
    unseen_L = share_L == 0
    x_UX = x_SX[~told_S]
    ((weight_XL, bias_L),) = discriminants(x_SX[told_S], to_SL, [GROUPED_SHRINKAGE], x_SX.shape[1])
    result_SL = of_label_SL.copy()
    for _ in range(ROUNDS):
        logit_UL = x_UX @ weight_XL + bias_L + np.log(np.maximum(share_L, 1e-9))
        logit_UL[:, unseen_L] = -np.inf
        result_SL[~told_S] = softmax(logit_UL, axis=1)
        share_L = result_SL.sum(axis=0) + 1  # no type dies out
        ((weight_XL, bias_L),) = discriminants(x_SX, result_SL, [GROUPED_SHRINKAGE], x_SX.shape[1])
    return result_SL


def discriminants(
    x_SX: np.ndarray, to_SL: np.ndarray, shrinkages: Sequence[float], n_features: int, noises: Sequence[float] = (0.0,)
) -> list[Weights]:
    """Give linear discriminants of profiles that belong to labels in part, all labels being equally frequent.

    Parameters
    ----------
    to_SL
        How far each profile belongs to each label.
    shrinkages
        Shares by which the common covariance is shrunk towards the mean variance of `n_features` features.
    noises
        Variances that profiles to be told have beside it, along every feature.

    Returns
    -------
    list
        Weights X x L and constants L, one pair a share, within it one a noise; 0 for labels that nothing belongs to.
    """
    count_L, weight_S = to_SL.sum(axis=0), to_SL.sum(axis=1)
    mean_LX = to_SL.T @ x_SX / np.maximum(count_L, 1e-9)[:, None]
    square_XX = (x_SX * weight_S[:, None]).T @ x_SX / weight_S.sum()
    between_XX = (mean_LX * count_L[:, None]).T @ mean_LX / weight_S.sum()
    variance_X, axes_XX = np.linalg.eigh(square_XX - between_XX)
    variance_X, mean_LX = variance_X.clip(min=0), mean_LX @ axes_XX
    least = LEAST_WITHIN * max(float(np.trace(square_XX)), np.finfo(np.float64).tiny)
    usual = max(float(variance_X.sum()), least) / n_features
    found = []
    for share, noise in product(shrinkages, noises):
        scaled_LX = mean_LX / ((1 - share) * (variance_X + noise) + share * usual)
        found.append((axes_XX @ scaled_LX.T, -(scaled_LX * mean_LX).sum(axis=1) / 2))
    return found


def logistic(x_SX: np.ndarray, to_SL: np.ndarray, strengths: Sequence[float]) -> list[Weights]:
    """Give multinomial logistic regression (L2) of profiles that belong to labels in part.

    Parameters
    ----------
    to_SL
        How far each profile belongs to each label.
    strengths
        Inverse penalties, ascending, of features whose mean squared norm is made 1.

    Returns
    -------
    list
        Weights X x L and constants L, one pair a strength; 0 for labels that nothing belongs to.
    """
    unit = float(np.sqrt(np.square(x_SX).sum(axis=1).mean())) or 1.0
    present_L = to_SL.any(axis=0)
    to_Sl, weight_S = to_SL[:, present_L], to_SL.sum(axis=1)
    seen_SX = np.column_stack([x_SX / unit, np.ones(len(x_SX))])
    shape = (seen_SX.shape[1], to_Sl.shape[1])

    def loss(flat: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        weight_Xl = flat.reshape(shape)
        logit_Sl = seen_SX @ weight_Xl
        total_S = logsumexp(logit_Sl, axis=1)
        slope_Sl = np.exp(logit_Sl - total_S[:, None]) * weight_S[:, None] - to_Sl
        gradient_Xl = seen_SX.T @ slope_Sl
        gradient_Xl[:-1] += penalty * weight_Xl[:-1]
        value = weight_S @ total_S - (to_Sl * logit_Sl).sum() + penalty / 2 * np.square(weight_Xl[:-1]).sum()
        return float(value), gradient_Xl.ravel()

    flat, found = np.zeros(shape[0] * shape[1]), []
    for strength in strengths:
        solved = minimize(loss, flat, (1 / strength,), method="L-BFGS-B", jac=True, options={"maxiter": STEPS})
        flat = solved.x
        weight_XL, bias_L = np.zeros((shape[0] - 1, to_SL.shape[1])), np.zeros(to_SL.shape[1])
        weight_XL[:, present_L], bias_L[present_L] = flat.reshape(shape)[:-1] / unit, flat.reshape(shape)[-1]
        found.append((weight_XL, bias_L))
    return found
