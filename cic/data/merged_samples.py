"""The samples of several data sets in one table: whose study each is, what it is called, and what it is.

Whatever could mean two things once sets are together (ids, donors, replicates) gets the name of its set in front.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data.label_words import Replacement, near_misses, relabelled
from cic.data.matrix import ExpressionMatrix
from cic.errors import DataError

log = logging.getLogger("cic.data")
OURS = ("study", "label", "original_id", "original_label")
"""Columns that a merge makes; a set's own ones by these names become `own_study` and so on."""


@dataclass(frozen=True)
class Part:
    """One data set to merge, with the columns that hold its labels and, where it is of several studies, those."""

    name: str
    matrix: ExpressionMatrix
    label: str | None = None
    study: str | None = None


def joined_samples(
    parts: Sequence[Part],
    linking: Collection[str] = (),
    label_map: Sequence[Replacement] = (),
    label_map_name: str = "the label map",
) -> pd.DataFrame:
    """Give the table about all samples: study, label, ids as they were, and the columns that the sets had.

    Raises
    ------
    DataError
        If a study occurs in two sets, a profile has none, or the label map does not fit.
    """
    labels = {part.name: part.matrix.samples[part.label] for part in parts if part.label is not None}
    worded = {name: _as_text(column) for name, column in labels.items()}
    replaced = relabelled(worded, label_map, label_map_name)
    tables = []
    for part in parts:
        own = part.matrix.samples.drop(columns=[one for one in (part.label, part.study) if one is not None])
        table = own.rename(columns={name: f"own_{name}" for name in OURS})
        table.insert(0, "study", _studies(part))
        if part.name in replaced:
            table.insert(1, "label", replaced[part.name])
            if label_map:
                table["original_label"] = worded[part.name]
        tables.append(table)
    _check_studies(parts, tables)
    _tell_near_misses(parts, replaced)
    for name in dict.fromkeys(name for table in tables for name in table if str(name).lower() in linking):
        if _meet([table[name].dropna().astype(str) for table in tables if name in table]):
            for part, table in zip(parts, tables, strict=True):
                if name in table:
                    table[name] = _as_text(table[name]).radd(f"{part.name}:")
            log.warning("values of `%s` occur in several sets: each has its set in front", name)
    if _meet([pd.Series(table.index.astype(str)) for table in tables]):
        for part, table in zip(parts, tables, strict=True):
            table["original_id"] = table.index
            table.index = pd.Index([f"{part.name}:{name}" for name in table.index], dtype=object)
        log.warning("sample ids occur in several sets: all have their set in front, `original_id` is what they were")
    return _together(tables)


def _studies(part: Part) -> np.ndarray | str:
    if part.study is None:
        own = part.matrix.samples.get("study")
        if own is not None and own.nunique() > 1:
            log.warning(
                "%s: one study; its own column has %d: --study-by %s=study", part.name, own.nunique(), part.name
            )
        return part.name
    column = part.matrix.samples[part.study]
    if column.isna().any():
        raise DataError(
            f"{int(column.isna().sum())} profiles have no `{part.study}`", where=part.name, expected="a study for each",
            fix="leave out --study-by, or fill that column and import it again",
        )  # fmt: skip
    return column.astype(str).to_numpy()


def _check_studies(parts: Sequence[Part], tables: Sequence[pd.DataFrame]) -> None:
    sets_of: dict[str, list[str]] = {}
    for part, table in zip(parts, tables, strict=True):
        for study in table["study"].unique():
            sets_of.setdefault(study, []).append(part.name)
    if twice := {study: names for study, names in sets_of.items() if len(names) > 1}:
        study, names = next(iter(twice.items()))
        raise DataError(
            f"study `{study}` is in {' and '.join(names)}", where="--study-by", expected="each study in one set",
            fix="see that no profile is in both; leave out --study-by if these are two studies",
        )  # fmt: skip


def _tell_near_misses(parts: Sequence[Part], labels: Mapping[str, pd.Series]) -> None:
    if without := [part.name for part in parts if part.name not in labels and labels]:
        log.warning("no column of labels in %s (--labels-by %s=COLUMN)", ", ".join(without), without[0])
    sets_of: dict[str, list[str]] = {}
    for name, column in labels.items():
        for word in column.dropna().unique():
            sets_of.setdefault(word, []).append(name)
    if nearly := near_misses(list(sets_of)):
        told = "; ".join(" and ".join(f"`{word}` ({', '.join(sets_of[word])})" for word in words) for words in nearly)
        log.warning("labels that nearly agree are kept apart, --label-map makes them one: %s", told)


def _meet(columns: Sequence[pd.Series]) -> bool:
    """Tell whether two sets share a value, but for case and spaces, by which the audit would take them for one."""
    plain = [set(column.str.strip().str.lower()) for column in columns]
    return sum(map(len, plain)) > len(set().union(*plain))


def _together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below one another; a column whose kinds differ between them becomes text."""
    names = dict.fromkeys(name for table in tables for name in table)
    text = []
    for name in names:
        kinds = [table[name].dtype for table in tables if name in table]
        # whole numbers that are not everywhere would come out as fractions
        if len(set(kinds)) > 1 or (len(kinds) < len(tables) and kinds[0].kind in "iub"):
            text.append(name)
    for table in tables:
        for name in text:
            if name in table:
                table[name] = _as_text(table[name])
    return pd.concat(tables)[list(names)].rename_axis("sample_id")


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype(object).map(str, na_action="ignore")
