"""What the report contains: the sentences of its verdict and its sections, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cic.evaluation.catalogue import questions
from cic.evaluation.objections import few_groups, objections
from cic.evaluation.questions.reconstruction.say import HARDLY_BETTER
from cic.evaluation.report import origin_sections
from cic.evaluation.section import Evidence, Section, Topic
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence


def topics() -> tuple[Topic, ...]:
    """Give what the sentences of the verdict are about, in their order."""
    asked = [topic for question in questions() for topic in question.topics]
    return (*asked, Topic("Audit of the split", "audit", origin_sections.audit_sentences))


def sections() -> tuple[Callable[[Evidence, Path], Section | None], ...]:
    """Give what makes the sections of the report, in their order."""
    return (
        *(section for question in questions() for section in question.sections),
        origin_sections.map_section,
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
    told = [(topic.title, topic.section, one) for topic in topics() for one in topic.told(metrics)]
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
