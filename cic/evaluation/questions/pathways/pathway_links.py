"""The links of the measured model: which gene sets its numbers move, and what links are found where there are none.

Axes: S profiles, N training profiles, G genes, W numbers of the code, P gene sets.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cic.evaluation.gene_sets.enrichment import discovered, rank_sums
from cic.evaluation.gene_sets.gene_sets import MatchedSets
from cic.evaluation.gene_sets.links import Linked
from cic.evaluation.questions.pathways.cell_type_pathways import distinct_sets
from cic.evaluation.statistics.intervals import Interval
from cic.evaluation.subject import Subject
from cic.seeds import generator

SHUFFLED_NUMBERS = 200
"""Numbers with shuffled profiles, at least, behind the spread of a set's score where nothing is to be found."""
LEADING_GENES = 5
MOST_SHOWN = 25
"""Sets in a figure."""
COLUMNS = ("number", "set", "collection", "size", "nes", "p", "fdr", "seeds_share", "shown", "genes")


def count_links(subject: Subject, sets: MatchedSets, found: Linked, x_NG: np.ndarray) -> dict[str, Any]:
    """Give what `pathways.measure` tells of `links`; `x_NG` are the preprocessed training profiles."""
    config = subject.params.evaluate
    by_rank = rank_sums(found.loading_GW, sets.members)
    by_rank_PW = discovered(by_rank.p, config.false_discoveries)[1]
    n_shuffled, spread_P = _shuffled_codes(subject, sets, x_NG)
    beyond_p_PW = 2 * stats.norm.sf(np.abs(by_rank.score) / spread_P[:, None])
    beyond_PW = discovered(beyond_p_PW, config.false_discoveries)[1]
    return {
        "n": int(found.found_PW.sum()),
        "numbers": int(found.found_PW.any(axis=0).sum()),
        "sets": int(found.found_PW.any(axis=1).sum()),
        "tests": int(found.found_PW.size),
        "undecided": int((found.sets.score == 0).sum()),
        "p_needed": found.p_needed,
        "false_discoveries": config.false_discoveries,
        "permutations": config.permutations,
        "random_sets": int(found.random_found_PW.sum()),
        "rank_sums": int(by_rank_PW.sum()),
        "agreement": float(by_rank_PW[found.found_PW].mean()) if found.found_PW.any() else float("nan"),
        "shuffled": n_shuffled,
        "over_shuffled": Interval(by_rank_PW.sum() / n_shuffled if n_shuffled else math.nan, None, None),
        "beyond_shuffled": int((found.found_PW & beyond_PW).sum()),
    }


def _shuffled_codes(subject: Subject, sets: MatchedSets, x_NG: np.ndarray) -> tuple[float, np.ndarray]:
    """Give the mean number of links of codes with shuffled profiles, and the spread of each set's rank sum z over them.

    The covariance of genes with numbers that have the values of the code but in any order: what stays is how genes go
    together, as under permuted phenotypes in Subramanian et al. (2005).
    """
    draw = generator(subject.seed, "pathways", "shuffled profiles")
    code_NW = subject.profiles.code_SW[subject.part_S == "train"]
    code_NW = code_NW - code_NW.mean(axis=0)
    n_links, squares_P, shuffles = [], np.zeros(len(sets)), math.ceil(SHUFFLED_NUMBERS / code_NW.shape[1])
    for _ in range(shuffles):
        found = rank_sums((draw.permuted(code_NW, axis=0).T @ x_NG).T, sets.members)
        n_links.append(discovered(found.p, subject.params.evaluate.false_discoveries)[1].sum())
        squares_P += np.square(found.score).mean(axis=1)
    # never below 1, the spread that independent genes would have
    return float(np.mean(n_links)), np.sqrt(np.maximum(squares_P / shuffles, 1.0))


def links_table(subject: Subject, sets: MatchedSets, found: Linked, share_PW: np.ndarray) -> pd.DataFrame:
    """Give one row a link, strongest first within each number, with the columns `COLUMNS`.

    `share_PW` is the share of the retrainings in which a link recurs.
    """
    set_at, number_at = np.nonzero(found.found_PW)
    order = np.lexsort((set_at, -np.abs(found.sets.score[set_at, number_at]), number_at))
    genes, rows, shown = np.array(subject.bundle.genes), [], _shown(sets, found, share_PW)
    for at, number in zip(set_at[order], number_at[order], strict=True):
        nes = float(found.sets.score[at, number])
        subset_G = np.sign(nes) * found.loading_GW[sets.members[at], number]
        leading = genes[sets.members[at][np.argsort(-subset_G, kind="stable")[:LEADING_GENES]]]
        rows.append(
            (
                int(number) + 1, sets.names[at], sets.collections[at], len(sets.members[at]), nes,
                float(found.sets.p[at, number]), float(found.fdr_PW[at, number]), float(share_PW[at, number]),
                at in shown, " ".join(leading),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _shown(sets: MatchedSets, found: Linked, share_PW: np.ndarray) -> set[int]:
    """Choose the sets for the figure: strongest among the links that recur most, none that repeats another."""
    strength_PW = np.where(found.found_PW, np.abs(found.sets.score) * (1 + share_PW), 0.0)
    chosen = distinct_sets(strength_PW.max(axis=1), sets.members, MOST_SHOWN)
    return set(chosen)
