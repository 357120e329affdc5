"""What pages have in common: the template that theirs extend, their sections, and how text gets into them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from cic.evaluation.drawing.drawing import inline_svg, picture
from cic.evaluation.drawing.marks import Spec


@dataclass(frozen=True)
class Shown:
    """A picture in the page: its SVG, what it shows in words for who cannot see it, and its caption."""

    svg: Markup
    alt: str
    caption: str


@dataclass(frozen=True)
class Section:
    """One topic: the question that it answers, what was looked at in a sentence, with pictures and a table of text."""

    key: str
    title: str
    claim: str
    pictures: tuple[Shown, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def shown(name: str, alt: str, spec: Spec, caption: str) -> Shown:
    """Draw `spec` to stand in a page, where no other picture has this name."""
    return Shown(Markup(inline_svg(picture(name, alt, spec))), alt, caption)


def template(path: Path) -> jinja2.Template:
    """Give the template of a page, which may extend `base.html`; it has the filters `code` and `cell` for text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([path.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code": _with_code, "cell": _in_cell}
    return environment.get_template(path.name)


def _with_code(text: str) -> Markup:
    """Escape `text` and set what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _in_cell(text: str) -> Markup:
    """Do as for other text, and keep on one line what follows a ± or stands in short brackets; markup stays."""
    if isinstance(text, Markup):
        return text
    marked = str(_with_code(text.replace(" ± ", "\u00a0±\u00a0")))
    return Markup(re.sub(r"\([^()<>]{1,28}\)", r'<span class="whole">\g<0></span>', marked))
