"""Wide tables of text: read quickly; looked at a second time, slowly, once something is wrong."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from cic.data.about_genes import about_genes, columns_about_genes
from cic.data.layout import MISSING, Layout, layout_of
from cic.data.limits import MOST_HEADER, check_values
from cic.data.terms import SamplesIn
from cic.data.text import NOT_TEXT, AsUtf8, open_text
from cic.data.wide import BLOCK_BYTES, Wide
from cic.errors import DataError


def read_delimited(
    path: Path,
    samples_in: SamplesIn,
    *,
    missing: bool = False,
    about: Sequence[str] | None = None,
    skip: int = 0,
) -> Wide:
    """Read a table whose first line and first column hold names, and everything else numbers.

    Parameters
    ----------
    missing
        Whether values may be missing; these become NaN.
    about
        Names of the columns about genes, of a table with samples in columns; see `columns_about_genes`.
    skip
        Lines before the header.

    Raises
    ------
    DataError
        With line and column of the first cell at fault.
    """
    layout = layout_of(path, skip)
    header = layout.header
    texts = columns_about_genes(header, layout.texts, about, path) if samples_in == "columns" else []
    try:
        table = _read_numbers(path, layout, texts)
    except (pa.ArrowInvalid, pa.ArrowKeyError, *NOT_TEXT) as error:
        raise _fault(path, layout, texts) or DataError(
            f"not readable as a table: {str(error).splitlines()[0]}", where=str(path), fix="write or fetch it again"
        ) from None
    if table.num_rows == 0:
        raise DataError("there is a header, but no row below it", where=str(path), expected="a table of numbers")
    numbers = [place for place in range(1, len(header)) if place not in texts]
    check_values(table.num_rows, len(numbers), path)
    values = np.empty((len(numbers), table.num_rows), dtype=np.float32)
    for at, place in enumerate(numbers):
        values[at] = table.column(place).to_numpy()
    odd = np.isinf(values) if missing else ~np.isfinite(values)
    if odd.any() and (fault := _fault(path, layout, texts)):
        raise fault
    rows, columns = table.column(0).to_pylist(), [header[place] for place in numbers]
    if samples_in == "rows":
        return Wide(np.ascontiguousarray(values.T), rows, columns)
    said = {header[place]: table.column(place).to_pylist() for place in (0, *texts)}
    return Wide(values, columns, rows, None, about_genes(said) if texts else None)


def _read_numbers(path: Path, layout: Layout, texts: Collection[int]) -> pa.Table:
    n_columns = len(layout.header)
    names = [str(position) for position in range(n_columns)]  # those of the file may repeat
    kinds: dict[str, pa.DataType] = dict.fromkeys(names, pa.float32())
    kinds |= {str(place): pa.string() for place in (0, *texts)}
    return pa.csv.read_csv(
        pa.PythonFile(AsUtf8(path, n_columns - 1), "r"),
        read_options=pa.csv.ReadOptions(skip_rows=layout.skip + 1, column_names=names, block_size=BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=layout.delimiter),
        convert_options=pa.csv.ConvertOptions(
            column_types=kinds, strings_can_be_null=False, decimal_point=layout.decimal
        ),
    )


def _fault(path: Path, layout: Layout, texts: Collection[int]) -> DataError | None:
    """Look for the first cell that is at fault, in plain Python."""
    number = 1
    try:
        with open_text(path) as file:
            bounded = iter(lambda: file.readline(MOST_HEADER), "")
            for _ in range(layout.skip):
                next(bounded)
            lines = csv.reader(bounded, delimiter=layout.delimiter)
            next(lines)
            for cells in lines:
                number = layout.skip + lines.line_num
                if cells and (fault := _fault_in_line(path, number, cells, layout, texts)):
                    return fault
    except NOT_TEXT as error:
        return DataError(
            f"not readable as text after line {number}: {error}",
            where=str(path),
            expected="UTF-8, or UTF-16 with its mark; gzipped and whole if it ends in .gz",
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


def _fault_in_line(
    path: Path, number: int, cells: list[str], layout: Layout, texts: Collection[int]
) -> DataError | None:
    header = layout.header
    if len(cells) != len(header):
        return _ragged(path, number, cells, header)
    if not texts and _all_finite(cells[1:], layout):
        return None
    for position, cell in enumerate(cells[1:], start=1):
        if position in texts or _all_finite([cell], layout):
            continue
        missing = cell.strip().lower() in MISSING
        comma = not missing and cell.count(",") == 1 and cell.replace(",", "").strip("-").isdigit()
        what = "a missing value" if missing else "an infinite value" if layout.is_number(cell) else "text among numbers"
        return DataError(
            f"{what}: {cell[:40]!r}",
            where=f"{path}, line {number} ({cells[0][:40]}), column {position + 1} ({header[position][:40]})",
            expected="a finite number",
            fix="write decimals with a point" if comma
            else "fill it, or say what becomes of those: --missing drop-genes, drop-samples or keep" if missing
            else "fill or drop those samples or genes" if layout.is_number(cell)
            else "keep one column of names and numbers only; columns about samples go into a table for --labels, those "
            "about genes are named by --about-genes",
        )  # fmt: skip
    return None


def _all_finite(cells: list[str], layout: Layout) -> bool:
    try:
        return all(map(math.isfinite, map(layout.number, cells)))
    except ValueError:
        return False
