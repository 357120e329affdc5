"""What the report contains: the sentences of its verdict and its sections, in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cic.evaluation.catalogue import questions
from cic.evaluation.metrics import Metrics
from cic.evaluation.objections import FEW_GROUPS, objections
from cic.evaluation.questions.reconstruction.say import HARDLY_BETTER
from cic.evaluation.report import origin_sections
from cic.evaluation.section import Evidence, Section
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence


def sections(metrics: Metrics) -> tuple[Callable[[Evidence, Path], Section | None], ...]:
    """Give what makes the sections of the report, in their order."""
    of_questions: list[Callable[[Evidence, Path], Section | None]] = []
    for question in questions():
        found = metrics.of(question.found)
        if found is None:
            of_questions += question.sections_unmeasured
        else:
            of_questions += [partial(make, found) for make in question.sections]
    return (
        *of_questions,
        origin_sections.training_section,
        origin_sections.audit_section,
        origin_sections.data_section,
        origin_sections.left_out_section,
        origin_sections.methods_section,
    )


def findings(metrics: Metrics) -> list[tuple[str, str, Sentence]]:
    """Give the sentences of the verdict with what each is about, and the section that has its evidence.

    A failed audit comes first: it puts everything else in doubt.
    """
    listed = [
        (topic.title, topic.section, one)
        for question in questions()
        for topic in question.topics
        for one in topic.conclusions(metrics.of(question.found), metrics)
    ]
    listed += [("Audit of the split", "audit", one) for one in origin_sections.audit_sentences(metrics)]
    return listed if metrics.audit.passed else sorted(listed, key=lambda one: one[1] != "audit")


def verdict(metrics: Metrics) -> list[Sentence]:
    """Give the sentences at the top of the report."""
    return [sentence for _, _, sentence in findings(metrics)]


def headline(metrics: Metrics) -> str:
    """Give the answer to whether these numbers can be trusted, in a sentence."""
    if not metrics.audit.passed:
        return "Do not rely on the figures below: held-out profiles may be known from training."
    if metrics.unexplained_variance.model.bounds is None:
        return "There are too few independent held-out profiles to tell whether these numbers can be trusted."
    reasons = [reason for reason in objections(metrics) if reason != FEW_GROUPS]
    if reasons:
        return f"Do not rely on these numbers: {'; and '.join(reasons)}."
    side = against(metrics.ratio_to_pca)
    is_pca = "This model is PCA: the search chose no hidden layer." if metrics.model.depth == 0 else ""
    if metrics.few_groups:
        return (
            "How this model does on profiles from another group cannot be told: those held out come from too few. "
            + (is_pca or f"On these its error is {metrics.ratio_to_pca.value:.2f} of that of PCA with as many numbers.")
        )
    if is_pca:
        return is_pca
    if side == "below" and metrics.ratio_to_pca.value > HARDLY_BETTER:
        return "This model describes new profiles hardly better than PCA does with as many numbers: by less than 1%."
    if side == "below":
        return (
            f"This model describes new profiles better than PCA does with as many numbers{_beside_replicates(metrics)}."
        )
    if side == "above":
        return "PCA describes new profiles better than this model does with as many numbers."
    return "This model describes new profiles no better than PCA does with as many numbers, as far as these data tell."


def _beside_replicates(metrics: Metrics) -> str:
    """Add how near that comes to measuring again, where held-out replicates differ less than profiles do."""
    ceiling = metrics.replicates
    if ceiling is None or not ceiling.held_out or "replicates" in metrics.cautions:
        return ""
    if against(ceiling.ratio_mean_profile) != "above":
        return ""
    ends = {
        "below": ", and as accurately as technical replicates agree",
        "above": ", but less accurately than technical replicates agree",
        "undecided": ", about as accurately as technical replicates agree",
    }
    at = ceiling.floor.missed
    scale = "" if at is None else f"; {at.model.value:.2f} of the way from noise to the mean profile"
    return f"{ends[against(ceiling.ratio)]} ({ceiling.ratio.value:.2f} times their distance{scale})"


def standings(sentences: list[Sentence]) -> str:
    """Count what speaks for the model and against it, in words."""
    counts = {kind: sum(sentence.standing == kind for sentence in sentences) for kind in ("good", "bad", "open")}
    good, left_open = counts["good"], counts["open"]
    return (
        f"Of {len(sentences)} findings, {good} speak{'s' * (good == 1)} for the model, {counts['bad']} against it, and "
        f"{left_open} leave{'s' * (left_open == 1)} it open."
    )
