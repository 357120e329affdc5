"""Sections on cell identity: how well it is told, which types are mistaken, what probabilities are worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator

from cic.evaluation.intervals import Interval
from cic.evaluation.report.drawing import BLUE, GREY, INK, VERMILION, Row, dot_plot, draw, new_figure
from cic.evaluation.report.section import Evidence, Section, Table
from cic.evaluation.report.verdict import METHOD_NAMES, with_interval

SHARE_IN_CELL, NAMED_COLUMNS = 12, 20
"""Types up to which cells of the confusion matrix hold numbers, and its columns names rather than numbers."""


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


def score_figure(scores: Mapping[str, Interval], chance: float) -> Figure:
    """Draw balanced accuracy by method; where all but chance is far right, the axis begins there and says so."""
    lows = [one.value if one.low is None else one.low for name, one in scores.items() if name != "majority"]
    near = min(lows) > max(0.6, chance + 0.2)
    kinds = {"joint": "model", "code": "model", "pca": "pca"}
    rows = [
        Row(METHOD_NAMES[name], one, kinds.get(name.split("_")[0], "baseline"), f"{one.value:.3f}")
        for name, one in scores.items()
        if not (near and name == "majority")
    ]
    figure, (axes,) = new_figure(0.9 + 0.21 * len(rows))
    dot_plot(axes, rows, reference=None if near else chance)
    left = np.floor(20 * min(lows) - 0.5) / 20 if near else 0.0
    axes.set_xlim(left, 1 + 0.02 * (1 - left))
    where = "left of this axis" if near else "dashed line"
    axes.set_xlabel(f"balanced accuracy (chance {chance:.2f}: {where})")
    return figure


def confusion_figure(joint: pd.DataFrame) -> Figure:
    """Draw, by true type (rows, summing to 1) and answer, the share of profiles as depth of colour."""
    names = sorted({*joint["true"], *joint["predicted"]})
    at = {name: number for number, name in enumerate(names)}
    share = joint["n"] / joint.groupby("true")["n"].transform("sum")
    few = len(names) <= NAMED_COLUMNS
    figure, (axes,) = new_figure(max(2.0, 1.1 + (0.2 if few else 0.135) * len(names)))
    cells, colours = [], []
    for true, said, part in zip(joint["true"], joint["predicted"], share, strict=True):
        cells.append(Rectangle((at[said] - 0.5, at[true] - 0.5), 1, 1))
        # the least share must still be seen on light and on dark paper
        colours.append(((BLUE if true == said else VERMILION), 0.45 + 0.45 * part))
        if len(names) <= SHARE_IN_CELL:
            percentage = f"{100 * part:.0f}" if part >= 0.01 else "<1"
            axes.text(at[said], at[true], percentage, ha="center", va="center", fontsize=7.5, color=INK)
    axes.add_collection(PatchCollection(cells, facecolors=colours, linewidths=0))
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    size = 8 if few else 7
    shown = [name if len(name) <= 28 else name[:27] + "…" for name in names]
    if few:
        axes.set_xticks(range(len(names)), shown, rotation=90 if len(names) > 3 else 0, fontsize=size)
        axes.set_yticks(range(len(names)), shown, fontsize=size)
    else:
        every = range(4, len(names), 5)
        axes.set_xticks(every, [str(number + 1) for number in every], fontsize=size)
        axes.set_yticks(
            range(len(names)), [f"{name} · {number}" for number, name in enumerate(shown, 1)], fontsize=size
        )
    axes.grid(visible=False)
    axes.xaxis.set_minor_locator(MultipleLocator(1, -0.5))
    axes.yaxis.set_minor_locator(MultipleLocator(1, -0.5))
    if few:
        axes.grid(which="minor")
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("answer" if few else "answer (numbers as at the left)")
    axes.set_ylabel("true type")
    return figure


def reliability_figure(table: pd.DataFrame, joint: Mapping[str, Any]) -> Figure:
    """Draw accuracy over confidence by bin, before and after temperature scaling."""
    figure, (axes,) = new_figure(3.4)
    low = max(0.0, np.floor(10 * table[["confidence", "accuracy"]].to_numpy().min() - 0.5) / 10)
    high = min(1.0, np.ceil(10 * table[["confidence", "accuracy"]].to_numpy().max() + 0.5) / 10)
    axes.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1, zorder=1)
    for when, colour, marker, face in (("before", GREY, "D", "none"), ("after", BLUE, "o", BLUE)):
        own = table[table["when"] == when]
        axes.plot(
            own["confidence"], own["accuracy"], marker=marker, color=colour, markerfacecolor=face, linewidth=1.2,
            markersize=5, clip_on=False, linestyle=":" if when == "before" else "-", zorder=3,
            label=f"{when}: error {100 * joint['ece_' + when]:.1f}%",
        )  # fmt: skip
    margin = 0.02 * (high - low)
    axes.set_xlim(low, high + margin)
    axes.set_ylim(low, high + margin)
    axes.set_xlabel(f"certainty of the answer (about {table['n'].median():.0f} profiles a mark)")
    axes.set_ylabel("share of right answers")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.13), ncols=2, borderaxespad=0)
    return figure


def _interval(plain: Mapping[str, Any]) -> Interval:
    return Interval(float("nan") if plain["value"] is None else plain["value"], plain["low"], plain["high"])


def _spanned(interval: Mapping[str, Any]) -> str:
    """Give ``0.912 (0.880 to 0.941)``."""
    value = f"{interval['value']:.3f}"
    return value if interval["low"] is None else f"{value} ({interval['low']:.3f} to {interval['high']:.3f})"


def _said(metrics: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    kinds = (("left_out", "Left out: "), ("cautions", ""))
    return [before + metrics[kind][name] for name in names for kind, before in kinds if name in metrics[kind]]
