"""Sections on pathways: what the numbers stand for, and where that is high among cell types."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.drawing.heat_maps import short_set
from cic.evaluation.facts import Facts
from cic.evaluation.questions.pathways.draw import label_map, number_map
from cic.evaluation.questions.pathways.found import Found
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.words import Sentence, besides_given, percent, rounded, with_interval


def pathways_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show which gene sets the numbers stand for, and which links recur."""
    links, stability, sets, constancy = found.links, found.stability, found.sets, found.loadings
    table = evidence.tables["pathway_links"]
    width = evidence.facts.model.bottleneck_width
    strongest = table.assign(strength=table["nes"].abs() * (1 + table["seeds_share"])).sort_values(
        "strength", ascending=False, kind="stable"
    )
    examples = [f"number {row['number']} with {short_set(row['set'])}" for row in strongest[:3].to_dict("records")]
    picture = None
    if table["shown"].any():
        shown = table[table["shown"]]
        picture = draw(
            folder, "pathways",
            f"{links.n:,} links of numbers with gene sets, such as " + "; ".join(examples)
            + f". Shown are {shown['set'].nunique()} sets.",
            number_map(table, stability.needed, width),
        )  # fmt: skip
    confidence = evidence.facts.interval.confidence
    recur = "" if not links.n else (
        f"; {stability.recurring:,} of them recur in at least {percent(stability.needed)} of "
        f"{stability.seeds} retrainings from other seeds"
    )  # fmt: skip
    return Section(
        key="pathways",
        title="Which pathways do the numbers stand for?",
        claim=f"{links.n:,} of {links.tests:,} pairs of a number and a gene set are linked at a false discovery rate "
        f"of {percent(links.false_discoveries)}{recur}.",
        picture=picture,
        baseline=f"as many sets of random genes: {links.random_sets:,} links at the same p-value; codes with shuffled "
        f"profiles: {links.shuffled:,.0f} links where this code has {links.rank_sums:,} (both by rank sums)",
        n=f"{sets.n:,} gene sets{besides_given(sets.given)}, {sets.genes_matched:,} of {sets.genes:,} genes in any; "
        f"loadings over {evidence.facts.profiles.train:,} training profiles",
        table=Table(
            ("number", "gene set", "NES", "FDR", "seeds", "leading genes"),
            tuple(
                (
                    str(row["number"]), short_set(row["set"], 48), f"{row['nes']:+.2f}", f"{row['fdr']:.1g}",
                    percent(row["seeds_share"]), row["genes"],
                )
                for row in strongest[:15].to_dict("records")
            ),
        ) if links.n else None,
        notes=(
            "A number is described by what the decoder does to each gene when it rises, averaged over training "
            f"profiles; how alike that direction is for all: median cosine {constancy.constancy_median:.2f}, "
            f"least number {constancy.constancy_least:.2f} (1: always the same).",
            f"{links.beyond_shuffled:,} of the links are stronger than in any direction of these data by chance "
            "(codes with shuffled profiles, same false discovery rate).",
            *(text for name, text in evidence.facts.cautions.items() if name.startswith("pathways.")),
            *_recurring(found, confidence),
            *(
                [f"{sets.small:,} sets with too few of the genes and {sets.large:,} with too many were left out."]
                if sets.small or sets.large
                else []
            ),
        ),
    )  # fmt: skip


def _recurring(found: Found, confidence: float) -> list[str]:
    stability = found.stability
    agree = (
        f"Matched numbers of other seeds agree with a median |r| of {stability.r_median:.2f} (with PCA's numbers: "
        f"{stability.r_median_to_pca:.2f}); what a rotation leaves between the codes is "
        f"{stability.disparity:.2f} (to PCA: {stability.disparity_to_pca:.2f}). Numbers of PCA on the same "
        "profiles are always the same."
    )
    if not found.links.n:
        return [agree]
    return [
        f"Share of the links that recur: {with_interval(stability.share, confidence)}; a link is found again in "
        f"{rounded(stability.mean_share)} of the retrainings on average, and in "
        f"{rounded(stability.mean_share_by_chance)} if numbers are matched wrongly. {agree}"
    ]


def cell_type_pathways_section(found: Found, evidence: Evidence, folder: Path) -> Section | None:
    """Show which gene sets are high in which cell type, and what was expected."""
    if evidence.tables["pathway_activity"].empty:
        return None
    activity, table = evidence.tables["pathway_activity"], evidence.tables["pathway_expected"]
    chosen = activity[activity["chosen"] == 1]
    spoken = "; ".join(f"{row['label']}: {short_set(row['set'])}" for row in chosen.to_dict("records"))
    picture = draw(folder, "cell_type_pathways", f"Highest gene set by cell type: {spoken}.", label_map(activity))
    expected = found.expected
    claim = "For each cell type, the gene sets that its codes raise above all others."
    if expected is not None:
        claim = (
            f"Of {expected.n} things that any textbook expects, {expected.found} are found through the links of "
            f"the code, where blind links would find {expected.chance:.1f}. By rank sums it is "
            f"{expected.found_by_rank} through the code and {expected.found_pca} through PCA's."
        )
    notes = [
        "Activity: where the mean code of a cell type stands on each number, in standard deviations of the profiles, "
        "times the rank-sum z of the linked sets, summed. Chosen are the sets that are highest in this type of all."
    ]
    if expected is not None:
        missing = [f"{row['label']}: {row['expected']}" for row in table[~table["found"]].to_dict("records")]
        notes.append("Expected and not found: " + ("; ".join(missing) if missing else "nothing") + ".")
        notes.append(
            "Found: the sets that fit are on average higher in this cell type than in all others, but for those of "
            "which the same is expected."
        )
    return Section(
        key="cell_type_pathways",
        title="Are these the pathways of the cell types?",
        claim=claim,
        picture=picture,
        baseline="" if expected is None else "PCA codes of equal width, by rank sums; blind links",
        n=f"{activity['label'].nunique()} cell types, training profiles",
        table=None if table.empty else _expected_table(table),
        notes=tuple(notes),
    )


def _expected_table(table: pd.DataFrame) -> Table:
    return Table(
        ("cell type", "expected", "best set", "found", "PCA", "FDR", "place among types", "among sets"),
        tuple(
            (
                str(row["label"]), row["expected"], short_set(row["best_set"], 40), "yes" if row["found"] else "no",
                "yes" if row["found_pca"] else "no", f"{row['fdr']:.1g}",
                f"{row['place_among_labels']} of {row['n_labels']}", f"{row['place_among_sets']} of {row['n_sets']}",
            )
            for row in table.to_dict("records")
        ),
    )  # fmt: skip


def pathways_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say what the links are worth against shuffled codes and other seeds."""
    links, stability = found.links, found.stability
    if not links.n:
        return [Sentence("bad", f"No number of the code could be linked to any of {found.sets.n} gene sets.")]
    details = (
        f"{links.n:,} links of the {facts.model.bottleneck_width} numbers with gene sets were found, of "
        f"which {stability.recurring:,} recur in at least {percent(stability.needed)} of {stability.seeds} "
        f"retrainings. By rank sums this code has {links.rank_sums:,}, and codes with shuffled profiles, which "
        f"stand for nothing, have {links.shuffled:,.0f}."
    )
    if links.beyond_shuffled:
        claim = f"{links.beyond_shuffled:,} of {links.n:,} links with pathways are stronger than chance makes them."
        return [Sentence("open", claim, details)]
    return [Sentence("bad", "Links of numbers with pathways are no stronger than chance makes them.", details)]


def expected_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say how many pathways that textbooks expect in these cell types are found there."""
    if found.expected is None:
        return []
    expected = found.expected
    details = (
        f"Of {expected.n} pathways that textbooks expect in these cell types, {expected.found} are highest there "
        f"by the links of the code (blind links: {expected.chance:.1f}; by rank sums {expected.found_by_rank}, "
        f"and {expected.found_pca} by PCA)."
    )
    if expected.found_by_rank < expected.found_pca:
        return [Sentence("bad", "Fewer of the pathways that textbooks expect are found than by PCA.", details)]
    claim = f"{expected.found} of {expected.n} pathways that textbooks expect are found"
    return [Sentence("open", f"{claim}: too few to tell the code from PCA.", details)]


SECTIONS = (pathways_section, cell_type_pathways_section)
TOPICS = (
    Topic("Pathways", "pathways", pathways_sentences),
    Topic("Pathways of cell types", "cell_type_pathways", expected_sentences),
)
