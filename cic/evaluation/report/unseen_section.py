"""Sections on cell types and groups that the model never saw, and what they come to in a sentence each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cic.evaluation.intervals import FEWEST_UNITS, Interval, against
from cic.evaluation.report.drawing import BLUE, GREY, VERMILION, WIDTH, Row, dot_plot, draw, new_figure
from cic.evaluation.report.few_groups import one_by_one_section, one_by_one_sentence
from cic.evaluation.report.section import Evidence, Section, Table
from cic.evaluation.report.verdict import Sentence, Standing, percent, with_interval

MOST_ROWS = 60
"""Groups that are drawn by name; more are drawn by rank."""
MOST_POINTED_OUT = 3
"""Types that the scatter plot names."""


def unseen_types_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show how profiles of a type are reproduced by a model that never saw it, a type a line."""
    found = evidence.metrics["unseen_types"]
    if found is None:
        return None
    table, confidence = evidence.tables["unseen_types"], evidence.metrics["interval"]["confidence"]
    spoken = ", ".join(
        f"{row['label']} {row['ratio_to_pca']:.2f} and {row['ratio_to_seen']:.2f}" for row in table.to_dict("records")
    )
    picture = draw(
        folder, "unseen_types",
        f"Squared error on each type that was left out, over that of PCA and of the model that saw the type: {spoken}.",
        lambda: unseen_types_figure(table),
    )  # fmt: skip
    n_types = found["n_types"]
    notes = [
        f"PCA loses as well when it never saw a type: its error is "
        f"{with_interval(found['pca_ratio_to_seen'], confidence)} times that of PCA that saw it. The retrained model "
        f"that saw every type has {with_interval(found['seen_ratio_to_pca'], confidence)} times the error of PCA.",
        "All are trained again, with fewer epochs than the final model. Architecture, and choice and scale of genes, "
        "stay those of the final model, which saw every type. Percentages are unexplained variance.",
    ]
    if found["replicates"] is not None:
        notes.append(
            "The distance of a left-out profile from its reconstruction is "
            f"{with_interval(found['ratio_to_replicates'], confidence)} times that between two technical replicates "
            f"({found['replicates']['n_sets']} replicate sets); PCA "
            f"{with_interval(found['replicates']['pca'], confidence)}, the model that saw the type "
            f"{with_interval(found['replicates']['seen'], confidence)}. At most 1 is as accurate as replicates."
        )
    if found["distance"] is not None:
        notes.append(
            f"Spearman's correlation over {found['distance']['n_types']} types between the distance to the nearest "
            "other type and the error over that of the model that saw the type: "
            f"{with_interval(found['distance']['ratio_to_seen'], confidence)}; between that distance and the "
            f"unexplained variance: {with_interval(found['distance']['unexplained'], confidence)}."
        )
    return Section(
        "unseen_types",
        "What of a cell type that it never saw?",
        f"Trained without the type, the model has {with_interval(found['ratio_to_pca'], confidence)} times the squared "
        f"error of PCA trained without it, and {with_interval(found['ratio_to_seen'], confidence)} times that of the "
        f"same model trained with it. Better than PCA on {found['n_better_than_pca']} of {n_types} types, worse on "
        f"{found['n_worse_than_pca']}, undecided on {found['n_undecided']}.",
        picture,
        "PCA of equal width on the same training profiles, and the same model trained with nothing left out (dashed "
        "lines at 1)",
        f"{found['n']} held-out profiles of {n_types} types, each left out once ({found['units']} {found['by']}s "
        "resampled for the intervals)",
        Table(
            ("cell type", "n", "never saw it", "PCA", "saw it", "PCA", "nearest type", "distance"),
            tuple(
                (
                    str(row["label"]),
                    str(row["n"]),
                    *(percent(row[f"unexplained_{name}"]) for name in ("model", "pca", "seen", "pca_seen")),
                    str(row["nearest"]),
                    f"{row['distance']:.2f}",
                )
                for row in table.to_dict("records")
            ),
        ),
        (*notes, *_said(evidence, "unseen_types")),
    )


def unseen_groups_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show how profiles of a group are reproduced by a model that never saw it, a group a line."""
    found = evidence.metrics["unseen_groups"]
    if found is None:
        return None
    table, confidence = evidence.tables["unseen_groups"], evidence.metrics["interval"]["confidence"]
    n_groups = found["n_groups"]
    picture = draw(
        folder, "unseen_groups",
        f"Squared error on each group that was left out, over that of PCA: from {table['ratio_to_pca'].min():.2f} to "
        f"{table['ratio_to_pca'].max():.2f}; over that of a model fitted to it: from "
        f"{table['ratio_to_seen'].min():.2f} to {table['ratio_to_seen'].max():.2f}.",
        lambda: unseen_groups_figure(table),
    )  # fmt: skip
    if found["each"] is not None:
        return one_by_one_section(found, table, picture, tuple(_said(evidence, "unseen_groups")))
    return Section(
        "unseen_groups",
        "What of a study that it never saw?",
        f"Trained without the group (study, donor), the model has {with_interval(found['ratio_to_pca'], confidence)} "
        f"times the squared error of PCA trained without it, and {with_interval(found['ratio_to_seen'], confidence)} "
        f"times that of a model fitted to these very profiles. Better than PCA on {found['n_better_than_pca']} of "
        f"{n_groups} groups, worse on {found['n_worse_than_pca']}, undecided on {found['n_undecided']}.",
        picture,
        "PCA of equal width on the same training profiles, and the same model fitted to all these profiles, which "
        "flatters it (dashed lines at 1)",
        f"{found['n']} profiles of {n_groups} groups, each left out once in {found['n_sets']} retrainings "
        f"({found['units']} {found['by']}s resampled)",
        Table(
            ("group", "n", "never saw it", "PCA", "fitted to it", "PCA"),
            tuple(
                (
                    str(row["group"]),
                    str(row["n"]),
                    *(percent(row[f"unexplained_{name}"]) for name in ("model", "pca", "seen", "pca_seen")),
                )
                for row in table.to_dict("records")
            ),
        ),
        (
            "PCA's error on a group that it never saw is "
            f"{with_interval(found['pca_ratio_to_seen'], confidence)} times that of PCA fitted to it. Percentages are "
            "unexplained variance.",
            "The fitted model was trained on the very profiles that it is scored on here, so its error is flattering: "
            "the least that having seen the group could come to. The validation part serves the best epoch of each "
            "retraining and is not left out.",
            "Bars are over the profiles or replicate sets of the group; a dot without one has too few.",
            *_said(evidence, "unseen_groups"),
        ),
    )


def unseen_types_sentences(metrics: Mapping[str, Any]) -> list[Sentence]:
    """Say what the error on cell types that were left out of training comes to."""
    found, confidence = metrics["unseen_types"], metrics["interval"]["confidence"]
    if found is None:
        return []
    told = (
        "Profiles of a cell type that the model never saw are reproduced with "
        f"{with_interval(found['ratio_to_pca'], confidence)} times the squared error of PCA that never saw it either, "
        f"and {with_interval(found['ratio_to_seen'], confidence)} times that of the same model trained with the type "
        f"({found['n']} profiles of {found['n_types']} type{'s' * (found['n_types'] != 1)}; "
        f"{_unexplained(found)} of their variance stays unexplained, {_unexplained(found, 'seen')} with the type seen)."
    )
    return [_judged("cell types", told, found)]


def unseen_groups_sentences(metrics: Mapping[str, Any]) -> list[Sentence]:
    """Say what the error on groups that were left out of training comes to."""
    found, confidence = metrics["unseen_groups"], metrics["interval"]["confidence"]
    if found is None:
        return []
    if found["each"] is not None:
        return [one_by_one_sentence(found)]
    told = (
        "Profiles of a group (study, donor) that the model never saw are reproduced with "
        f"{with_interval(found['ratio_to_pca'], confidence)} times the squared error of PCA that never saw it either "
        f"({found['n']} profiles of {found['n_groups']} groups; {_unexplained(found)} of their variance stays "
        "unexplained)."
    )
    return [_judged("studies", told, found)]


def unseen_types_figure(table: pd.DataFrame) -> Figure:
    """Draw both ratios by type, and the loss from not having seen a type over the distance to the nearest other one."""
    with_scatter = len(table) >= FEWEST_UNITS
    upper, lower = 0.75 + 0.19 * len(table), 2.5 * with_scatter
    figure = Figure(figsize=(WIDTH, upper + lower), layout="constrained")
    top, *rest = figure.subfigures(
        1 + with_scatter, 1, height_ratios=[upper, lower][: 1 + with_scatter], squeeze=False
    )[:, 0]
    _two_ratios(list(top.subplots(1, 2)), table, "label", "over the model\nthat saw the type")
    if rest:
        _distance_plot(rest[0].subplots(1, 1), table)
    return figure


def unseen_groups_figure(table: pd.DataFrame) -> Figure:
    """Draw both ratios by group: by name, or by rank where there are too many to name."""
    if len(table) <= MOST_ROWS:
        figure = Figure(figsize=(WIDTH, 0.75 + 0.19 * len(table)), layout="constrained")
        _two_ratios(list(figure.subplots(1, 2)), table, "group", "over the model\nfitted to the group")
        return figure
    figure, panels = new_figure(4.2, rows=2)
    columns = (("ratio_to_pca", "low", "high", "over PCA"), ("ratio_to_seen", "seen_low", "seen_high", "over fitted"))
    for axes, (column, low, high, name) in zip(panels, columns, strict=True):
        ordered = table.sort_values(column, kind="stable")
        rank = np.arange(1, len(table) + 1)
        axes.vlines(rank, ordered[low], ordered[high], color=BLUE, linewidth=0.7, alpha=0.5)
        axes.plot(rank, ordered[column], "o", color=BLUE, markersize=2.5)
        axes.axhline(1, color=GREY, linestyle="--", linewidth=1)
        axes.set_ylabel(f"squared error\n{name}")
    panels[1].set_xlabel("groups that the model never saw, by rank")
    return figure


def _two_ratios(panels: list[Axes], table: pd.DataFrame, name: str, beside: str) -> None:
    ordered = table.sort_values("ratio_to_pca", ascending=False, kind="stable").to_dict("records")
    left = [Row(_short(str(row[name])), _of(row, "ratio_to_pca", "low", "high"), "model") for row in ordered]
    right = [Row("", _of(row, "ratio_to_seen", "seen_low", "seen_high"), "model", f"n {row['n']}") for row in ordered]
    dot_plot(panels[0], left, reference=1.0)
    dot_plot(panels[1], right, reference=1.0)
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    panels[0].set_xlabel("squared error\nover PCA")
    panels[1].set_xlabel(f"squared error\n{beside}")


def _distance_plot(axes: Axes, table: pd.DataFrame) -> None:
    shown = (("pca_ratio_to_seen", VERMILION, "s", "PCA"), ("ratio_to_seen", BLUE, "o", "model"))
    for column, colour, mark, name in shown:
        axes.plot(table["distance"], table[column], mark, color=colour, markersize=5, label=name, linestyle="none")
    named: list[float] = []
    apart = 0.08 * np.ptp(table[["ratio_to_seen", "pca_ratio_to_seen"]].to_numpy())
    for row in table.sort_values("ratio_to_seen", ascending=False, kind="stable").to_dict("records"):
        height = row["ratio_to_seen"]
        if len(named) == MOST_POINTED_OUT or any(abs(height - other) < apart for other in named):
            continue  # names one above the other stay readable
        named.append(height)
        left = row["distance"] > table["distance"].mean()
        axes.annotate(
            _short(str(row["label"]), 20), (row["distance"], height), xytext=(-6 if left else 6, 0),
            textcoords="offset points", fontsize=7.5, va="center", ha="right" if left else "left",
        )  # fmt: skip
    axes.axhline(1, color=GREY, linestyle="--", linewidth=1, zorder=1)
    axes.set_xlabel("distance to the nearest other type (root mean square a gene)")
    axes.set_ylabel("error, type never seen\nover type seen")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, reverse=True)


def _judged(unseen: str, told: str, found: Mapping[str, Any]) -> Sentence:
    """Judge by the side of 1 on which the ratio to PCA, and to the mean profile, lies as a whole."""
    ratio = found["ratio_to_pca"]
    if ratio["low"] is None:
        return Sentence("open", f"On {unseen} that it never saw, too few profiles are independent to judge.", told)
    claim = f"On {unseen} that it never saw, the model does"
    if against(found["unexplained_variance"]["model"]) != "below":
        return Sentence("bad", f"{claim} no better than the mean profile.", told)
    ends: dict[str, tuple[Standing, str]] = {
        "below": ("good", "better than PCA"),
        "above": ("bad", "worse than PCA"),
        "undecided": ("bad", "no better than PCA, as far as these profiles can tell"),
    }
    standing, end = ends[against(ratio)]
    return Sentence(standing, f"{claim} {end}.", told)


def _unexplained(found: Mapping[str, Any], name: str = "model") -> str:
    value = found["unexplained_variance"][name]["value"]
    return "an undefined part" if value is None else percent(value)


def _said(evidence: Evidence, name: str) -> list[str]:
    """Give the cautions of a measure, and what it left out in part."""
    cautions, left_out = evidence.metrics["cautions"], evidence.metrics["left_out"]
    own = [text for key, text in cautions.items() if key == name or key.startswith(f"{name}.")]
    return own + [f"Left out: {text}" for key, text in left_out.items() if key.startswith(f"{name}.")]


def _of(row: Mapping[Hashable, Any], value: str, low: str, high: str) -> Interval:
    bounds = (None if np.isnan(row[bound]) else float(row[bound]) for bound in (low, high))
    return Interval(float(row[value]), *bounds)


def _short(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
