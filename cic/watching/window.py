"""Which of the profiles scored by a model a check is about, and which are the earlier ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from cic.errors import ConfigError, DataError
from cic.watching.index import Entry, read_index

COLUMNS = (
    "error_ratio",
    "percentile",
    "distance_ratio",
    "distance_percentile",
    "coverage",
    "note",
    "likeliest",
    "group",
)
"""What of a score is looked at, as far as it is there."""


@dataclass(frozen=True)
class Window:
    """Scores in the order in which they were made, a row a profile, with the `input` and `at` of each.

    Attributes
    ----------
    now, earlier
        Those asked about, and those before them.
    asked
        Which these are, in words.
    """

    now: pd.DataFrame
    earlier: pd.DataFrame
    asked: str


def window(
    scores: Path, model_digest: str, *, since: str | None = None, last: int | None = None, batch: str | None = None
) -> Window:
    """Choose among the scores of one model; without a choice all of them.

    Parameters
    ----------
    since
        A date or time, as ISO 8601, in UTC unless it says otherwise.
    last
        So many profiles, the newest.
    batch
        The input of that name.

    Raises
    ------
    ConfigError
        If more than one is asked for, or a date is none.
    DataError
        If no profile is left, or a table of codes is gone or damaged.
    """
    given = {"--since": since, "--last": last, "--batch": batch}
    if len(named := [name for name, value in given.items() if value is not None]) > 1:
        raise ConfigError(" and ".join(named), where="the window", expected="one of them")
    entries = [one for one in read_index(scores).values() if one.model_digest == model_digest and not one.failed]
    every = _tables(scores, entries)
    if since is not None:
        chosen_S = (every["at"] >= _moment(since)).to_numpy()
    elif batch is not None:
        chosen_S = (every["input"] == batch).to_numpy()
    else:
        chosen_S = np.arange(len(every)) >= len(every) - (last or len(every))
    asked = f"since {since}" if since else batch or (f"the last {last:,} profiles" if last else "all profiles")
    if not chosen_S.any():
        known = ", ".join(dict.fromkeys(every["input"])) if batch else f"{len(every):,} profiles by this model in all"
        raise DataError(
            f"nothing was scored: {asked}", where=str(scores), expected=known, fix="`cic score FOLDER` scores profiles"
        )
    return Window(every[chosen_S], every.iloc[: chosen_S.argmax()], asked)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"`{text}` is no date", where="--since", expected="such as 2026-11-30") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tables(scores: Path, entries: Iterable[Entry]) -> pd.DataFrame:
    tables = [pd.DataFrame({"input": [], "at": pd.to_datetime([], utc=True)})]
    for entry in entries:
        try:
            present = pq.read_schema(scores / entry.file).names
            table = pd.read_parquet(scores / entry.file, columns=[name for name in COLUMNS if name in present])
        except (OSError, ValueError) as error:
            raise DataError(
                f"the codes of {entry.input} cannot be read: {error}", where=str(scores / entry.file),
                fix="remove the file, and score again",
            ) from None  # fmt: skip
        tables.append(table.assign(input=entry.input, at=pd.Timestamp(entry.at)))
    return pd.concat([one for one in tables if len(one)] or tables)
