"""Links of the measured model: which gene sets its numbers move. Several questions ask for them; they are found once.

Axes: S profiles, N training profiles, G genes, W numbers of the code, P gene sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cic.evaluation.gene_sets import loadings
from cic.evaluation.gene_sets.enrichment import Enrichment, discovered, relabelled, running_sums
from cic.evaluation.gene_sets.gene_sets import FEWEST_GENES, MOST_GENES, MatchedSets, gmt_files, match, read_gmt
from cic.evaluation.retrainings.jacobian import mean_jacobian
from cic.evaluation.subject import Subject
from cic.model.autoencoder import differentiable
from cic.model.threads import one_thread
from cic.seeds import derive_seed


@dataclass(frozen=True)
class Linked:
    """Links of the measured model.

    Attributes
    ----------
    loading_GW, constancy_W
        What each number does to each gene, and how alike it does so to all profiles.
    sets
        By the running sum (`score` is the normalised enrichment score); of the sets with random genes likewise.
    fdr_PW, found_PW
        False discovery rate, and which are links.
    """

    loading_GW: np.ndarray
    constancy_W: np.ndarray
    sets: Enrichment
    random_sets: Enrichment
    fdr_PW: np.ndarray
    found_PW: np.ndarray

    @property
    def p_needed(self) -> float:
        """The largest p-value of a link; 0 where there is none."""
        return float(self.sets.p[self.found_PW].max()) if self.found_PW.any() else 0.0

    @property
    def random_found_PW(self) -> np.ndarray:
        """Which sets of random genes have a p-value as small as that of a link."""
        return self.random_sets.p <= self.p_needed


def links(subject: Subject, sets: MatchedSets) -> Linked:
    """Find the links of the model with the sets of `find_sets`, once, whoever asks first."""
    return subject.once("links", lambda: _find_links(subject, sets))


def _find_links(subject: Subject, sets: MatchedSets) -> Linked:
    """Rank genes by what each number of the code does to them, and look for `sets` in the rankings."""
    config, bundle = subject.params.evaluate, subject.bundle
    code_NW = subject.profiles.code_SW[subject.part_S == "train"]
    with one_thread():
        network = differentiable(bundle.network)
        mean_KW = mean_jacobian(network, code_NW)
        constancy_W = loadings.constancy(network, code_NW, mean_KW)
        loading_GW = loadings.decoder_loadings(bundle, code_NW, mean_KW)
    random_sets = relabelled(sets.members, len(loading_GW), derive_seed(subject.seed, "pathways", "random sets"))
    n_tests = len(sets) * loading_GW.shape[1]
    # suffices for a link whatever the other p-values, so what is smaller need not be told apart
    smallest_p = config.false_discoveries / n_tests
    both = running_sums(
        loading_GW, (*sets.members, *random_sets), config.permutations, smallest_p,
        derive_seed(subject.seed, "pathways"), subject.workers,
    )  # fmt: skip
    n = len(sets)
    of_sets, random = (Enrichment(both.score[part], both.p[part]) for part in (slice(n), slice(n, None)))
    fdr_PW, found_PW = discovered(of_sets.p, config.false_discoveries)
    return Linked(loading_GW, constancy_W, of_sets, random, fdr_PW, found_PW)


def find_sets(subject: Subject) -> tuple[MatchedSets | None, list[Path], str]:
    """Give the gene sets that the data have genes of, the files read, and why there are none where there are not.

    None of them was given to the model's features (`Features.knows`), whatever is then asked of them.
    """
    place, genes = subject.gene_sets, subject.bundle.genes
    files = gmt_files(place)
    if not files:
        return None, files, (
            f"there are no gene sets at {place}. Put GMT files there (Hallmark, Reactome, WikiPathways…), or name "
            "another file or folder in `evaluate.gene_sets`."
        )  # fmt: skip
    read = [one for file in files for one in read_gmt(file)]
    sets = match(read, genes)
    if len(sets):
        features = subject.bundle.features
        own = sets if features is None else sets.without(features.knows(sets.names, sets.members))
        if len(own):
            return own, files, ""
        return None, files, (
            f"all of the {len(sets)} gene sets of {place} with enough genes of the data were given to the features "
            "(`fit.gene_sets`), or have most of their genes in one that was. Test others, or give fewer."
        )  # fmt: skip
    if not sets.n_matched and read:
        return None, files, (
            f"none of the genes of the data (such as {genes[0]}) is in any gene set of {place} (such as "
            f"{read[0].genes[0]}). Use gene sets with the names that the data use, or name the genes of the data as "
            "the gene sets do (symbols, say)."
        )  # fmt: skip
    return None, files, (
        f"no gene set of {place} has {FEWEST_GENES} to {MOST_GENES} of the genes of the data: {sets.n_small} have "
        f"fewer and {sets.n_large} more, or all. Use other gene sets, or model more genes (`preprocess.top_genes`)."
    )  # fmt: skip
