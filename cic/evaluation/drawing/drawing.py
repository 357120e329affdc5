"""How figures are written: the same bytes every time, as files and for the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cic.evaluation.drawing.marks import Spec
from cic.evaluation.drawing.rendering import render
from cic.evaluation.drawing.style import PAGE_COLOURS, STYLE


@dataclass(frozen=True)
class Picture:
    """A figure as written to disk, and what it shows in words for who cannot see it."""

    name: str
    svg: str
    alt: str


def picture(name: str, alt: str, spec: Spec) -> Picture:
    """Draw `spec` in the style of all pages, for use in one."""
    with matplotlib.rc_context(STYLE):
        return Picture(name, _svg(_figure(spec)), alt)


def draw(folder: Path, name: str, alt: str, spec: Spec) -> Picture:
    """Do the same, and write `name`.svg and `name`.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure = _figure(spec)
        svg = _svg(figure)
        figure.savefig(folder / f"{name}.png", dpi=160, metadata={"Software": None})
    (folder / f"{name}.svg").write_text(svg)
    return Picture(name, svg, alt)


def _figure(spec: Spec) -> Figure:
    figure = render(spec)
    FigureCanvasAgg(figure)
    return figure


def _svg(figure: Figure) -> str:
    content = BytesIO()
    figure.savefig(content, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    return content.getvalue().decode()


def inline_svg(picture: Picture) -> str:
    """Give the SVG for use inside a page: no ids that another figure has too, and the page's colours."""
    svg = picture.svg[picture.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'xlink:href="#([^"]+)"', svg))

    def own(match: re.Match[str]) -> str:
        return f' id="{picture.name}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r' id="([^"]+)"', own, svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{picture.name}-\1)", svg)
    svg = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{picture.name}-\1"', svg)
    for fixed, variable in PAGE_COLOURS.items():
        svg = svg.replace(fixed, variable)
    return re.sub(r"<svg ", '<svg role="img" aria-hidden="true" ', svg, count=1)
