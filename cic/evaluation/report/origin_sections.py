"""Sections on where the model comes from: search, training, split, data, methods and lineage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.drawing.maps import code_map
from cic.evaluation.facts import Facts
from cic.evaluation.report.origin_draw import loss_curves
from cic.evaluation.section import Evidence, Section, Table, words
from cic.evaluation.words import Sentence, percent

SHOWN_ELSEWHERE = ("hyperparameters", "trained_on")
MOST_EXAMPLES, MOST_COUNTED = 5, 24
FEW_UNITS = 15
"""Below this many resampled units the report warns of narrow intervals."""


def training_section(evidence: Evidence, folder: Path) -> Section:
    """Show the loss curves of the final trainings."""
    curves, model = evidence.curves, evidence.facts.model
    title = "How did the training go?"
    if curves.empty or model.depth == 0:
        return Section(key="training", title=title, claim="The chosen model needs no training: at depth 0 it is PCA.")
    pca_error = model.validation_unexplained_variance_pca
    picture = draw(
        folder, "training", "Training and validation error by epoch, with the error of PCA as a line.",
        loss_curves(curves, math.nan if pca_error is None else pca_error),
    )  # fmt: skip
    n = curves["training"].nunique()
    return Section(
        key="training",
        title=title,
        claim=f"The kept weights leave {percent(model.validation_unexplained_variance)} of the variance of the "
        f"validation profiles unexplained, PCA {percent(pca_error)}.",
        picture=picture,
        baseline="PCA of equal width on the same validation profiles",
        n=f"{n} trainings, from different seeds and of the network merged of these; the best by validation is kept"
        if n > 1
        else "1 training",
        notes=(
            "Both are unexplained variance: for training profiles when each is left out in turn and within the basis, "
            "for validation profiles over all genes. Noise is added to the inputs in training only.",
        ),
    )


def audit_section(evidence: Evidence, folder: Path) -> Section:
    """Tell of leakage between the parts, and confounding of label with group."""
    findings = evidence.audit["findings"]
    passed, nearest = bool(evidence.audit["passed"]), evidence.audit["nearest"]
    return Section(
        key="audit",
        title="Can the split be trusted?",
        claim="The audit looked for repeated ids, identical or near-identical profiles, replicates and groups across "
        "the split" + ("." if passed else "; what it found stands below."),
        table=Table(
            ("finding", "what", "such as"),
            tuple(
                (
                    str(one["kind"]).replace("_", " ") + (" (blocks promotion)" if one["blocks"] else ""),
                    str(one["message"]),
                    words(one["examples"], most=MOST_EXAMPLES),
                )
                for one in findings
            ),
        )
        if findings
        else None,
        n=words(evidence.audit["sizes"]),
        notes=(
            f"Nearest pair of profiles across the parts: correlation {nearest['correlation']:.4f}; distance "
            f"{nearest['relative_distance']:.2f} of that to the next neighbour.",
        ),
    )


def data_section(evidence: Evidence, folder: Path) -> Section:
    """Tell what the data are."""
    profiles, checks = evidence.facts.profiles, evidence.checks
    values, sets = checks["values"], checks["replicates"]
    parts = (f"{profiles.train:,} for train", f"{profiles.validation:,} for validation", f"{profiles.test:,} for test")
    rows = [
        ("profiles", f"{checks['n_samples']:,}: {', '.join(parts)}"),
        ("genes", f"{checks['n_genes']:,}, of which {profiles.genes:,} modelled; names: {checks['gene_ids']}"),
        ("unit", f"{checks['unit']}, {values['min']:.4g} to {values['max']:.4g}, "
                 f"{percent(values['share_of_zeros'])} zeros"),
        ("cell types", _counted(checks["labels"])),
        ("groups", _counted(checks["groups"])),
        ("replicates", f"{sets['sets']:,} sets of {sets['profiles']:,} profiles" if sets["sets"] else "none named"),
    ]  # fmt: skip
    if checks["confounding"]:
        rows.append(("label and group", f"Cramér's V {checks['confounding']['cramers_v']:.2f}"))
    warnings = [one["message"] for one in checks["findings"] if one["level"] == "warn"]
    notes = tuple(f"Warning: {text}" + "." * (text[-1] not in ".?!") for text in warnings)
    return Section(
        key="data", title="The data", claim="What came in, and what deserves a warning.",
        table=Table(("fact", "value"), tuple(rows)),
        notes=notes,
    )  # fmt: skip


def left_out_section(evidence: Evidence, folder: Path) -> Section | None:
    """Tell what could not be measured, or was not asked for."""
    left_out = evidence.facts.left_out
    if not left_out:
        return None
    rows = tuple((name.replace("_", " ").replace(".", ": "), str(reason)) for name, reason in left_out.items())
    return Section(
        key="left-out", title="What was not measured", claim="Each with the reason.", table=Table(("what", "why"), rows)
    )


def methods_section(evidence: Evidence, folder: Path) -> Section:
    """Tell how it was measured, and where the model comes from."""
    interval, about = evidence.facts.interval, evidence.about
    rows = [("hyperparameters", words(evidence.choice["hyperparameters"]))]
    # it descends from the seed of params.yaml, by which runs in MLflow are told apart
    named = {"seed": "seed of the kept training"}
    rows += [
        (named.get(name, name.replace("_", " ")), words(about[name]))
        for name in sorted(about)
        if name not in SHOWN_ELSEWHERE
    ]
    return Section(
        key="methods",
        title="Methods and lineage",
        claim="Everything was fitted on training profiles, chosen on validation profiles, and measured once on the "
        "held-out ones.",
        table=Table(("what", "value"), tuple(rows)),
        notes=(
            "Unexplained variance: squared error summed over genes and held-out profiles, over their squared distance "
            "from the training mean, in preprocessed gene space. It includes what lies outside the training span.",
            f"Intervals: percentile bootstrap, {interval.resamples:,} resamples of {interval.units} units "
            f"({interval.by}), {percent(interval.confidence)}; ratios and differences are paired. Below 5 units "
            "there is none. “Better” and “worse” are said only where the whole interval is on one side.",
            "Intervals are over held-out profiles; they do not cover another split or another training seed.",
            *(
                ["With so few units percentile intervals come out somewhat too narrow: read a near miss as undecided."]
                if interval.units < FEW_UNITS
                else []
            ),
        ),
    )


def _counted(counts: Mapping[str, int]) -> str:
    """Give ``3: a 10, b 9, c 1``, or ``none named``."""
    return (
        f"{len(counts)}: " + words([f"{name} {n}" for name, n in counts.items()], most=MOST_COUNTED)
        if counts
        else "none named"
    )


def audit_sentences(facts: Facts) -> list[Sentence]:
    """Say whether held-out profiles may be known from training."""
    if facts.audit.passed:
        return [Sentence("good", "The audit found no leak between the training and the held-out profiles.")]
    n = facts.audit.blocking
    return [
        Sentence(
            "bad",
            "Held-out profiles may be known from training.",
            f"The audit found {n} reason{'s' * (n != 1)} to think so. The figures here flatter the model, and it will "
            "not be promoted.",
        )
    ]


def map_section(evidence: Evidence, folder: Path) -> Section:
    """Show the codes in two dimensions."""
    samples = evidence.samples
    label_S = samples["label"] if "label" in samples else pd.Series(None, index=samples.index, dtype="object")
    held_out_S = evidence.part_S == "test"
    picture = draw(
        folder, "codes",
        f"Scatter plot of {len(samples):,} codes in two dimensions, coloured by {label_S.nunique()} labels.",
        code_map(evidence.xy_S2, label_S, held_out_S, evidence.shares),
    )  # fmt: skip
    return Section(
        key="codes",
        title="What do the codes look like?",
        claim=f"The two directions in which codes vary most hold {percent(sum(evidence.shares))} of their variance.",
        picture=picture,
        n=f"{len(samples):,} profiles: {held_out_S.sum():,} held out (large), the others small",
        notes=(
            "Two of many directions: types that overlap here may be apart in others. Axes on which a few types lie far "
            "out are compressed towards their ends.",
        ),
    )
