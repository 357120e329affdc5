"""What `cic data merge` says: tables on the terminal, and a page with them and with pictures."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape as html_escape
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cic.cli.data_shown import show_imported
from cic.data.explained import Explained, components, composition_shared, shown
from cic.data.matrix import ExpressionMatrix
from cic.data.merging import Kept

States = Mapping[str, tuple[ExpressionMatrix, Explained]]
"""The profiles and what explains their variance, by what was done to them."""
MEASURES = {
    "study": "study",
    "type_": "type",
    "study_beyond_type": "study beyond type",
    "type_beyond_study": "type beyond study",
    "neighbours": "nearest of another study is of the same type",
}
STYLE = (
    "body{font:15px sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "td,th{padding:.2rem .8rem;text-align:left}img{width:49%;vertical-align:top}"
)


def figures_of(kept: Sequence[Kept], states: States) -> dict[str, Any]:
    """Give what was kept and explained as plain data, for the data set's record."""
    return {
        "genes_kept": {one.name: {"of_genes": one.n_genes, "variance": _plain(one.variance_share)} for one in kept},
        "explained": {
            state: {name: _plain(share["value"]) for name, share in asdict(found).items() if name in MEASURES}
            for state, (_, found) in states.items()
        },
    }


def show_merged(
    matrix: ExpressionMatrix,
    target: Path,
    changed: bool,
    data: dict[str, str | None],
    kept: Sequence[Kept],
    states: States,
    page: Path,
    reference: str | None,
    used: bool,
) -> None:
    """Print what each set brought and lost, what explains the variance, and what an import says."""
    console = Console(soft_wrap=True)
    for title, header, rows in _tables(matrix, kept, states):
        table = Table(*map(escape, header), title=escape(title), title_justify="left")
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    if reference is not None and "label" in matrix.samples:
        shares = composition_shared(matrix.samples, reference)
        told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        console.print(
            f"types in the same proportions as in {escape(reference)}: {escape(told)}. As far as they are not, what "
            "sets types apart is moved along: see that study beyond type fell, and type beyond study did not"
        )
    console.print(f"pictures: {escape(str(page))}\n")
    show_imported(matrix, target, changed, data, used)


def _tables(
    matrix: ExpressionMatrix, kept: Sequence[Kept], states: States
) -> list[tuple[str, list[str], list[list[str]]]]:
    lost = [
        [
            one.name, str(one.n_samples), one.unit, f"{one.n_genes:,}", f"{one.n_genes - matrix.n_genes:,}",
            _percent(one.variance_share),
        ]
        for one in kept
    ]  # fmt: skip
    first = next(iter(states.values()))[1]
    rows = [
        [
            words,
            *(_percent(getattr(found, name).value) for _, found in states.values()),
            _percent(getattr(first, name).by_chance),
        ]
        for name, words in MEASURES.items()
        if first.n_types > 1 or name == "study"
    ]
    about = (
        f"share of the variance, of {first.n_profiles} labelled profiles of {first.n_studies} studies and "
        f"{first.n_types} types, of which {first.n_shared} in several studies"
    )
    return [
        (f"{matrix.n_genes:,} genes in common", ["set", "profiles", "unit", "genes", "lost", "variance kept"], lost),
        (about, ["explained by", *states, "by chance"], rows),
    ]


def _plain(share: float | None) -> float | None:
    return None if share is None or np.isnan(share) else round(share, 4)


def _percent(share: float | None) -> str:
    return "–" if share is None or np.isnan(share) else f"{max(share, 0):.1%}"


def write_page(path: Path, name: str, kept: Sequence[Kept], states: States) -> Path:
    """Write the tables, and the first two principal components before and after, by study and by type."""
    from cic.evaluation.drawing.drawing import draw
    from cic.evaluation.drawing.maps import code_map

    parts = [f"<h1>{html_escape(name)}: {' + '.join(html_escape(one.name) for one in kept)}</h1>"]
    for title, header, rows in _tables(next(iter(states.values()))[0], kept, states):
        lines = [_row("th", header), *(_row("td", row) for row in rows)]
        parts.append(f"<h2>{html_escape(title)}</h2><table>{''.join(lines)}</table>")
    with tempfile.TemporaryDirectory() as folder:
        for state, (matrix, _) in states.items():
            few = shown(matrix)
            xy_S2, shares = components(few)
            said = f"{few.n_samples:,} of {matrix.n_samples:,} profiles"
            parts.append(f"<h2>{html_escape(state)}</h2><p>First two principal components of {said}.</p>")
            for column in ("study", "label"):
                if column not in few.samples:
                    continue
                spec = code_map(xy_S2, few.samples[column], np.ones(few.n_samples, dtype=bool), shares, "the profiles")
                alt = f"Profiles {state}, by {column}"
                svg = draw(Path(folder), column, alt, spec).svg
                coded = base64.b64encode(svg.encode()).decode()
                parts.append(f'<img alt="{html_escape(alt)}" src="data:image/svg+xml;base64,{coded}">')
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html_escape(name)}</title>'
    path.write_text(f"{text}<style>{STYLE}</style>{''.join(parts)}</html>\n")
    return path


def _row(cell: str, texts: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{cell}>{html_escape(text)}</{cell}>" for text in texts) + "</tr>"
