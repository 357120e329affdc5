"""Which pathways the numbers of a code stand for, and whether another training would say the same.

For each number: what it does to each gene through the decoder (`loadings`), and which gene sets stand at the top or
the bottom of that ranking (`enrichment`; gseapy). A link is a number with a set, within the false discovery rate over
all numbers and sets together. Beside the links stand

- those with as many sets of random genes, at the same p-value: what the null of the p-values promises;
- those of codes whose profiles were shuffled, by rank sums: numbers that stand for nothing, but load on genes that go
  together as real ones do. Where these are many, a link tells less than its p-value says;
- the share of retrainings from other seeds in which the matched number has the set too (`stability`), by rank sums,
  since the running sum takes too long to repeat.

Axes: S profiles, N training profiles, G genes, W numbers of the code, P gene sets, L labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cic.evaluation.finding import Answer
from cic.evaluation.gene_sets.links import find_sets, links
from cic.evaluation.questions.pathways.cell_type_pathways import measure_cell_types
from cic.evaluation.questions.pathways.found import Found
from cic.evaluation.questions.pathways.pathway_links import count_links, links_table
from cic.evaluation.questions.pathways.stability import measure_stability
from cic.evaluation.subject import Subject
from cic.model.threads import one_thread


def measure(subject: Subject) -> Answer:
    """Link the numbers of the code to gene sets.

    Returns
    -------
    Answer
        Metrics:

        - `sets`: n (tested), files, small, large (left out by size), given (left out as given to
          features, or nearly), genes_matched, genes
        - `loadings`: constancy_median, constancy_least (cosine of single profiles' derivatives with the mean one)
        - `links`: n, numbers and sets (with at least one), tests, undecided (tests without a p-value, counted as no
          links: too few random sets score on that side), p_needed, false_discoveries, permutations, random_sets (links
          that random genes have at the same p), rank_sums (links by rank sums instead), agreement (share of the links
          that rank sums find too), shuffled (links by rank sums of codes with shuffled profiles, on average),
          beyond_shuffled (links with a score that shuffled codes do not reach, at the same rate)
        - `stability`: seeds, needed (share of seeds), recurring (links), interval share (of the links that recur, by
          number), mean_share (of the seeds, a link), mean_share_by_chance (numbers matched wrongly), r_median (|r| of
          matched numbers), disparity, r_median_to_pca and disparity_to_pca, of the code against that of PCA
        - `expected`: n, found (through the links), found_by_rank and found_pca (through links by rank sums, of the
          model and of PCA), chance (expected of blind links); null where none applies

        Tables:

        - `pathway_links`: number, set, collection, size, nes, p, fdr, seeds_share, shown, genes
        - `pathway_activity`: label, set, collection, activity, chosen (place among the sets chosen for this label, 0 if
          it is not), of all sets chosen for any label
        - `pathway_expected`: see `cell_type_pathways.COLUMNS`
    """
    sets, files, reason = find_sets(subject)
    if sets is None:
        return Answer(None, {"pathways": reason})
    train_S = subject.part_S == "train"
    x_SG = subject.x_SG
    found = links(subject, sets)
    with one_thread():
        metrics: dict[str, Any] = {
            "sets": {
                "n": len(sets),
                "files": len(files),
                "small": sets.n_small,
                "large": sets.n_large,
                "given": sets.n_given,
                "genes_matched": sets.n_matched,
                "genes": len(subject.bundle.genes),
            },
            "loadings": {
                "constancy_median": float(np.median(found.constancy_W)),
                "constancy_least": float(found.constancy_W.min()),
            },
            "links": count_links(subject, sets, found, x_SG[train_S]),
        }
    metrics["stability"], share_PW = measure_stability(subject, sets, found.sets.score, found.found_PW, x_SG)
    left_out, cautions = {}, _cautions(metrics)
    with one_thread():
        expected, activity, expectations = measure_cell_types(
            subject, sets, found.loading_GW, found.sets.score, found.fdr_PW, found.found_PW
        )
        table = links_table(subject, sets, found, share_PW)
    if expected is None:
        left_out["pathways.expected"] = (
            "the profiles have no labels (`data.label`) to relate pathways to."
            if subject.column("label").isna().all()
            else "no cell type and gene set here are on the short list of what any textbook expects."
        )
    tables = {"pathway_links": table, "pathway_activity": activity, "pathway_expected": expectations}
    return Answer(Found.model_validate({**metrics, "expected": expected}), left_out, cautions, tables)


def _cautions(metrics: dict[str, Any]) -> dict[str, str]:
    links, cautions = metrics["links"], {}
    if links["n"] and links["shuffled"] > links["rank_sums"] / 4:
        cautions["pathways.null"] = (
            f"Codes with shuffled profiles, which stand for nothing, have {links['shuffled']:.0f} links where the "
            f"code has {links['rank_sums']} (by rank sums): genes of a pathway go together in almost any direction of "
            f"these data, which the p-values do not know of. {links['beyond_shuffled']} of the {links['n']} links are "
            "stronger than that accounts for. The others say which pathways vary along a number, not that the number "
            "is about them more than another would be."
        )
    if metrics["loadings"]["constancy_median"] < 0.7:
        cautions["pathways.loadings"] = (
            "What a number does to genes differs between profiles (median cosine with the mean "
            f"{metrics['loadings']['constancy_median']:.2f}), so one vector of loadings describes it only on average."
        )
    return cautions
