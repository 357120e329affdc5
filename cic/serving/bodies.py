"""What is sent to the server: profiles by gene name, or codes, in each of the kinds that it takes.

Axes: S samples, G genes, W numbers of the code.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from cic.data.guarded import Parts
from cic.errors import DataError
from cic.serving.arrow_tables import Take, from_parquet, from_stream
from cic.serving.gene_lists import GAP, check_whole, joined, joined_column
from cic.serving.limits import UNFOLDED, Limits, TooMuchError

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
GENE, SAMPLE = "gene", "sample_id"
NUMBERS = {float, int, type(None)}
"""What a number is in JSON; `true` is none."""
TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
AS_TABLE = "send a column `gene` and a column of numbers a profile, such as table.T.reset_index(names='gene')"


@dataclass(frozen=True)
class Profiles:
    """Profiles as they were sent: samples x genes, float32, NaN where a value is missing.

    Attributes
    ----------
    named
        Their genes as `cic.serving.gene_lists.joined` gives them.
    """

    named: str | list[str]
    samples: list[str]
    values_SG: np.ndarray

    @classmethod
    def of(cls, genes: Sequence[str], samples: list[str], values_SG: np.ndarray) -> Profiles:
        """Take a list of genes."""
        return cls(joined(genes), samples, values_SG)

    @property
    def genes(self) -> list[str]:
        """Names of the genes, one a column."""
        return self.named.split(GAP) if isinstance(self.named, str) else self.named


def profiles_of(body: bytes | bytearray, kind: str, limits: Limits) -> Profiles:
    """Read profiles.

    Parameters
    ----------
    kind
        `JSON`: an object with `genes`, `samples`, and `values`, a list of numbers a sample. `ARROW`, `PARQUET`: a table
        with the column `gene`, and a column a sample.
    limits
        How many are taken.

    Raises
    ------
    DataError
        If they are not of that form; `TooMuchError` if they are too many.
    """
    if kind != JSON:
        read = _read(body, kind, partial(profiles_in, most=limits.profiles), limits)
        return Profiles(*read.rest, *read.arrays)
    given = _object(body, {"genes", "samples", "values"})
    genes, samples, rows = _names(given, "genes"), _names(given, "samples"), given["values"]
    _check_few(len(samples), limits.profiles)
    if not isinstance(rows, list) or len(rows) != len(samples):
        found = f"{len(rows)} rows" if isinstance(rows, list) else "no list"
        raise DataError(f"`values` has {found}", where="body", expected=f"{len(samples)} rows, one a sample")
    values_SG = np.empty((len(samples), len(genes)), dtype=np.float32)
    for value_G, row, sample in zip(values_SG, rows, samples, strict=True):
        value_G[:] = _numbers(row, genes, sample)
    return Profiles.of(genes, samples, values_SG)


def profiles_in(table: pa.Table, most: int) -> Parts:
    """Take profiles from a table with the column `gene` and a column a sample.

    Raises
    ------
    DataError
        If it is another table.
    """
    genes = _text_column(table, GENE, fix=AS_TABLE)
    named = joined_column(genes, GENE)
    samples = [name for name in table.column_names if name != GENE]
    _check_few(len(samples), most)
    values_SG = np.empty((len(samples), len(genes)), dtype=np.float32)
    _fill(values_SG, table.drop_columns(GENE), samples)
    return Parts((named, samples), (values_SG,))


def codes_of(body: bytes | bytearray, kind: str, limits: Limits) -> pd.DataFrame:
    """Read codes as the server gives them: samples x `code_1` and so on, and `model` if it is said.

    Raises
    ------
    DataError
        If they are not of that form, or not finite; `TooMuchError` if they are too many.
    """
    if kind == JSON:
        given = _object(body, {"profiles"}, {"model"})
        read = _codes_in_rows(given["profiles"], given.get("model"), limits.profiles)
    else:
        read = _read(body, kind, partial(codes_in, most=limits.profiles), limits)
    (samples, names, models), (code_SW,) = read.rest, read.arrays
    ids = pd.Index(samples, name=SAMPLE)
    if not ids.is_unique:
        raise DataError(
            f"sample id {ids[ids.duplicated()][0]} stands there more than once", where="body", expected="every id once"
        )
    if not np.isfinite(code_SW).all():
        raise DataError("there are missing or infinite values", where="body", expected="finite codes only")
    table = pd.DataFrame(code_SW, ids, names)
    return table if models is None else table.assign(model=models)


def codes_in(table: pa.Table, most: int) -> Parts:
    """Take codes from a table with `sample_id`, `code_1` and so on, and perhaps `model`."""
    samples = _text(table, SAMPLE)
    _check_few(len(samples), most)
    names = [name for name in table.column_names if name.startswith("code_") and name[5:].isdigit()]
    code_WS = np.empty((len(names), len(samples)), dtype=np.float32)
    _fill(code_WS, table.select(names), names)
    return Parts((samples, names, _text(table, "model") if "model" in table.column_names else None), (code_WS.T,))


def _read(body: bytes | bytearray, kind: str, take: Take, limits: Limits) -> Parts:
    return from_stream(body, take) if kind == ARROW else from_parquet(body, take, UNFOLDED * limits.body)


def _codes_in_rows(rows: Any, model: Any, most: int) -> Parts:
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise DataError("`profiles` is no list of objects", where="body", expected="what /encode answers")
    _check_few(len(rows), most)
    samples = _names({SAMPLE: [row.get(SAMPLE) for row in rows]}, SAMPLE)
    names = [name for name in rows[0] if name.startswith("code_") and name[5:].isdigit()]
    values = (_numbers([row.get(name) for name in names], names, one) for row, one in zip(rows, samples, strict=True))
    if not isinstance(model, str | None):
        raise DataError(f"`model` is {model!r:.40}", where="body", expected="text, such as cic/3")
    return Parts((samples, names, model), (np.stack([*values]),))


def _object(body: bytes | bytearray, wanted: Set[str], allowed: Set[str] = frozenset()) -> dict[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DataError(f"the body is not valid JSON: {error}", where="body") from None
    expected = f"an object with {', '.join(f'`{name}`' for name in sorted(wanted))}"
    if not isinstance(given, dict):
        raise DataError(f"the body is a JSON {type(given).__name__}", where="body", expected=expected)
    if missing := wanted - set(given):
        raise DataError(f"`{min(missing)}` is missing", where="body", expected=expected)
    if odd := set(given) - wanted - allowed:
        raise DataError(f"`{min(odd):.40}` is not known", where="body", expected=expected)
    return given


def _names(given: dict[str, Any], key: str) -> list[str]:
    names = given[key]
    if not isinstance(names, list) or not set(map(type, names)) <= {str}:
        raise DataError(f"`{key}` is no list of text", where="body", expected="a list of names")
    return names


def _numbers(row: Any, names: Sequence[str], sample: str) -> np.ndarray:
    if not isinstance(row, list) or len(row) != len(names):
        found = f"{len(row)} values" if isinstance(row, list) else "no list of values"
        raise DataError(f"sample {sample:.80} has {found}", where="body", expected=f"{len(names)}, one a name")
    if not set(map(type, row)) <= NUMBERS:
        at, odd = next((at, value) for at, value in enumerate(row) if type(value) not in NUMBERS)
        raise DataError(
            f"{odd!r:.40} is no number", where=f"body, sample {sample:.80}, {names[at]:.80}", expected="numbers"
        )
    with np.errstate(over="ignore"):  # infinite ones are told of by whoever takes them
        return np.array(row, dtype=np.float64).astype(np.float32)


def _text(table: pa.Table, name: str) -> list[str]:
    column = _text_column(table, name)
    check_whole(column, name)
    return column.to_pylist()


def _text_column(table: pa.Table, name: str, fix: str | None = None) -> pa.ChunkedArray:
    if table.column_names.count(name) != 1:
        raise DataError(
            f"{table.column_names.count(name)} columns are called `{name}`", where="body", expected="one", fix=fix
        )
    column = table[name]
    if not any(is_text(column.type) for is_text in TEXT) or column.null_count:
        raise DataError(f"the column `{name}` is {column.type}", where="body", expected="text, without gaps", fix=fix)
    return column


def _fill(into: np.ndarray, table: pa.Table, names: list[str]) -> None:
    """Copy each column into a row."""
    for row, column, name in zip(into, table.columns, names, strict=True):
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise DataError(f"the column `{name:.80}` is {column.type}", where="body", expected="numbers", fix=AS_TABLE)
        with np.errstate(over="ignore"):
            row[:] = column.to_numpy()


def _check_few(n_profiles: int, most: int) -> None:
    if n_profiles > most:
        raise TooMuchError(
            f"there are {n_profiles:,} profiles", where="body", expected=f"at most {most:,}",
            fix="send fewer profiles at a time",
        )  # fmt: skip
