"""Sections on cell identity: how well it is told, which types are mistaken, what probabilities are worth."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.classifiers.names import METHOD_NAMES
from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.identity.cross_validation import ANSWER
from cic.evaluation.questions.identity.draw import confusion_figure, reliability_figure, score_figure
from cic.evaluation.questions.identity.found import Found
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, listed, spanned, with_interval


def identity_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show how well the cell type is told, by method."""
    methods, confidence = found.methods, evidence.facts.interval.confidence
    ordered = {name: methods[name] for name in METHOD_NAMES}
    rivals = found.differences[ANSWER]
    picture = draw(
        folder, "identity",
        f"Balanced accuracy, chance {found.chance:.2f}: "
        + ", ".join(f"{METHOD_NAMES[name]} {one.balanced_accuracy.value:.2f}" for name, one in ordered.items()),
        score_figure({name: one.balanced_accuracy for name, one in ordered.items()},
                             found.chance),
    )  # fmt: skip
    notes = [
        f"Nested cross-validation over {found.n_folds} folds, each {found.folds_by} whole in one; autoencoder "
        "and classifiers trained without the fold that is scored, every classifier tuned inside the others. On genes: "
        "all modelled genes (random forest: the 1,000 most variable). PCA codes have as many numbers as the code.",
        "Fixed beforehand: the classifier, found after training, is the model's answer, and the "
        "four methods with a difference in the table are its rivals. The joint classifier is trained along with the "
        "code. The difference is of balanced accuracies on the same profiles.",
    ]
    inside = found.bundle_classifier
    if inside is None:
        notes.append("The measured model has no classifier of its own, or no labelled test profile.")
    else:
        unseen = f", {inside.n_unseen} of types that it does not know" if inside.n_unseen else ""
        notes.append(
            "The classifier inside the measured model reaches a balanced accuracy of "
            f"{with_interval(inside.balanced_accuracy, confidence)} on the {inside.n} labelled test profiles{unseen}."
        )
    return Section(
        key="identity",
        title="Can the cell type be told?",
        claim="Balanced accuracy of the classifier: "
        f"{with_interval(methods[ANSWER].balanced_accuracy, confidence)}. Minus that of LDA on genes: "
        f"{with_interval(rivals['profile_lda'], confidence)}.",
        picture=picture,
        baseline="classifiers on all genes and on PCA codes of equal width; always saying the most frequent type",
        n=f"{found.n} labelled profiles of {found.n_labels} types ({found.interval.units} "
        f"{found.interval.by}s resampled for the intervals)",
        table=Table(
            ("method", "balanced accuracy", "macro F1", "accuracy", "classifier minus it"),
            tuple(
                (
                    METHOD_NAMES[name],
                    spanned(one.balanced_accuracy, 3),
                    f"{one.macro_f1.value:.3f}",
                    f"{one.accuracy.value:.3f}",
                    spanned(rivals[name], 3) if name in rivals else "",
                )
                for name, one in ordered.items()
            ),
        ),
        notes=(*notes, *_remarks(evidence.facts, ("identity.labels", "identity.folds", "identity.unseen"))),
    )


def confusion_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show which types the classifier takes for which."""
    counts = evidence.tables["confusion"]
    own = counts[counts["method"] == ANSWER]
    wrong = own[own["true"] != own["predicted"]].sort_values("n", ascending=False, kind="stable")
    common = [
        f"{row['true']} for {row['predicted'] or 'nothing'} ({row['n']})" for row in wrong.head(5).to_dict("records")
    ]
    spoken = " Most frequent: " + ", ".join(common) + "." if common else ""
    picture = draw(folder, "confusion", f"Confusion matrix of {found.n_labels} types.{spoken}", confusion_figure(own))
    rival = counts[(counts["method"] == "profile_lda") & (counts["true"] != counts["predicted"])]["n"].sum()
    return Section(
        key="confusion",
        title="Which cell types are mistaken for which?",
        claim=f"The classifier mistakes {wrong['n'].sum():,} of {found.n:,} profiles.{spoken}",
        picture=picture,
        baseline=f"LDA on genes mistakes {rival}",
        n=f"{found.n} labelled profiles, each told by a model that saw nothing of its {found.folds_by}",
        notes=(
            "Each row is a true type and sums to 100%; the deeper a colour, the larger the share. Right answers are "
            "blue and on the diagonal, mistakes orange.",
        ),
    )


def calibration_section(found: Found, evidence: Evidence, folder: Path) -> Section | None:
    """Show if probabilities mean what they say."""
    if found.calibration is None:
        return None
    own, table = found.calibration[ANSWER], evidence.tables["reliability"]
    own_bins = table[table["method"] == ANSWER]
    picture = draw(
        folder, "reliability",
        f"Accuracy by confidence: calibration error {100 * own.ece_before:.1f}% before and "
        f"{100 * own.ece_after:.1f}% after temperature scaling.",
        reliability_figure(own_bins, own),
    )  # fmt: skip
    bins = own_bins["bin"].max()
    return Section(
        key="calibration",
        title="Do its probabilities mean what they say?",
        claim="The certainty of the classifier differs from its share of right answers by "
        f"{100 * own.ece_after:.1f}% on average ({100 * own.ece_before:.1f}% before its temperature was "
        f"fitted); perfect probabilities would come to {100 * own.ece_by_chance:.1f}% on as many profiles.",
        picture=picture,
        baseline="the diagonal: of answers given with 80% certainty, 80% are right",
        n=f"{own.n} profiles in {bins} bins of equal numbers",
        table=Table(
            ("method", "temperature", "error before", "error after", "by chance", "log loss before", "log loss after"),
            tuple(
                (
                    METHOD_NAMES[name],
                    f"{one.temperature:.2f}",
                    *(f"{error:.3f}" for error in (one.ece_before, one.ece_after, one.ece_by_chance)),
                    *(f"{loss:.3f}" for loss in (one.nll_before, one.nll_after)),
                )
                for name, one in found.calibration.items()
            ),
        ),
        notes=(
            "Temperature scaling divides all logits by one number, fitted on the validation part; it changes no "
            "answer. Errors are expected calibration errors; log loss is the mean negative log-likelihood in nats.",
        ),
    )


def _remarks(facts: Facts, names: tuple[str, ...]) -> list[str]:
    kinds = ((facts.left_out, "Left out: "), (facts.cautions, ""))
    return [before + texts[name] for name in names for texts, before in kinds if name in texts]


def identity_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say how well the cell type is told, and who tells it better."""
    confidence = facts.interval.confidence
    balanced, rivals = found.methods[ANSWER].balanced_accuracy, found.differences[ANSWER]
    value = {name: found.methods[name].balanced_accuracy.value for name in rivals}
    details = (
        f"The cell type of a profile that was left out is told with a balanced accuracy of "
        f"{with_interval(balanced, confidence)} by the classifier; chance is {found.chance:.2f}, and "
        + ", ".join(f"{METHOD_NAMES[name]} {value[name]:.2f}" for name in rivals)
        + "."
    )
    if against(balanced, found.chance) != "above":
        return [Sentence("bad", "Cell types are told no better than chance.", details)]
    if balanced.value == 1 and set(value.values()) == {1.0}:
        return [
            Sentence("open", "These cell types are so distinct that every method tells them without error.", details)
        ]
    sides = {name: against(interval, 0.0) for name, interval in rivals.items()}
    by_side = {
        text: [METHOD_NAMES[name] for name, found_side in sides.items() if found_side == side]
        for side, text in (("below", "worse than"), ("undecided", "no better than"), ("above", "better than"))
    }
    compared = "; ".join(f"{text} {listed(names)}" for text, names in by_side.items() if names)
    claim = f"Cell types can be told: {compared}."
    if by_side["worse than"]:
        return [Sentence("bad", claim, details)]
    return [Sentence("open" if by_side["no better than"] else "good", claim, details)]


def unmeasured(facts: Facts) -> list[Sentence]:
    """Say that nobody knows how well the cell type is told."""
    return [Sentence("open", "Cell identity was not measured.", f"Left out: {facts.left_out['identity']}")]


SECTIONS = (identity_section, confusion_section, calibration_section)
TOPICS = (Topic("Cell identity", "identity", identity_sentences, ("identity.resampling",), unmeasured),)
