"""The section on “unknown” as an answer, and what it comes to in a sentence."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.unknown.draw import NAMES, unknown_figure
from cic.evaluation.questions.unknown.found import Found, Operating
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.words import Sentence, percent, with_interval


def unknown_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show how many profiles of unseen types are rejected, over how many of known ones are, by score."""
    confidence = evidence.facts.interval.confidence
    operating, auroc = found.operating, found.auroc
    picture = draw(
        folder, "unknown",
        "Share of unseen types rejected over share of known ones rejected. Area under the curve: "
        + ", ".join(f"{name} {auroc[key].value:.2f}" for key, name in NAMES.items()) + ".",
        unknown_figure(evidence.tables["unknown_curve"], auroc, operating),
    )  # fmt: skip
    remarks = {**evidence.facts.cautions, **evidence.facts.left_out}
    notes = [
        "The area is the chance that a profile of an unseen type scores above one of a known type; 0.5 is chance. "
        "The reconstruction error's minus the others': "
        + ", ".join(
            f"{NAMES[key]} {with_interval(difference, confidence)}" for key, difference in found.model_minus.items()
        )
        + ".",
        *_conformal_notes(found, confidence),
    ]
    if operating is not None:
        notes.append(
            f"Rows of the table: answered or rejected at the threshold that {percent(operating.error_rate)} of the "
            "validation profiles of known types pass (marks in the figure). One type in turn is unseen, so "
            f"{percent(operating.unknown_share)} of the profiles are unknown; each one answered is an error. With "
            "other shares the error among answered is another."
        )
    return Section(
        key="unknown",
        title="Does it notice what it does not know?",
        claim="By its reconstruction error the model tells profiles of a cell type that it never saw from known "
        f"ones with an area under the ROC curve of {with_interval(auroc['model_error'], confidence)}; by that of PCA "
        f"it is {with_interval(auroc['pca_error'], confidence)}.",
        picture=picture,
        baseline="PCA of equal width; the doubt of logistic regression on the code (1 minus its largest "
        "probability); the distance to the nearest mean of a known type, which needs no model; chance (dashed "
        "diagonal)",
        n=f"{found.n_unknown} held-out profiles of {found.n_types} types, each type left out in turn and told from "
        f"about {found.n_known} of the others ({found.units} {found.by}s resampled)",
        table=None if operating is None else _operating_table(operating),
        notes=(*notes, *(text for name, text in remarks.items() if name == "unknown" or name.startswith("unknown."))),
    )


def unknown_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether the reconstruction error gives away a cell type that training never had."""
    confidence = facts.interval.confidence
    auroc, minus = found.auroc["model_error"], found.model_minus
    details = (
        "The reconstruction error tells profiles of a cell type that the model never saw from known ones with an area "
        f"under the ROC curve of {with_interval(auroc, confidence)}, over {found.n_unknown} profiles of "
        f"{found.n_types} types (chance 0.5, PCA's error {found.auroc['pca_error'].value:.2f}, doubt of "
        f"logistic regression on the code {found.auroc['max_probability'].value:.2f}, distance to the nearest type "
        f"{found.auroc['centroid'].value:.2f})."
    )
    if auroc.low is None:
        return [Sentence("open", "Too few profiles are independent to tell whether unseen cell types show.", details)]
    claim = "The reconstruction error gives unseen cell types away"
    if against(auroc, 0.5) != "above":
        return [Sentence("bad", f"{claim} no better than chance.", details)]
    better = [f"the {NAMES[name]}" for name, difference in minus.items() if against(difference, 0.0) == "below"]
    if better:
        return [Sentence("bad", f"{claim} better than chance, but worse than {' and '.join(better)}.", details)]
    if all(against(difference, 0.0) == "above" for difference in minus.values()):
        return [Sentence("good", f"{claim}, better than each other score.", details)]
    return [Sentence("open", f"{claim} better than chance, but not clearly better than each other score.", details)]


def _conformal_notes(found: Found, confidence: float) -> list[str]:
    conformal = found.conformal
    if conformal is None:
        return []
    code, pca = conformal.methods["code"], conformal.methods["pca"]
    return [
        f"Sets of answers (split conformal, logistic regression on the code, {conformal.n_calibration} validation "
        f"profiles to calibrate on) were asked to hold the true type in {percent(conformal.guarantee)} of profiles "
        f"of known types. They hold it in {with_interval(code.coverage, confidence)} of "
        f"{conformal.n} held-out ones, with {with_interval(code.set_size, confidence)} of "
        f"{conformal.n_classes} types in a set; {percent(code.single.value)} have a single answer and "
        f"{percent(code.empty.value)} none, which says unknown. On PCA's code: "
        f"{with_interval(pca.coverage, confidence)}, with "
        f"{with_interval(pca.set_size, confidence)} types in a set. The "
        "guarantee is for profiles that are exchangeable with the validation part's, which also chose the best epoch; "
        "profiles of a new study or donor are not, and may be covered less often."
    ]


def _operating_table(operating: Operating) -> Table:
    always = operating.always
    rows = [
        ("always answers", percent(1.0), percent(0.0), *(_share(error) for error in (always.error, always.error_known)))
    ]
    for name, point in operating.scores.items():
        shares = (point.known_answered, point.unknown_rejected, point.error, point.error_known)
        rows.append((NAMES[name], *(_share(share) for share in shares)))
    columns = ("rejects by", "known answered", "unseen rejected", "wrong of answered", "wrong of known answered")
    return Table(columns, tuple(rows))


def _share(interval: Interval) -> str:
    """Give a share with its bounds, as a table has room for."""
    if not interval.is_defined:
        return "none answered"
    value = percent(interval.value)
    if interval.bounds is None:
        return value
    low, high = interval.bounds
    return f"{value} ({percent(low)} to {percent(high)})"


SECTIONS = (unknown_section,)
TOPICS = (Topic("“Unknown” as an answer", "unknown", unknown_sentences, ("resampling", "unseen_types")),)
