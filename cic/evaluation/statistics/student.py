"""Student's t where there are few values, each a whole training or a whole block of genes."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from cic.evaluation.statistics.intervals import Interval


def t_quantile(confidence: float, n: int) -> float:
    """Give how many standard errors of a mean of `n` values its interval reaches; 0 of a single one."""
    return float(stats.t.ppf((1 + confidence) / 2, n - 1)) if n > 1 else 0.0


def t_interval(value_J: np.ndarray, confidence: float, overlap: float) -> Interval:
    """Give the mean over splits with Student's t interval; none of fewer than two splits.

    `overlap`, validation over training profiles, widens it for training sets that share profiles: the corrected
    resampled t test (Nadeau and Bengio 2003).
    """
    mean, n = float(np.mean(value_J)), len(value_J)
    if n < 2:
        return Interval(mean, None, None)
    half = t_quantile(confidence, n) * math.sqrt((1 / n + overlap) * float(np.var(value_J, ddof=1)))
    return Interval(mean, mean - half, mean + half)
