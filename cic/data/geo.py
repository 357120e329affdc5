"""What the Gene Expression Omnibus gives out: series matrices, and families in SOFT.

The layouts are those of https://www.ncbi.nlm.nih.gov/geo/info/soft.html.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import pandas as pd

from cic.data.limits import MOST_COLUMNS, check_values
from cic.data.said import PROCESSING
from cic.data.text import NOT_TEXT, first_line, open_text, to_number
from cic.data.wide import Wide, numbers
from cic.errors import DataError

log = logging.getLogger("cic.data")
KEPT = {"title": "title", "source_name_ch1": "source", "platform_id": "platform", "organism_ch1": "organism"}
"""Of what is said of a sample, and what the columns are called; characteristics have names of their own."""
VALUE = "VALUE"
ENTITIES = ("DATABASE", "SERIES", "PLATFORM", "SAMPLE", "DATASET", "SUBSET", "Annotation")
TABLE = "series_matrix_table"
WHOLE = "fetch it again"
Lines: TypeAlias = Iterator[tuple[int, str]]
"""With their numbers."""


def read_series_matrix(path: Path) -> Wide:
    """Read a series matrix: probes or genes by samples, with titles, characteristics and platform.

    Raises
    ------
    DataError
        If it has no table, or is damaged. Series of sequencing have an empty one: their counts are in other files.
    """
    said: list[tuple[str, list[str]]] = []
    try:
        with open_text(path) as file:
            for line in _lines(path, file):
                if line.startswith(f"!{TABLE}_begin"):
                    break
                if line.startswith("!Sample_"):
                    (cells,) = csv.reader([line.rstrip("\r\n")], delimiter="\t")
                    said.append((cells[0].removeprefix("!Sample_"), cells[1:]))
            else:
                raise DataError(f"there is no !{TABLE}_begin", where=str(path), expected="a series matrix", fix=WHOLE)
            (header,) = csv.reader([first_line(path, file).rstrip("\r\n")], delimiter="\t")
            rest = file.read()
    except NOT_TEXT as error:
        raise DataError(f"not readable as text: {error}", where=str(path), fix=WHOLE) from None
    table, end, _ = rest.partition(f"!{TABLE}_end")
    if not end:
        raise DataError(f"there is no !{TABLE}_end", where=str(path), expected="a whole file", fix=WHOLE)
    if not table.strip():
        raise DataError(
            "its table is empty", where=str(path), expected="values of probes or genes",
            fix="of a series of sequencing take its supplementary counts: `cic data get ACCESSION --what suppl`",
        )  # fmt: skip
    samples = header[1:]
    if not samples or len(samples) > MOST_COLUMNS:
        raise DataError(f"{len(samples)} samples", where=str(path), expected=f"from 1 to {MOST_COLUMNS}", fix=WHOLE)
    (names,), values_GS = numbers(table.encode(), header, 1, path)
    return Wide(values_GS.T.copy(), samples, names, _about(said, samples))


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    while line := first_line(path, file):
        yield line


def _about(said: list[tuple[str, list[str]]], samples: list[str]) -> pd.DataFrame:
    """Give a column for what is told of every sample; characteristics are `key: value`, each key a column."""
    columns: dict[str, list[str | None]] = {}
    for name, cells in said:
        if len(cells) != len(samples):
            continue
        if name in KEPT:
            columns.setdefault(KEPT[name], [cell or None for cell in cells])
        elif name == "data_processing":
            before = columns.get(PROCESSING, [None] * len(samples))
            columns[PROCESSING] = [_joined(*texts) or None for texts in zip(before, cells, strict=True)]
        elif name.startswith("characteristics"):
            for place, cell in enumerate(cells):
                key, _, value = cell.partition(":")
                if value.strip():
                    columns.setdefault(key.strip().lower().replace(" ", "_"), [None] * len(samples))[place] = (
                        value.strip()
                    )
    return pd.DataFrame(columns, dtype=object)


def read_soft(path: Path) -> Wide:
    """Read the samples of a family in SOFT: of each its `VALUE` by probe, with title, characteristics and platform.

    Raises
    ------
    DataError
        If it has no samples with values, they are of several platforms, or it is damaged.
    """
    samples: list[str] = []
    said: list[dict[str, str]] = []
    columns: list[dict[str, float]] = []
    platforms: dict[str, pd.DataFrame] = {}
    entity = name = ""
    try:
        with open_text(path) as file:
            for number, line in (lines := enumerate(_lines(path, file), start=1)):
                line = line.rstrip("\r\n")
                if line.startswith("^"):
                    entity, _, name = (part.strip() for part in line[1:].partition("="))
                    if entity not in ENTITIES:
                        raise DataError(
                            f"`{entity[:40]}` begins nothing that SOFT knows", where=f"{path}, line {number}",
                            expected=", ".join(ENTITIES), fix=WHOLE,
                        )  # fmt: skip
                    if entity == "SAMPLE":
                        samples.append(name)
                        said.append({})
                        columns.append({})
                elif entity == "SAMPLE" and line.startswith("!Sample_"):
                    key, _, value = (part.strip() for part in line.removeprefix("!Sample_").partition("="))
                    _note(said[-1], key, value)
                elif entity == "SAMPLE" and line.startswith("#VALUE"):
                    _note(said[-1], "data_processing", line[1:])
                elif entity == "SAMPLE" and line == "!sample_table_begin":
                    columns[-1] = _values(lines, path, name)
                elif line == "!platform_table_begin":
                    platforms[name] = _platform(lines, path, name)
    except NOT_TEXT as error:
        raise DataError(f"not readable as text: {error}", where=str(path), fix=WHOLE) from None
    with_values = [place for place, column in enumerate(columns) if column]
    if not with_values:
        raise DataError(
            f"none of its {len(samples)} samples has a table of values", where=str(path),
            expected=f"samples with a column `{VALUE}`", fix="take the series matrix, or the supplementary files",
        )  # fmt: skip
    if without := [samples[place] for place, column in enumerate(columns) if not column]:
        named = ", ".join(without[:5])
        log.warning("%s: %d samples have no table of values and are left out: %s", path, len(without), named)
    probes = list(columns[with_values[0]])
    for place in with_values[1:]:
        if set(columns[place]) != set(probes):
            raise DataError(
                f"its probes are not those of {samples[with_values[0]]}", where=f"{path}, sample {samples[place]}",
                expected="samples of one platform", fix="take the series matrix of each platform",
            )  # fmt: skip
    check_values(len(with_values), len(probes), path)
    values_SG = np.array([[columns[place][probe] for probe in probes] for place in with_values], dtype=np.float32)
    keys = dict.fromkeys(key for place in with_values for key in said[place])
    about = pd.DataFrame({key: [said[place].get(key) for place in with_values] for key in keys}, dtype=object)
    table = next(iter(platforms.values())) if len(platforms) == 1 else None
    if table is not None:
        table = table.reindex(probes).rename_axis("ID").reset_index()
    return Wide(values_SG, [samples[place] for place in with_values], probes, about, table)


def _joined(before: str | None, text: str) -> str:
    return "; ".join(filter(None, (before, text)))


def _note(said: dict[str, str], key: str, value: str) -> None:
    if key == "data_processing":
        said[PROCESSING] = _joined(said.get(PROCESSING), value)
    elif key in KEPT:
        said.setdefault(KEPT[key], value)
    elif key.startswith("characteristics"):
        name, told = _characteristic(value)
        if told:
            said[name] = told


def _characteristic(text: str) -> tuple[str, str]:
    key, _, value = text.partition(":")
    return key.strip().lower().replace(" ", "_"), value.strip()


def _table(lines: Lines, path: Path, name: str, end: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a table and their numbers, the header first; all must have as many cells as that."""
    number = n_columns = 0
    for number, line in lines:
        if line.startswith(end):
            return
        cells = line.rstrip("\r\n").split("\t")
        n_columns = n_columns or len(cells)
        if len(cells) < n_columns or any(cells[n_columns:]):
            raise DataError(
                f"{len(cells)} cells, where the table of {name} has {n_columns} columns",
                where=f"{path}, line {number} ({cells[0][:40]})", expected=f"{n_columns} cells in every line of it",
                fix=f"the line is cut, or two have become one: {WHOLE}",
            )  # fmt: skip
        yield number, cells
    raise DataError(
        f"the table of {name} does not end", where=f"{path}, line {number}, the last", expected=end, fix=WHOLE
    )


def _values(lines: Lines, path: Path, name: str) -> dict[str, float]:
    """Read the table of a sample: its value of each probe, missing ones as NaN."""
    rows = _table(lines, path, name, "!sample_table_end")
    _, header = next(rows, (0, []))
    if "ID_REF" not in header or VALUE not in header:
        if header:
            raise DataError(
                f"its table has the columns {', '.join(header)[:80]}", where=f"{path}, sample {name}",
                expected=f"ID_REF and {VALUE} among them", fix="take the series matrix, or the supplementary files",
            )  # fmt: skip
        return {}
    at, of = header.index("ID_REF"), header.index(VALUE)
    found: dict[str, float] = {}
    for number, cells in rows:
        probe, text = cells[at], cells[of].strip()
        try:
            value = to_number(text) if text and text.lower() not in ("null", "na", "n/a") else float("nan")
        except ValueError:
            raise DataError(
                f"text among numbers: {text[:40]!r}", where=f"{path}, line {number}, sample {name}, probe {probe}",
                expected=f"a number in the column `{VALUE}`", fix=WHOLE,
            ) from None  # fmt: skip
        if probe in found:
            raise DataError(
                f"the probe {probe} stands there twice", where=f"{path}, line {number}, sample {name}", fix=WHOLE
            )
        found[probe] = value
    return found


def _platform(lines: Lines, path: Path, name: str) -> pd.DataFrame:
    """Read what a platform says of its probes, one row each."""
    rows = _table(lines, path, name, "!platform_table_end")
    _, header = next(rows, (0, []))
    body = [cells[: len(header)] for _, cells in rows]
    table = pd.DataFrame(body, columns=header, dtype=object)
    return table.drop_duplicates(header[0]).set_index(header[0]) if header else table
