"""The section on single genes: which are badly reproduced, and whether they are the noisy ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.genes.draw import gene_errors
from cic.evaluation.questions.genes.found import Found
from cic.evaluation.questions.genes.measure import worst_genes
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, percent, rounded, with_interval

N_WORST = 25
N_NAMED = 6


def genes_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show each gene's error against its noise, or its level, and name the worst."""
    confidence = evidence.facts.interval.confidence
    table, noise, centred = evidence.tables["genes"], found.noise, "genes.level" in evidence.facts.left_out
    worst = worst_genes(table, N_WORST)
    better = percent(found.share_better_than_pca.value)
    if noise is None:
        level = found.spearman_level
        of_genes = (
            f"All {found.n_genes:,} genes are reproduced as by PCA. "
            if (table["error_model"] == table["error_pca"]).all()
            else f"{better} of {found.n_genes:,} genes are reproduced better than by PCA. "
        )
        claim = of_genes + (
            "" if level is None else f"Spearman r of a gene's error with its mean level: {rounded(level.model.value)}."
        )
        axis = "mean" if centred else "level"
        beside = f"median over genes of equal {axis}"
    else:
        shares, spearman = noise.share_as_replicates, noise.spearman
        claim = (
            f"{percent(shares.model.value)} of {found.n_genes:,} genes are reproduced as well as replicates "
            f"agree (PCA: {percent(shares.pca.value)}). Spearman r of a gene's error with its noise: "
            f"{with_interval(spearman.model, confidence)}; PCA {rounded(spearman.pca.value)}, mean profile "
            f"{rounded(spearman.mean_profile.value)}."
        )
        axis = "noise"
        beside = "noise of replicates"
    picture = draw(
        folder, "genes",
        f"Error of {found.n_genes:,} genes against their {axis}. Farthest above it: "
        + ", ".join(worst["gene"].head(N_NAMED).astype(str)) + ".",
        gene_errors(table, worst.head(N_NAMED), evidence.gene_unit, "mean" if centred else "mean level (log2)"),
    )  # fmt: skip
    return Section(
        key="genes",
        title="Which genes are badly reproduced?",
        claim=claim,
        picture=picture,
        baseline=f"PCA of equal width; {beside}",
        n=f"{found.n_genes:,} genes over {found.n_profiles:,} held-out profiles"
        + (f"; noise from {found.n_sets} replicate sets of all parts" if noise else ""),
        table=_worst_table(worst, with_noise=noise is not None, mean="mean" if centred else "mean log2"),
        notes=_notes(found, evidence.facts.left_out),
    )


def genes_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say how many genes are reproduced as well as replicates agree, and how much of the error noise accounts for."""
    confidence = facts.interval.confidence
    if found.noise is None:
        return []
    shares = found.noise.share_as_replicates
    text = (
        f"Of {found.n_genes:,} genes, {percent(shares.model.value)} are reproduced as well as technical "
        f"replicates agree on them (PCA: {percent(shares.pca.value)}, mean profile: "
        f"{percent(shares.mean_profile.value)}); noise accounts for a share of "
        f"{with_interval(found.noise.unavoidable.model, confidence)} of the model's squared error."
    )
    side = against(found.share_better_than_pca, 0.5)
    if side == "below":
        return [Sentence("bad", "Most genes come out worse than from PCA.", text)]
    if side == "undecided":
        return [Sentence("open", "As many genes may come out worse than from PCA as better.", text)]
    ends = {
        "above": "and most as well as replicates agree",
        "undecided": "perhaps half of them as well as replicates agree",
        "below": "but fewer than half as well as replicates agree",
    }
    most = against(shares.model, 0.5)
    claim = f"Most genes come out better than from PCA, {ends[most]}."
    return [Sentence("good" if most == "above" else "open", claim, text)]


def _worst_table(worst: pd.DataFrame, *, with_noise: bool, mean: str) -> Table:
    rows = []
    for row in worst.to_dict("records"):
        noise = (f"{row['noise']:.3g}",) if with_noise else ()
        rows.append(
            (
                str(row["gene"]),
                f"{row['mean_log2']:.2f}",
                f"{row['error_model']:.3g}",
                f"{row['error_pca']:.3g}",
                *noise,
                percent(row["unexplained_model"]),
            )
        )
    columns = ("gene", mean, "error", "PCA's", *(("noise",) if with_noise else ()), "unexplained")
    return Table(columns, tuple(rows))


def _notes(found: Found, left_out: dict[str, str]) -> tuple[str, ...]:
    noise = found.noise
    notes = [
        f"The table names the {min(N_WORST, found.n_genes)} genes with the largest squared error"
        + (" beyond their noise." if noise else ".")
        + " Such a list favours genes that vary much; the last column is the share of that variance which stays "
        "unexplained. All genes are in `tables/genes.csv`."
    ]
    if noise is None:
        notes.append(f"Not held against noise: {left_out['genes.noise']}")
    else:
        notes.append(
            f"Noise is the variance within {found.n_sets} replicate sets ({found.n_replicates} profiles). A"
            " perfect reconstruction would be in error by the noise of the profile itself, another replicate by twice "
            f"that. Noise accounts for {percent(noise.unavoidable.model.value)} of the model's squared error "
            f"and {percent(noise.unavoidable.pca.value)} of PCA's; genes reproduced as well as replicates "
            f"agree hold {percent(noise.error_share_as_replicates.model.value)} of the model's error."
        )
    if "genes.level" in left_out:
        notes.append(f"Not held against level: {left_out['genes.level']}")
    return tuple(notes)


SECTIONS = (genes_section,)
TOPICS = (Topic("Gene by gene", "genes", genes_sentences, ("resampling",)),)
