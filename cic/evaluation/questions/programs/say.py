"""Section on planted programs: whether the links with them are true, and those of other methods."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.programs.draw import METHOD_ROWS, recovery_plot
from cic.evaluation.questions.programs.found import Found
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, Standing, percent, rounded, with_interval

RIVALS = {"pca": "PCA", "ica": "ICA", "nmf": "NMF"}


def programs_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show how many of the planted programs are found again, by method."""
    methods = found.methods
    picture = draw(
        folder, "programs",
        "Precision and recall of links with planted programs: "
        + "; ".join(
            f"{name} {rounded(methods[method].precision.value)} and {rounded(methods[method].recall.value)}"
            for method, (name, _) in METHOD_ROWS.items()
        ) + ".",
        recovery_plot(found.methods),
    )  # fmt: skip
    confidence = evidence.facts.interval.confidence
    difference = found.difference_to["pca"]
    return Section(
        key="programs",
        title="Are the planted programs found again?",
        claim=f"Precision of the model's links minus that of PCA's: {with_interval(difference.precision, confidence)}; "
        f"recall: {with_interval(difference.recall, confidence)}.",
        picture=picture,
        baseline="PCA, ICA and NMF codes of equal width, by the same procedure; blind links",
        n=f"{found.n_programs} planted programs, {found.n_test} held-out profiles",
        table=Table(
            ("method", "links", "true", "decoys", "precision", "blind", "recall", "strongest", "average precision"),
            tuple(
                (
                    name, f"{own.links:,}", f"{own.true:,}", f"{own.decoys:,}",
                    rounded(own.precision.value), rounded(own.base_rate),
                    rounded(own.recall.value), rounded(own.strongest.value),
                    rounded(own.average_precision),
                )
                for name, own in ((title, methods[method]) for method, (title, _) in METHOD_ROWS.items())
            ),
        ),
        notes=(
            f"A link is true if the number follows the program's true activity with r above {found.r_needed} "
            "over held-out profiles, on the side that the link says. Many links are with programs that a number "
            "follows more weakly, so precision is low for all.",
            "All numbers together foretell "
            + ", ".join(
                f"{with_interval(found.decoded[method], confidence)} ({title})"
                for method, title in (("model", "model"), ("pca", "PCA"), ("nmf", "NMF"))
            )
            + " of the variance of a program's activity over held-out profiles, by least squares, a mean over the "
            "programs; the model's minus PCA's: "
            f"{with_interval(found.decoded_difference_to_pca, confidence, 3)}. So what single numbers seem to "
            "miss, the code as a whole may hold.",
            "Model, PCA, ICA and NMF by rank sums on the regression of genes on the code, all alike. Beside them the "
            "model's decoder by rank sums, and by the running sum, as in the links above.",
            "Dashes in the lower two panels: programs that any number follows, above which no links could come. "
            "Decoys: links with sets of random genes, as many and as large. Average precision over all pairs of number "
            "and program, ranked by score; a blind ranking reaches the share in the column before recall.",
        ),
    )  # fmt: skip


def program_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether planted programs are found again, and whether others find more or truer ones."""
    confidence = facts.interval.confidence
    sides = {
        method: {against(one.precision, 0.0), against(one.recall, 0.0)} for method, one in found.difference_to.items()
    }
    behind = [name for method, name in RIVALS.items() if "below" in sides[method]]
    ahead = all("above" in sides[method] and "below" not in sides[method] for method in RIVALS)
    methods = found.methods
    own = methods["model"]
    rivals = ", ".join(
        f"{title} {rounded(methods[name].precision.value)} (blind {methods[name].base_rate:.2f})"
        for name, title in RIVALS.items()
    )
    details = (
        f"{percent(own.recall.value)} of {found.n_programs} planted programs have a true link, and the "
        f"precision of the model's links is {with_interval(own.precision, confidence)}, where links drawn blindly "
        f"have {own.base_rate:.2f}; {rivals}."
    )
    standing: Standing = "bad" if behind else "good" if ahead else "open"
    claims = {
        "bad": f"Links with planted programs are fewer, or less often true, than those of {' and '.join(behind)}.",
        "good": "Links with planted programs are more, or more often true, than those of all other methods.",
        "open": "Links with planted programs are not clearly better than those of all other methods.",
    }
    return [Sentence(standing, claims[standing], details)]


SECTIONS = (programs_section,)
TOPICS = (Topic("Planted programs", "programs", program_sentences),)
