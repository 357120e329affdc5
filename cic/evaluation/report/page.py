"""The report: one HTML file that opens anywhere, made of sections that each hold a claim, its figure and its baseline.

A new measure adds one function that gives a `Section`, and its name in `SECTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from cic.evaluation.report import origin_sections, result_sections
from cic.evaluation.report.section import Evidence, Section
from cic.evaluation.report.verdict import verdict

TEMPLATE = Path(__file__).with_name("report.html")

SECTIONS: tuple[Callable[[Evidence, Path], Section | None], ...] = (
    result_sections.reconstruction_section,
    result_sections.label_section,
    result_sections.identity_section,
    result_sections.map_section,
    origin_sections.search_section,
    origin_sections.training_section,
    origin_sections.audit_section,
    origin_sections.data_section,
    origin_sections.methods_section,
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
    return template.render(metrics=metrics, sentences=verdict(metrics), sections=sections, model=metrics["model"])


def _with_code(text: str) -> Markup:
    """Escape `text` and set what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
