"""Errors on profiles that a retraining left out, beside PCA's and those of the retraining that left nothing out.

All are squared errors over the preprocessed genes, with one denominator, so that ratios of sums are ratios of errors.

Axes: S profiles (all, or those that were left out), C types or groups, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cic.evaluation.profiles.correlation import row_correlations
from cic.evaluation.retrainings.retraining import Retrained
from cic.evaluation.statistics.intervals import (
    Interval,
    Resampling,
    percentile_interval,
    ratio_interval,
    ratio_intervals,
)
from cic.seeds import generator


def left_out_errors(
    seen: Retrained, unseen: Sequence[Retrained], members: Sequence[np.ndarray], scored_S: np.ndarray
) -> dict[str, np.ndarray]:
    """Give the squared error of each scored profile by who made it.

    Parameters
    ----------
    seen
        The retraining with nothing left out.
    unseen, members
        The others, and the mask of the profiles that each left out.

    Returns
    -------
    dict
        `model` and `pca` of the retraining that left the profile out, `seen` and `pca_seen` of the one that did not,
        and `mean_profile` of the latter, the common denominator.
    """
    model_S, pca_S = np.full(len(scored_S), np.nan), np.full(len(scored_S), np.nan)
    for retrained, member_S in zip(unseen, members, strict=True):
        model_S[member_S], pca_S[member_S] = retrained.error_S[member_S], retrained.pca_error_S[member_S]
    errors = {
        "model": model_S,
        "pca": pca_S,
        "seen": seen.error_S,
        "pca_seen": seen.pca_error_S,
        "mean_profile": seen.mean_error_S,
    }
    return {name: error_S[scored_S] for name, error_S in errors.items()}


def pooled(errors: Mapping[str, np.ndarray], plan: Resampling) -> dict[str, Any]:
    """Give what the profiles of all left-out types or groups come to together."""
    ratios = {
        "ratio_to_pca": ("model", "pca"),
        "ratio_to_seen": ("model", "seen"),
        "pca_ratio_to_seen": ("pca", "pca_seen"),
        "seen_ratio_to_pca": ("seen", "pca_seen"),
    }
    return {
        "n": len(errors["model"]),
        "units": plan.n_units,
        "by": plan.by,
        "unexplained_variance": {
            name: ratio_interval(errors[name], errors["mean_profile"], plan)
            for name in ("model", "pca", "seen", "pca_seen")
        },
        **{name: ratio_interval(errors[over], errors[under], plan) for name, (over, under) in ratios.items()},
    }


def by_member(
    errors: Mapping[str, np.ndarray],
    name_S: np.ndarray,
    names: Sequence[str],
    plan: Resampling,
    samples: pd.DataFrame,
    kind: str,
) -> tuple[pd.DataFrame, str]:
    """Give a row a type or group; over profiles, and a caution, where each is in too few groups for an interval."""
    member_SC = name_S[:, None] == np.array(names, dtype=object)
    summed = {name: (error_S[:, None] * member_SC) for name, error_S in errors.items()}
    to_pca = ratio_intervals(summed["model"], summed["pca"], plan)
    caution = ""
    if plan.by == "group" and all(one.low is None for one in to_pca):
        plan = plan.over(samples.drop(columns="group"))
        to_pca = ratio_intervals(summed["model"], summed["pca"], plan)
        caution = (
            f"No left-out {kind} occurs in enough held-out groups to resample them, so intervals of single {kind}s "
            f"are over {plan.by}s and too narrow for a new group."
        )
    to_seen = ratio_intervals(summed["model"], summed["seen"], plan)
    total = {name: error_SC.sum(axis=0) for name, error_SC in summed.items()}
    table = pd.DataFrame({"name": list(names), "n": member_SC.sum(axis=0)})
    for name in ("model", "pca", "seen", "pca_seen"):
        table[f"unexplained_{name}"] = total[name] / total["mean_profile"]
    for column, low, high, found in (
        ("ratio_to_pca", "low", "high", to_pca),
        ("ratio_to_seen", "seen_low", "seen_high", to_seen),
    ):
        table[column] = [one.value for one in found]
        table[low] = np.array([one.low for one in found], dtype=np.float64)
        table[high] = np.array([one.high for one in found], dtype=np.float64)
    table["pca_ratio_to_seen"] = total["pca"] / total["pca_seen"]
    return table, caution


def count_better(table: pd.DataFrame) -> dict[str, int]:
    """Count the rows of `by_member` that are better or worse than PCA by their whole interval."""
    better, worse = int((table["high"] < 1).sum()), int((table["low"] > 1).sum())
    return {
        "n_better_than_pca": better,
        "n_worse_than_pca": worse,
        "n_undecided": len(table) - better - worse,
    }


def rank_correlation(left_C: np.ndarray, right_C: np.ndarray, plan: tuple[int, float, int]) -> Interval:
    """Give Spearman's correlation with an interval by resampling the pairs.

    Parameters
    ----------
    plan
        Resamples, confidence, seed.
    """
    n_resamples, confidence, seed = plan
    n = len(left_C)
    drawn_RC = generator(seed, "rank correlation").integers(n, size=(n_resamples, n))
    pick_RC = np.concatenate([np.arange(n)[None], drawn_RC])
    left_RC, right_RC = (rankdata(side_C[pick_RC], axis=1) for side_C in (left_C, right_C))
    value_R = row_correlations(left_RC, right_RC)
    return percentile_interval(float(value_R[0]), value_R[1:], confidence, n)
