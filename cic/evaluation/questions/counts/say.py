"""What is said of how counts are foretold."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.facts import Facts
from cic.evaluation.questions.counts.found import Found, Halves
from cic.evaluation.section import Evidence, Section, Table, Topic, remarks
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.words import Sentence, percent, spanned, with_interval


def counts_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show the deviance of held-out counts by method, beside what counting alone leaves."""
    confidence, deviance, share = evidence.facts.interval.confidence, found.deviance, found.mean_profile_share
    rows = (
        ("mean profile", "1", ""),
        ("PCA of equal width", spanned(deviance.pca), percent(share.pca)),
        ("model", spanned(deviance.model), percent(share.model)),
        ("counting alone, if the model's rates were true", spanned(deviance.noise), ""),
    )
    return Section(
        key="counts",
        title="How well are the counts themselves foretold?",
        claim=f"The deviance of held-out counts is {with_interval(deviance.model, confidence)} times that of the mean "
        f"profile and {with_interval(found.ratio_to_pca, confidence)} times that of PCA. If what the model foretells "
        f"were the truth, chance in counting alone would leave {deviance.noise.value:.2f}.",
        picture=None,
        baseline="PCA of equal width and the mean profile",
        n=f"{found.n} held-out profiles of {found.counts_a_profile:,.0f} counts (median)",
        table=Table(("method", "deviance over the mean profile's", "of the mean profile in it"), rows),
        notes=(
            "The deviance says how much less likely the counts of a profile are, given their total, under the rates "
            "that a method foretells than they could be under any rates. It does not depend on the scale that profiles "
            "are modelled on, as squared errors do, so it compares models on log2 and on square roots "
            "(`preprocess.transform`).",
            "For every method alike, rates are brought to the level of the training counts gene by gene, and mixed "
            "with the mean profile as much as the validation profiles like best.",
            *remarks(evidence, "counts"),
        ),
    )


def halves_section(found: Found, evidence: Evidence, folder: Path) -> Section | None:
    """Show how much of the squared error is counting noise, and what is missed of the rest."""
    halves, confidence = found.halves, evidence.facts.interval.confidence
    if halves is None:
        return None
    missed = halves.missed
    rows = (
        ("mean profile", spanned(_rest(halves.explainable)), "1"),
        ("PCA of equal width", spanned(halves.noise_share.pca), spanned(missed.pca) if missed else ""),
        ("model", spanned(halves.noise_share.model), spanned(missed.model) if missed else ""),
    )
    return Section(
        key="counting_noise",
        title="How much of the error is counting noise?",
        claim=f"{_noise_sentence(halves, confidence)} {_missed_sentence(halves, confidence)}",
        picture=None,
        baseline="PCA of equal width and the mean profile",
        n=f"{found.n} held-out profiles",
        table=Table(("method", "counting noise in its squared error", "missed of the rest"), rows),
        notes=(
            "The counts of each profile are dealt out into two halves, each count by chance. As far as counts are "
            "Poisson, the halves are two independent measurements with half the counts each. Model and PCA are trained "
            "again on one half of the training profiles, and what they make of one half of a held-out profile is held "
            "against the other, on the scale of the model. Half the squared distance of the two halves is the noise, "
            "which no model can explain.",
            "With all counts the noise is a smaller share than with half of them. What reads add to counting, such as "
            "copies of one molecule, is in both halves and counts as explainable.",
        ),
    )


def _rest(share: Interval) -> Interval:
    low, high = (None if bound is None else 1 - bound for bound in (share.high, share.low))
    return Interval(1 - share.value, low, high)


def _noise_sentence(halves: Halves, confidence: float) -> str:
    return (
        "Of the squared error against a second, equal measurement, counting noise is a share of "
        f"{with_interval(halves.noise_share.model, confidence)} (PCA {halves.noise_share.pca.value:.2f}, mean profile "
        f"{1 - halves.explainable.value:.2f})."
    )


def _missed_sentence(halves: Halves, confidence: float) -> str:
    if halves.missed is None:
        return "Hardly anything is left beside it that could be explained."
    return (
        f"Of what is left beside it the model misses {with_interval(halves.missed.model, confidence)}, PCA "
        f"{with_interval(halves.missed.pca, confidence)}."
    )


def counts_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether counts are foretold better than by PCA."""
    confidence, ratio = facts.interval.confidence, found.ratio_to_pca
    details = (
        f"The deviance of held-out counts is {with_interval(ratio, confidence)} times that of PCA of equal width; over "
        f"that of the mean profile it is {found.deviance.model.value:.2f}, of which chance in counting accounts for "
        f"about {found.deviance.noise.value:.2f}."
    )
    if found.halves is not None:
        details += f" {_noise_sentence(found.halves, confidence)}"
    side = against(ratio)
    if side == "below":
        return [Sentence("good", "Counts are foretold better than by PCA.", details)]
    if side == "above":
        return [Sentence("bad", "Counts are foretold worse than by PCA.", details)]
    return [Sentence("open", "Counts are foretold no better than by PCA, as far as these profiles can tell.", details)]


SECTIONS = (counts_section, halves_section)
TOPICS = (Topic("Counts", "counts", counts_sentences, ("resampling",)),)
