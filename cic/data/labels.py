"""The table about samples, joined to the profiles by sample id, with every id that does not match named."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pandas as pd

from cic.data.layout import Layout, layout_of
from cic.data.limits import MOST_LABEL_COLUMNS, MOST_LABEL_TEXT
from cic.data.text import NOT_TEXT, delimiter_of, first_line, open_text
from cic.errors import DataError

log = logging.getLogger("cic.data")
SHEETS = (".xlsx", ".xls", ".ods")
MOST_NAMED = 20
REAL = re.compile(r"[-+]?\d+\.\d*([eE][-+]?\d+)?")
# Ways in which ids of two files differ though they mean the same; only ever named to the user, never applied.
ALMOST: dict[str, Callable[[str], str]] = {
    "surrounding spaces": str.strip,
    "upper and lower case": str.lower,
    "punctuation (R turns `-` into `.`)": lambda name: re.sub(r"[^0-9A-Za-z]", ".", name).removeprefix("X"),
}


def read_labels(path: Path) -> pd.DataFrame:
    """Read a CSV or TSV about samples, indexed by its column `sample_id`, or else by its first.

    Columns of decimal fractions become numbers; all others stay text, so that an id such as `007` stays what it is.
    Empty cells are missing.

    Raises
    ------
    DataError
        If it cannot be read, or an id repeats or is empty.
    """
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), expected="a table about the samples", fix="check it")
    if delimiter_of(path) is None:
        raise DataError(
            f"a labels table ending in `{path.suffix}` cannot be read", where=str(path), expected=".csv, .tsv or .txt",
            fix="save the sheet as CSV from the spreadsheet program" if path.suffix in SHEETS else None,
        )  # fmt: skip
    _check_size(path)
    layout = layout_of(path)
    header, rows = layout.header, _rows(path, layout)
    if not rows:
        raise DataError("there is no row below the header", where=str(path), expected="one row a sample")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(
            f"two columns are called `{twice}`", where=f"{path}, line 1", expected="a name for each", fix="rename one"
        )
    table = pd.DataFrame(rows, columns=header, dtype=object)
    key = "sample_id" if "sample_id" in table.columns else str(table.columns[0])
    ids = table[key]
    for fault, what in ((ids.str.strip() == "", "empty"), (ids.duplicated(), "repeated")):
        if fault.any():
            row = int(fault.to_numpy().argmax())
            raise DataError(
                f"{int(fault.sum())} sample id(s) are {what}" + (f", such as {ids.iloc[row]}" if ids.iloc[row] else ""),
                where=f"{path}, row {row + 2}, column `{key}`",
                expected="each sample once",
                fix="mend that row, or call the column with the ids `sample_id`",
            )
    columns = {name: _typed(table[name]) for name in table.columns if name != key}
    return pd.DataFrame(columns, index=table.index).set_axis(pd.Index(ids, name="sample_id", dtype=object))


def _rows(path: Path, layout: Layout) -> list[list[str]]:
    """Give the cells of each row, as many in each as the header has: a cell more or less would move what follows."""
    try:
        with open_text(path) as file:
            lines = csv.reader(file, delimiter=layout.delimiter)
            next(lines)
            rows = []
            for cells in lines:
                if cells and len(cells) != len(layout.header):
                    raise DataError(
                        f"ragged rows: {len(cells)} cells, where the header has {len(layout.header)}",
                        where=f"{path}, line {lines.line_num} ({cells[0][:40]})",
                        expected="a cell for each column in every row",
                        fix="look at that line for a missing or a stray delimiter",
                    )
                if cells:
                    rows.append(cells)
    except NOT_TEXT as error:
        raise DataError(f"not readable as a table: {error}", where=str(path), fix="write or fetch it again") from None
    return rows


def _check_size(path: Path) -> None:
    """Refuse a table whose text is too much for one about samples: each cell becomes an object of its own."""
    try:
        with open_text(path) as file:
            n_columns = first_line(path, file).count(str(delimiter_of(path))) + 1
            n_characters = 0
            while n_characters <= MOST_LABEL_TEXT and (part := file.read(1 << 24)):
                n_characters += len(part)
    except NOT_TEXT as error:
        raise DataError(f"not readable as a table: {error}", where=str(path), fix="write or fetch it again") from None
    for found, most, what in (
        (n_columns, MOST_LABEL_COLUMNS, "columns"),
        (n_characters, MOST_LABEL_TEXT, "characters"),
    ):
        if found > most:
            raise DataError(
                f"a table about samples of {found} {what}" + (" and more" if what == "characters" else ""),
                where=str(path),
                expected=f"at most {most} {what}",
                fix="leave out what does not describe samples; values of genes belong into the profiles",
            )


def _typed(column: pd.Series) -> pd.Series:
    filled = column[column.str.strip() != ""]
    if len(filled) and filled.map(lambda cell: REAL.fullmatch(cell.strip()) is not None).all():
        return pd.to_numeric(column.where(column.str.strip() != ""), errors="raise")
    return column.astype(object).mask(column.str.strip() == "", other=cast(Any, None))


def join_labels(
    samples: pd.DataFrame, table: pd.DataFrame, genes: set[str], path: Path, labels_path: Path
) -> pd.DataFrame:
    """Add the columns of `table` to `samples`; those of `samples` stay, unless the table has them too.

    Every sample needs a row; rows without a sample are named in a warning.

    Raises
    ------
    DataError
        Naming the samples that have no row.
    """
    without = [name for name in samples.index if name not in table.index]
    extra = [name for name in table.index if name not in samples.index]
    if len(without) == len(samples):
        turned = any(name in genes for name in table.index)
        raise DataError(
            f"no overlap: none of the {len(samples)} samples is in the labels table "
            f"(samples such as {without[0]!r}, table such as {table.index[0]!r})",
            where=f"{path} and {labels_path}",
            expected="the same sample ids in both",
            fix="samples seem to be on the other axis: turn --samples-in round" if turned
            else _almost(without, extra) or "name the column that holds the ids `sample_id`",
        )  # fmt: skip
    if without:
        raise DataError(
            f"{len(without)} sample(s) have no row in the labels table: {_some(without)}"
            + (f"; {len(extra)} row(s) have no sample: {_some(extra)}" if extra else ""),
            where=f"{path} and {labels_path}",
            expected="a row for each sample",
            fix=_almost(without, extra) or "add the rows; cells of unknown value may be empty",
        )
    if extra:
        log.warning("%s: %d row(s) have no sample and are left out: %s", labels_path, len(extra), _some(extra))
    kept = samples.drop(columns=[name for name in samples.columns if name in table.columns])
    return kept.join(table, how="left")


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _almost(without: list[str], extra: list[str]) -> str | None:
    for difference, plain in ALMOST.items():
        matched = {plain(name) for name in without} & {plain(name) for name in extra}
        if matched:
            return f"{len(matched)} of them differ only in {difference}: make the ids the same"
    return None
