"""Telling profiles of a cell type that training never had from those of known types, by how foreign they look.

Axes: S all profiles, T left-out types, I unknown profiles, J known ones, U units that are resampled, R resamples,
Q points of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from cic.evaluation.statistics.conformal import conformal_p
from cic.evaluation.statistics.intervals import Interval, Resampling, percentile_interval, share_interval

SCORES = ("model_error", "pca_error", "max_probability", "centroid")
"""Higher looks more foreign."""
CURVE_POINTS = 101


@dataclass(frozen=True)
class Judged:
    """Profiles judged by a retraining and a classifier that never saw one type.

    Attributes
    ----------
    scores
        Of every profile, by the names of `SCORES` (float64, S).
    right_S
        Whether the classifier names the profile's type; never so for the left-out one.
    unknown_S, known_S, calibration_S
        Masks: test profiles of the left-out type, those of types that were trained on, validation profiles of these.
    """

    name: str
    scores: dict[str, np.ndarray]
    right_S: np.ndarray
    unknown_S: np.ndarray
    known_S: np.ndarray
    calibration_S: np.ndarray


@dataclass(frozen=True)
class Aurocs:
    """Areas under the ROC curve, and their paired differences, with a row a type in `by_type`."""

    pooled: dict[str, Interval]
    to_pca: dict[str, Interval]
    model_minus: dict[str, Interval]
    by_type: pd.DataFrame


def pooled_aurocs(judged: Sequence[Judged], test_S: np.ndarray, plan: Resampling) -> Aurocs:
    """Give AUROCs by score with intervals over units of `plan`, which resamples the profiles of `test_S`.

    A unit drawn twice counts twice among both the unknown and the known. The AUROC is the share of pairs of an unknown
    and a known profile in which the unknown scores higher; ties count half.
    """
    draw = np.random.default_rng(plan.seed)
    n_units = plan.n_units
    drawn_RU = draw.multinomial(n_units, np.full(n_units, 1 / n_units), size=plan.n_resamples)
    count_RU = np.concatenate([np.ones((1, n_units)), drawn_RU])  # the first row is the value itself
    unit_of_S = np.full(len(test_S), -1)
    unit_of_S[test_S] = plan.unit_S
    above_R = {name: np.zeros(len(count_RU)) for name in SCORES}
    unknown_R, rows = np.zeros(len(count_RU)), []
    for one in judged:
        units, unit_I = np.unique(unit_of_S[one.unknown_S], return_inverse=True)
        unit_J = unit_of_S[one.known_S]
        subset_R = count_RU[:, units] @ np.bincount(unit_I)
        known_R = count_RU @ np.bincount(unit_J, minlength=n_units)
        row: dict[str, Any] = {"label": one.name, "n": int(one.unknown_S.sum()), "n_known": int(one.known_S.sum())}
        for name in SCORES:
            above_UU = _above_by_unit(one, name, unit_I, unit_J, n_units)
            with np.errstate(divide="ignore", invalid="ignore"):
                share_R = np.einsum("ru,ru->r", count_RU[:, units] @ above_UU, count_RU) / known_R
                above_R[name] += share_R
                row[name] = float(share_R[0] / subset_R[0])
                if name == "model_error":
                    value_R = share_R[1:] / subset_R[1:]
                    interval = percentile_interval(row[name], value_R, plan.confidence, len(units))
        row |= {"model_error_low": interval.low, "model_error_high": interval.high}
        rows.append(row)
        unknown_R += subset_R
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled_R = {name: above_R[name] / unknown_R for name in SCORES}
    unknown_S = np.any([one.unknown_S for one in judged], axis=0)
    n_with_unknown = len(np.unique(unit_of_S[unknown_S]))

    def interval_of(value_R: np.ndarray) -> Interval:
        return percentile_interval(float(value_R[0]), value_R[1:], plan.confidence, n_with_unknown)

    table = pd.DataFrame(rows)
    table[["model_error_low", "model_error_high"]] = table[["model_error_low", "model_error_high"]].astype(np.float64)
    return Aurocs(
        {name: interval_of(pooled_R[name]) for name in SCORES},
        {name: interval_of(pooled_R[name] - pooled_R["pca_error"]) for name in SCORES if name != "pca_error"},
        {name: interval_of(pooled_R["model_error"] - pooled_R[name]) for name in SCORES[1:]},
        table,
    )


def operating_point(judged: Sequence[Judged], test_S: np.ndarray, rate: float, plan: Resampling) -> dict[str, Any]:
    """Reject where a score's conformal p-value is at most `rate`, and count what is answered, and rightly.

    A test profile counts once as unknown, and once as known for every other type that is left out.
    """
    n = len(test_S)
    asked_S, known_S, wrong_S, wrong_known_S = (np.zeros(n) for _ in range(4))
    totals = {name: {key: np.zeros(n) for key in ("known", "answered", "wrong", "wrong_known")} for name in SCORES}
    for one in judged:
        either_S = one.unknown_S | one.known_S
        asked_S += either_S
        known_S += one.known_S
        wrong_S += either_S & ~one.right_S
        wrong_known_S += one.known_S & ~one.right_S
        for name in SCORES:
            score_S = one.scores[name]
            answered_S = either_S & (conformal_p(score_S, score_S[one.calibration_S]) > rate)
            totals[name]["answered"] += answered_S
            totals[name]["known"] += answered_S & one.known_S
            totals[name]["wrong"] += answered_S & ~one.right_S
            totals[name]["wrong_known"] += answered_S & one.known_S & ~one.right_S

    def share(part_S: np.ndarray, whole_S: np.ndarray) -> Interval:
        return share_interval(part_S[test_S], whole_S[test_S], plan)

    unknown_S = asked_S - known_S
    scores = {
        name: {
            "known_answered": share(total["known"], known_S),
            "unknown_rejected": share(unknown_S - (total["answered"] - total["known"]), unknown_S),
            "error": share(total["wrong"], total["answered"]),
            "error_known": share(total["wrong_known"], total["known"]),
        }
        for name, total in totals.items()
    }
    return {
        "error_rate": rate,
        "n_types": len(judged),
        "unknown_share": float(unknown_S.sum() / asked_S.sum()),
        "always": {"error": share(wrong_S, asked_S), "error_known": share(wrong_known_S, known_S)},
        "scores": scores,
    }


def curves(judged: Sequence[Judged]) -> pd.DataFrame:
    """Give the ROC curve of each score, averaged over left-out types at equal shares of known profiles rejected."""
    grid_Q = np.linspace(0, 1, CURVE_POINTS)
    weight_T = [int(one.unknown_S.sum()) for one in judged]
    found = []
    for name in SCORES:
        rejected_TQ = []
        for one in judged:
            either_S = one.unknown_S | one.known_S
            false_Q, true_Q, _ = roc_curve(one.unknown_S[either_S], one.scores[name][either_S], drop_intermediate=False)
            rejected_TQ.append(np.interp(grid_Q, false_Q, true_Q))
        mean_Q = np.average(rejected_TQ, axis=0, weights=weight_T)
        found.append(pd.DataFrame({"score": name, "known_rejected": grid_Q, "unknown_rejected": mean_Q}))
    return pd.concat(found, ignore_index=True)


def _above_by_unit(one: Judged, score: str, unit_I: np.ndarray, unit_J: np.ndarray, n_units: int) -> np.ndarray:
    """Count pairs in which the unknown profile scores higher, by the units of both (units of unknown ones x all)."""
    score_S = one.scores[score]
    above_IJ = _above(score_S[one.unknown_S], score_S[one.known_S])
    above_IU = np.zeros((len(unit_I), n_units))
    np.add.at(above_IU.T, unit_J, above_IJ.T)
    above_UU = np.zeros((unit_I.max(initial=-1) + 1, n_units))
    np.add.at(above_UU, unit_I, above_IU)
    return above_UU


def _above(score_I: np.ndarray, score_J: np.ndarray) -> np.ndarray:
    """Give, for each pair, 1 where the first score is higher, and a half where they tie."""
    return (score_I[:, None] > score_J) + 0.5 * (score_I[:, None] == score_J)
