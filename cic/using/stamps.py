"""Which model made a table of codes: written with it, read again, and held against the model that is to use it.

Two models are the same if their bundles have the same digest, whatever they are called; where a table does not say its
digest, names decide. In memory the stamp is the column `model` and the table's `attrs["cic"]`; in Parquet the metadata
under the key `cic`, as JSON; in CSV the columns `model` and `digest`; of an AnnData `uns["cic"]`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from cic.data.spreadsheet import read_csv, write_csv
from cic.errors import DataError, ModelError

KEY = "cic"
OF_FOLDER = "bundle:"
"""Begins the name of a model that was read from a folder; the beginning of its digest follows."""


@dataclass(frozen=True)
class Stamp:
    """What a table of codes says of the model that made it.

    Attributes
    ----------
    model
        Name and version, such as ``cic/3``.
    digest
        Of its bundle; empty where the table does not say.
    translated_from
        The models whose codes these were before, oldest first and parted by ``>``; empty of codes from profiles.
    """

    model: str
    digest: str = ""
    translated_from: str = ""

    def is_same(self, other: Stamp) -> bool:
        """Say whether both name the same model."""
        mine, its = self._known_digest, other._known_digest
        return mine.startswith(its) or its.startswith(mine) if mine and its else self.model == other.model

    @property
    def _known_digest(self) -> str:
        return self.digest or (self.model.removeprefix(OF_FOLDER) if self.model.startswith(OF_FOLDER) else "")


def stamped(table: pd.DataFrame, stamp: Stamp) -> pd.DataFrame:
    """Give the table with a stamp in place of any that it had."""
    told_before = [name for name in ("digest", "translated_from") if name in table]
    table = table.drop(columns=told_before) if told_before else table.copy(deep=False)
    table["model"] = stamp.model
    if stamp.translated_from:
        table = table.assign(translated_from=stamp.translated_from)
    table.attrs = {**table.attrs, KEY: asdict(stamp)}
    return table


def stamps_of(codes: Any) -> list[Stamp]:
    """Give the stamps of a table or an AnnData of codes: none where it has none, several where models were mixed."""
    if not isinstance(codes, pd.DataFrame):  # an AnnData, whose library need not be here
        whole = _stamp(codes.uns.get(KEY))
        return [whole] if whole else []
    whole = _stamp(codes.attrs.get(KEY))
    if "model" not in codes:
        return [whole] if whole else []
    names = ["model", *(name for name in ("digest", "translated_from") if name in codes)]
    rows = codes[names].fillna("").astype(str).drop_duplicates().to_dict("records")
    found = [Stamp(row["model"], row.get("digest", ""), row.get("translated_from", "")) for row in rows]
    return [whole if whole and not one.digest and one.model == whole.model else one for one in found]


def only_stamp(codes: Any, where: str) -> Stamp:
    """Give the stamp of a table of codes.

    Raises
    ------
    ModelError
        If it has none, or the codes are of several models.
    """
    found = stamps_of(codes)
    if not found:
        raise ModelError(
            "the codes do not say which model made them", where=where, expected="a column `model`, as `encode` gives it"
        )
    if any(not one.is_same(found[0]) for one in found):
        raise ModelError(
            f"the codes were made by several models: {_named(found)}",
            where=where,
            expected="codes of one model",
            fix="translate those of each by themselves, by `cic codes translate`, and put them together then",
        )
    return found[0]


def check_made_by(codes: Any, model: Stamp, where: str) -> None:
    """See that a table of codes is of one model; one without any stamp passes.

    Raises
    ------
    ModelError
        If another model made some of them.
    """
    others = [one for one in stamps_of(codes) if not one.is_same(model)]
    if not others:
        return
    if model.model in {one.model for one in others}:  # of another registry, say
        found, mine = (_named(some, digests=True) for some in (others, [model]))
    else:
        found, mine = _named(stamps_of(codes)), model.model
    raise ModelError(
        f"the codes were made by {found}, and not by {mine}",
        where=where,
        fix="take that model, or translate them by `cic codes translate`: codes of one model mean nothing to another",
    )


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table, and its stamp into the metadata of the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = pa.Table.from_pandas(table)
    if KEY in table.attrs:
        made = made.replace_schema_metadata({**made.schema.metadata, KEY: json.dumps(table.attrs[KEY], sort_keys=True)})
    pq.write_table(made, path)


def write_text(table: pd.DataFrame, path: Path, sep: str) -> None:
    """Write a table as CSV or TSV, with the digest of its stamp as a column."""
    stamp = _stamp(table.attrs.get(KEY))
    if stamp and "model" in table and "digest" not in table:
        table = table.assign(digest=stamp.digest)
    write_csv(table, path, sep=sep, index=True)


def read_codes(path: Path) -> pd.DataFrame:
    """Read codes from Parquet, CSV or TSV, with their stamp; sample ids as index where the file has the column.

    Raises
    ------
    DataError
        If there is no such file, or it is no such table.
    """
    if not path.exists():
        raise DataError("there is no such file", where=str(path))
    try:
        table = _read_parquet(path) if path.suffix == ".parquet" else read_csv(path, sep=separator(path))
    except (OSError, ValueError, EOFError, zlib.error) as error:  # pyarrow's, pandas' and json's own are among these
        raise DataError(
            f"this is no table of codes: {str(error).splitlines()[0]}",
            where=str(path),
            expected="codes, as `cic encode` writes them",
        ) from None
    return table.set_index("sample_id") if "sample_id" in table else table


def separator(path: Path) -> str:
    """Give what parts the columns of a file, by its name."""
    return "\t" if ".tsv" in path.suffixes else ","


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    read = pq.read_table(path)
    table = read.to_pandas()
    if told := (read.schema.metadata or {}).get(KEY.encode()):
        table.attrs[KEY] = json.loads(told)
    return table


def _stamp(told: Any) -> Stamp | None:
    if not isinstance(told, Mapping) or "model" not in told:
        return None
    return Stamp(*(str(told.get(field.name, "")) for field in fields(Stamp)))


def _named(stamps: Iterable[Stamp], digests: bool = False) -> str:
    return ", ".join(
        sorted({f"{one.model} (bundle {one.digest[:12]})" if digests and one.digest else one.model for one in stamps})
    )
