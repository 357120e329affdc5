"""What studies call the same type: words replaced by a table that the user gives, and words that nearly agree, told."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cic.data.layout import layout_of
from cic.data.text import NOT_TEXT, first_line, open_text
from cic.errors import DataError


@dataclass(frozen=True)
class Replacement:
    """One line of a label map: what a data set (`None`: any) calls `old` shall be called `new`."""

    line: int
    set_name: str | None
    old: str
    new: str


def read_label_map(path: Path) -> list[Replacement]:
    """Read a table with columns `from` and `to`, and `set` where a line is about one data set alone.

    Raises
    ------
    DataError
        If a column or a word is missing, or a word is replaced twice.
    """
    layout = layout_of(path)
    header = [name.strip().lower() for name in layout.header]
    if lacking := [name for name in ("from", "to") if name not in header]:
        raise DataError(
            f"it has no column `{'` and `'.join(lacking)}`", where=str(path),
            expected="columns `from`, `to` and perhaps `set`",
        )  # fmt: skip
    found: list[Replacement] = []
    try:
        with open_text(path) as file:
            rows = csv.reader(iter(lambda: first_line(path, file), ""), delimiter=layout.delimiter)
            next(rows)
            for line, cells in enumerate(rows, start=2):
                if any(cell.strip() for cell in cells):
                    found.append(_replacement(dict(zip(header, cells, strict=False)), path, line))
    except NOT_TEXT as error:
        raise DataError(f"not readable as a table: {error}", where=str(path), fix="write it again") from None
    told = pd.Series([(one.set_name, one.old) for one in found], dtype=object)
    if told.duplicated().any():
        twice = found[int(told.duplicated().to_numpy().argmax())]
        raise DataError(
            f"`{twice.old}` is replaced twice", where=f"{path}, line {twice.line}", expected="one line a word of a set"
        )
    return found


def _replacement(cells: Mapping[str, str], path: Path, line: int) -> Replacement:
    old, new = cells.get("from", ""), cells.get("to", "").strip()
    if not old.strip() or not new:
        raise DataError(
            "a word is missing", where=f"{path}, line {line}", expected="a word under `from` and under `to`"
        )
    return Replacement(line, cells.get("set", "").strip() or None, old, new)


def relabelled(
    label_of: Mapping[str, pd.Series], replacements: Sequence[Replacement], where: str
) -> dict[str, pd.Series]:
    """Replace words in the labels of each data set; a line for one set goes before one for any.

    Raises
    ------
    DataError
        If a line replaces nothing: it would be a slip of the pen.
    """
    for one in replacements:
        if one.set_name is not None and one.set_name not in label_of:
            raise DataError(
                f"there is no data set `{one.set_name}`", where=f"{where}, line {one.line}",
                expected=" or ".join(label_of), fix="name one that is merged, or leave `set` empty",
            )  # fmt: skip
        meant = label_of if one.set_name is None else {one.set_name: label_of[one.set_name]}
        if not any((labels == one.old).any() for labels in meant.values()):
            words = sorted({str(word) for labels in meant.values() for word in labels.dropna()})
            raise DataError(
                f"no profile is labelled `{one.old}`", where=f"{where}, line {one.line}",
                expected="one of " + ", ".join(words[:30]), fix="correct the word, or take the line out",
            )  # fmt: skip
    found = {}
    for name, labels in label_of.items():
        new_of = {one.old: one.new for one in replacements if one.set_name is None}
        new_of |= {one.old: one.new for one in replacements if one.set_name == name}
        found[name] = labels.map(new_of).where(labels.isin(list(new_of)), labels)
    return found


def near_misses(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Give words that differ in nothing but case, spaces and punctuation, together."""
    alike: dict[str, set[str]] = {}
    for word in words:
        alike.setdefault(re.sub(r"[\W_]+", "", word).casefold(), set()).add(word)
    return sorted(tuple(sorted(those)) for those in alike.values() if len(those) > 1)
