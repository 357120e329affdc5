"""Reconstruction error on a scale from the noise floor to the mean profile.

Error over the disagreement of replicates has no end that all data share: a perfect model comes to 0.71 of it, and on
noisy profiles the mean profile does hardly worse. Here the one is 0 and the other is 1.

Axes: T replicate sets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cic.evaluation.statistics.intervals import Resampling, ratio_interval

LEAST_SHARED = 0.01
"""Share of the mean profile's squared error that must be more than noise, or there is nothing to measure on."""


def measure_floor(
    errors: dict[str, np.ndarray], to_others: dict[str, np.ndarray], between_T: np.ndarray, plan: Resampling
) -> tuple[dict[str, Any], str]:
    """Give the share of what replicates share that a reconstruction misses.

    A profile is x = m + e: what its replicates share, and noise of variance s² that each has of its own. Two replicates
    lie 2 s² apart, in squared distance, so that b, the mean over pairs, is twice the noise. A model that gives m is in
    error by s² = b / 2: the floor, √½ = 0.71 in the ratio of root mean squares. Any other reconstruction r whose
    deviation from m has nothing to do with e is in error by |r - m|² + b / 2; so, over sets,

        missed = Σ (error - b / 2) / Σ (error of the mean profile - b / 2)

    is 0 for m and 1 for the mean profile: unexplained variance with the noise taken out of both (as explainable
    variance is in Sahani and Linden 2003, "How linear are auditory cortical responses?"). It is below 0 where a
    reconstruction follows e, the noise of the very profile that it was made from. Held against the *other* replicates
    of its sample, whose noise it cannot know, the same formula cannot be flattered like this.

    Parameters
    ----------
    errors
        Squared error (T) of `model`, `pca` and `mean_profile`, a mean over the profiles of a set.
    to_others
        Squared distance (T) between the reconstruction of one replicate and the others, of `model` and `pca`.
    between_T
        Mean squared distance of two replicates.
    plan
        Over the sets.

    Returns
    -------
    dict
        `shared`: interval of the share of the mean profile's squared error that is more than noise; `missed`:
        intervals of model and pca; `missed_of_other`: the same against the other replicates. The last two are null
        where floor and mean profile are not told apart: where the lower bound of `shared` is below `LEAST_SHARED`, or
        there is none.
    str
        Why they are null; empty if they are not.
    """
    floor_T = between_T / 2
    span_T = errors["mean_profile"] - floor_T
    shared = ratio_interval(span_T, errors["mean_profile"], plan)
    found: dict[str, Any] = {"shared": shared, "missed": None, "missed_of_other": None}
    if shared.low is None:
        return found, "too few independent replicate sets tell the mean profile apart from a perfect model."
    if shared.low < LEAST_SHARED:
        return found, (
            "the mean profile is not told apart from a perfect model: of its squared error a share of "
            f"{shared.value:.3f} ({shared.low:.3f} to {shared.high:.3f}) is more than the noise of replicates, and it "
            f"takes {LEAST_SHARED:g} at least."
        )
    for name, by_method in (("missed", errors), ("missed_of_other", to_others)):
        found[name] = {method: ratio_interval(by_method[method] - floor_T, span_T, plan) for method in ("model", "pca")}
    return found, ""
