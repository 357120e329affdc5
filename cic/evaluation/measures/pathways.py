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

from pathlib import Path
from typing import Any

import numpy as np

from cic.evaluation.measures.cell_type_pathways import measure_cell_types
from cic.evaluation.measures.gene_sets import FEWEST_GENES, MOST_GENES, MatchedSets, gmt_files, match, read_gmt
from cic.evaluation.measures.pathway_links import count_links, find_links, links_table
from cic.evaluation.measures.program_recovery import measure_recovery
from cic.evaluation.measures.stability import measure_stability
from cic.evaluation.subject import Finding, Subject
from cic.model.threads import one_thread


def measure_pathways(subject: Subject) -> Finding:
    """Link the numbers of the code to gene sets.

    Returns
    -------
    Finding
        Metrics:

        - `sets`: n (tested), files, small, large (left out by size), genes_matched, genes
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
        - `recovery`: see `program_recovery.measure_recovery`; null where the profiles were not simulated

        Tables:

        - `pathway_links`: number, set, collection, size, nes, p, fdr, seeds_share, shown, genes
        - `pathway_activity`: label, set, collection, activity, chosen (place among the sets chosen for this label, 0 if
          it is not), of all sets chosen for any label
        - `pathway_expected`: see `cell_type_pathways.COLUMNS`
        - `program_recovery`: see `program_recovery.COLUMNS`
    """
    sets, files, reason = _find_sets(subject)
    if sets is None:
        return Finding(None, {"pathways": reason})
    train_S = subject.part_S == "train"
    with one_thread():
        x_SG = subject.bundle.preprocessor.transform(subject.values_SG)
    found = find_links(subject, sets)
    with one_thread():
        metrics: dict[str, Any] = {
            "sets": {
                "n": len(sets),
                "files": len(files),
                "small": sets.n_small,
                "large": sets.n_large,
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
        links = links_table(subject, sets, found, share_PW)
        recovery, recoveries, reason = measure_recovery(
            subject, sets, x_SG, found.loading_GW, found.found_PW, found.sets.score, found.random_found_PW
        )
    if expected is None:
        left_out["pathways.expected"] = (
            "the profiles have no labels (`data.label`) to relate pathways to."
            if subject.column("label").isna().all()
            else "no cell type and gene set here are on the short list of what any textbook expects."
        )
    if reason:
        left_out["pathways.recovery"] = reason
    tables = {"pathway_links": links, "pathway_activity": activity, "pathway_expected": expectations}
    if recovery is not None:
        tables["program_recovery"] = recoveries
    return Finding({**metrics, "expected": expected, "recovery": recovery}, left_out, cautions, tables)


def _find_sets(subject: Subject) -> tuple[MatchedSets | None, list[Path], str]:
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
        return sets, files, ""
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
