"""How a table of text is written: what parts its cells and decimals, and what its columns are called.

The delimiter is that of the suffix where the header bears it out, and else the one by which header and first row agree.
Decimal commas are seen too, and R's header that lacks the cell above the names of the rows.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from cic.data.limits import MOST_COLUMNS
from cic.data.text import NOT_TEXT, delimiter_of, first_line, open_text
from cic.errors import DataError

log = logging.getLogger("cic.data")
OTHERS = ("\t", ";", ",")
"""Tried in this order where the suffix does not tell, or tells wrongly."""
LOOKED_AT = 20
"""Rows that are looked at."""
MISSING = {"", "na", "nan", "n/a", "null", "none", "#n/a", "-nan", "<na>"}
DECIMAL_COMMA = re.compile(r"-?\d+,\d+([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Layout:
    """How a table is written: what parts cells and decimals, and the names of its columns, that of the rows' first.

    Attributes
    ----------
    texts
        Places of the columns beside the first that hold text in all rows that were looked at.
    skip
        Lines before the header.
    """

    delimiter: str
    decimal: str
    header: list[str]
    texts: frozenset[int] = frozenset()
    skip: int = 0

    def number(self, cell: str) -> float:
        """Read a number.

        Raises
        ------
        ValueError
            If it is none.
        """
        return float(cell if self.decimal == "." else cell.replace(".", "_").replace(self.decimal, "."))

    def is_number(self, cell: str) -> bool:
        """Tell whether a cell is one."""
        try:
            self.number(cell)
        except ValueError:
            return False
        return True


def is_table(path: Path) -> bool:
    """Tell whether a file begins like a table of text, whatever it is called."""
    try:
        with open_text(path) as file:
            lines = _beginning(path, file)
    except (DataError, *NOT_TEXT):
        return False
    return _delimiter(lines, None) is not None


def layout_of(path: Path, skip: int = 0) -> Layout:
    """Find how a table is written, from its first lines but the very first `skip`.

    Raises
    ------
    DataError
        If these are no header and rows of a table.
    """
    declared = delimiter_of(path)
    try:
        with open_text(path) as file:
            for _ in range(skip):
                first_line(path, file)
            lines = _beginning(path, file)
            delimiter = _delimiter(lines, declared) or declared or ","
            cells = [next(csv.reader([line], delimiter=delimiter), []) for line in lines if line]
    except NOT_TEXT as error:
        raise DataError(
            f"not readable as text: {error}",
            where=str(path),
            expected="UTF-8, or UTF-16 with its mark; perhaps gzipped",
            fix="fetch or write the file again",
        ) from None
    header, rows = (cells[0], [row for row in cells[1:] if row]) if cells else ([], [])
    _check_header(path, header, delimiter)
    if delimiter != declared:
        log.info("%s: its cells are parted by %r", path, delimiter)
    # as R's write.table leaves it; rows that end in a delimiter are longer too, and their names stand where they should
    if rows and all(len(row) == len(header) + 1 and row[-1].strip() for row in rows):
        header = ["", *header]
    decimal = "," if _has_decimal_commas(rows) else "."
    if decimal == ",":
        log.info("%s: its decimals are written with a comma", path)
    layout = Layout(delimiter, decimal, header, skip=skip)
    return replace(layout, texts=_texts(rows, layout))


def _beginning(path: Path, file: IO[str]) -> list[str]:
    """Give the first lines, as far as none is out of all proportion to the header."""
    lines = [first_line(path, file)]
    longest = 32 * len(lines[0]) + 65_536
    while len(lines) <= LOOKED_AT and (line := file.readline(longest)) and len(line) < longest:
        lines.append(line)
    return lines


def _delimiter(lines: Sequence[str], declared: str | None) -> str | None:
    """Give what parts the cells: what was declared if the header has it, else what parts header and first row alike."""
    for delimiter in (*([declared] if declared else []), *OTHERS):
        header, row, *_ = (*(len(next(csv.reader([line], delimiter=delimiter), [])) for line in lines[:2]), 0, 0)
        if header > 1 and (delimiter == declared or row in (header, header + 1)):
            return delimiter
    return None


def _has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether numbers have decimal commas: some do, none has a point, and not all could be marks of thousands."""
    cells = [cell for row in rows for cell in row[1:]]
    found = [cell for cell in cells if DECIMAL_COMMA.fullmatch(cell.strip())]
    plain = any(re.fullmatch(r"-?\d+\.\d+", cell.strip()) for cell in cells)
    return bool(found) and not plain and any(len(cell.split(",")[1]) != 3 for cell in found)


def _texts(rows: Sequence[Sequence[str]], layout: Layout) -> frozenset[int]:
    """Give the places of columns that hold text: all of it with letters, and no number; `1,500` is neither."""
    found = set()
    for place in range(1, len(layout.header)):
        cells = [row[place] for row in rows if place < len(row)]
        present = [cell for cell in cells if cell.strip().lower() not in MISSING]
        if present and all(re.search(r"[^\W\d_]", cell) and not layout.is_number(cell) for cell in present):
            found.add(place)
    return frozenset(found)


def _check_header(path: Path, header: list[str], delimiter: str) -> None:
    if not header:
        raise DataError("the file is empty, or its first line is", where=str(path), expected="a header with names")
    if header[0].startswith("#"):
        raise DataError(
            f"the first line is a comment: {header[0][:60]}",
            where=f"{path}, line 1",
            expected="a header: the names of the columns",
            fix="remove the lines above the header",
        )
    if len(header) > MOST_COLUMNS:
        raise DataError(
            f"{len(header)} columns",
            where=f"{path}, line 1",
            expected=f"at most {MOST_COLUMNS}",
            fix="write the table with its rows and columns exchanged, or as Parquet or .h5ad",
        )
    if len(header) < 2:
        named = {",": "commas", "\t": "tabs", ";": "semicolons"}[delimiter]
        raise DataError(
            f"the header is a single cell: {header[0][:60]!r}",
            where=f"{path}, line 1",
            expected=f"cells separated by {named}, as the suffix says",
            fix="rename the file to .tsv or .csv by what it holds, or write it again",
        )
