"""The report: one HTML file that opens anywhere, of sections that each hold a claim, its figure and its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cic.evaluation.drawing.pages import template
from cic.evaluation.metrics import Metrics
from cic.evaluation.report.contents import findings, headline, sections, standings
from cic.evaluation.report.front import Front, front
from cic.evaluation.report.headlines import figure_cell
from cic.evaluation.section import Evidence, Section
from cic.evaluation.words import Standing, enough_digits

TEMPLATE = Path(__file__).with_name("report.html")
ORDER: tuple[Standing, ...] = ("bad", "open", "good")
"""Of the findings: where the model loses comes first."""


@dataclass(frozen=True)
class FindingRow:
    """A finding in the table at the top.

    Attributes
    ----------
    section
        Key of the section with the evidence; empty where the page has none, and then `told` says what is known.
    figure
        The topic's figure, its interval, and what it is and is held against; `None` without one.
    """

    standing: Standing
    topic: str
    section: str
    claim: str
    told: str
    figure: tuple[str, str, str] | None


def write_report(out: Path, metrics: Metrics, evidence: Evidence) -> None:
    """Write figures/*.svg and *.png, and report.html, which holds the figures itself."""
    top = front(metrics, evidence, out / "figures")
    made = [make(evidence, out / "figures") for make in sections(metrics)]
    (out / "report.html").write_text(render(metrics, [one for one in made if one is not None], top))


def render(metrics: Metrics, sections: list[Section], top: Front | None = None) -> str:
    """Give the page; without `top` it begins with the findings."""
    found, shown = findings(metrics), {section.key for section in sections}
    concluded: dict[str, list[str]] = {key: [] for key in shown}
    behind: dict[str, list[str]] = {key: [] for key in shown}
    rows = []
    for topic, section, sentence in found:
        if section in shown:
            concluded[section].append(sentence.claim)
            behind[section] += [sentence.details] if sentence.details else []
        key, told = (section, "") if section in shown else ("", sentence.details)
        rows.append(FindingRow(sentence.standing, topic, key, sentence.claim, told, figure_cell(metrics, topic)))
    cautions = set(metrics.cautions.values())
    beside_figures = {note for section in sections for note in section.notes}
    return template(TEMPLATE).render(
        metrics=metrics,
        model=metrics.model,
        ratio=metrics.ratio_to_pca,
        digits=enough_digits(metrics.ratio_to_pca, 2),
        top=top,
        origin=top.origin if top else (),
        headline=headline(metrics),
        standings=standings([sentence for _, _, sentence in found]),
        rows=sorted(rows, key=lambda row: ORDER.index(row.standing)),
        concluded=concluded,
        behind=behind,
        cautions=cautions,
        in_mind=[text for text in dict.fromkeys(metrics.cautions.values()) if text not in beside_figures],
        sections=sections,
    )
