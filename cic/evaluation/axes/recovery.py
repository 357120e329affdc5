"""Whether planted programs are found again: precision and recall of links, where the truth is known.

A link of a number with a program is true if, over held-out profiles, the number rises (or falls, by the sign of the
link) with the true activity of the program: signed Pearson r above `TRUE_ABOVE`. Programs may go together, so a number
can truly follow several; what links drawn blindly would reach is the base rate.

Axes: S profiles, G genes, W code, P programs, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score

from cic.evaluation.statistics.intervals import Interval, percentile_interval

TRUE_ABOVE = 0.5
"""Signed Pearson r between number and activity above which a link is true."""


@dataclass(frozen=True)
class Links:
    """What one method says.

    Attributes
    ----------
    score_PW, found_PW
        Signed score of each program by each number, and which of these are called links.
    decoy_PW
        Links with sets of random genes, as many and as large.
    code_SW
        Of the held-out profiles.
    """

    score_PW: np.ndarray
    found_PW: np.ndarray
    decoy_PW: np.ndarray
    code_SW: np.ndarray


@dataclass(frozen=True)
class Recovery:
    """How a method's links compare with the truth; intervals are over programs.

    Attributes
    ----------
    n_links, n_true, n_decoys
        Links called, those that are true, and those with sets of random genes.
    precision, recall
        Share of the links that are true; share of the programs with a true link.
    strongest
        Share of the programs whose strongest number, link or not, truly follows them.
    reachable
        Share of the programs that any number follows: no links could give a higher recall.
    average_precision, base_rate
        Over all pairs of number and program, ranked by score: mean precision over the true pairs, and what a blind
        ranking reaches, which is also the precision of blind links.
    """

    n_links: int
    n_true: int
    n_decoys: int
    precision: Interval
    recall: Interval
    strongest: Interval
    reachable: float
    average_precision: float
    base_rate: float


SHARES = ("precision", "recall", "strongest")


def compare(
    methods: Mapping[str, Links], activity_SP: np.ndarray, n_resamples: int, confidence: float, seed: int
) -> tuple[dict[str, Recovery], dict[str, dict[str, Interval]]]:
    """Score the links of all methods on the same held-out profiles.

    Returns
    -------
    dict, dict
        By method: its recovery, and the intervals of `SHARES` of the first method minus its own. The same programs are
        drawn for all, so that differences are paired.
    """
    n_programs = activity_SP.shape[1]
    equal_P = np.full(n_programs, 1 / n_programs)
    drawn_RP = np.random.default_rng(seed).multinomial(n_programs, equal_P, size=n_resamples).astype(np.float64)

    def interval(value: np.ndarray, value_R: np.ndarray) -> Interval:
        return percentile_interval(float(value[0]), value_R, confidence, n_programs)

    recoveries, scores = {}, {}
    for name, links in methods.items():
        r_PW = correlations(activity_SP, links.code_SW)
        true_PW = np.sign(links.score_PW) * r_PW > TRUE_ABOVE
        scored = (_shares(links, true_PW, np.ones((1, n_programs))), _shares(links, true_PW, drawn_RP))
        shares = {share: interval(scored[0][share], scored[1][share]) for share in SHARES}
        pairs, strength = true_PW.ravel(), np.abs(links.score_PW).ravel()
        recoveries[name] = Recovery(
            n_links=int(links.found_PW.sum()),
            n_true=int((links.found_PW & true_PW).sum()),
            n_decoys=int(links.decoy_PW.sum()),
            reachable=float((np.abs(r_PW) > TRUE_ABOVE).any(axis=1).mean()),
            average_precision=float(average_precision_score(pairs, strength)) if pairs.any() else float("nan"),
            base_rate=float(pairs.mean()),
            **shares,
        )
        scores[name] = scored
    first = next(iter(scores.values()))
    differences = {
        name: {
            share: interval(first[0][share] - scored[0][share], first[1][share] - scored[1][share]) for share in SHARES
        }
        for name, scored in scores.items()
    }
    return recoveries, differences


def _shares(links: Links, true_PW: np.ndarray, drawn_RP: np.ndarray) -> dict[str, np.ndarray]:
    """Give each of `SHARES` where programs count as often as they were drawn (R)."""
    right_PW = links.found_PW & true_PW
    strongest_P = np.abs(links.score_PW).argmax(axis=1)
    total_R = drawn_RP.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": (drawn_RP @ right_PW.sum(axis=1)) / (drawn_RP @ links.found_PW.sum(axis=1)),
            "recall": drawn_RP @ right_PW.any(axis=1) / total_R,
            "strongest": drawn_RP @ true_PW[np.arange(len(strongest_P)), strongest_P] / total_R,
        }


def decoded(
    code_train_SW: np.ndarray, code_test_SW: np.ndarray, activity_train_SP: np.ndarray, activity_test_SP: np.ndarray
) -> np.ndarray:
    """Give the share of each program's variance over held-out profiles that all numbers together foretell (P).

    By least squares fitted on training profiles. A code can know a program that none of its numbers stands for.
    """
    mean_W, spread_W = code_train_SW.mean(axis=0), code_train_SW.std(axis=0)
    train_SV, test_SV = (
        np.column_stack([np.ones(len(code_SW)), (code_SW - mean_W) / np.where(spread_W > 0, spread_W, 1)])
        for code_SW in (code_train_SW, code_test_SW)
    )
    slope_VP = np.linalg.lstsq(train_SV.astype(np.float64), activity_train_SP, rcond=None)[0]
    missed_P = np.square(activity_test_SP - test_SV @ slope_VP).sum(axis=0)
    total_P = np.square(activity_test_SP - activity_test_SP.mean(axis=0)).sum(axis=0)
    return 1 - missed_P / np.where(total_P > 0, total_P, np.nan)


def mean_over_programs(value_P: np.ndarray, n_resamples: int, confidence: float, seed: int) -> Interval:
    """Give the mean over programs, with an interval over them; the same programs are drawn for equal seeds."""
    known_P = value_P[np.isfinite(value_P)]
    n = len(known_P)
    drawn_RP = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return percentile_interval(float(known_P.mean()), drawn_RP @ known_P / n, confidence, n)


def correlations(activity_SP: np.ndarray, code_SW: np.ndarray) -> np.ndarray:
    """Give Pearson r of each column of the one with each of the other, P x W; 0 where a column is constant."""
    standard = []
    for values in (activity_SP, code_SW):
        centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
        norm = np.linalg.norm(centred, axis=0)
        standard.append(centred / np.where(norm > 1e-12, norm, np.inf))
    return standard[0].T @ standard[1]
