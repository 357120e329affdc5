"""Write what the docs have from the code: the table of questions and the schema of metrics. `make docs` runs it."""

from __future__ import annotations

import json
from pathlib import Path

from cic.declarations import declarations
from cic.evaluation.metrics import schema

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- questions: written by `make docs` -->", "<!-- end of questions -->"


def table() -> str:
    """Give the table of questions, in Markdown."""
    lines = [
        "| `evaluate.measures` | question | held against | headline | needs | costs |",
        "|---|---|---|---|---|---|",
    ]
    for one in declarations():
        name = "(always)" if one.always else f"`{one.name}`"
        figure = f"{one.headline.words}: {one.headline.better} than {one.headline.reference:g} is better"
        lines.append(f"| {name} | {one.question} | {one.against} | {figure} | {one.needs} | {one.cost} |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    """Give the page with the present table of questions between its marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Write both."""
    page = DOCS / "evaluation.md"
    page.write_text(with_table(page.read_text()))
    (DOCS / "metrics.schema.json").write_text(json.dumps(schema(), indent=1) + "\n")


if __name__ == "__main__":
    main()
