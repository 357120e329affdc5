"""Sets of answers that miss the true cell type no more often than was asked for, by split conformal prediction.

The guarantee is on average over calibration and further profiles that are exchangeable with each other, whatever the
classifier (Vovk, Gammerman and Shafer 2005).

Axes: S all profiles, P profiles scored or calibrated on, L classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cic.evaluation.statistics.intervals import Resampling, ratio_interval, share_interval


def enough(n_calibration: int, error_rate: float) -> bool:
    """Tell whether a conformal threshold at this error rate lies within so many calibration scores."""
    return (n_calibration + 1) * error_rate >= 1 - 1e-9


def conformal_threshold(score_P: np.ndarray, error_rate: float) -> float:
    """Give the score that at most `error_rate` of further exchangeable profiles exceed.

    Split conformal prediction: the (n + 1)(1 - error rate)-th smallest calibration score, rounded up (Vovk, Gammerman
    and Shafer 2005; Lei et al. 2018). `score_P` needs at least 1 / `error_rate` - 1 entries.
    """
    position = int(np.ceil((len(score_P) + 1) * (1 - error_rate) - 1e-9))
    return float(np.sort(score_P)[position - 1])


def conformal_p(score_S: np.ndarray, calibration_P: np.ndarray) -> np.ndarray:
    """Give the share of the calibration scores, and of the own, that are at least as high as each score."""
    below_S = np.searchsorted(np.sort(calibration_P), score_S, side="left")
    return (1 + len(calibration_P) - below_S) / (len(calibration_P) + 1)


def answer_sets(
    probability_SL: np.ndarray,
    column_S: np.ndarray,
    calibration_S: np.ndarray,
    test_S: np.ndarray,
    error_rate: float,
    plan: Resampling,
) -> dict[str, Any]:
    """Measure the sets of all classes whose probability is not too low (score 1 - p: Sadinle, Lei and Wasserman 2019).

    Parameters
    ----------
    column_S
        True class of each profile of the masks `calibration_S` and `test_S`.
    plan
        Resamples the profiles of `test_S`.

    Returns
    -------
    dict
        Intervals coverage, set_size (mean), single (share with one answer), empty (share with none), single_right
        (share right of those with one).
    """
    doubt_SL = 1 - probability_SL
    calibration_P, test_P = np.flatnonzero(calibration_S), np.flatnonzero(test_S)
    answer_PL = doubt_SL[test_P] <= conformal_threshold(doubt_SL[calibration_P, column_S[calibration_P]], error_rate)
    covered_P = answer_PL[np.arange(len(test_P)), column_S[test_P]]
    size_P = answer_PL.sum(axis=1)
    all_P, single_P = np.ones(len(test_P)), size_P == 1
    shares = {
        "coverage": (covered_P, all_P),
        "single": (single_P, all_P),
        "empty": (size_P == 0, all_P),
        "single_right": (covered_P & single_P, single_P),
    }
    found = {
        name: share_interval(part_P.astype(float), whole_P.astype(float), plan)
        for name, (part_P, whole_P) in shares.items()
    }
    return found | {"set_size": ratio_interval(size_P.astype(float), all_P, plan)}
