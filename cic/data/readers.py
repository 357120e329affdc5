"""Read expression files as people have them, by suffix; wrong ones end in one error that says what is wrong.

The orientation is declared by the caller and never guessed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cic.data import sparse
from cic.data.delimited import is_delimited, read_delimited
from cic.data.guarded import Parts, guarded
from cic.data.labels import join_labels, read_labels
from cic.data.limits import check_values
from cic.data.matrix import ExpressionMatrix, check_rows, is_matrix_file, read_matrix
from cic.data.sparse import Values, as_kept, compressed, dense_blocks, is_sparse, stacked
from cic.data.terms import READABLE, UNITS, DuplicateGenes, SamplesIn, Unit
from cic.data.units import check_unit
from cic.errors import DataError

log = logging.getLogger("cic.data")


@dataclass(frozen=True)
class Wide:
    """A table of numbers as a file has it: names of rows and columns, and perhaps columns about the rows."""

    values: Values
    rows: Sequence[str]
    columns: Sequence[str]
    about_rows: pd.DataFrame | None = None


def read_table(
    path: Path,
    *,
    samples_in: SamplesIn,
    unit: Unit,
    labels: Path | None = None,
    duplicate_genes: DuplicateGenes = "error",
) -> ExpressionMatrix:
    """Read a file of expression profiles, and join a table about its samples.

    Parameters
    ----------
    path
        A table in CSV or TSV (`.csv`, `.tsv`, `.txt`, also `.gz`; first column and first line hold the names), a wide
        Parquet (names in the index or the first text column), an AnnData `.h5ad`, or a file that cic wrote.
    samples_in
        Whether samples are its `rows` or its `columns`.
    unit
        What the numbers are; refused where they clearly contradict it.
    labels
        A CSV or TSV with one row a sample; its column `sample_id`, or else its first, holds the ids.
    duplicate_genes
        What to do where a gene stands more than once: refuse, or give the mean, the maximum or the sum on the file's
        own scale.

    Returns
    -------
    ExpressionMatrix
        In the file's order of samples and genes.

    Raises
    ------
    DataError
        Naming the file, the place in it, what was found, what was expected, and what to do.
    """
    path = Path(path)
    _check_declared(path, samples_in, unit, duplicate_genes)
    parts = guarded(partial(_read_apart, samples_in=samples_in), path)
    file_unit, wide = parts.rest[0], Wide(sparse.together(parts.arrays, len(parts.rest[2])), *parts.rest[1:])
    if file_unit is not None and file_unit != unit:
        raise DataError(
            f"declared unit `{unit}`, but the file itself says `{file_unit}`",
            where=str(path),
            expected="the unit with which the file was written",
            fix=f"declare `{file_unit}`",
        )
    if samples_in == "columns":
        wide = Wide(np.ascontiguousarray(wide.values.T), wide.columns, wide.rows)
    _check_names(wide.rows, "sample", path)
    _check_names(wide.columns, "gene", path)
    _check_repeated(wide.rows, "sample id", path, fix="remove or rename the repeated ones")
    if duplicate_genes == "error":
        fix = "rename them, or ask for `--duplicate-genes mean`, `max` or `sum`"
        _check_repeated(wide.columns, "gene", path, fix=fix)
    _check_finite(wide, path)
    check_unit(wide.values, unit, list(wide.rows), list(wide.columns), str(path))
    genes, values_SG = _merge_genes(wide, duplicate_genes)
    index = pd.Index(list(wide.rows), name="sample_id", dtype=object)
    samples = pd.DataFrame(index=index) if wide.about_rows is None else wide.about_rows.set_axis(index)
    if labels is not None:
        about = guarded(read_labels, Path(labels))
        samples = join_labels(samples, about, set(genes), path, Path(labels))
    return ExpressionMatrix(as_kept(values_SG), genes, samples, unit, str(path))


def _check_declared(path: Path, samples_in: str, unit: str, duplicate_genes: str) -> None:
    for name, value, allowed in (
        ("samples-in", samples_in, get_args(SamplesIn)),
        ("unit", unit, UNITS),
        ("duplicate-genes", duplicate_genes, get_args(DuplicateGenes)),
    ):
        if value not in allowed:
            raise DataError(f"`{value}` is not known", where=f"--{name}", expected=" or ".join(allowed))
    if not path.is_file():
        raise DataError(
            "this is a folder" if path.is_dir() else "there is no such file",
            where=str(path),
            expected=f"a file: {READABLE}",
            fix="check the path",
        )


def _read_apart(path: Path, samples_in: SamplesIn) -> Parts:
    wide, unit = _read_wide(path, samples_in)
    return Parts((unit, wide.rows, wide.columns, wide.about_rows), sparse.apart(wide.values))


def _read_wide(path: Path, samples_in: SamplesIn) -> tuple[Wide, Unit | None]:
    """Read numbers and names as they stand, and the unit where the file declares it."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if is_delimited(path):
        return Wide(*read_delimited(path)), None
    if suffixes[-1:] == [".parquet"]:
        if not is_matrix_file(path):
            return _read_wide_parquet(path), None
        _only_rows(path, samples_in, "a file written by cic")
        check_rows(path)
        matrix = read_matrix(path)
        return Wide(matrix.values, list(matrix.samples.index), matrix.genes, matrix.samples), matrix.unit
    if suffixes[-1:] == [".h5ad"]:
        from cic.data.annotated import read_h5ad  # anndata takes a second to import

        _only_rows(path, samples_in, "an .h5ad file")
        return Wide(*read_h5ad(path)), None
    raise DataError(
        f"files ending in `{''.join(path.suffixes[-2:])}` cannot be read",
        where=str(path),
        expected=READABLE,
        fix="convert it; genes and samples with their names in one wide table will do",
    )


def _only_rows(path: Path, samples_in: SamplesIn, what: str) -> None:
    if samples_in != "rows":
        raise DataError(
            f"samples declared in {samples_in}", where=str(path), expected=f"rows: {what} has its samples there",
            fix="declare `--samples-in rows`",
        )  # fmt: skip


def _read_wide_parquet(path: Path) -> Wide:
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


def _check_names(names: Sequence[str], kind: str, path: Path) -> None:
    blank = [position for position, name in enumerate(names, start=1) if not str(name).strip()]
    if blank:
        raise DataError(
            f"{len(blank)} {kind}(s) have no name", where=f"{path}, {kind} {blank[0]}", expected="a name for each",
            fix="name or remove them",
        )  # fmt: skip
    if not names:
        raise DataError(f"there are no {kind}s", where=str(path), expected="a table of samples and genes")


def _check_repeated(names: Sequence[str], kind: str, path: Path, fix: str) -> None:
    index = pd.Index(list(names))
    if index.is_unique:
        return
    twice = [str(name) for name in index[index.duplicated()].unique()]
    more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
    raise DataError(
        f"{len(twice)} {kind}(s) stand there more than once: {', '.join(twice[:5])}{more}",
        where=str(path),
        expected=f"every {kind} once",
        fix=fix,
    )


def _check_finite(wide: Wide, path: Path) -> None:
    stored = wide.values.data if is_sparse(wide.values) else wide.values
    finite = np.isfinite(stored)
    if finite.all():
        return
    first = int((~finite).argmax())
    row, column = sparse.at(wide.values, first) if is_sparse(wide.values) else divmod(first, len(wide.columns))
    raise DataError(
        f"{int((~finite).sum())} value(s) are missing or infinite",
        where=f"{path}, first at sample {wide.rows[row]}, gene {wide.columns[column]}",
        expected="finite numbers only",
        fix="fill or drop those samples or genes",
    )


def _merge_genes(wide: Wide, how: DuplicateGenes) -> tuple[tuple[str, ...], Values]:
    """Give unique genes, in order of first appearance, and float32 values."""
    codes_G, genes = pd.factorize(np.array(wide.columns, dtype=object))
    values_SG = wide.values if is_sparse(wide.values) else np.ascontiguousarray(wide.values, dtype=np.float32)
    if len(genes) == len(codes_G):
        return tuple(str(gene) for gene in wide.columns), values_SG
    log.warning("%d repeated genes are merged by %s", len(codes_G) - len(genes), how)
    names = tuple(str(gene) for gene in genes)
    if is_sparse(values_SG):
        merged = [compressed(_merged(block_SG, codes_G, len(genes), how)) for block_SG in dense_blocks(values_SG)]
        return names, stacked(merged, len(genes))
    return names, _merged(values_SG, codes_G, len(genes), how)


def _merged(values_SG: np.ndarray, codes_G: np.ndarray, n_genes: int, how: DuplicateGenes) -> np.ndarray:
    by_gene = np.argsort(codes_G, kind="stable")
    starts = np.searchsorted(codes_G[by_gene], np.arange(n_genes))
    combine = np.maximum if how == "max" else np.add
    merged_SG = combine.reduceat(values_SG[:, by_gene].astype(np.float64), starts, axis=1)
    if how == "mean":
        merged_SG /= np.bincount(codes_G)
    return merged_SG.astype(np.float32)
