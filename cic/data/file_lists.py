"""A table that names a file for each sample: a manifest or sample sheet of GDC, or one's own."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from cic.data.formats import LISTS
from cic.data.labels import read_labels
from cic.data.text import open_text
from cic.errors import DataError

SAMPLE = "Sample ID"
"""The column of a sample sheet with what a sample is called; a manifest has none, and one's own has it first."""


def files_of(path: Path) -> tuple[list[tuple[Path, str]], pd.DataFrame]:
    """Give the files that a table names, with what to call their samples, and its other columns, in the same order.

    Where the table says their size or MD5, files are held to it.

    Raises
    ------
    DataError
        If a file is not there, lies outside of the table's folder or is another, or two samples are called the same.
    """
    with open_text(path) as text:
        first = text.readline(64)
    name_in, folder_in = next(columns for begin, columns in LISTS.items() if first.startswith(begin))
    table = read_labels(path).reset_index()
    called = SAMPLE if SAMPLE in table else "sample_id"
    table = table.rename(columns={"sample_id": folder_in}) if folder_in and "sample_id" in table else table
    found = []
    for row in table.to_dict("records"):
        file = _place(path, str(row[name_in]), None if folder_in is None else str(row[folder_in]))
        _check(file, row, path)
        found.append((file, str(row[called]) if called in row else file.name))
    return found, table.drop(columns=[name for name in (called, name_in, "md5", "size") if name in table])


def _place(path: Path, name: str, folder: str | None) -> Path:
    """Give the file, beside the table or in the folder that GDC's client makes of its id."""
    places = [path.parent / name, *([path.parent / folder / name] if folder else [])]
    for place in places:
        if not place.resolve().is_relative_to(path.parent.resolve()):
            raise DataError(
                f"`{name}` lies outside of the folder of the table", where=str(path), expected="files in or below it"
            )
        if place.is_file():
            return place
    raise DataError(
        f"there is no file `{name}`", where=str(path),
        expected="it beside the table, or in a folder of its id" if folder else "it beside the table",
        fix="fetch it, or take its line out",
    )  # fmt: skip


def _check(file: Path, row: dict[Hashable, Any], path: Path) -> None:
    """Hold a file to the size and MD5 that the table says of it."""
    if "size" in row and str(file.stat().st_size) != str(row["size"]):
        found = f"{file.stat().st_size} bytes"
        raise DataError(found, where=str(file), expected=f"{row['size']}, by {path.name}", fix="fetch it again")
    if "md5" not in row:
        return
    with file.open("rb") as content:
        md5 = hashlib.file_digest(content, "md5").hexdigest()
    if md5 != row["md5"]:
        expected = f"{row['md5']}, by {path.name}"
        raise DataError(f"its md5 is {md5}", where=str(file), expected=expected, fix="fetch it again")
