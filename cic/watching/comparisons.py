"""Scored profiles against those that were held out in training: p-values, and what the rate of false alarms is.

Nothing is known of a held-out profile but its place among the others, and none is needed: where profiles come from one
source, every order of scored and held-out ones is equally likely. So the tests hold for any distribution of errors and
for any number of held-out profiles; few of them cost power and raise no alarms.

Axes: S scored profiles, P held-out ones, L cell types.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp

RATE = 0.01
"""Share of the checks of unchanged profiles that find drift, at most, all their tests together."""
FEWEST_EXPECTED = 5.0
"""Profiles of a type to be expected on each side: rarer types are counted as one (Cochran 1954, Biometrics 10:417)."""


def places_differ(percentile_S: np.ndarray, n_held_out: int) -> float:
    """Give the p-value of whether scored profiles lie among the held-out ones as these do themselves.

    The two-sample test of Kolmogorov and Smirnov, exact up to 10,000 profiles, by the counts that percentiles are.

    Parameters
    ----------
    percentile_S
        Share of the held-out profiles that are smaller, 0 to 100.
    n_held_out
        How many of these there are.
    """
    below_S = np.sort(np.round(percentile_S * n_held_out / 100))
    # held-out profiles stand at 1, 2, ..., and the order of scored ones between two of them does not count
    place_S = below_S + np.arange(1, len(below_S) + 1) / (len(below_S) + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where rounding makes an exact p-value exceed 1
        return float(ks_2samp(place_S, np.arange(1, n_held_out + 1)).pvalue)


def more_unknown(n_unknown: int, n: int, n_unknown_held_out: int, n_held_out: int) -> float:
    """Give the p-value of whether more of the scored profiles are unknown than of the held-out ones.

    Fisher's exact test, one-sided: the rate on held-out profiles is itself an estimate from few, so that a binomial
    test against it would raise an alarm over the first unknown profile where none was held out.
    """
    table = [[n_unknown, n - n_unknown], [n_unknown_held_out, n_held_out - n_unknown_held_out]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def types_differ(type_S: pd.Series, earlier_S: pd.Series) -> float:
    """Give the p-value of whether the mix of types is another than that of earlier profiles (chi-square).

    Types of which fewer than `FEWEST_EXPECTED` are expected on either side are counted together. 1 where that leaves
    nothing to compare.
    """
    count_2L = pd.DataFrame({"now": type_S.value_counts(), "earlier": earlier_S.value_counts()}).fillna(0).to_numpy().T
    expected_L = count_2L.sum(axis=0) * count_2L.sum(axis=1).min() / count_2L.sum()
    rare_L = expected_L < FEWEST_EXPECTED
    if rare_L.any():
        together_2 = count_2L[:, rare_L].sum(axis=1, keepdims=True)
        count_2L = np.hstack([count_2L[:, ~rare_L], together_2])
        if expected_L[rare_L].sum() < FEWEST_EXPECTED:  # all the rare ones are still too few
            count_2L = count_2L[:, :-1]
    if count_2L.shape[1] < 2 or (count_2L.sum(axis=1) == 0).any():
        return 1.0
    return float(chi2_contingency(count_2L, correction=False).pvalue)


def adjusted(p: Mapping[str, float]) -> dict[str, float]:
    """Give p-values that may be held against the rate of all tests together, whatever these have to do with each other.

    Holm 1979, Scand. J. Statist. 6:65.
    """
    ordered = sorted(p, key=lambda name: p[name])
    raised = [min(1.0, (len(ordered) - place) * p[name]) for place, name in enumerate(ordered)]
    found = dict(zip(ordered, np.maximum.accumulate(raised).tolist(), strict=True))
    return {name: found[name] for name in p}


def together(p_D: np.ndarray) -> float:
    """Give one p-value for those of several draws of the same profiles: twice their median.

    Meinshausen, Meier and Buehlmann 2009, J. Am. Stat. Assoc. 104:1671; it holds however the draws depend.
    """
    return min(1.0, 2 * float(np.median(p_D)))
