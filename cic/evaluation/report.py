"""The report: one HTML file that opens anywhere, made of sections that each hold a claim, its figure and its baseline.

A new measure adds one function that gives a `Section`, and its name in `SECTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from cic.evaluation import figures, maps
from cic.evaluation.drawing import Picture, Row, draw, inline_svg
from cic.evaluation.intervals import Interval
from cic.evaluation.verdict import METHOD_NAMES, percent, verdict, with_interval

TEMPLATE = Path(__file__).with_name("report.html")


@dataclass(frozen=True)
class Evidence:
    """All that the report is made from.

    Attributes
    ----------
    metrics, labels
        From `measure.measure`.
    trials, choice, curves, audit, checks
        What the stages before left.
    about
        Lineage, from the bundle.
    samples, part_S, xy_S2, shares
        All profiles: sample columns, part, codes in two dimensions and the share of variance of each axis.
    """

    metrics: Mapping[str, Any]
    labels: pd.DataFrame
    trials: pd.DataFrame | None
    choice: Mapping[str, Any]
    curves: pd.DataFrame
    audit: Mapping[str, Any]
    checks: Mapping[str, Any]
    about: Mapping[str, Any]
    samples: pd.DataFrame
    part_S: np.ndarray
    xy_S2: np.ndarray
    shares: tuple[float, float]
    scaled: bool


@dataclass(frozen=True)
class Table:
    """A table: column names, and rows of text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """One claim with its evidence.

    Attributes
    ----------
    claim
        What the figure shows, in a sentence.
    baseline, n
        What it is compared with, and on how many profiles; empty where that makes no sense.
    notes
        How to read it, and what it does not show.
    """

    key: str
    title: str
    claim: str
    picture: Picture | None = None
    baseline: str = ""
    n: str = ""
    table: Table | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def svg(self) -> Markup | None:
        """The figure, ready to stand in the page."""
        return None if self.picture is None else Markup(inline_svg(self.picture))  # noqa: S704


def reconstruction_section(evidence: Evidence, folder: Path) -> Section:
    """Reconstruction error beside mean profile, PCA, span ceiling and replicates."""
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
    """Unexplained variance over PCA's, a cell type a line."""
    table, metrics = evidence.labels, evidence.metrics
    if table.empty:
        return None
    picture = draw(
        folder, "labels",
        "Ratio to PCA by cell type: " + ", ".join(f"{row.label} {row.ratio_to_pca:.2f}" for row in table.itertuples()),
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
                    row.label,
                    str(row.n),
                    percent(row.unexplained_model),
                    percent(row.unexplained_pca),
                    f"{row.ratio_to_pca:.2f}",
                )
                for row in table.itertuples()
            ),
        ),
        (
            "Percentages are unexplained variance. A dot without a bar has too few independent profiles for an interval.",
            *([metrics["cautions"]["labels"]] if "labels" in metrics["cautions"] else []),
        ),
    )


def identity_section(evidence: Evidence, folder: Path) -> Section | None:
    """How well the cell type can be told, by method."""
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
    """Codes in two dimensions."""
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
            "Two of many directions: types that overlap here may be apart in others. Axes on which a few types lie far out "
            "are compressed towards their ends.",
        ),
    )


def search_section(evidence: Evidence, folder: Path) -> Section:
    """Error by depth and width over the trials of the search."""
    model, trials = evidence.metrics["model"], evidence.trials
    counts = evidence.metrics["search"]
    title, reason = "Which architecture, and why?", str(evidence.choice["reason"])
    claim = f"Chosen: depth {model['depth']}, width {model['bottleneck_width']}. {reason[:1].upper()}{reason[1:]}."
    if trials is None or not trials["error"].notna().any():
        return Section("search", title, claim, notes=("No trial has a score, so there is no figure.",))
    picture = draw(
        folder, "search", "Validation error of each trial by bottleneck width and depth, and its ratio to PCA's.",
        lambda: figures.search_surface(trials, (model["depth"], model["bottleneck_width"])),
    )  # fmt: skip
    return Section(
        "search",
        title,
        claim,
        picture,
        "depth 0, which is PCA",
        f"{counts['trials']} trials: {counts['complete']} complete, {counts['pruned']} pruned, {counts['failed']} failed",
        notes=(
            "Validation profiles, not the held-out ones. Lines join the best trial of each width and depth, which is too "
            "good to be true for many trials; open marks were pruned; the ring marks the choice.",
        ),
    )


def training_section(evidence: Evidence, folder: Path) -> Section:
    """Loss curves of the final trainings."""
    curves, model = evidence.curves, evidence.metrics["model"]
    title = "How did the training go?"
    if curves.empty or model["depth"] == 0:
        return Section("training", title, "The chosen model needs no training: at depth 0 it is PCA.")
    pca_error = model["validation_unexplained_variance_pca"]
    picture = draw(
        folder, "training", "Training and validation error by epoch, with the error of PCA as a line.",
        lambda: figures.loss_curves(curves, pca_error),
    )  # fmt: skip
    n = curves["training"].nunique()
    return Section(
        "training",
        title,
        f"The kept weights leave {percent(model['validation_unexplained_variance'])} of the variance of the validation "
        f"profiles unexplained, PCA {percent(pca_error)}.",
        picture,
        "PCA of equal width on the same validation profiles",
        f"{n} training{'s' * (n != 1)} from different seeds; the best by validation is kept",
        notes=(
            "Both are unexplained variance: for training profiles when each is left out in turn and within the basis, "
            "for validation profiles over all genes. Noise is added to the inputs in training only.",
        ),
    )


def audit_section(evidence: Evidence, folder: Path) -> Section:
    """Leakage between the parts, and confounding of label with group."""
    findings = evidence.audit["findings"]
    passed, nearest = bool(evidence.audit["passed"]), evidence.audit["nearest"]
    return Section(
        "audit",
        "Can the split be trusted?",
        "The audit looked for repeated ids, identical or near-identical profiles, replicates and groups across the split"
        + (" and found none." if passed else " and failed: see below."),
        table=Table(
            ("finding", "what", "such as"),
            tuple(
                (
                    str(one["kind"]).replace("_", " ") + (" (blocks promotion)" if one["blocks"] else ""),
                    str(one["message"]),
                    _words(one["examples"]),
                )
                for one in findings
            ),
        )
        if findings
        else None,
        n=_words(evidence.audit["sizes"]),
        notes=(
            f"Nearest pair of profiles across the parts: correlation {nearest['correlation']:.4f}; distance "
            f"{nearest['relative_distance']:.2f} of what is usual between neighbours.",
        ),
    )


def data_section(evidence: Evidence, folder: Path) -> Section:
    """What the data are."""
    profiles, checks = evidence.metrics["profiles"], evidence.checks
    values, sets = checks["values"], checks["replicates"]
    parts = (f"{profiles[name]} for {name}" for name in ("train", "validation", "test"))
    rows = [
        ("profiles", f"{checks['n_samples']}: {', '.join(parts)}"),
        ("genes", f"{checks['n_genes']:,}, of which {profiles['genes']:,} modelled; names: {checks['gene_ids']}"),
        ("unit", f"{checks['unit']}, {values['min']:.4g} to {values['max']:.4g}, "
                 f"{percent(values['share_of_zeros'])} zeros"),
        ("cell types", _counted(checks["labels"])),
        ("groups", _counted(checks["groups"])),
        ("replicates", f"{sets['sets']} sets of {sets['profiles']} profiles" if sets["sets"] else "none named"),
    ]  # fmt: skip
    if checks["confounding"]:
        rows.append(("label and group", f"Cramér's V {checks['confounding']['cramers_v']:.2f}"))
    notes = tuple(f"Warning: {text}." for text in checks["warnings"])
    return Section(
        "data", "The data", "What came in, and what deserves a warning.", table=Table(("fact", "value"), tuple(rows)),
        notes=notes,
    )  # fmt: skip


def methods_section(evidence: Evidence, folder: Path) -> Section:
    """How it was measured, and where the model comes from."""
    metrics, about = evidence.metrics, evidence.about
    interval = metrics["interval"]
    rows = [("hyperparameters", _words(evidence.choice["hyperparameters"]))]
    rows += [(name.replace("_", " "), _words(about[name])) for name in sorted(about) if name != "trained_on"]
    return Section(
        "methods",
        "Methods and lineage",
        "Everything was fitted on training profiles, chosen on validation profiles, and measured once on the held-out "
        "ones.",
        table=Table(("what", "value"), tuple(rows)),
        notes=(
            "Unexplained variance: squared error summed over genes and held-out profiles, over their squared distance "
            "from the training mean, in preprocessed gene space. It includes what lies outside the training span.",
            f"Intervals: percentile bootstrap, {interval['resamples']} resamples of {interval['units']} units "
            f"({interval['by']}), {percent(interval['confidence'])}; ratios and differences are paired. Below 5 units "
            "there is none. “Better” and “worse” are said only where the whole interval is on one side.",
            "Intervals are over held-out profiles; they do not cover another split or another training seed.",
        ),
    )


SECTIONS: tuple[Callable[[Evidence, Path], Section | None], ...] = (
    reconstruction_section,
    label_section,
    identity_section,
    map_section,
    search_section,
    training_section,
    audit_section,
    data_section,
    methods_section,
)


def write_report(out: Path, evidence: Evidence) -> None:
    """Write figures/*.svg and *.png, and report.html, which holds the figures itself."""
    made = [make(evidence, out / "figures") for make in SECTIONS]
    (out / "report.html").write_text(render(evidence.metrics, [one for one in made if one is not None]))


def render(metrics: Mapping[str, Any], sections: list[Section]) -> str:
    """Give the page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _with_code
    template = environment.from_string(TEMPLATE.read_text())
    return template.render(
        metrics=metrics, sentences=verdict(metrics), sections=sections, model=metrics["model"]
    )


def _with_code(text: str) -> Markup:
    """Escape `text` and set what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


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


def _counted(counts: Mapping[str, int]) -> str:
    """Give ``3: a 10, b 9, c 1``, or ``none named``."""
    return f"{len(counts)}: " + _words([f"{name} {n}" for name, n in counts.items()]) if counts else "none named"


def _words(value: Any, most: int = 80) -> str:
    """Give a value of JSON as a person would write it."""
    if isinstance(value, Mapping):
        parts = [f"{name}: {_words(inner)}" for name, inner in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [_words(inner) for inner in value]
    elif value is None:
        return "none"
    elif isinstance(value, float):
        return f"{value:.4g}"
    else:
        return str(value)
    shown = ", ".join(parts[:most]) + (f" and {len(parts) - most} more" if len(parts) > most else "")
    return shown or "none"
