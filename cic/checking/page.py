"""The page of the checks: one HTML file that opens anywhere, the verdict first, then the worst."""

from __future__ import annotations

from pathlib import Path

from cic.checking.check import Checked
from cic.checking.sections import TOPICS, sections
from cic.evaluation.drawing.pages import template

TEMPLATE = Path(__file__).with_name("page.html")


def render(checked: Checked, data: str) -> str:
    """Give the page of a data set that is called `data`."""
    facts = checked.facts
    origin = [
        ("data", data),
        ("profiles", f"{facts['n_samples']:,}"),
        ("genes", f"{facts['n_genes']:,}"),
        ("unit", facts["unit"]),
    ]
    origin += [(role, f"{len(facts[role]):,}") for role in ("labels", "groups") if facts[role]]
    made = sections(checked)
    shown = {section.key for section in made}
    return template(TEMPLATE).render(
        data=data,
        origin=origin,
        headline=checked.verdict,
        findings=checked.findings,
        topics=TOPICS,
        shown=shown,
        sections=made,
    )
