"""Wide tables in Parquet and Feather, as pandas or R write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from cic.data.about_genes import about_genes, columns_about_genes
from cic.data.limits import check_values
from cic.data.terms import SamplesIn
from cic.data.wide import Wide
from cic.errors import DataError


def read_wide_parquet(path: Path, samples_in: SamplesIn, about: Sequence[str] | None = None) -> Wide:
    """Read a wide Parquet: one numeric column a gene (or sample), names in the index or the first text column.

    Parameters
    ----------
    about
        Names of the columns about genes, of a table with samples in columns; see `columns_about_genes`.

    Raises
    ------
    DataError
        If it is damaged, or no such table.
    """
    try:
        # a quarter of the time of pq.read_table on 20,000 columns
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            check_values(file.metadata.num_rows, file.metadata.num_columns, path)
            table = file.read()
        return _wide(table, path, samples_in, about)
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
        raise DataError(f"not readable as Parquet: {error}", where=str(path), fix="write or fetch it again") from None


def read_feather(path: Path, samples_in: SamplesIn, about: Sequence[str] | None = None) -> Wide:
    """Read a Feather or Arrow file with a table as `read_wide_parquet` takes it.

    Raises
    ------
    DataError
        If it is damaged, or no such table.
    """
    try:
        table = pa.feather.read_table(path, memory_map=False)
        table.validate(full=True)  # places of texts may lie outside of the file
        check_values(table.num_rows, table.num_columns, path)
        return _wide(table, path, samples_in, about)
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
        raise DataError(f"not readable as Feather: {error}", where=str(path), fix="write or fetch it again") from None


def _wide(table: pa.Table, path: Path, samples_in: SamplesIn, about: Sequence[str] | None) -> Wide:
    stored = (table.schema.pandas_metadata or {}).get("index_columns", [])
    all_names = table.column_names  # made anew at every access
    index = [name for name in stored if isinstance(name, str) and name in all_names]
    named = index[:1] or [field.name for field in table.schema if _is_text(field.type)][:1]
    if not named:
        raise DataError(
            "no column holds the names of the rows", where=str(path), expected="an index, or a first column of text",
            fix="write the table with its index",
        )  # fmt: skip
    at_names = all_names.index(named[0])
    names = table.column(at_names).cast(pa.string())
    if names.null_count:
        raise DataError(f"{names.null_count} row(s) have no name", where=f"{path}, column `{named[0]}`")
    texts: list[int] = []
    if samples_in == "columns":
        order = [at_names, *(place for place in range(len(all_names)) if place != at_names)]
        of_text = {at for at, place in enumerate(order) if _is_text(table.schema.field(place).type)}
        found = columns_about_genes([str(all_names[place]) for place in order], of_text - {0}, about, path)
        texts = [order[at] for at in found]
    numbers = [place for place in range(len(all_names)) if place != at_names and place not in texts]
    values = np.empty((len(numbers), table.num_rows), dtype=np.float32)
    for at, place in enumerate(numbers):
        column = table.column(place)
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise DataError(
                f"column `{all_names[place]}` holds {column.type}, not numbers",
                where=str(path),
                expected=f"numbers in every column but `{named[0]}`",
                fix="move columns about samples into a table for `--labels`, and name those about genes by "
                "`--about-genes`",
            )
        values[at] = column.cast(pa.float32(), safe=False).to_numpy()
    rows, columns = names.to_pylist(), [all_names[place] for place in numbers]
    if samples_in == "rows":
        return Wide(np.ascontiguousarray(values.T), rows, columns)
    said = {all_names[place]: table.column(place).cast(pa.string()).to_pylist() for place in (at_names, *texts)}
    return Wide(values, columns, rows, None, about_genes(said) if texts else None)


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))
    )
