"""Which gene sets stand at the top or at the bottom of a ranking of genes.

Two ways. The weighted running sum of gene set enrichment analysis (Subramanian et al. 2005) by gseapy, with genes
drawn at random as the null and, where that null is too coarse, multilevel splitting (Korotkevich et al. 2021); it
takes about a second a ranking. And the rank sum of the set's genes (Wilcoxon 1945, normal approximation), which takes
none, for everything that has to be repeated.

Either null takes genes for independent, which they are not: see `pathways` for what that means for the links found.

Axes: G genes, W numbers of the code, P gene sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from cic.progress import track
from cic.seeds import derive_seed, generator
from cic.workers.workers import Workers

WEIGHT = 1.0
"""Exponent of the loadings in the running sum, the usual one."""
SPLIT_SAMPLES = 11
"""Gene sets that multilevel splitting keeps a level: a p-value of 1e-5 is then right within a factor of 3 or 4."""
SETS_A_CALL = 1000
"""gseapy keeps the running sum of every set, so all sets at once would fill the memory."""


@dataclass(frozen=True)
class RankingSpec:
    """One ranking of genes to look for all sets in: pure data, so that it can run anywhere.

    Attributes
    ----------
    smallest_p
        Below this p-values are not resolved.
    """

    loading_G: np.ndarray
    members: tuple[np.ndarray, ...]
    permutations: int
    smallest_p: float
    seed: int


@dataclass(frozen=True)
class Enrichment:
    """Of each set in each ranking, P x W.

    Attributes
    ----------
    score
        Signed: the normalised enrichment score, or the z of the rank sum.
    p
        1 where nothing could be said: the score is 0 then.
    """

    score: np.ndarray
    p: np.ndarray


def enrich_ranking(spec: RankingSpec) -> tuple[np.ndarray, np.ndarray]:
    """Give the normalised enrichment score and the p-value of each set in one ranking, by gseapy on one thread."""
    from gseapy.gse import fgsea_rs  # takes two seconds to import, which only those pay who look for gene sets

    # around the typical gene: where nearly all loadings have one sign, random sets would have one sign too, and no null
    centred_G = spec.loading_G - np.median(spec.loading_G)
    score_P, p_P = np.zeros(len(spec.members)), np.ones(len(spec.members))
    if not centred_G.any():  # a number that does nothing ranks no genes
        return score_P, p_P
    order = np.argsort(-centred_G, kind="stable")
    # names in the order of the ranking, as gseapy wants them
    genes, falling = [str(position) for position in order], centred_G[order].tolist()
    for start in range(0, len(spec.members), SETS_A_CALL):
        called = spec.members[start : start + SETS_A_CALL]
        sets = {str(index): [str(position) for position in members] for index, members in enumerate(called, start)}
        found = fgsea_rs(
            genes, falling, sets, WEIGHT, 1, len(genes), SPLIT_SAMPLES, spec.permutations, spec.smallest_p, 1,
            derive_seed(spec.seed, start),
        )  # fmt: skip
        for one in found.summaries:
            if np.isfinite(one.pval) and np.isfinite(one.nes):
                score_P[int(one.term)], p_P[int(one.term)] = one.nes, one.pval
    return score_P, p_P


def running_sums(
    loading_GW: np.ndarray,
    members: Sequence[np.ndarray],
    permutations: int,
    smallest_p: float,
    seed: int,
    workers: Workers,
) -> Enrichment:
    """Look for each set in the ranking of genes by each number, a number a worker."""
    specs = [
        RankingSpec(loading_G, tuple(members), permutations, smallest_p, derive_seed(seed, "number", number))
        for number, loading_G in enumerate(loading_GW.T)
    ]
    found = list(track(workers.map(enrich_ranking, specs), "gene sets", total=len(specs)))
    return Enrichment(np.array([score_P for score_P, _ in found]).T, np.array([p_P for _, p_P in found]).T)


def rank_sums(loading_GW: np.ndarray, members: Sequence[np.ndarray]) -> Enrichment:
    """Give z and the two-sided p-value of the rank sum of each set's genes, by each number."""
    n_genes = len(loading_GW)
    rank_GW = stats.rankdata(loading_GW, axis=0)
    size_P1 = np.array([len(positions) for positions in members], dtype=np.float64)[:, None]
    mean_PW = np.array([rank_GW[positions].mean(axis=0) for positions in members])
    z_PW = (mean_PW - (n_genes + 1) / 2) / np.sqrt((n_genes - size_P1) * (n_genes + 1) / (12 * size_P1))
    return Enrichment(z_PW, np.minimum(2 * stats.norm.sf(np.abs(z_PW)), 1.0))


def discovered(p: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the false discovery rate of each p-value among all of them, and which are within `rate`.

    By the step-up procedure of Benjamini and Hochberg (1995), over the whole array whatever its shape.
    """
    fdr = stats.false_discovery_control(p.ravel()).reshape(p.shape) if p.size else p.copy()
    return fdr, fdr <= rate


def relabelled(members: Sequence[np.ndarray], n_genes: int, seed: int) -> tuple[np.ndarray, ...]:
    """Give the sets with the labels of all genes permuted once: as many, as large, as overlapping, of random genes."""
    permuted_G = generator(seed, "gene labels").permutation(n_genes)
    return tuple(np.sort(permuted_G[positions]) for positions in members)
