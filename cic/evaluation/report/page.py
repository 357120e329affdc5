"""The report: one HTML file that opens anywhere, of sections that each hold a claim, its figure and its baseline."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from cic.evaluation.report.contents import findings, headline, sections, standings
from cic.evaluation.section import Evidence, Section

TEMPLATE = Path(__file__).with_name("report.html")


def write_report(out: Path, evidence: Evidence) -> None:
    """Write figures/*.svg and *.png, and report.html, which holds the figures itself."""
    made = [make(evidence, out / "figures") for make in sections()]
    (out / "report.html").write_text(render(evidence.metrics, [one for one in made if one is not None]))


def render(metrics: Mapping[str, Any], sections: list[Section]) -> str:
    """Give the page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"code": _with_code, "cell": _in_cell}
    template = environment.from_string(TEMPLATE.read_text())
    shown = {section.key for section in sections}
    sentences = [
        (topic, section if section in shown else "", sentence) for topic, section, sentence in findings(metrics)
    ]
    concluded: dict[str, list[str]] = {section.key: [] for section in sections}
    for _, section, sentence in sentences:
        if section:
            concluded[section].append(sentence.claim)
    beside_figures = {note for section in sections for note in section.notes}
    return template.render(
        metrics=metrics,
        model=metrics["model"],
        headline=headline(metrics),
        standings=standings([sentence for _, _, sentence in sentences]),
        sentences=sentences,
        concluded=concluded,
        cautions=[text for text in dict.fromkeys(metrics["cautions"].values()) if text not in beside_figures],
        sections=sections,
    )


def _with_code(text: str) -> Markup:
    """Escape `text` and set what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _in_cell(text: str) -> Markup:
    """Do as for other text, and keep on one line what follows a ± or stands in short brackets."""
    marked = str(_with_code(text.replace(" ± ", "\u00a0±\u00a0")))
    return Markup(re.sub(r"\([^()<>]{1,28}\)", r'<span class="whole">\g<0></span>', marked))
