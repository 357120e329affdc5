"""Section on features: which gene sets they follow, and which planted programs they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cic.evaluation.drawing.heat_maps import short_set
from cic.evaluation.facts import Facts
from cic.evaluation.questions.features.found import Found
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.words import Sentence, besides_given, percent, rounded, spanned, with_interval
from cic.model.named_sets import FALSE_DISCOVERIES, GOES_WITH

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
    named = links[links["named"].astype(bool)]  # of no links the column is of no kind
    strongest = named.reindex(named["r"].abs().sort_values(ascending=False, kind="stable").index)
    examples = [
        f"feature {row['feature']} with {short_set(row['set'])} ({row['r']:+.2f})"
        for row in strongest.drop_duplicates("feature").head(5).to_dict("records")
    ]
    own = found.methods["features"]
    return Section(
        key="features",
        title="Which gene sets does each feature follow?",
        claim=f"A gene set goes with the feature that followed it best in training with a median r of "
        f"{with_interval(own.held_out, confidence)} over held-out profiles.",
        baseline="as many axes by other methods, and the numbers of the code, by the same procedure; features with "
        f"shuffled profiles, which have {found.shuffled:,.1f} pairs beyond chance",
        n=f"{found.n_sets:,} gene sets{besides_given(found.n_given)}, "
        f"{evidence.facts.profiles.train:,} training profiles",
        table=Table(
            (
                "axes", "number", "r, held out", "lead of the features", "beyond chance", "links", "sets", "expected",
                "named", "sets that name",
            ),
            tuple(
                (
                    name, str(one.axes), spanned(one.held_out),
                    spanned(found.leads[method]) if method in found.leads else "",
                    f"{one.beyond:,}", f"{one.links:,}", percent(one.sets.value),
                    "–" if one.expected is None else f"{one.expected} of {found.n_expected}",
                    f"{one.named:,}", percent(one.named_sets.value),
                )
                for method, one, name in ((method, found.methods[method], name) for method, name in METHODS.items())
            ),
        ),
        notes=(
            "For every set and method the axis is chosen on training profiles, so that more axes are not better by "
            "chance. Intervals are over sets; these overlap, so they are somewhat too narrow.",
            "A link: the axis goes with the mean of the set's genes, less that of all genes, with |r| of "
            f"{found.follows} or more over training profiles, and beyond what its own activities come to when they "
            "are shuffled over profiles: how genes of a set go together is part of that null. Nearly any direction "
            "of expression data goes a little with nearly any set, so that being beyond chance says little.",
            "A set names an axis (`cic explain`) if the genes that the axis moves are rich in it, by a test of the "
            f"genes alone at a false discovery rate of {FALSE_DISCOVERIES}, and |r| is {GOES_WITH} or more.",
            f"A feature is active in {percent(found.active)} of the training profiles (median), and agrees with its "
            f"match in another training with r = {rounded(found.recurrence)} (median).",
            *([f"Named most closely: {'; '.join(examples)}."] if examples else []),
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
            ("axes", "median |r|", "lead of the features", "precision", "blind", "recall"),
            tuple(
                (
                    name, spanned(one.r),
                    spanned(found.lead[method].r) if method in found.lead else "",
                    spanned(one.precision), rounded(one.base_rate),
                    spanned(one.recall),
                )
                for method, one, name in ((method, found.planted[method], name) for method, name in METHODS.items())
            ),
        ),
        notes=(
            "Each axis goes to one program at most, so that the sum of |r| over held-out profiles is largest; a "
            "program that none is left for counts 0. Precision and recall are those of links by rank sums of "
            "loadings, as for the numbers of the code; blind is the precision of links drawn blindly. "
            "Intervals are over programs.",
        ),
    )  # fmt: skip


def feature_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether single features follow gene sets more than axes of other methods do."""
    own = found.methods["features"]
    return [
        _compared(
            "Gene sets",
            found.leads,
            f"Median r over held-out profiles of a set with the feature that follows it best in training: "
            f"{with_interval(own.held_out, facts.interval.confidence)}; with random directions "
            f"{rounded(found.methods['blind'].held_out.value)}. Features with shuffled profiles have "
            f"{found.shuffled:,.1f} pairs beyond chance.",
        )
    ]


def planted_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether single features follow planted programs more than axes of other methods do."""
    if found.planted is None or found.lead is None:
        return []
    median = with_interval(found.planted["features"].r, facts.interval.confidence)
    by_method = {method: one.r for method, one in found.lead.items()}
    return [_compared("Planted programs", by_method, f"Median |r| of a program with a feature of its own: {median}.")]


def _compared(what: str, leads: Mapping[str, Interval], details: str) -> Sentence:
    sides = {method: against(one, 0.0) for method, one in leads.items()}
    behind = [METHODS[method] for method, side in sides.items() if side == "below"]
    if behind:
        return Sentence("bad", f"{what} are followed less by single features than by {' and '.join(behind)}.", details)
    if all(side == "above" for side in sides.values()):
        return Sentence("good", f"{what} are followed more by single features than by axes of other methods.", details)
    return Sentence("open", f"{what} are not followed more by single features than by axes of all others.", details)


SECTIONS = (features_section, planted_section)
TOPICS = (
    Topic("Features", "features", feature_sentences),
    Topic("Features of planted programs", "planted_features", planted_sentences),
)
