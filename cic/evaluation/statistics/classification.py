"""How well the cell type was told: scores with intervals, and paired differences of them.

Axes: S profiles, L labels, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cic.evaluation.statistics.intervals import Interval, Resampling


@dataclass(frozen=True)
class Scores:
    """Accuracy, balanced accuracy and macro F1 with intervals; `resampled` pairs balanced accuracy across methods."""

    accuracy: Interval
    balanced_accuracy: Interval
    macro_f1: Interval
    resampled_balanced_R: np.ndarray

    @property
    def intervals(self) -> dict[str, Interval]:
        """The scores by name."""
        return {"accuracy": self.accuracy, "balanced_accuracy": self.balanced_accuracy, "macro_f1": self.macro_f1}


def _from_counts(true_L: np.ndarray, predicted_L: np.ndarray, hit_L: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give accuracy, balanced accuracy and macro F1 from counts by label (last axis); absent labels do not count."""
    with np.errstate(divide="ignore", invalid="ignore"):
        recall_L = np.where(true_L > 0, hit_L / true_L, np.nan)
        f1_L = np.where(true_L > 0, 2 * hit_L / (true_L + predicted_L), np.nan)
    return hit_L.sum(axis=-1) / true_L.sum(axis=-1), np.nanmean(recall_L, axis=-1), np.nanmean(f1_L, axis=-1)


def score(true_S: np.ndarray, predicted_S: np.ndarray, plan: Resampling) -> Scores:
    """Score predictions against the truth (both arrays of label names).

    Macro means are over the labels that occur among the truth.
    """
    labels = np.unique(true_S)
    true_SL = (true_S[:, None] == labels).astype(np.float64)
    predicted_SL = (predicted_S[:, None] == labels).astype(np.float64)
    count_S3L = np.hstack([true_SL, predicted_SL, true_SL * predicted_SL])
    values = _from_counts(*np.split(count_S3L.sum(axis=0), 3))
    resampled = _from_counts(*np.split(plan.sums(count_S3L), 3, axis=1))
    accuracy, balanced, macro_f1 = (
        plan.interval(float(value), value_R) for value, value_R in zip(values, resampled, strict=True)
    )
    return Scores(accuracy, balanced, macro_f1, resampled_balanced_R=resampled[1])


def difference(left: Scores, right: Scores, plan: Resampling) -> Interval:
    """Give the paired difference of balanced accuracies, left minus right."""
    value = left.balanced_accuracy.value - right.balanced_accuracy.value
    paired_R = left.resampled_balanced_R - right.resampled_balanced_R
    return plan.interval(value, paired_R)
