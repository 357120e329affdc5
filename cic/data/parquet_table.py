"""Wide tables in Parquet, as pandas or R write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cic.data.limits import check_values
from cic.data.wide import Wide
from cic.errors import DataError


def read_wide_parquet(path: Path) -> Wide:
    """Read a wide Parquet: one numeric column a gene (or sample), names in the index or the first text column."""
    try:
        # a quarter of the time of pq.read_table on 20,000 columns
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            check_values(file.metadata.num_rows, file.metadata.num_columns, path)
            table = file.read()
        stored = (table.schema.pandas_metadata or {}).get("index_columns", [])
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
        raise DataError(f"not readable as Parquet: {error}", where=str(path), fix="write or fetch it again") from None
    all_names = table.column_names  # made anew at every access
    index = [name for name in stored if isinstance(name, str) and name in all_names]
    texts = [field.name for field in table.schema if _is_text(field.type)]
    named = index[:1] or texts[:1]
    if not named:
        raise DataError(
            "no column holds the names of the rows", where=str(path), expected="an index, or a first column of text",
            fix="write the table with its index",
        )  # fmt: skip
    at_names = all_names.index(named[0])
    names = table.column(at_names).cast(pa.string())
    if names.null_count:
        raise DataError(f"{names.null_count} row(s) have no name", where=f"{path}, column `{named[0]}`")
    numbers = [position for position in range(len(all_names)) if position != at_names]
    values = np.empty((len(numbers), table.num_rows), dtype=np.float32)
    for at, position in enumerate(numbers):
        column = table.column(position)
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise DataError(
                f"column `{all_names[position]}` holds {column.type}, not numbers",
                where=str(path),
                expected=f"numbers in every column but `{named[0]}`",
                fix="move columns about samples into a table for `--labels`",
            )
        values[at] = column.cast(pa.float32(), safe=False).to_numpy()
    return Wide(np.ascontiguousarray(values.T), names.to_pylist(), [all_names[position] for position in numbers])


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))
    )
