"""Section on features: which gene sets they follow, and which planted programs they stand for."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.drawing.heat_maps import short_set
from cic.evaluation.facts import Facts
from cic.evaluation.questions.features.found import Found
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, Standing, percent, rounded, with_interval

METHODS = {
    "features": "features",
    "code": "numbers of the code",
    "pca": "PCA",
    "ica": "ICA over profiles",
    "ica_genes": "ICA over genes",
    "nmf": "NMF",
    "sparse_pca": "sparse PCA",
    "blind": "random directions",
}


def features_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show which gene sets features follow."""
    confidence, links = evidence.facts.interval.confidence, evidence.tables["feature_links"]
    strongest = links.reindex(links["r"].abs().sort_values(ascending=False, kind="stable").index)
    examples = [
        f"feature {row['feature']} with {short_set(row['set'])} ({row['r']:+.2f})"
        for row in strongest.drop_duplicates("feature").head(5).to_dict("records")
    ]
    own = found.methods["features"]
    return Section(
        key="features",
        title="Which gene sets does each feature follow?",
        claim=f"{percent(own.sets.value)} of {found.n_sets:,} gene sets are followed by one of {found.n} features; "
        f"less the share that as many random directions follow: {with_interval(found.sets_lead, confidence)}.",
        baseline="as many axes by other methods, and the numbers of the code, by the same procedure; features with "
        f"shuffled profiles, which have {found.shuffled:,.1f} pairs beyond chance",
        n=f"{found.n_sets:,} gene sets, {evidence.facts.profiles.train:,} training profiles",
        table=Table(
            ("axes", "number", "beyond chance", "links", "sets followed", "expected and found"),
            tuple(
                (
                    name, str(one.axes), f"{one.beyond:,}", f"{one.links:,}",
                    with_interval(one.sets, confidence),
                    "–" if one.expected is None else f"{one.expected} of {found.n_expected}",
                )
                for one, name in ((found.methods[method], name) for method, name in METHODS.items())
            ),
        ),
        notes=(
            "An axis follows a set if it goes with the mean of its genes, less that of all genes, with |r| of "
            f"{found.follows} or more, and beyond what its own activities come to when they are shuffled over "
            "profiles: how genes of a set go together is part of that null. Nearly any direction of expression data "
            "goes a little with nearly any set, so that being beyond chance says little by itself.",
            f"A feature is active in {percent(found.active)} of the training profiles (median), and agrees with its "
            f"match in another training with r = {rounded(found.recurrence)} (median).",
            *([f"Closest: {'; '.join(examples)}."] if examples else []),
        ),
    )  # fmt: skip


def planted_section(found: Found, evidence: Evidence, folder: Path) -> Section | None:
    """Show how single axes follow planted programs, by method."""
    if found.planted is None or found.lead is None:
        return None
    confidence = evidence.facts.interval.confidence
    return Section(
        key="planted_features",
        title="Do single features stand for planted programs?",
        claim="Median |r| of a program with a feature of its own: "
        f"{with_interval(found.planted['features'].r, confidence)}.",
        baseline="as many axes by other methods, and the numbers of the code",
        n=f"{evidence.facts.profiles.test} held-out profiles",
        table=Table(
            ("axes", "median |r|", "lead of the features", "precision", "blind", "recall", "average precision"),
            tuple(
                (
                    name, with_interval(one.r, confidence),
                    with_interval(found.lead[method].r, confidence) if method in found.lead else "",
                    with_interval(one.precision, confidence), rounded(one.base_rate),
                    with_interval(one.recall, confidence), rounded(one.average_precision),
                )
                for method, one, name in ((method, found.planted[method], name) for method, name in METHODS.items())
            ),
        ),
        notes=(
            "Each axis goes to one program at most, so that the sum of |r| over held-out profiles is largest; a "
            "program that none is left for counts 0. Precision and recall are those of links by rank sums of "
            "loadings, as for the numbers of the code.",
        ),
    )  # fmt: skip


def feature_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether features follow more gene sets than random directions, and stand for programs more than rivals."""
    confidence = facts.interval.confidence
    side = against(found.sets_lead, 0.0)
    said: list[Sentence] = []
    details = (
        f"{found.methods['features'].links:,} links of {found.n} features with {found.n_sets:,} gene sets; share of "
        f"sets followed, less that of random directions: {with_interval(found.sets_lead, confidence)}. Features with "
        f"shuffled profiles have {found.shuffled:,.1f} pairs beyond chance."
    )
    standing: dict[str, Standing] = {"above": "open", "below": "bad"}
    claim = {
        "above": "Features follow more gene sets than as many random directions do.",
        "below": "Features follow fewer gene sets than as many random directions do.",
    }
    said.append(
        Sentence(
            standing.get(side, "open"),
            claim.get(side, "Features do not clearly follow more gene sets than as many random directions do."),
            details,
        )
    )
    if found.lead is None or found.planted is None:
        return said
    sides = {method: against(one.r, 0.0) for method, one in found.lead.items()}
    behind = [METHODS[method] for method, one in sides.items() if one == "below"]
    median = with_interval(found.planted["features"].r, confidence)
    if behind:
        text = f"Planted programs are followed less by single features than by {' and '.join(behind)}."
        said.append(Sentence("bad", text, f"Median |r| of a program with a feature of its own: {median}."))
    else:
        ahead = all(one == "above" for one in sides.values())
        text = (
            "Planted programs are followed by single features more than by axes of all other methods."
            if ahead
            else "Planted programs are not clearly followed more by single features than by axes of other methods."
        )
        said.append(
            Sentence("good" if ahead else "open", text, f"Median |r| of a program with a feature of its own: {median}.")
        )
    return said


SECTIONS = (features_section, planted_section)
TOPICS = (Topic("Features", "features", feature_sentences),)
