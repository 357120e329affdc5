"""Sections on cell identity: how well it is told, which types are mistaken, what probabilities are worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cic.evaluation.classifiers.names import METHOD_NAMES
from cic.evaluation.drawing.drawing import draw
from cic.evaluation.questions.identity.draw import confusion_figure, reliability_figure, score_figure
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.words import Metrics, Sentence, listed, with_interval


def identity_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show how well the cell type is told, by method."""
    found = evidence.metrics["identity"]
    if found is None:
        return None
    methods, confidence = found["methods"], evidence.metrics["interval"]["confidence"]
    ordered = {name: methods[name] for name in METHOD_NAMES}
    rivals = found["differences"]["joint"]
    picture = draw(
        folder, "identity",
        f"Balanced accuracy, chance {found['chance']:.2f}: "
        + ", ".join(f"{METHOD_NAMES[name]} {one['balanced_accuracy']['value']:.2f}" for name, one in ordered.items()),
        lambda: score_figure({name: _interval(one["balanced_accuracy"]) for name, one in ordered.items()},
                             found["chance"]),
    )  # fmt: skip
    notes = [
        f"Nested cross-validation over {found['n_folds']} folds, each {found['folds_by']} whole in one; autoencoder "
        "and classifiers trained without the fold that is scored, every classifier tuned inside the others. On genes: "
        "all modelled genes (random forest: the 1,000 most variable). PCA codes have as many numbers as the code.",
        "Fixed beforehand: the joint classifier is the model's answer, and the four methods with a difference in the "
        "table are its rivals. The difference is of balanced accuracies on the same profiles.",
    ]
    own = found["bundle_classifier"]
    if own is None:
        notes.append("The measured model has no classifier of its own, or no labelled test profile.")
    else:
        unseen = f", {own['n_unseen']} of types that it does not know" if own["n_unseen"] else ""
        notes.append(
            "The classifier inside the measured model reaches a balanced accuracy of "
            f"{with_interval(own['balanced_accuracy'], confidence)} on the {own['n']} labelled test profiles{unseen}."
        )
    return Section(
        "identity",
        "Can the cell type be told from the code?",
        "Balanced accuracy of the joint classifier: "
        f"{with_interval(methods['joint']['balanced_accuracy'], confidence)}. Minus that of LDA on genes: "
        f"{with_interval(rivals['profile_lda'], confidence)}.",
        picture,
        "classifiers on all genes and on PCA codes of equal width; always saying the most frequent type",
        f"{found['n']} labelled profiles of {found['n_labels']} types ({found['interval']['units']} "
        f"{found['interval']['by']}s resampled for the intervals)",
        Table(
            ("method", "balanced accuracy", "macro F1", "accuracy", "joint minus it"),
            tuple(
                (
                    METHOD_NAMES[name],
                    _spanned(one["balanced_accuracy"]),
                    f"{one['macro_f1']['value']:.3f}",
                    f"{one['accuracy']['value']:.3f}",
                    _spanned(rivals[name]) if name in rivals else "",
                )
                for name, one in ordered.items()
            ),
        ),
        (*notes, *_said(evidence.metrics, ("identity.labels", "identity.folds", "identity.unseen"))),
    )


def confusion_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show which types the joint classifier takes for which."""
    found = evidence.metrics["identity"]
    if found is None:
        return None
    counts = evidence.tables["confusion"]
    joint = counts[counts["method"] == "joint"]
    wrong = joint[joint["true"] != joint["predicted"]].sort_values("n", ascending=False, kind="stable")
    common = [
        f"{row['true']} for {row['predicted'] or 'nothing'} ({row['n']})" for row in wrong.head(5).to_dict("records")
    ]
    spoken = "Most frequent: " + ", ".join(common) + "." if common else "There is none."
    picture = draw(
        folder, "confusion", f"Confusion matrix of {found['n_labels']} types. {spoken}", lambda: confusion_figure(joint)
    )
    rival = counts[(counts["method"] == "profile_lda") & (counts["true"] != counts["predicted"])]["n"].sum()
    return Section(
        "confusion",
        "Which cell types are mistaken for which?",
        f"The joint classifier mistakes {wrong['n'].sum():,} of {found['n']:,} profiles. {spoken}",
        picture,
        f"LDA on genes mistakes {rival}",
        f"{found['n']} labelled profiles, each told by a model that saw nothing of its {found['folds_by']}",
        notes=(
            "Each row is a true type and sums to 100%; the deeper a colour, the larger the share. Right answers are "
            "blue and on the diagonal, mistakes orange.",
        ),
    )


def calibration_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show if probabilities mean what they say."""
    found = evidence.metrics["identity"]
    if found is None or found["calibration"] is None:
        return None
    joint, table = found["calibration"]["joint"], evidence.tables["reliability"]
    own = table[table["method"] == "joint"]
    picture = draw(
        folder, "reliability",
        f"Accuracy by confidence: calibration error {100 * joint['ece_before']:.1f}% before and "
        f"{100 * joint['ece_after']:.1f}% after temperature scaling.",
        lambda: reliability_figure(own, joint),
    )  # fmt: skip
    bins = own["bin"].max()
    return Section(
        "calibration",
        "Do its probabilities mean what they say?",
        "The certainty of the joint classifier differs from its share of right answers by "
        f"{100 * joint['ece_after']:.1f}% on average ({100 * joint['ece_before']:.1f}% before its temperature was "
        f"fitted); perfect probabilities would come to {100 * joint['ece_by_chance']:.1f}% on as many profiles.",
        picture,
        "the diagonal: of answers given with 80% certainty, 80% are right",
        f"{joint['n']} profiles in {bins} bins of equal numbers",
        Table(
            ("method", "temperature", "error before", "error after", "by chance", "log loss before", "log loss after"),
            tuple(
                (
                    METHOD_NAMES[name],
                    f"{one['temperature']:.2f}",
                    *(f"{one[key]:.3f}" for key in ("ece_before", "ece_after", "ece_by_chance")),
                    *(f"{one[key]:.3f}" for key in ("nll_before", "nll_after")),
                )
                for name, one in found["calibration"].items()
            ),
        ),
        (
            "Temperature scaling divides all logits by one number, fitted on the validation part; it changes no "
            "answer. Errors are expected calibration errors; log loss is the mean negative log-likelihood in nats.",
        ),
    )


def _interval(plain: Mapping[str, Any]) -> Interval:
    return Interval(float("nan") if plain["value"] is None else plain["value"], plain["low"], plain["high"])


def _spanned(interval: Mapping[str, Any]) -> str:
    """Give ``0.912 (0.880 to 0.941)``."""
    value = f"{interval['value']:.3f}"
    return value if interval["low"] is None else f"{value} ({interval['low']:.3f} to {interval['high']:.3f})"


def _said(metrics: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    kinds = (("left_out", "Left out: "), ("cautions", ""))
    return [before + metrics[kind][name] for name in names for kind, before in kinds if name in metrics[kind]]


def identity_sentences(metrics: Metrics) -> list[Sentence]:
    """Say how well the cell type is told from the code, and who tells it better."""
    found, confidence = metrics["identity"], metrics["interval"]["confidence"]
    if found is None:
        return [Sentence("open", "Cell identity was not measured.", f"Left out: {metrics['left_out']['identity']}")]
    balanced, rivals = found["methods"]["joint"]["balanced_accuracy"], found["differences"]["joint"]
    value = {name: found["methods"][name]["balanced_accuracy"]["value"] for name in rivals}
    told = (
        f"The cell type of a profile that was left out is told from its code with a balanced accuracy of "
        f"{with_interval(balanced, confidence)} by the joint classifier; chance is {found['chance']:.2f}, and "
        + ", ".join(f"{METHOD_NAMES[name]} {value[name]:.2f}" for name in rivals)
        + "."
    )
    if against(balanced, found["chance"]) != "above":
        return [Sentence("bad", "Cell types are told from the code no better than chance.", told)]
    if balanced["value"] == 1 and set(value.values()) == {1.0}:
        return [Sentence("open", "These cell types are so distinct that every method tells them without error.", told)]
    sides = {name: against(interval, 0.0) for name, interval in rivals.items()}
    by_side = {
        text: [METHOD_NAMES[name] for name, found_side in sides.items() if found_side == side]
        for side, text in (("below", "worse than"), ("undecided", "no better than"), ("above", "better than"))
    }
    compared = "; ".join(f"{text} {listed(names)}" for text, names in by_side.items() if names)
    claim = f"Cell types can be told from the code: {compared}."
    if by_side["worse than"]:
        return [Sentence("bad", claim, told)]
    return [Sentence("open" if by_side["no better than"] else "good", claim, told)]


SECTIONS = (identity_section, confusion_section, calibration_section)
TOPICS = (Topic("Cell identity", "identity", identity_sentences, ("identity.resampling",)),)
