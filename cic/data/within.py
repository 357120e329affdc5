"""Profiles normalised by themselves alone: ranks within a profile, as normal scores or as values of the training curve.

Whatever monotone a laboratory does to all values of a profile drops out, and one profile is enough to apply it.
Axes: S profiles, G genes, Q places of the curve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cic.config import Within

NORMAL_SCORES, CURVE = "rank", "quantile"


def ranks(values_SG: np.ndarray) -> np.ndarray:
    """Rank the genes of each profile from 0, equal values sharing their mean rank: Pearson r of ranks is Spearman's.

    Parameters
    ----------
    values_SG
        On any scale; NaN where a value is missing.

    Returns
    -------
    numpy.ndarray
        float64, NaN where `values_SG` is.
    """
    rank_SG = np.full(values_SG.shape, np.nan)
    for value_G, rank_G in zip(values_SG, rank_SG, strict=True):
        least = np.fmin.reduce(value_G, initial=np.nan)
        # most values of a cell are its least, 0, and sorting takes longest where most are equal
        least_G, above = value_G == least, np.flatnonzero(value_G > least)
        n_least = np.count_nonzero(least_G)
        _, at, count = np.unique(value_G[above], return_inverse=True, return_counts=True)
        rank_G[least_G] = (n_least - 1) / 2
        rank_G[above] = n_least + (np.cumsum(count) - (count + 1) / 2)[at]
    return rank_SG


def quantiles(values_SG: np.ndarray) -> np.ndarray:
    """Give each gene's place within its profile, between 0 and 1: (rank - 1/2) / n, of ranks from 1.

    The rank is that among the n genes that are there, as `ranks` has it. So profiles that lack some genes are on the
    scale of whole ones.

    Parameters
    ----------
    values_SG
        On any scale; NaN where a value is missing.

    Returns
    -------
    numpy.ndarray
        float64, NaN where `values_SG` is.
    """
    place_SG = ranks(values_SG)
    place_SG += 0.5
    place_SG /= np.maximum(np.count_nonzero(~np.isnan(values_SG), axis=1, keepdims=True), 1)
    return place_SG


def normal_scores(values_SG: np.ndarray) -> np.ndarray:
    """Give the standard normal deviate at each gene's `quantiles`; the rankits of Bliss, Greenwood and White (1956)."""
    from scipy.special import ndtri  # most models have none

    place_SG = quantiles(values_SG)
    return ndtri(place_SG, out=place_SG)


def curve_sum(log2_SG: np.ndarray) -> np.ndarray:
    """Sum the ascending values of profiles without missing ones, place by place (float64, Q as many as genes)."""
    return np.sort(log2_SG, axis=1).sum(axis=0, dtype=np.float64)


def normalised(log2_SG: np.ndarray, within: Within, curve_Q: np.ndarray | None) -> np.ndarray:
    """Bring profiles on log2 scale to what their ranks say.

    Parameters
    ----------
    log2_SG
        Over all genes that a model takes; NaN where a value is missing.
    within
        `none` leaves them. `rank` gives `normal_scores`, without a unit. `quantile` gives the value that the training
        profiles have in the mean at that place, log2 (Bolstad et al. 2003, with the curve kept for profiles to come).
    curve_Q
        The mean of the ascending training profiles, for `quantile`.

    Returns
    -------
    numpy.ndarray
        float32, NaN where `log2_SG` is; `log2_SG` itself for `none`.
    """
    if within == "none":
        return log2_SG
    if within == NORMAL_SCORES:
        return normal_scores(log2_SG).astype(np.float32)
    return _on_curve(quantiles(log2_SG), curve_Q).astype(np.float32)


def denormalised(values_SG: np.ndarray, within: Within, curve_Q: np.ndarray | None) -> np.ndarray:
    """Bring what `normalised` gave, or a model made of it, back to log2 scale: normal scores by the training curve."""
    if within != NORMAL_SCORES:
        return values_SG
    from scipy.special import ndtr

    return _on_curve(ndtr(values_SG), curve_Q)


def _on_curve(place_SG: np.ndarray, curve_Q: np.ndarray | None) -> np.ndarray:
    """Read the curve, whose values stand at (rank - 1/2) / Q, between them along lines, beyond them flat."""
    assert curve_Q is not None, "a model of ranks has its curve"
    return np.interp(place_SG, (np.arange(len(curve_Q)) + 0.5) / len(curve_Q), curve_Q)
