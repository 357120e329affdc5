"""Section on planted programs: whether the links with them are true, and those of other methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.questions.programs.draw import METHOD_ROWS, recovery_plot
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, Standing, percent, with_interval

RIVALS = {"pca": "PCA", "ica": "ICA", "nmf": "NMF"}


def programs_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show how many of the planted programs are found again, by method."""
    recovery = evidence.metrics["programs"]
    if recovery is None:
        return None
    methods = recovery["methods"]
    picture = draw(
        folder, "programs",
        "Precision and recall of links with planted programs: "
        + "; ".join(
            f"{name} {_figure(methods[method]['precision']['value'])} and {_figure(methods[method]['recall']['value'])}"
            for method, (name, _) in METHOD_ROWS.items()
        ) + ".",
        lambda: recovery_plot(recovery),
    )  # fmt: skip
    confidence = evidence.metrics["interval"]["confidence"]
    difference = recovery["difference_to"]["pca"]
    return Section(
        "programs",
        "Are the planted programs found again?",
        f"Precision of the model's links minus that of PCA's: {with_interval(difference['precision'], confidence)}; "
        f"recall: {with_interval(difference['recall'], confidence)}.",
        picture,
        "PCA, ICA and NMF codes of equal width, by the same procedure; blind links",
        f"{recovery['n_programs']} planted programs, {recovery['n_test']} held-out profiles",
        Table(
            ("method", "links", "true", "decoys", "precision", "blind", "recall", "strongest", "average precision"),
            tuple(
                (
                    name, f"{own['links']:,}", f"{own['true']:,}", f"{own['decoys']:,}",
                    _figure(own["precision"]["value"]), _figure(own["base_rate"]),
                    _figure(own["recall"]["value"]), _figure(own["strongest"]["value"]),
                    _figure(own["average_precision"]),
                )
                for name, own in ((told, methods[method]) for method, (told, _) in METHOD_ROWS.items())
            ),
        ),
        (
            f"A link is true if the number follows the program's true activity with r above {recovery['r_needed']} "
            "over held-out profiles, on the side that the link says. Many links are with programs that a number "
            "follows more weakly, so precision is low for all.",
            "All numbers together foretell "
            + ", ".join(
                f"{with_interval(recovery['decoded'][method], confidence)} ({told})"
                for method, told in (("model", "model"), ("pca", "PCA"), ("nmf", "NMF"))
            )
            + " of the variance of a program's activity over held-out profiles, by least squares, a mean over the "
            "programs; the model's minus PCA's: "
            f"{with_interval(recovery['decoded_difference_to_pca'], confidence, 3)}. So what single numbers seem to "
            "miss, the code as a whole may hold.",
            "Model, PCA, ICA and NMF by rank sums on the regression of genes on the code, all alike. Beside them the "
            "model's decoder by rank sums, and by the running sum, as in the links above.",
            "Dashes in the lower two panels: programs that any number follows, above which no links could come. "
            "Decoys: links with sets of random genes, as many and as large. Average precision over all pairs of number "
            "and program, ranked by score; a blind ranking reaches the share in the column before recall.",
        ),
    )  # fmt: skip


def program_sentences(metrics: Mapping[str, Any]) -> list[Sentence]:
    """Say whether planted programs are found again, and whether others find more or truer ones."""
    recovery, confidence = metrics["programs"], metrics["interval"]["confidence"]
    if recovery is None:
        return []
    sides = {
        (method, share): against(recovery["difference_to"][method][share], 0.0)
        for method in RIVALS
        for share in ("precision", "recall")
    }
    behind = [RIVALS[method] for method in RIVALS if "below" in (sides[method, "precision"], sides[method, "recall"])]
    ahead = all(
        "above" in (sides[method, "precision"], sides[method, "recall"]) and RIVALS[method] not in behind
        for method in RIVALS
    )
    methods = recovery["methods"]
    own = methods["model"]
    rivals = ", ".join(
        f"{told} {_figure(methods[name]['precision']['value'])} (blind {methods[name]['base_rate']:.2f})"
        for name, told in RIVALS.items()
    )
    told = (
        f"{percent(own['recall']['value'])} of {recovery['n_programs']} planted programs have a true link, and the "
        f"precision of the model's links is {with_interval(own['precision'], confidence)}, where links drawn blindly "
        f"have {own['base_rate']:.2f}; {rivals}."
    )
    standing: Standing = "bad" if behind else "good" if ahead else "open"
    claims = {
        "bad": f"Links with planted programs are fewer, or less often true, than those of {' and '.join(behind)}.",
        "good": "Links with planted programs are more, or more often true, than those of all other methods.",
        "open": "Links with planted programs are not clearly better than those of all other methods.",
    }
    return [Sentence(standing, claims[standing], told)]


def _figure(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.2f}"


SECTIONS = (programs_section,)
TOPICS = (Topic("Planted programs", "programs", program_sentences),)
