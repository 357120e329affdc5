"""Sections on what the model can do: reconstruction, cell types one by one, identity, the look of the codes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cic.evaluation.intervals import Interval
from cic.evaluation.report import figures, maps
from cic.evaluation.report.drawing import Row, draw
from cic.evaluation.report.section import Evidence, Section, Table
from cic.evaluation.report.verdict import METHOD_NAMES, percent, with_interval


def reconstruction_section(evidence: Evidence, folder: Path) -> Section:
    """Show reconstruction error beside mean profile, PCA, span ceiling and replicates."""
    metrics = evidence.metrics
    width, ceiling = metrics["model"]["bottleneck_width"], metrics["replicates"]
    rmse = {name: _interval(value) for name, value in metrics["rmse"].items()}
    unexplained = {name: _interval(value) for name, value in metrics["unexplained_variance"].items()}
    notes = [
        "Mean profile: the training mean for everyone. Span ceiling: the least error that any such model could reach "
        "from these training profiles, since it can only make combinations of what they span.",
        f"Median Pearson r over genes between a profile and its reconstruction: "
        f"{_figure(metrics['pearson_median']['model'])}; PCA {_figure(metrics['pearson_median']['pca'])}; even the "
        f"mean profile {_figure(metrics['pearson_median']['mean_profile'])}, because genes differ so much in level.",
    ]
    if ceiling is None:
        notes.append(f"No replicate ceiling: {metrics['left_out']['replicates']}")
    else:
        rmse["replicates"] = Interval(ceiling["rmse_between"], None, None)
        which = "held-out" if ceiling["held_out"] else "replicate sets of all parts (too few are held out)"
        notes.append(
            f"Over the {ceiling['n_sets']} {which} sets the root mean squared error is {ceiling['rmse_model']:.3f} for "
            f"the model, {ceiling['rmse_pca']:.3f} for PCA and {ceiling['rmse_between']:.3f} between replicates, whose "
            f"median r is {_figure(ceiling['pearson_median'])}. Two replicates differ by the noise of both, so a "
            "perfect reconstruction of what they share would come to 0.71 of their distance, not to 0."
        )
        if ceiling["rmse_span_ceiling"] > ceiling["rmse_between"]:
            notes.append(
                f"Even the span ceiling of these sets, {ceiling['rmse_span_ceiling']:.3f}, lies above the distance of "
                "replicates: no model trained on these profiles alone could be as accurate as they are."
            )
    order = ("mean_profile", "pca", "model", "replicates", "span_ceiling")
    spoken = ", ".join(f"{name.replace('_', ' ')} {rmse[name].value:.3f}" for name in order if name in rmse)
    picture = draw(
        folder, "reconstruction", f"Root mean squared error a gene: {spoken}.",
        lambda: figures.reconstruction(rmse, unexplained, width, evidence.scaled),
    )  # fmt: skip
    return Section(
        "reconstruction",
        "How well are profiles reproduced?",
        f"Unexplained variance is {with_interval(metrics['ratio_to_pca'], metrics['interval']['confidence'])} times "
        "that of PCA with as many numbers. Further left is better.",
        picture,
        "PCA of equal width fitted on the same training profiles, mean profile, span ceiling"
        + (", technical replicates" if ceiling else ""),
        _held_out(metrics),
        notes=tuple(notes),
    )


def label_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show unexplained variance over PCA's, a cell type a line."""
    table, metrics = evidence.labels, evidence.metrics
    if table.empty:
        return None
    spoken = ", ".join(f"{row['label']} {row['ratio_to_pca']:.2f}" for row in table.to_dict("records"))
    picture = draw(
        folder, "labels",
        f"Ratio to PCA by cell type: {spoken}.",
        lambda: figures.label_ratios(table),
    )  # fmt: skip
    found = metrics["labels"]
    return Section(
        "labels",
        "Is that so for every cell type?",
        f"Better than PCA on {found['n_better_than_pca']} of {found['n']} cell types, worse on "
        f"{found['n_worse_than_pca']}, undecided on {found['n_undecided']}.",
        picture,
        "PCA of equal width (dashed line)",
        f"{metrics['profiles']['test']} held-out profiles ({found['by']}s resampled for the intervals)",
        Table(
            ("cell type", "n", "model", "PCA", "ratio"),
            tuple(
                (
                    str(row["label"]),
                    str(row["n"]),
                    percent(row["unexplained_model"]),
                    percent(row["unexplained_pca"]),
                    f"{row['ratio_to_pca']:.2f}",
                )
                for row in table.to_dict("records")
            ),
        ),
        (
            "Percentages are unexplained variance. A dot without a bar has too few independent profiles for an "
            "interval.",
            *([metrics["cautions"]["labels"]] if "labels" in metrics["cautions"] else []),
        ),
    )


def identity_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show how well the cell type can be told, by method."""
    metrics = evidence.metrics
    found = metrics["classification"]
    if found is None:
        return None
    marks = {"model_classifier": "model", "code_logistic": "model", "majority": "baseline"}
    rows = [
        Row(_wrapped(METHOD_NAMES[name]), _interval(scores["balanced_accuracy"]), marks.get(name, "pca"))
        for name, scores in found["methods"].items()
    ]
    picture = draw(
        folder, "identity",
        "Balanced accuracy: " + ", ".join(f"{METHOD_NAMES[name]} {scores['balanced_accuracy']['value']:.2f}"
                                          for name, scores in found["methods"].items()),
        lambda: figures.scores(rows, found["chance"]),
    )  # fmt: skip
    notes = ["Logistic regression (L2, C = 1) and nearest centroid on standardised codes, not tuned."]
    if found["n_unseen"]:
        notes.append(
            f"{found['n_unseen']} of the held-out cell types do not occur in training; they count as errors of every "
            "method."
        )
    if "model_classifier" not in found["methods"]:
        notes.append("The model has no classifier of its own (`training.label_weight` is 0).")
    return Section(
        "identity",
        "Can the cell type be told from the code?",
        "Balanced accuracy from the code minus that of logistic regression on PCA codes: "
        f"{with_interval(found['difference_to_pca'], metrics['interval']['confidence'])}.",
        picture,
        "classifiers on PCA codes of equal width; always saying the most frequent type",
        f"{found['n']} labelled held-out profiles of {found['n_labels']} types",
        Table(
            ("method", "accuracy", "balanced", "macro F1"),
            tuple(
                (METHOD_NAMES[name], *(f"{scores[kind]['value']:.2f}" for kind in scores))
                for name, scores in found["methods"].items()
            ),
        ),
        tuple(notes),
    )


def map_section(evidence: Evidence, folder: Path) -> Section:
    """Show the codes in two dimensions."""
    samples = evidence.samples
    label_S = samples["label"] if "label" in samples else pd.Series(None, index=samples.index, dtype="object")
    held_out_S = evidence.part_S == "test"
    picture = draw(
        folder, "codes",
        f"Scatter plot of {len(samples)} codes in two dimensions, coloured by {label_S.nunique()} labels.",
        lambda: maps.code_map(evidence.xy_S2, label_S, held_out_S, evidence.shares),
    )  # fmt: skip
    return Section(
        "codes",
        "What do the codes look like?",
        f"The two directions in which codes vary most hold {percent(sum(evidence.shares))} of their variance.",
        picture,
        n=f"{len(samples)} profiles: {held_out_S.sum()} held out (large), the others small",
        notes=(
            "Two of many directions: types that overlap here may be apart in others. Axes on which a few types lie far "
            "out are compressed towards their ends.",
        ),
    )


def _interval(plain: Mapping[str, Any]) -> Interval:
    return Interval(float("nan") if plain["value"] is None else plain["value"], plain["low"], plain["high"])


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _held_out(metrics: Mapping[str, Any]) -> str:
    interval, n = metrics["interval"], metrics["profiles"]["test"]
    return f"{n} held-out profiles ({interval['units']} {interval['by']}s resampled for the intervals)"


def _wrapped(name: str) -> str:
    """Break a long name in two lines, for the axis of a narrow figure."""
    middle = name.find(" on ")
    return name if middle < 0 else name[:middle] + "\n" + name[middle + 1 :]
