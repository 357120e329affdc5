"""Whether two codes say the same: numbers matched one to one, and the code spaces as wholes.

Axes: S profiles, W code, P gene sets, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import procrustes

from cic.evaluation.gene_sets import loadings
from cic.evaluation.gene_sets.enrichment import discovered, rank_sums
from cic.evaluation.gene_sets.gene_sets import MatchedSets
from cic.evaluation.retrainings.retraining import retrain_all
from cic.evaluation.statistics.intervals import Interval, percentile_interval
from cic.evaluation.subject import Subject
from cic.model.rotation import turn_of
from cic.model.threads import one_thread
from cic.seeds import generator

RECURRING = 0.75
"""Share of the retrainings in which a link must be found again to be counted on."""


@dataclass(frozen=True)
class Alignment:
    """Two codes of the same profiles, laid over each other.

    Attributes
    ----------
    match_W
        For each number of the first code the number of the second.
    r_WW
        Pearson r of each number of the first with each of the second.
    disparity
        What an orthogonal rotation (with scale) of the standardised second code leaves unexplained of the first:
        0 if both span the same, 1 if they share nothing (Procrustes; Schönemann 1966).
    """

    match_W: np.ndarray
    r_WW: np.ndarray
    disparity: float

    @property
    def r_W(self) -> np.ndarray:
        """Pearson r of each number with its match; its sign is that of the match."""
        return self.r_WW[np.arange(len(self.match_W)), self.match_W]


def align(first_SW: np.ndarray, second_SW: np.ndarray) -> Alignment:
    """Match the numbers of two codes of equal width so that the sum of |r| is largest (Kuhn 1955)."""
    first, second = _standardised(first_SW), _standardised(second_SW)
    r_WW = first.T @ second / len(first)
    match_W = linear_sum_assignment(-np.abs(r_WW))[1]
    return Alignment(match_W, r_WW, float(procrustes(first, second)[2]))


def recurs(
    score_PW: np.ndarray, other_PW: np.ndarray, other_found_PW: np.ndarray, r_WW: np.ndarray, match_W: np.ndarray
) -> np.ndarray:
    """Tell which links with a set the matched numbers have too, with the same sign once numbers point the same way.

    Parameters
    ----------
    score_PW
        Of the code whose links are asked for.
    other_PW, other_found_PW
        Scores and discoveries of the other code.
    r_WW, match_W
        As in `Alignment`.
    """
    turned_W = np.sign(r_WW[np.arange(len(match_W)), match_W])
    return other_found_PW[:, match_W] & (np.sign(other_PW[:, match_W]) * turned_W == np.sign(score_PW))


def recurs_by_chance(
    score_PW: np.ndarray, other_PW: np.ndarray, other_found_PW: np.ndarray, alignment: Alignment
) -> np.ndarray:
    """Give the share of wrong matches in which a link recurs: every number with the matches of the others in turn."""
    width = len(alignment.match_W)
    total_PW = np.zeros(score_PW.shape)
    for shift in range(1, width):
        total_PW += recurs(score_PW, other_PW, other_found_PW, alignment.r_WW, np.roll(alignment.match_W, shift))
    return total_PW / max(width - 1, 1)


def measure_stability(
    subject: Subject, sets: MatchedSets, score_PW: np.ndarray, found_PW: np.ndarray, x_SG: np.ndarray
) -> tuple[dict[str, Any], np.ndarray]:
    """Train again from other seeds on the same profiles, and look for the links of the measured model.

    Parameters
    ----------
    score_PW, found_PW
        Signed scores of the measured model, and which are links.
    x_SG
        All profiles, preprocessed.

    Returns
    -------
    dict, numpy.ndarray
        What `pathways.measure` tells of `stability`, and the share of the retrainings in which the number
        that is matched with each number has each set, with the same sign (P x W).
    """
    config, train_S = subject.params.evaluate, subject.part_S == "train"
    specs = [
        subject.retraining(f"seed {number}", train_S, subject.part_S == "validation", with_jacobian=True)
        for number in range(config.seeds)
    ]
    code_NW, pca_NW = (code[train_S] for code in (subject.profiles.code_SW, subject.profiles.pca_code_SW))
    share_PW, chance_PW = np.zeros(found_PW.shape), np.zeros(found_PW.shape)
    r_W, disparities = [], []
    for other in retrain_all(specs, subject.workers, "other seeds"):
        assert other.mean_jacobian_YW is not None, "it was asked for"
        with one_thread():
            effect_GW = loadings.retrained_effects(x_SG, specs[0].coordinates.y_SY, other.mean_jacobian_YW)
            # as the model's own numbers were turned
            turn_WV = turn_of(subject.bundle.about.get("turn", "none"), effect_GW, other.code_SW[train_S])
            other_NW = other.code_SW[train_S] @ turn_WV
            alignment = align(code_NW, other_NW)
            again = rank_sums(effect_GW @ turn_WV * other_NW.std(axis=0), sets.members)
            again_PW = discovered(again.p, config.false_discoveries)[1]
            share_PW += recurs(score_PW, again.score, again_PW, alignment.r_WW, alignment.match_W)
            chance_PW += recurs_by_chance(score_PW, again.score, again_PW, alignment)
            r_W.append(np.abs(alignment.r_W))
            disparities.append(alignment.disparity)
    share_PW, chance_PW = share_PW / config.seeds, chance_PW / config.seeds
    to_pca = align(code_NW, pca_NW)
    recurring_PW = found_PW & (share_PW >= RECURRING)
    return {
        "seeds": config.seeds,
        "needed": RECURRING,
        "recurring": int(recurring_PW.sum()),
        "share": _share_of_links(subject, recurring_PW, found_PW),
        "mean_share": float(share_PW[found_PW].mean()) if found_PW.any() else float("nan"),
        "mean_share_by_chance": float(chance_PW[found_PW].mean()) if found_PW.any() else float("nan"),
        "r_median": float(np.median(r_W)),
        "disparity": float(np.mean(disparities)),
        "r_median_to_pca": float(np.median(np.abs(to_pca.r_W))),
        "disparity_to_pca": to_pca.disparity,
    }, share_PW  # fmt: skip


def _share_of_links(subject: Subject, recurring_PW: np.ndarray, found_PW: np.ndarray) -> Interval:
    """Give the share of the links that recur; links of one number stand and fall together, so numbers are drawn."""
    config = subject.params.evaluate
    recurring_W, found_W = recurring_PW.sum(axis=0), found_PW.sum(axis=0)
    if not found_W.sum():
        return Interval(float("nan"), None, None)
    width = len(found_W)
    drawn_RW = generator(subject.seed, "pathways", "numbers").multinomial(
        width, np.full(width, 1 / width), size=config.bootstrap
    )
    with np.errstate(invalid="ignore"):
        share_R = (drawn_RW @ recurring_W) / (drawn_RW @ found_W)
    return percentile_interval(recurring_W.sum() / found_W.sum(), share_R, config.confidence, int((found_W > 0).sum()))


def _standardised(code_SW: np.ndarray) -> np.ndarray:
    centred_SW = code_SW.astype(np.float64) - code_SW.mean(axis=0, dtype=np.float64)
    spread_W = centred_SW.std(axis=0)
    return centred_SW / np.where(spread_W > 0, spread_W, 1.0)
