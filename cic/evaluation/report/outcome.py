"""What becomes known after the report is made: version, decision of the gate, commit, date. A copy of it bears them.

The report itself holds nothing that differs between two runs of the same thing, so that both doors give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import escape

BEGIN, END = "<!-- outcome -->", "<!-- end of outcome -->"
PLACE = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)


def with_outcome(page: str, outcome: Mapping[str, str]) -> str:
    """Give the report with what came of the model at its top, by name; in place of the note on where that is found."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(told)}</dd></div>" for name, told in outcome.items())
    return PLACE.sub(lambda _: f'{BEGIN}<dl class="outcome">{rows}</dl>{END}', page, count=1)
