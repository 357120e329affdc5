"""A table of numbers as a reader gives it, and what every reader of text does alike."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from cic.data.limits import check_values
from cic.data.sparse import Values
from cic.errors import DataError

BLOCK_BYTES = 1 << 28
"""A block must hold a line; large blocks are also several times as fast on wide tables."""


@dataclass(frozen=True)
class Wide:
    """A table of numbers with the names of its rows and columns, and what the file says about either.

    Attributes
    ----------
    about_rows, about_columns
        One row each of `rows` or `columns`, in their order; `None` where the file says nothing.
    """

    values: Values
    rows: Sequence[str]
    columns: Sequence[str]
    about_rows: pd.DataFrame | None = None
    about_columns: pd.DataFrame | None = None


def named(wide: Wide, genes_by: str | None, path: Path) -> Wide:
    """Give the same table, its columns named by one of the columns about genes.

    Raises
    ------
    DataError
        If there is no such column, or it leaves a gene without a name.
    """
    if genes_by is None:
        return wide
    about = wide.about_columns
    if about is None or genes_by not in about:
        known = "nothing but their names" if about is None else ", ".join(map(str, about.columns))
        raise DataError(
            f"the file has no `{genes_by}` of its genes", where=str(path), expected=f"one of: {known}",
            fix="choose one with --genes-by, or leave it out",
        )  # fmt: skip
    names = about[genes_by]
    blank = names.isna() | (names.astype(str).str.strip() == "")
    if blank.any():
        raise DataError(
            f"{int(blank.sum())} gene(s) have no `{genes_by}`, such as {wide.columns[int(blank.to_numpy().argmax())]}",
            where=str(path),
            expected="a name for each",
            fix="take another column with --genes-by, or give a table, such as a family in SOFT itself, with "
            "--gene-map: that leaves such genes out",
        )
    return Wide(wide.values, wide.rows, [str(name) for name in names], wide.about_rows, about)


def numbers(
    source: io.BufferedIOBase | bytes, names: Sequence[str], n_texts: int, path: Path, skip: int = 0
) -> tuple[list[list[str]], np.ndarray]:
    """Read tab-separated lines that begin with some texts; missing numbers become NaN.

    Parameters
    ----------
    source
        Open file or bytes, of UTF-8.
    names
        Of all columns, for errors.
    n_texts
        How many of them, from the first, hold text.
    skip
        Lines before the table.

    Returns
    -------
    list, numpy.ndarray
        The columns of text, and the numbers, float32, lines x other columns.

    Raises
    ------
    DataError
        If it is no such table.
    """
    places = [str(place) for place in range(len(names))]  # names may repeat
    kinds: dict[str, pa.DataType] = {
        place: pa.string() if at < n_texts else pa.float32() for at, place in enumerate(places)
    }
    opened = pa.BufferReader(source) if isinstance(source, bytes) else pa.PythonFile(source, "r")
    try:
        table = pa.csv.read_csv(
            opened,
            read_options=pa.csv.ReadOptions(skip_rows=skip, column_names=places, block_size=BLOCK_BYTES),
            parse_options=pa.csv.ParseOptions(delimiter="\t"),
            convert_options=pa.csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeError) as error:
        first = str(error).splitlines()[0]
        raise DataError(
            f"not readable as a table of {len(names)} columns: {first}",
            where=str(path),
            expected=f"{n_texts} column(s) of text, then numbers, one for each of {len(names) - n_texts} columns",
            fix="look at that line, or write or fetch the file again",
        ) from None
    check_values(table.num_rows, len(names) - n_texts, path)
    values = np.empty((len(names) - n_texts, table.num_rows), dtype=np.float32)
    for at in range(n_texts, len(names)):
        values[at - n_texts] = table.column(at).to_numpy()
    return [table.column(at).to_pylist() for at in range(n_texts)], np.ascontiguousarray(values.T)
