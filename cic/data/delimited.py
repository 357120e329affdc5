"""Wide CSV and TSV tables, plain or gzipped: read quickly; looked at a second time, slowly, once something is wrong."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from cic.data.limits import MOST_COLUMNS, MOST_HEADER, check_values, memory_for_reading
from cic.errors import DataError

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
# A block must hold a line; large blocks are also several times as fast on wide tables.
BLOCK_BYTES = 1 << 28
NOT_TEXT = (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error)
MISSING = {"", "na", "nan", "n/a", "null", "none", "#n/a", "-nan", "<na>"}


def delimiter_of(path: Path) -> str | None:
    """Give the delimiter that the suffix stands for, or None."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return DELIMITERS.get(suffixes[-1]) if suffixes else None


def is_delimited(path: Path) -> bool:
    """Tell whether the suffix is that of a CSV or TSV table."""
    return delimiter_of(path) is not None


def open_text(path: Path) -> IO[str]:
    """Open a text file that may be gzipped."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


class Unpacked(gzip.GzipFile):
    """A gzipped table that ends in an error once it has more values than memory can hold: little can unpack to much."""

    def __init__(self, path: Path, n_columns: int) -> None:
        super().__init__(path, "rb")
        self.path, self.n_columns, self.n_bytes, self.n_lines = path, n_columns, 0, 0

    def read(self, size: int | None = -1) -> bytes:
        """Read on, counting."""
        content = super().read(size)
        self.n_bytes += len(content)
        self.n_lines += content.count(b"\n")
        check_values(self.n_lines, self.n_columns, self.path)
        if self.n_bytes > memory_for_reading():
            raise DataError(
                f"it unpacks to more than {self.n_bytes / 1e9:.1f} GB",
                where=str(self.path),
                expected="a table that fits into the free memory",
                fix="split it into smaller files",
            )
        return content


def read_delimited(path: Path) -> tuple[np.ndarray, list[str], list[str]]:
    """Read a table whose first line and first column hold names, and everything else numbers.

    Returns
    -------
    tuple
        float32 values (rows, columns), names of rows, names of columns.

    Raises
    ------
    DataError
        With line and column of the first cell at fault.
    """
    header = _read_header(path)
    try:
        table = _read_numbers(path, len(header))
    except (pa.ArrowInvalid, pa.ArrowKeyError, *NOT_TEXT) as error:
        raise _fault(path, header) or DataError(
            f"not readable as a table: {str(error).splitlines()[0]}", where=str(path), fix="write or fetch it again"
        ) from None
    if table.num_rows == 0:
        raise DataError("there is a header, but no row below it", where=str(path), expected="a table of numbers")
    check_values(table.num_rows, len(header) - 1, path)
    values = np.empty((len(header) - 1, table.num_rows), dtype=np.float32)
    for position in range(1, len(header)):
        values[position - 1] = table.column(position).to_numpy()
    if not np.isfinite(values).all() and (fault := _fault(path, header)):
        raise fault
    return np.ascontiguousarray(values.T), table.column(0).to_pylist(), header[1:]


def first_line(path: Path, file: IO[str]) -> str:
    """Give the first line, unless it is too long to be the header of a table."""
    first = file.readline(MOST_HEADER)
    if len(first) == MOST_HEADER:
        raise DataError(
            f"a first line of more than {MOST_HEADER / 1e6:.0f} million characters",
            where=f"{path}, line 1",
            expected="a header: the names of the columns",
            fix="look whether the file is a table of text",
        )
    return first


def _read_header(path: Path) -> list[str]:
    try:
        with open_text(path) as file:
            header = next(csv.reader([first_line(path, file)], delimiter=str(delimiter_of(path))), [])
    except NOT_TEXT as error:
        raise DataError(
            f"not readable as text: {error}",
            where=str(path),
            expected="UTF-8, gzipped if it ends in .gz",
            fix="fetch or write the file again",
        ) from None
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
        named = {",": "commas", "\t": "tabs"}[str(delimiter_of(path))]
        raise DataError(
            f"the header is a single cell: {header[0][:60]!r}",
            where=f"{path}, line 1",
            expected=f"cells separated by {named}, as the suffix says",
            fix="rename the file to .tsv or .csv by what it holds, or write it again",
        )
    return header


def _read_numbers(path: Path, n_columns: int) -> pa.Table:
    names = [str(position) for position in range(n_columns)]  # those of the file may repeat
    kinds: dict[str, pa.DataType] = dict.fromkeys(names, pa.float32())
    kinds["0"] = pa.string()
    zipped = path.suffix.lower() == ".gz"
    return pa.csv.read_csv(
        pa.PythonFile(Unpacked(path, n_columns - 1), "r") if zipped else path,
        read_options=pa.csv.ReadOptions(skip_rows=1, column_names=names, block_size=BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter_of(path)),
        convert_options=pa.csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
    )


def _fault(path: Path, header: list[str]) -> DataError | None:
    """Look for the first cell that is at fault, in plain Python."""
    number = 1
    try:
        with open_text(path) as file:
            bounded = iter(lambda: file.readline(MOST_HEADER), "")
            lines = csv.reader(bounded, delimiter=str(delimiter_of(path)))
            next(lines)
            for cells in lines:
                number = lines.line_num
                if cells and (fault := _fault_in_line(path, number, cells, header)):
                    return fault
    except NOT_TEXT as error:
        return DataError(
            f"not readable as text after line {number}: {error}",
            where=str(path),
            expected="UTF-8, gzipped and whole if it ends in .gz",
            fix="fetch or write the file again",
        )
    return None


def _ragged(path: Path, number: int, cells: list[str], header: list[str]) -> DataError:
    by_r = len(cells) == len(header) + 1 and number == 2
    return DataError(
        f"ragged rows: {len(cells)} cells, where the header has {len(header)}",
        where=f"{path}, line {number} ({cells[0][:40]})",
        expected=f"{len(header)} cells in every line",
        fix="R's write.table leaves out the first header cell: write with col.names = NA" if by_r
        else "look at that line for a missing or a stray delimiter",
    )  # fmt: skip


def _fault_in_line(path: Path, number: int, cells: list[str], header: list[str]) -> DataError | None:
    if len(cells) != len(header):
        return _ragged(path, number, cells, header)
    if _all_finite(cells[1:]):
        return None
    for position, cell in enumerate(cells[1:], start=1):
        if _all_finite([cell]):
            continue
        missing = cell.strip().lower() in MISSING
        comma = not missing and cell.count(",") == 1 and cell.replace(",", "").strip("-").isdigit()
        what = "a missing value" if missing else "an infinite value" if _is_number(cell) else "text among numbers"
        return DataError(
            f"{what}: {cell[:40]!r}",
            where=f"{path}, line {number} ({cells[0][:40]}), column {position + 1} ({header[position][:40]})",
            expected="a finite number",
            fix="write decimals with a point" if comma
            else "fill or drop those samples or genes" if missing or _is_number(cell)
            else "keep one column of names and numbers only; columns about samples go into a table for --labels",
        )  # fmt: skip
    return None


def _all_finite(cells: list[str]) -> bool:
    try:
        return all(map(math.isfinite, map(float, cells)))
    except ValueError:
        return False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
