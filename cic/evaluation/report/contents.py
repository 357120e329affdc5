"""What the report contains: its sentences and its sections, in order.

A new measure adds its sentences to `SENTENCES` and its section to `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cic.evaluation.intervals import against
from cic.evaluation.objections import few_groups, objections
from cic.evaluation.report import (
    architectures_section,
    genes_section,
    identity_section,
    mixtures_section,
    noise_section,
    origin_sections,
    pathways_section,
    programs_section,
    result_sections,
    unknown_section,
    unseen_section,
)
from cic.evaluation.report.few_groups import of_few_groups
from cic.evaluation.report.section import Evidence, Section
from cic.evaluation.report.verdict import (
    HARDLY_BETTER,
    Sentence,
    audit_sentences,
    identity_sentences,
    label_sentences,
    learnt_sentences,
    pca_sentences,
    replicate_sentences,
)

SENTENCES: tuple[tuple[str, str, Callable[[Mapping[str, Any]], list[Sentence]]], ...] = (
    ("Was anything learnt?", "reconstruction", learnt_sentences),
    ("Reconstruction against PCA", "reconstruction", pca_sentences),
    ("Reconstruction against replicates", "reconstruction", replicate_sentences),
    ("Cell type by cell type", "labels", label_sentences),
    ("Gene by gene", "genes", genes_section.genes_sentences),
    ("Mixtures", "mixtures", mixtures_section.mixtures_sentences),
    ("Cell types never seen", "unseen_types", unseen_section.unseen_types_sentences),
    ("Studies never seen", "unseen_groups", unseen_section.unseen_groups_sentences),
    ("Noise", "noise", noise_section.noise_sentences),
    ("Missing genes", "noise", noise_section.missing_genes_sentences),
    ("Cell identity", "identity", identity_sentences),
    ("“Unknown” as an answer", "unknown", unknown_section.unknown_sentences),
    ("Pathways", "pathways", pathways_section.pathways_sentences),
    ("Pathways of cell types", "cell_type_pathways", pathways_section.expected_sentences),
    ("Planted programs", "programs", programs_section.program_sentences),
    ("Architecture", "search", architectures_section.architectures_sentences),
    ("Audit of the split", "audit", audit_sentences),
)
"""What a sentence is about, the section with its evidence, and what says it."""

SECTIONS: tuple[Callable[[Evidence, Path], Section | None], ...] = (
    result_sections.reconstruction_section,
    result_sections.label_section,
    genes_section.genes_section,
    mixtures_section.mixtures_section,
    unseen_section.unseen_types_section,
    unseen_section.unseen_groups_section,
    noise_section.noise_section,
    identity_section.identity_section,
    identity_section.confusion_section,
    identity_section.calibration_section,
    unknown_section.unknown_section,
    pathways_section.pathways_section,
    pathways_section.cell_type_pathways_section,
    programs_section.programs_section,
    result_sections.map_section,
    architectures_section.architectures_section,
    origin_sections.training_section,
    origin_sections.audit_section,
    origin_sections.data_section,
    origin_sections.left_out_section,
    origin_sections.methods_section,
)


def findings(metrics: Mapping[str, Any]) -> list[tuple[str, str, Sentence]]:
    """Give the sentences of the verdict with what each is about, and the section that has its evidence.

    A failed audit comes first: it puts everything else in doubt.
    """
    told = [
        (topic, section, of_few_groups(topic, sentence, metrics))
        for topic, section, speak in SENTENCES
        for sentence in speak(metrics)
    ]
    return told if metrics["audit"]["passed"] else sorted(told, key=lambda one: one[1] != "audit")


def verdict(metrics: Mapping[str, Any]) -> list[Sentence]:
    """Give the sentences at the top of the report, from the content of `metrics.json`."""
    return [sentence for _, _, sentence in findings(metrics)]


def headline(metrics: Mapping[str, Any]) -> str:
    """Give the answer to whether these numbers can be trusted, in a sentence."""
    if not metrics["audit"]["passed"]:
        return "Do not rely on the figures below: held-out profiles may be known from training."
    if metrics["unexplained_variance"]["model"]["low"] is None:
        return "There are too few independent held-out profiles to tell whether these numbers can be trusted."
    few = few_groups(metrics)
    reasons = [reason for reason in objections(metrics) if reason != few]
    if reasons:
        return f"Do not rely on these numbers: {'; and '.join(reasons)}."
    side = against(metrics["ratio_to_pca"])
    if few:
        return (
            "How this model does on profiles from another group cannot be told: those held out come from too few. "
            f"On these its error is {metrics['ratio_to_pca']['value']:.2f} of that of PCA with as many numbers."
        )
    if side == "below" and metrics["ratio_to_pca"]["value"] > HARDLY_BETTER:
        return "This model describes new profiles hardly better than PCA does with as many numbers: by less than 1%."
    if side == "below":
        return (
            f"This model describes new profiles better than PCA does with as many numbers{_beside_replicates(metrics)}."
        )
    if side == "above":
        return "PCA describes new profiles better than this model does with as many numbers."
    return "This model describes new profiles no better than PCA does with as many numbers, as far as these data tell."


def _beside_replicates(metrics: Mapping[str, Any]) -> str:
    """Add how near that comes to measuring again, where held-out replicates differ less than profiles do."""
    ceiling = metrics["replicates"]
    if ceiling is None or not ceiling["held_out"] or "replicates" in metrics["cautions"]:
        return ""
    if against(ceiling["ratio_mean_profile"]) != "above":
        return ""
    told = {
        "below": ", and as accurately as technical replicates agree",
        "above": ", but less accurately than technical replicates agree",
        "undecided": ", about as accurately as technical replicates agree",
    }
    at = ceiling["floor"]["missed"]
    scale = "" if at is None else f"; {at['model']['value']:.2f} of the way from noise to the mean profile"
    return f"{told[against(ceiling['ratio'])]} ({ceiling['ratio']['value']:.2f} times their distance{scale})"


def standings(sentences: list[Sentence]) -> str:
    """Count what speaks for the model and against it, in words."""
    counts = {kind: sum(sentence.standing == kind for sentence in sentences) for kind in ("good", "bad", "open")}
    return (
        f"Of {len(sentences)} findings, {counts['good']} speak for the model, {counts['bad']} against it, and "
        f"{counts['open']} leave it open."
    )
