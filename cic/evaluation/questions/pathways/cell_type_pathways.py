"""Pathways of cell types, through the code: which are high where, and whether that is what biology expects.

Axes: S profiles, L labels, W code, P gene sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.gene_sets.enrichment import discovered, rank_sums
from cic.evaluation.gene_sets.expected import Activities, activities, applicable, highest
from cic.evaluation.gene_sets.gene_sets import MatchedSets
from cic.evaluation.subject import Subject

EXTREME = 0.5
"""A label stands out on a number from so many standard deviations of the profiles on."""
SHOWN_A_LABEL = 2
"""Sets chosen for each cell type."""
ACTIVITY_COLUMNS = ("label", "set", "collection", "activity", "chosen")
COLUMNS = (
    "label", "expected", "fitting_sets", "best_set", "nes", "fdr", "found", "found_by_rank", "found_pca",
    "place_among_labels", "n_labels", "chance", "place_among_sets", "n_sets",
)  # fmt: skip


def measure_cell_types(
    subject: Subject,
    sets: MatchedSets,
    loading_GW: np.ndarray,
    score_PW: np.ndarray,
    fdr_PW: np.ndarray,
    found_PW: np.ndarray,
) -> tuple[dict[str, Any] | None, pd.DataFrame, pd.DataFrame]:
    """Relate sets to labels, over the training profiles, on which the links rest too.

    Returns
    -------
    dict, pandas.DataFrame, pandas.DataFrame
        What `pathways.measure` tells of `expected`, and the tables `pathway_activity` and `pathway_expected`.
    """
    train_S, rate = subject.part_S == "train", subject.params.evaluate.false_discoveries
    label_N = subject.column("label")[train_S]
    if label_N.nunique() < 2:
        return None, pd.DataFrame(columns=list(ACTIVITY_COLUMNS)), pd.DataFrame(columns=list(COLUMNS))
    code_NW, pca_NW = (code[train_S] for code in (subject.profiles.code_SW, subject.profiles.pca_code_SW))
    pca_GW = subject.bundle.basis.components_GK[:, : pca_NW.shape[1]].astype(np.float64)
    by_rank, by_rank_pca = rank_sums(loading_GW, sets.members), rank_sums(pca_GW, sets.members)
    own = activities(code_NW, label_N, by_rank.score, found_PW)
    own_by_rank = activities(code_NW, label_N, by_rank.score, discovered(by_rank.p, rate)[1])
    of_pca = activities(pca_NW, label_N, by_rank_pca.score, discovered(by_rank_pca.p, rate)[1])
    table = expectations(sets.names, own, own_by_rank, of_pca, score_PW, fdr_PW)
    activity = _chosen(sets, own)
    if table.empty:
        return None, activity, table
    counted = {name: int(table[name].sum()) for name in ("found", "found_by_rank", "found_pca")}
    return {"n": len(table), **counted, "chance": float(table["chance"].sum())}, activity, table


def expectations(
    names: Sequence[str],
    own: Activities,
    own_by_rank: Activities,
    of_pca: Activities,
    score_PW: np.ndarray,
    fdr_PW: np.ndarray,
) -> pd.DataFrame:
    """Look each applicable expectation up, and give the columns `COLUMNS`.

    What is expected of some labels is found in one of them if the mean activity of the fitting sets is above 0 there,
    and among the highest of all labels, of which as many count as the same is expected of; `chance` is their share.
    Merely to have a link would say nothing: nearly every label stands out on some number that has one. `nes` and `fdr`
    are those of the set that is most active in the label, by the number on which the label stands out that is nearest
    to a link.
    """
    rows = []
    for set_pattern, fitting, expected_of in applicable(names, own.labels):
        found_L, found_by_rank_L, found_pca_L = (
            highest(one.activity_LP[:, fitting].mean(axis=1), len(expected_of)) for one in (own, own_by_rank, of_pca)
        )
        mean_L = own.activity_LP[:, fitting].mean(axis=1)
        for label in expected_of:
            activity_P = own.activity_LP[label]
            best = fitting[activity_P[fitting].argmax()]
            nes, fdr = _nearest_link(own.position_LW[label], score_PW[best], fdr_PW[best])
            rows.append(
                (
                    own.labels[label], set_pattern.replace("|", " or ").lower(), len(fitting), names[best], nes, fdr,
                    bool(found_L[label]), bool(found_by_rank_L[label]), bool(found_pca_L[label]),
                    int((mean_L >= mean_L[label]).sum()), len(own.labels), len(expected_of) / len(own.labels),
                    int((activity_P >= activity_P[best]).sum()), len(names),
                )
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("label", kind="stable", ignore_index=True)


def _nearest_link(position_W: np.ndarray, score_W: np.ndarray, fdr_W: np.ndarray) -> tuple[float, float]:
    """Give a set's score and least FDR over the numbers on which a label stands out on the side of the score."""
    points_W = (np.abs(position_W) >= EXTREME) & (np.sign(position_W) == np.sign(score_W))
    if not points_W.any():
        return float("nan"), 1.0
    nearest = np.where(points_W, fdr_W, np.inf).argmin()
    return float(score_W[nearest]), float(fdr_W[nearest])


def _chosen(sets: MatchedSets, own: Activities) -> pd.DataFrame:
    """Choose for each label the most active of the sets that are higher there than in any other label."""
    particular_LP = np.where(own.activity_LP >= own.activity_LP.max(axis=0), own.activity_LP, 0.0)
    chosen = [distinct_sets(activity_P, sets.members, SHOWN_A_LABEL) for activity_P in particular_LP]
    shown = sorted({index for mine in chosen for index in mine})
    rows = [
        (label, sets.names[at], sets.collections[at], float(activity_P[at]), mine.index(at) + 1 if at in mine else 0)
        for label, activity_P, mine in zip(own.labels, own.activity_LP, chosen, strict=True)
        for at in shown
    ]
    return pd.DataFrame(rows, columns=list(ACTIVITY_COLUMNS))


def distinct_sets(activity_P: np.ndarray, members: Sequence[np.ndarray], most: int, overlap: float = 0.3) -> list[int]:
    """Give the most active sets, but none that shares more than `overlap` of the smaller set's genes with another."""
    chosen: list[int] = []
    for index in np.argsort(-activity_P, kind="stable"):
        if len(chosen) == most or activity_P[index] <= 0:
            break
        if all(shared_part(members[index], members[other]) <= overlap for other in chosen):
            chosen.append(int(index))
    return chosen


def shared_part(one: np.ndarray, other: np.ndarray) -> float:
    """Give the genes that two sets share, over those of the smaller one."""
    return len(np.intersect1d(one, other, assume_unique=True)) / min(len(one), len(other))
