"""Text in CSV and TSV that a spreadsheet would run as a formula is written with an apostrophe before it.

Sample ids and labels come from files of others: `=HYPERLINK(...)` as an id would be run by whoever opens the table. The
apostrophe is what spreadsheets themselves take for "this is text" (OWASP, CSV injection). One more is put before text
that begins with apostrophes and such a character, so that reading one back undoes it exactly. Numbers are left alone.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, cast

import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r]")
WRITTEN = re.compile(r"'+[=+\-@\t\r]")


def as_text(cell: Any) -> Any:
    """Put an apostrophe before text that would be a formula; anything else stays."""
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def from_text(cell: Any) -> Any:
    """Undo `as_text`."""
    return cell[1:] if isinstance(cell, str) and WRITTEN.match(cell) else cell


def write_csv(table: pd.DataFrame, path: Path, *, sep: str = ",", index: bool = False) -> None:
    """Write a table as CSV whose texts, names of columns and index included, are no formulas."""
    safe = table.copy(deep=False)
    for position, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            safe.isetitem(position, cast(Any, table.iloc[:, position].astype(object).map(as_text)))
    safe = safe.set_axis([as_text(name) for name in table.columns], axis=1)
    if index:
        safe.index = table.index.map(as_text)
    # all texts in quotes: some programs take a carriage return in a bare one for the end of the line
    safe.to_csv(path, sep=sep, index=index, quoting=csv.QUOTE_NONNUMERIC)


def read_csv(path: Path | str, *, sep: str = ",", ids: str = "sample_id") -> pd.DataFrame:
    """Read what `write_csv` wrote; the column `ids`, where it is there, as text, whatever it looks like."""
    table = pd.read_csv(path, sep=sep, converters={ids: str})
    table = table.set_axis([from_text(name) for name in table.columns], axis=1)
    for name in table.select_dtypes(object).columns:
        table[name] = table[name].map(from_text)
    return table
