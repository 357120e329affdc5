"""What pages have in common: their style, which figures follow, and how text gets into them."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

STYLE_SHEET = Path(__file__).with_name("style.html")


def template(path: Path) -> jinja2.Template:
    """Give the template of a page; it has the filters `code` and `cell` for text, and the `style` of all pages."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"code": _with_code, "cell": _in_cell}
    environment.globals["style"] = Markup(STYLE_SHEET.read_text().rstrip())
    return environment.from_string(path.read_text())


def _with_code(text: str) -> Markup:
    """Escape `text` and set what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _in_cell(text: str) -> Markup:
    """Do as for other text, and keep on one line what follows a ± or stands in short brackets."""
    marked = str(_with_code(text.replace(" ± ", "\u00a0±\u00a0")))
    return Markup(re.sub(r"\([^()<>]{1,28}\)", r'<span class="whole">\g<0></span>', marked))
