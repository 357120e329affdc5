"""Encode whatever has no codes yet: one table a file, written whole or not at all, and an index of all of them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from cic.data.readers import read_table
from cic.errors import ConfigError, DataError, ModelError, ServiceError
from cic.model.familiarity import verdict
from cic.progress import bar
from cic.using import Model
from cic.watching.index import Entry, key_of, read_index, write_index
from cic.watching.inputs import content_digest, inputs_in
from cic.written import whole

log = logging.getLogger("cic.watching")
TABLES = ("labels", "gene_map", "lengths")
"""What of the ways to read is a file beside the profiles, and no profiles."""


@dataclass(frozen=True)
class Scored:
    """What a pass over a folder came to.

    Attributes
    ----------
    new, failed
        Inputs that were scored now, and those that could not be.
    n_known
        Inputs that had codes already.
    """

    new: tuple[Entry, ...]
    failed: tuple[Entry, ...]
    n_known: int

    @property
    def text(self) -> str:
        """A sentence for who started it."""
        n = sum(one.samples for one in self.new)
        told = f"{len(self.new):,} scored ({n:,} profiles), {self.n_known:,} had codes already"
        return f"{told}, {len(self.failed):,} could not be scored"


def score(
    folder: Path,
    model: Model,
    model_digest: str,
    scores: Path,
    *,
    reading: Mapping[str, Any] | None = None,
    group: str | None = None,
    only: Sequence[str] = (),
) -> Scored:
    """Encode each input of a folder that this model has not encoded yet.

    What cannot be read, or is refused by the model, is noted with its reason, the others go on, and the next pass tries
    it again. A pass that was stopped goes on where it was.

    Parameters
    ----------
    folder
        With files of profiles, or one of them, see `cic.watching.inputs`.
    scores
        Where codes go, with an index for all models.
    reading
        How the inputs are read, by the names of `cic.data.readers.read_table`; `unit` is the model's unless given.
    group
        Column about the samples that says which profiles belong together, as those of one study do; it is kept beside
        the codes.
    only
        Names of the inputs, with ``*`` and ``?``.

    Raises
    ------
    DataError
        If the folder holds no input, or the index is damaged.
    ServiceError
        If another process scores into the same folder.
    """
    said = _said(model, reading or {})
    tables = {name: Path(said[name]) for name in TABLES if name in said}
    inputs = inputs_in(folder, only, [scores, *tables.values()])
    how = {**said, **{name: _digest_of_table(path) for name, path in tables.items()}, "group": group}
    read = _defaults(model) | said
    scores.mkdir(parents=True, exist_ok=True)
    new, failed, n_known = list[Entry](), list[Entry](), 0
    with _alone(scores), bar(len(inputs), "inputs") as shown:
        index = read_index(scores)
        for path in inputs:
            name = path.relative_to(folder).as_posix() if path != folder else path.name
            sha256, reason = _digest_or_reason(path)
            key = key_of(sha256 or name, model_digest, how)
            known = index.get(key)
            if known is not None and not known.failed and (scores / known.file).is_file():
                n_known += 1
            else:
                table, reason = (None, reason) if reason else _encoded(path, sha256, model, read, group)
                entry = Entry(key, name, sha256, model.stamp, model_digest, _now(), 0, "", reason)
                if table is None:
                    log.warning("%s: %s", path, reason)
                    failed.append(entry)
                else:
                    entry = _kept(table, entry, scores)
                    new.append(entry)
                index = _with(index, entry)
                write_index(scores, index)
            shown.advance(note=name)
    return Scored(tuple(new), tuple(failed), n_known)


def _defaults(model: Model) -> dict[str, Any]:
    """Give how a file is read where nothing is said."""
    ways = {name: one.default for name, one in inspect.signature(read_table).parameters.items() if name != "path"}
    missing = "error" if model.bundle.preprocessor.fill_G is None else "keep"
    return {**ways, "unit": model.bundle.unit, "tables_in": "rows", "missing": missing}


def _said(model: Model, reading: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is said of the reading; not what is so anyway, nor what a release to come may add."""
    ways = _defaults(model)
    if unknown := sorted(set(reading) - set(ways)):
        raise ConfigError(f"`{unknown[0]}` is no way to read a file", where="reading", expected=", ".join(ways))
    usual = {**ways, "missing": "error"}
    return {name: value for name, value in reading.items() if value not in (None, usual[name])}


def _digest_of_table(path: Path) -> str:
    if not path.is_file():
        raise DataError(
            "there is no such file", where=str(path), expected="a table beside the profiles", fix="check it"
        )
    return content_digest(path)


def _with(index: Mapping[str, Entry], new: Entry) -> dict[str, Entry]:
    """Put an entry last, as the newest, in the place of what the same input failed by before."""
    of_input = (new.input, new.model_digest)
    kept = {
        key: one
        for key, one in index.items()
        if key != new.key and not (one.failed and (one.input, one.model_digest) == of_input)
    }
    return {**kept, new.key: new}


@contextmanager
def _alone(scores: Path) -> Iterator[None]:
    try:
        with FileLock(scores / ".lock", timeout=0):
            yield
    except Timeout:
        raise ServiceError(
            "another process is scoring into this folder", where=str(scores), fix="wait until it has ended"
        ) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _digest_or_reason(path: Path) -> tuple[str, str]:
    try:
        return content_digest(path), ""
    except OSError as error:
        return "", f"it cannot be opened: {error.strerror}"


def _encoded(
    path: Path, sha256: str, model: Model, read: Mapping[str, Any], group: str | None
) -> tuple[pd.DataFrame | None, str]:
    """Encode an input, or give the reason why that cannot be."""
    try:
        table = _table(path, model, read, group)
    except (DataError, ModelError) as error:
        return None, str(error)
    if _digest_or_reason(path)[0] != sha256:
        return None, "it changed while it was read"  # somebody is still writing it
    return table, ""


def _table(path: Path, model: Model, read: Mapping[str, Any], group: str | None) -> pd.DataFrame:
    """Give what the model says of an input, and the group of each profile."""
    matrix = read_table(path, **read)
    table = model.encode(matrix)
    if group is not None:
        if group not in matrix.samples:
            raise DataError(
                f"there is no column `{group}` about its samples", where=str(path),
                expected=", ".join(map(str, matrix.samples.columns)) or "some, such as --labels names",
                fix="name another --group, or give --labels a table that has it",
            )  # fmt: skip
        table["group"] = matrix.samples[group].astype(object)
    return table.rename_axis("sample_id")


def _kept(table: pd.DataFrame, entry: Entry, scores: Path) -> Entry:
    """Write a table of codes, and give the entry that names it."""
    stem = Path(entry.input).name.split(".")[0][:60]
    path = scores / entry.model_digest[:12] / f"{stem}-{entry.key[:12]}.parquet"
    with whole(path) as partial:
        table.to_parquet(partial)
    found, file = verdict(table), path.relative_to(scores).as_posix()
    return replace(entry, samples=len(table), file=file, said=found.text, foreign=found.foreign)
