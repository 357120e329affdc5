"""Curves over levels of a disturbance: values with intervals at each level, their mean over the range, and crossings.

Axes: S profiles, A those with a label, L labels, X levels, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cic.evaluation.statistics.intervals import (
    Interval,
    Resampling,
    ratio_interval,
    ratio_intervals,
)

Row = tuple[float, str, str, float, float | None, float | None]
"""Level, method, measure, value, low, high."""


def mean_weights(levels: Sequence[float]) -> np.ndarray:
    """Give the weights X that make the mean of a curve over the range of its levels, by trapezoids."""
    step = np.diff(np.asarray(levels, dtype=np.float64))
    weight_X = np.zeros(len(levels))
    weight_X[:-1] += step / 2
    weight_X[1:] += step / 2
    return weight_X / step.sum()


def crossing(levels: Sequence[float] | np.ndarray, above_X: Sequence[float] | np.ndarray) -> float | None:
    """Give the level at which `above_X`, straight between levels, first falls below 0; `None` if it never does."""
    below = np.flatnonzero(np.asarray(above_X) < 0)
    if not len(below):
        return None
    right = int(below[0])
    if right == 0:
        return float(levels[0])
    left = right - 1
    return float(levels[left] + (levels[right] - levels[left]) * above_X[left] / (above_X[left] - above_X[right]))


def unexplained_curves(
    error: Mapping[str, np.ndarray], total_S: np.ndarray, levels: Sequence[float], plan: Resampling
) -> tuple[dict[str, Any], list[Row]]:
    """Give unexplained variance over levels.

    Parameters
    ----------
    error
        Squared errors by method, S x X; `model`, `pca` and `profile` among them.
    total_S
        Squared distance of each clean profile from the training mean.

    Returns
    -------
    tuple
        `unexplained`, `robustness_unexplained`, `ratio_to_pca` and `ratio_to_profile` as in `noise.measure`,
        and the rows of its table.
    """
    weight_X, found, robustness, rows = mean_weights(levels), {}, {}, []
    total_SX = np.repeat(total_S[:, None], len(levels) + 1, axis=1)
    for name, error_SX in error.items():
        *curve, mean = ratio_intervals(np.column_stack([error_SX, error_SX @ weight_X]), total_SX, plan)
        found[name], robustness[name] = [one.value for one in curve], mean
        rows += _rows(levels, name, "unexplained", curve)
    ratios = {
        f"ratio_to_{name}": ratio_interval(error["model"] @ weight_X, error[name] @ weight_X, plan)
        for name in ("pca", "profile")
    }
    return {"unexplained": found, "robustness_unexplained": robustness, **ratios}, rows


def accuracy_curves(
    hit: Mapping[str, np.ndarray], true_A: np.ndarray, levels: Sequence[float], plan: Resampling
) -> tuple[dict[str, Any], list[Row]]:
    """Give balanced accuracy over levels.

    Parameters
    ----------
    hit
        By classifier, the share of draws in which each profile's label was said, A x X; `code_logistic`,
        `pca_logistic` and `profile_lda` among them.
    true_A
        The labels; the mean is over those that occur here.

    Returns
    -------
    tuple
        `accuracy`, `robustness_accuracy`, `difference_to_pca` and `difference_to_lda` as `noise.measure`
        describes them, and the rows of its table.
    """
    weight_X, found, robustness, rows = mean_weights(levels), {}, {}, []
    member_AL = (true_A[:, None] == np.unique(true_A)).astype(np.float64)
    among_RL = plan.sums(member_AL)[:, None, :]
    mean: dict[str, tuple[float, np.ndarray]] = {}
    for name, hit_AX in hit.items():
        hit_AX = np.column_stack([hit_AX, hit_AX @ weight_X])
        hit_AXL = hit_AX[:, :, None] * member_AL[:, None, :]
        value_X = (hit_AXL.sum(axis=0) / member_AL.sum(axis=0)).mean(axis=1)
        hit_RXL = plan.sums(hit_AXL.reshape(len(true_A), -1)).reshape(-1, *hit_AXL.shape[1:])
        with np.errstate(divide="ignore", invalid="ignore"):
            value_RX = np.nanmean(np.where(among_RL > 0, hit_RXL / among_RL, np.nan), axis=2)
        *curve, last = (plan.interval(float(value), value_RX[:, at]) for at, value in enumerate(value_X))
        found[name], robustness[name] = [one.value for one in curve], last
        mean[name] = last.value, value_RX[:, -1]
        rows += _rows(levels, name, "accuracy", curve)
    value, value_R = mean["code_logistic"]
    differences = {}
    for key, name in (("difference_to_pca", "pca_logistic"), ("difference_to_lda", "profile_lda")):
        other, other_R = mean[name]
        differences[key] = plan.interval(value - other, value_R - other_R)
    return {"accuracy": found, "robustness_accuracy": robustness, **differences}, rows


def _rows(levels: Sequence[float], name: str, measure: str, curve: Sequence[Interval]) -> list[Row]:
    return [
        (float(level), name, measure, one.value, one.low, one.high) for level, one in zip(levels, curve, strict=True)
    ]
