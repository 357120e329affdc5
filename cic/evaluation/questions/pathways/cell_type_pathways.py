"""Pathways of cell types, through the code: which are high where, and whether that is what biology expects.

Axes: S profiles, L labels, W code, P gene sets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.gene_sets.enrichment import discovered, rank_sums
from cic.evaluation.gene_sets.gene_sets import MatchedSets
from cic.evaluation.subject import Subject

EXPECTED = (
    ("liver|hepat", "BILE ACID"),
    ("liver|hepat", "COAGULATION|CLOTTING|FIBRIN"),
    ("liver|hepat", "XENOBIOTIC|BIOLOGICAL OXIDATIONS"),
    ("brain|neuro|cortex|cerebel|glio", "NEURONAL SYSTEM"),
    ("brain|neuro|cortex|cerebel|glio", "SYNAPSE|SYNAPTIC"),
    ("blood(?! vessel)|leuk|lymph|spleen|immun|pbmc", "INTERFERON"),
    ("blood(?! vessel)|leuk|lymph|spleen|immun|pbmc", "ALLOGRAFT|IMMUNOREGULATORY|INFLAMMATORY RESPONSE"),
    ("pancrea", "PANCREAS BETA CELLS|INSULIN SECRETION"),
    ("muscle|heart|cardi", "MYOGENESIS|MUSCLE CONTRACTION"),
    ("adipose|fat(?!i)", "ADIPOGENESIS|FATTY ACID METABOLISM"),
    ("testis", "SPERMATOGENESIS|MEIOSIS|MEIOTIC"),
    ("skin|esophag|oesophag|kerat", "KERATIN"),
    ("breast|uter|ovar", "ESTROGEN RESPONSE"),
    ("prostat", "ANDROGEN RESPONSE"),
    ("lung", "SURFACTANT"),
    ("adrenal", "STEROID"),
    ("^blood$|spleen", "INNATE IMMUNE SYSTEM|ADAPTIVE IMMUNE SYSTEM"),
    ("^blood$|spleen", "CYTOKINE SIGNALING IN IMMUNE SYSTEM"),
    ("adipose", "METABOLISM OF LIPIDS"),
    (r"^b$|\bb cells?$", r"B CELL RECEPTOR|\(BCR\)"),
    (r"\bt\b|\bt cells?$", r"TCR SIGNALING|\(TCR\) SIGNALING|TCR ZETA CHAINS"),
    ("mono", "TOLL.?LIKE RECEPTOR|NEUTROPHIL DEGRANULATION"),
    ("mono", "HALLMARK INFLAMMATORY RESPONSE"),
    ("fcgr3a|cd16", "FCGR|FCGAMMA RECEPTOR"),
    (r"\bdc\b|dendritic", "MHC CLASS II ANTIGEN PRESENTATION"),
    ("platelet|megakaryo", "PLATELET ACTIVATION|PLATELET DEGRANULATION|PLATELET AGGREGATION"),
    ("platelet|megakaryo", "^HEMOSTASIS$"),
)
"""What any textbook expects to be high: a pattern of the label, and one of the names of sets (upper case, spaces)."""
EXTREME = 0.5
"""A label stands out on a number from so many standard deviations of the profiles on."""
SHOWN_A_LABEL = 2
"""Sets chosen for each cell type."""
ACTIVITY_COLUMNS = ("label", "set", "collection", "activity", "chosen")
COLUMNS = (
    "label", "expected", "fitting_sets", "best_set", "nes", "fdr", "found", "found_by_rank", "found_pca",
    "place_among_labels", "n_labels", "chance", "place_among_sets", "n_sets",
)  # fmt: skip


@dataclass(frozen=True)
class Activities:
    """How high each set is in each label, through links of numbers with sets.

    Attributes
    ----------
    position_LW
        Where each label stands on each number: its mean code less the mean over labels, in standard deviations of the
        profiles, so that numbers which hardly differ between labels have no say.
    activity_LP
        Positions times the z of the linked sets' rank sums, summed over the numbers. Enrichment scores, which are made
        independent of the size of a set, would let the smallest sets decide.
    """

    labels: tuple[str, ...]
    position_LW: np.ndarray
    activity_LP: np.ndarray


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


def activities(code_SW: np.ndarray, label_S: pd.Series, score_PW: np.ndarray, found_PW: np.ndarray) -> Activities:
    """Give the activity of each set in each label from the codes of labelled profiles and the links that were found."""
    known = pd.DataFrame(code_SW.astype(np.float64), index=label_S.astype("object")).loc[label_S.notna().to_numpy()]
    means = known.groupby(level=0, sort=True).mean()
    spread_W = known.std(axis=0, ddof=0)
    position_LW = ((means - means.mean(axis=0)) / spread_W.where(spread_W > 0, 1.0)).to_numpy()
    activity_LP = position_LW @ np.where(found_PW, score_PW, 0.0).T
    return Activities(tuple(str(label) for label in means.index), position_LW, activity_LP)


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
    spoken, rows = [spaced(name).upper() for name in names], []
    for label_pattern, set_pattern in EXPECTED:
        fitting = np.array([at for at, name in enumerate(spoken) if re.search(set_pattern, name)], dtype=np.int64)
        expected_of = [at for at, label in enumerate(own.labels) if re.search(label_pattern, label.lower())]
        if not len(fitting) or not expected_of:
            continue
        found_L, found_by_rank_L, found_pca_L = (
            _highest(one.activity_LP[:, fitting].mean(axis=1), len(expected_of)) for one in (own, own_by_rank, of_pca)
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


def _highest(activity_L: np.ndarray, most: int) -> np.ndarray:
    """Tell which labels are among the `most` highest, and above 0."""
    return ((activity_L[:, None] < activity_L).sum(axis=1) < most) & (activity_L > 0)


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


def spaced(name: str) -> str:
    """Give a set's name with spaces for underscores."""
    return name.replace("_", " ")
