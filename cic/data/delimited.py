"""Wide tables of text: read quickly; looked at a second time, slowly, once something is wrong."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from cic.data.layout import Layout, layout_of
from cic.data.limits import MOST_HEADER, check_values
from cic.data.text import NOT_TEXT, Unpacked, is_packed, open_text
from cic.data.wide import BLOCK_BYTES
from cic.errors import DataError

MISSING = {"", "na", "nan", "n/a", "null", "none", "#n/a", "-nan", "<na>"}


def read_delimited(path: Path, *, missing: bool = False) -> tuple[np.ndarray, list[str], list[str]]:
    """Read a table whose first line and first column hold names, and everything else numbers.

    Parameters
    ----------
    missing
        Whether values may be missing; these become NaN.

    Returns
    -------
    tuple
        float32 values (rows, columns), names of rows, names of columns.

    Raises
    ------
    DataError
        With line and column of the first cell at fault.
    """
    layout = layout_of(path)
    header = layout.header
    try:
        table = _read_numbers(path, layout)
    except (pa.ArrowInvalid, pa.ArrowKeyError, *NOT_TEXT) as error:
        raise _fault(path, layout) or DataError(
            f"not readable as a table: {str(error).splitlines()[0]}", where=str(path), fix="write or fetch it again"
        ) from None
    if table.num_rows == 0:
        raise DataError("there is a header, but no row below it", where=str(path), expected="a table of numbers")
    check_values(table.num_rows, len(header) - 1, path)
    values = np.empty((len(header) - 1, table.num_rows), dtype=np.float32)
    for position in range(1, len(header)):
        values[position - 1] = table.column(position).to_numpy()
    odd = np.isinf(values) if missing else ~np.isfinite(values)
    if odd.any() and (fault := _fault(path, layout)):
        raise fault
    return np.ascontiguousarray(values.T), table.column(0).to_pylist(), header[1:]


def _read_numbers(path: Path, layout: Layout) -> pa.Table:
    n_columns = len(layout.header)
    names = [str(position) for position in range(n_columns)]  # those of the file may repeat
    kinds: dict[str, pa.DataType] = dict.fromkeys(names, pa.float32())
    kinds["0"] = pa.string()
    return pa.csv.read_csv(
        pa.PythonFile(Unpacked(path, n_columns - 1), "r") if is_packed(path) else path,
        read_options=pa.csv.ReadOptions(skip_rows=1, column_names=names, block_size=BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=layout.delimiter),
        convert_options=pa.csv.ConvertOptions(
            column_types=kinds, strings_can_be_null=False, decimal_point=layout.decimal
        ),
    )


def _fault(path: Path, layout: Layout) -> DataError | None:
    """Look for the first cell that is at fault, in plain Python."""
    number = 1
    try:
        with open_text(path) as file:
            bounded = iter(lambda: file.readline(MOST_HEADER), "")
            lines = csv.reader(bounded, delimiter=layout.delimiter)
            next(lines)
            for cells in lines:
                number = lines.line_num
                if cells and (fault := _fault_in_line(path, number, cells, layout)):
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
    return DataError(
        f"ragged rows: {len(cells)} cells, where the header has {len(header)}",
        where=f"{path}, line {number} ({cells[0][:40]})",
        expected=f"{len(header)} cells in every line",
        fix="look at that line for a missing or a stray delimiter",
    )


def _fault_in_line(path: Path, number: int, cells: list[str], layout: Layout) -> DataError | None:
    header = layout.header
    if len(cells) != len(header):
        return _ragged(path, number, cells, header)
    if _all_finite(cells[1:], layout):
        return None
    for position, cell in enumerate(cells[1:], start=1):
        if _all_finite([cell], layout):
            continue
        missing = cell.strip().lower() in MISSING
        comma = not missing and cell.count(",") == 1 and cell.replace(",", "").strip("-").isdigit()
        what = (
            "a missing value" if missing else "an infinite value" if _is_number(cell, layout) else "text among numbers"
        )
        return DataError(
            f"{what}: {cell[:40]!r}",
            where=f"{path}, line {number} ({cells[0][:40]}), column {position + 1} ({header[position][:40]})",
            expected="a finite number",
            fix="write decimals with a point" if comma
            else "fill it, or say what becomes of those: --missing drop-genes, drop-samples or keep" if missing
            else "fill or drop those samples or genes" if _is_number(cell, layout)
            else "keep one column of names and numbers only; columns about samples go into a table for --labels",
        )  # fmt: skip
    return None


def _all_finite(cells: list[str], layout: Layout) -> bool:
    try:
        return all(map(math.isfinite, map(layout.number, cells)))
    except ValueError:
        return False


def _is_number(cell: str, layout: Layout) -> bool:
    try:
        layout.number(cell)
    except ValueError:
        return False
    return True
