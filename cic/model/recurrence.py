"""Whether what one training found another finds too.

Axes: S profiles, F numbers or features of the one, H of the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

SHUFFLES = 19
"""That make chance: of twenty that are alike each is the highest once in twenty times."""


def recurrence(one_SF: np.ndarray, other_SH: np.ndarray, *, signed: bool) -> np.ndarray:
    """Give the correlation of each column with its match, one to one, so that the sum is largest (Kuhn 1955).

    Parameters
    ----------
    signed
        Whether a column that falls where the other rises is no match; else the size of correlations counts.

    Returns
    -------
    numpy.ndarray
        0 for a column without a match, or without variance (F).
    """
    standard = []
    for value in (one_SF, other_SH):
        centred = value.astype(np.float64) - value.mean(axis=0, dtype=np.float64)
        length = np.linalg.norm(centred, axis=0)
        standard.append(centred / np.where(length > 0, length, 1))
    r_FH = standard[0].T @ standard[1]
    r_FH = r_FH if signed else np.abs(r_FH)
    mine, theirs = linear_sum_assignment(-r_FH)
    matched_F = np.zeros(len(r_FH))
    matched_F[mine] = r_FH[mine, theirs]
    return matched_F


def by_chance(one_SF: np.ndarray, others: Sequence[np.ndarray], draw: np.random.Generator) -> float:
    """Give the recurrence that one of the columns, at least, has by chance in one of twenty times.

    Many columns to match over few profiles come to high correlations whatever they are. So the profiles of the others
    are shuffled, and the highest recurrence counts, which is the mean over the others. They are taken for independent:
    where replicates resemble each other chance comes to more.

    Parameters
    ----------
    others
        Of the same profiles (S x H each).
    """
    highest = [
        np.mean([recurrence(one_SF, draw.permutation(other_SH), signed=True) for other_SH in others], axis=0).max()
        for _ in range(SHUFFLES)
    ]
    return float(max(highest))
