"""A second reading of each kind of file, written apart from `cic.data`: slow, each cell on its own, in plain Python.

It shares no code with the readers, and of their libraries only those without which a container cannot be opened. What
the readers give of a file, damaged or not, has to be what this gives: a number that moved by one place is found
whatever let it. Where it raises, a reader that gives a matrix has taken what nobody can read.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
Cells = list[list[str]]


def reference(path: Path, kind: str) -> pd.DataFrame:
    """Give float32 values, samples x genes, with their names, as they stand in a file of one of the kinds of `mutants`.

    Raises
    ------
    Exception
        Whatever, if it is no such file.
    """
    if kind.endswith((".parquet", ".feather")):
        return _columns(path, kind)
    if kind.endswith(".h5ad"):
        return _h5ad(path)
    if kind.endswith(".h5"):
        return _tenx(path)
    if kind.endswith((".gctx", ".loom")):
        return _of_two_axes(path, kind)
    text = _text(path)
    if kind.endswith(".gct"):
        return _gct(text)
    if "series_matrix" in kind:
        return _series(text)
    if "featureCounts" in kind:
        return _feature_counts(text)
    if kind.endswith(".soft"):
        return _soft(text)
    return _table(text, "\t" if ".tsv" in kind else ",")


def _text(path: Path) -> str:
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _number(cell: str, decimal: str = ".") -> float:
    cell = cell.strip()
    if decimal == ",":
        assert "." not in cell
        cell = cell.replace(",", ".")
    assert NUMBER.fullmatch(cell), cell
    value = np.float32(float(cell))
    assert np.isfinite(value)
    return float(value)


def _frame(rows: list[str], columns: list[str], numbers: list[list[float]]) -> pd.DataFrame:
    assert rows and columns and len(set(rows)) == len(rows) and len(set(columns)) == len(columns)
    assert all(name.strip() for name in (*rows, *columns))
    return pd.DataFrame(numbers, rows, columns, dtype=np.float32)


def _cells(text: str, delimiter: str) -> Cells:
    return [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if line]


def _table(text: str, usual: str) -> pd.DataFrame:
    failed: Exception | None = None
    for delimiter in dict.fromkeys((usual, "\t", ";", ",")):
        for decimal in (".", ","):
            try:
                return _table_by(text, delimiter, decimal)
            except (AssertionError, csv.Error, IndexError) as error:
                failed = failed or error
    raise failed or AssertionError


def _table_by(text: str, delimiter: str, decimal: str) -> pd.DataFrame:
    header, *rows = _cells(text, delimiter)
    assert len(header) > 1 and rows
    if all(len(row) == len(header) + 1 for row in rows):  # R leaves out what stands above the names
        assert any(row[-1].strip() for row in rows)
        header = ["", *header]
    assert all(len(row) == len(header) for row in rows)
    return _frame([row[0] for row in rows], header[1:], [[_number(cell, decimal) for cell in row[1:]] for row in rows])


def _gct(text: str) -> pd.DataFrame:
    version, sizes, *lines = _cells(text, "\t")
    assert version[0].strip() == "#1.2"
    n_genes, n_samples = (int(size) for size in " ".join(sizes).split()[:2])
    header, *genes = lines
    assert len(header) == n_samples + 2 and len(genes) == n_genes
    assert all(len(row) == len(header) for row in genes)
    return _frame([row[0] for row in genes], header[2:], [[_number(cell) for cell in row[2:]] for row in genes]).T


def _series(text: str) -> pd.DataFrame:
    before, begins, rest = text.partition("!series_matrix_table_begin")
    table, ends, _ = rest.partition("!series_matrix_table_end")
    assert begins and ends and before.startswith(("!Series_", "!Sample_"))
    header, *genes = _cells(table, "\t")
    assert all(len(row) == len(header) for row in genes)
    return _frame([row[0] for row in genes], header[1:], [[_number(cell) for cell in row[1:]] for row in genes]).T


def _soft(text: str) -> pd.DataFrame:
    samples: dict[str, dict[str, float]] = {}
    name, lines = "", iter(text.splitlines())
    for line in lines:
        if line.startswith("^"):
            entity, _, name = (part.strip() for part in line[1:].partition("="))
            assert entity != "SAMPLE" or name not in samples
        elif line == "!sample_table_begin":
            header = next(lines).split("\t")
            probe, value = header.index("ID_REF"), header.index("VALUE")
            found: dict[str, float] = {}
            for row in lines:
                if row.startswith("!sample_table_end"):
                    break
                cells = row.split("\t")
                assert len(cells) == len(header) and cells[probe] not in found
                found[cells[probe]] = _number(cells[value])
            else:
                raise AssertionError("it does not end")
            samples[name] = found
    probes = list(next(iter(samples.values())))
    assert all(set(found) == set(probes) for found in samples.values())
    return _frame([*samples], probes, [[found[probe] for probe in probes] for found in samples.values()])


def _feature_counts(text: str) -> pd.DataFrame:
    comment, header, *genes = text.splitlines()
    assert comment.startswith("# Program:featureCounts")
    delimiter = "\t" if "\t" in header else ","
    (names,) = _cells(header, delimiter)
    assert names[:6] == ["Geneid", "Chr", "Start", "End", "Strand", "Length"]
    rows = _cells("\n".join(genes), delimiter)
    assert all(len(row) == len(names) for row in rows)
    samples = [name.rpartition("/")[2].removesuffix(".sorted.bam") for name in names[6:]]
    decimal = "," if any("," in cell for row in rows for cell in row[6:]) else "."
    return _frame([row[0] for row in rows], samples, [[_number(cell, decimal) for cell in row[6:]] for row in rows]).T


def _columns(path: Path, kind: str) -> pd.DataFrame:
    table = (
        pa.ipc.open_file(path).read_all()
        if kind.endswith(".feather")
        else pq.ParquetFile(path, page_checksum_verification=True).read()
    )
    if kind == "own.parquet":
        import json

        genes = json.loads(table.schema.metadata[b"cic.expression_matrix"])["genes"]
        ids = [str(one) for one in table.column("sample_id").to_pylist()]
        return _frame(ids, genes, [[float(value) for value in row] for row in table.column("profile").to_pylist()])
    if kind.endswith(".feather"):  # what pandas noted beside the columns may be damaged
        ids, *columns = (column.to_pylist() for column in table.columns)
        frame = pd.DataFrame(dict(enumerate(columns)), ids).set_axis(table.column_names[1:], axis=1)
    else:
        frame = table.to_pandas()
    numbers = [[float(np.float32(value)) for value in row] for row in frame.to_numpy().tolist()]
    assert np.isfinite(numbers).all()
    return _frame([str(one) for one in frame.index], [str(one) for one in frame.columns], numbers)


def _names(values: h5py.Dataset) -> list[str]:
    return [one.decode() if isinstance(one, bytes) else str(one) for one in values[()].tolist()]


def _of_lines(group: h5py.Group, n_lines: int, across: int) -> list[list[float]]:
    """Give the lines of a sparse matrix by its three arrays, each number put into its place by itself."""
    data, places, starts = (group[name][()].tolist() for name in ("data", "indices", "indptr"))
    assert len(starts) == n_lines + 1 and starts[0] == 0 and starts[-1] == len(data) == len(places)
    lines = [[0.0] * across for _ in range(n_lines)]
    for line in range(n_lines):
        assert starts[line] <= starts[line + 1]
        for at in range(starts[line], starts[line + 1]):
            assert 0 <= places[at] < across
            lines[line][places[at]] += float(np.float32(data[at]))
    return lines


def _h5ad(path: Path) -> pd.DataFrame:
    with h5py.File(path, "r") as file:
        ids, genes = (_names(file[name][file[name].attrs["_index"]]) for name in ("obs", "var"))
        x = file["X"]
        if isinstance(x, h5py.Dataset):
            assert x.shape == (len(ids), len(genes))
            numbers = [[float(np.float32(value)) for value in row] for row in x[()].tolist()]
        else:
            assert tuple(x.attrs["shape"]) == (len(ids), len(genes)) and x.attrs["encoding-type"] == "csr_matrix"
            numbers = _of_lines(x, len(ids), len(genes))
    assert np.isfinite(numbers).all()
    return _frame(ids, genes, numbers)


def _tenx(path: Path) -> pd.DataFrame:
    with h5py.File(path, "r") as file:
        group = file["matrix"]
        ids, genes, kinds = (_names(group[name]) for name in ("barcodes", "features/id", "features/feature_type"))
        assert tuple(group["shape"][()].tolist()) == (len(genes), len(ids)) and len(kinds) == len(genes)
        numbers = _of_lines(group, len(ids), len(genes))
    kept = [place for place, kind in enumerate(kinds) if kind == "Gene Expression"]
    numbers = [[row[place] for place in kept] for row in numbers]
    return _frame(ids, [genes[place] for place in kept], numbers)


def _of_two_axes(path: Path, kind: str) -> pd.DataFrame:
    """Read GCTX and Loom: one array, with names along either axis; GCTX has the samples in its rows, Loom the genes."""
    with h5py.File(path, "r") as file:
        if kind.endswith(".gctx"):
            values = file["0/DATA/0/matrix"][()].tolist()
            ids, genes = _names(file["0/META/COL/id"]), _names(file["0/META/ROW/id"])
        else:
            values = [list(row) for row in zip(*file["matrix"][()].tolist(), strict=True)]
            ids, genes = _names(file["col_attrs/CellID"]), _names(file["row_attrs/Gene"])
    numbers = [[float(np.float32(value)) for value in row] for row in values]
    assert np.isfinite(numbers).all() and len(numbers) == len(ids) and all(len(row) == len(genes) for row in numbers)
    return _frame(ids, genes, numbers)
