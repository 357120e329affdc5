"""The page of a validation: one HTML file that opens anywhere, where the model loses first."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from cic.evaluation.drawing.dots import interval_of
from cic.evaluation.drawing.pages import Section, shown, template
from cic.evaluation.statistics.intervals import Interval
from cic.evaluation.words import percent, rounded, spanned
from cic.validation import draw
from cic.validation.measure import Validated
from cic.validation.sentences import conclusions, headline

TEMPLATE = Path(__file__).with_name("page.html")
TOPICS = {
    "shift": "shift",
    "reconstruction": "reconstruction",
    "types": "cell types",
    "calibration": "calibration",
    "unknowns": "unknown types",
    "profiles": "profiles and genes",
}
"""What topics are called among the findings."""
WORST = 20
"""Profiles that are listed by their errors."""


def render(made: Validated, gene_unit: str) -> str:
    """Give the page; `gene_unit` is what the error of a gene is in."""
    about = made.found.about
    sections = list(_sections(made, gene_unit))
    origin = [("model", about.model), ("file", Path(about.file).name), ("SHA-256", about.sha256[:12])]
    origin += [("profiles", f"{about.measured:,}")] + ([("groups", f"{about.groups:,}")] if about.groups else [])
    return template(TEMPLATE).render(
        found=made.found,
        headline=headline(made.found, made.types),
        conclusions=conclusions(made.found, made.types),
        origin=origin,
        topics=TOPICS,
        sections=sections,
        shown={section.key for section in sections},
    )


def _sections(made: Validated, gene_unit: str) -> Iterator[Section]:
    found, types, n = made.found, made.types, f"{made.found.about.measured:,} profiles"
    if found.shift is not None:
        yield _shift(made.profiles, n)
    yield _reconstruction(made, gene_unit, n)
    if len(types):
        yield _types(made, n)
    if found.cell_types is not None:
        of_known = f"{found.cell_types.profiles:,} profiles of types that it knows"
        alt = f"Share of right answers over the probability of the answer, by bin; {of_known}."
        picture_of = shown("reliability", alt, draw.reliability(made.reliability, found.cell_types), f"{of_known}.")
        claim = "Below the diagonal it is surer than it is right. Bins hold equal numbers of profiles, by probability."
        yield Section("calibration", "Is it as often right as it says?", claim, (picture_of,))
    if found.cell_types is not None or found.unknowns is not None:
        alt = "Share of the profiles of each type that is called unknown, the model's types and others."
        claim = (
            "A profile unlike all that the model was tried on is called unknown. Of types that it knows few should be, "
            "of others all."
        )
        picture_of = shown("unknowns", alt, draw.unknown_shares(types), f"{n}.")
        yield Section("unknowns", "Does it say so where it does not know?", claim, (picture_of,))
    yield _measured(made)


def _shift(profiles: pd.DataFrame, n: str) -> Section:
    worst = profiles.sort_values("error_ratio", ascending=False, kind="stable").head(WORST)
    percentile_S = profiles["percentile"].to_numpy(dtype=float)
    alt = f"Share of the profiles below each percentile of the errors of held-out profiles; {n}."
    return Section(
        "shift",
        "Are these profiles like those that it was tried on?",
        "Errors are compared with those of the profiles that were held out when the model was trained. Below the "
        f"diagonal they are larger. The {len(worst)} largest follow.",
        (shown("percentiles", alt, draw.percentiles(percentile_S), f"{n}; the diagonal is no shift."),),
        ("profile", "error, where 1 is usual", "percentile", "label"),
        tuple(
            (str(name), f"{row['error_ratio']:.2f}", f"{row['percentile']:.0f}", str(row.get("label") or ""))
            for name, row in worst.iterrows()
        ),
    )


def _reconstruction(made: Validated, gene_unit: str, n: str) -> Section:
    told = made.found.reconstruction
    alt = f"Root mean squared error a gene of the mean profile, PCA, the model and the span ceiling; {n}."
    names = {key: name for key, (name, _) in draw.METHODS.items()}
    return Section(
        "reconstruction",
        "How well are they reproduced?",
        "PCA is that of the model's own training profiles, of as many numbers as its code has; the mean profile is "
        "theirs, too. The span ceiling is what no model of these training profiles can go below.",
        (shown("errors", alt, draw.errors(told, gene_unit), f"{n}; bars are intervals."),),
        ("", f"root mean squared error a gene ({gene_unit})", "unexplained"),
        tuple((names[key], spanned(one, 3), _cell(told.unexplained.get(key))) for key, one in told.rmse.items()),
    )


def _types(made: Validated, n: str) -> Section:
    if made.found.cell_types is None and made.found.unknowns is None:
        return _types_untold(made, n)
    alt = f"Squared error over PCA's of each type, and the share of its profiles that is told rightly; {n}."
    caption = "A line a type: its own first, by the share told rightly, then others."
    pictures = [shown("types", alt, draw.by_label(made.types), caption)]
    if len(made.confusions):
        about = "True types and answers, as shares of the profiles of a true type in percent."
        pictures.append(shown("confusions", about, draw.confusions(made.confusions), about))
    return Section(
        "types",
        "Which types are told, and which are lost?",
        "Left of 1 the model makes less error than PCA. A type is told rightly where the likeliest answer is its "
        "label; types that are not among the model's have no such share.",
        tuple(pictures),
        ("type", "n", "error over PCA's", "told rightly", "called unknown", "mostly taken for"),
        tuple(_type_row(row) for row in made.types.to_dict("records")),
    )


def _types_untold(made: Validated, n: str) -> Section:
    alt = f"Squared error over PCA's of each type; {n}."
    return Section(
        "types",
        "How well is each type reproduced?",
        "Left of 1 the model makes less error than PCA. This model has no classifier, so it tells no types.",
        (shown("types", alt, draw.by_label(made.types), "A line a type."),),
        ("type", "n", "error over PCA's"),
        tuple(_type_row(row)[:3] for row in made.types.to_dict("records")),
    )


def _type_row(row: dict[Hashable, Any]) -> tuple[str, ...]:
    ratio, right = (
        interval_of(row, *names) for names in (("ratio_to_pca", "low", "high"), ("right", "right_low", "right_high"))
    )
    told = spanned(right) if row["known"] else "not among its types"
    unknown = "" if pd.isna(row["unknown"]) else rounded(row["unknown"])
    return str(row["label"]), f"{row['n']:,}", spanned(ratio), told, unknown, str(row["taken_for"])


def _measured(made: Validated) -> Section:
    about, seen, genes, interval = made.found.about, made.found.seen, made.found.genes, made.found.interval
    rows = (
        ("file", about.file),
        ("SHA-256", about.sha256),
        ("profiles in it", f"{about.profiles:,}"),
        ("that the model was trained on", f"{seen.trained_on:,}"),
        ("copies of such, or mixtures", f"{seen.nearly_trained_on:,}"),
        ("genes in it", f"{genes.file:,}"),
        ("of the model's genes", f"{genes.matched:,} of {genes.model:,}"),
        ("what it sees of a profile", percent(genes.coverage)),
        ("intervals", f"{percent(interval.confidence)}, by drawing {interval.units:,} {interval.by}s again"),
    )  # fmt: skip
    return Section(
        "profiles",
        "What was measured",
        "Profiles that the model has seen in training do not count.",
        (),
        ("fact", "value"),
        rows,
    )


def _cell(interval: Interval | None) -> str:
    return "" if interval is None else spanned(interval, 3)
