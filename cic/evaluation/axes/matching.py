"""How well single axes follow planted programs, one axis for each.

Axes: S held-out profiles, P programs, F axes, R resamples.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def matched(r_PF: np.ndarray) -> np.ndarray:
    """Give |r| of each program with its own axis (P), 0 where none is left for it.

    Axes go to programs, each to one at most, so that the sum of |r| is largest (Kuhn 1955). An axis that follows many
    programs at once is then worth no more than one that follows a single one.

    Parameters
    ----------
    r_PF
        Pearson r of the true activity of each program with each axis, over held-out profiles.
    """
    strength_PF = np.abs(r_PF)
    at_P, at_F = linear_sum_assignment(-strength_PF)
    found_P = np.zeros(len(r_PF))
    found_P[at_P] = strength_PF[at_P, at_F]
    return found_P


def medians(value_P: np.ndarray, n_resamples: int, seed: int) -> tuple[float, np.ndarray]:
    """Give the median over programs, and that of each resample (R); the same programs are drawn for equal seeds."""
    drawn_RP = np.random.default_rng(seed).integers(len(value_P), size=(n_resamples, len(value_P)))
    return float(np.median(value_P)), np.median(value_P[drawn_RP], axis=1)
