"""Files of every kind that can be read: what writes one, and what the field reads it by."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse


def _text(table: pd.DataFrame, **options: Any) -> str:
    return table.astype(np.int64).to_csv(**options)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write samples in rows."""
    path.write_text(_text(table))


def write_tsv_gz(table: pd.DataFrame, path: Path) -> None:
    """Write genes in rows, gzipped."""
    path.write_bytes(gzip.compress(_text(table.T, sep="\t").encode(), 6, mtime=0))


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a column a gene."""
    table.to_parquet(path)


def write_feather(table: pd.DataFrame, path: Path) -> None:
    """Write a column a gene, names in the first."""
    table.reset_index().to_feather(path)


def write_gct(table: pd.DataFrame, path: Path) -> None:
    """Write version 1.2."""
    body = table.T.astype(np.int64).rename_axis("NAME").reset_index()
    body.insert(1, "Description", "a gene")
    path.write_text(f"#1.2\n{table.shape[1]}\t{table.shape[0]}\n{body.to_csv(sep=chr(9), index=False)}")


def write_series_matrix(table: pd.DataFrame, path: Path) -> None:
    """Write it as GEO has it, gzipped."""
    quoted = "\t".join(f'"{sample}"' for sample in table.index)
    body = _text(table.T, sep="\t", header=False, quoting=csv.QUOTE_NONNUMERIC)
    head = f'!Series_title\t"mine"\n!Sample_title\t{quoted}\n!series_matrix_table_begin\n"ID_REF"\t{quoted}\n'
    path.write_bytes(gzip.compress(f"{head}{body}!series_matrix_table_end\n".encode(), 6, mtime=0))


def write_soft(table: pd.DataFrame, path: Path) -> None:
    """Write a table a sample."""
    with path.open("w") as file:
        for sample, row in table.astype(np.int64).iterrows():
            file.write(f"^SAMPLE = {sample}\n!sample_table_begin\nID_REF\tVALUE\n")
            file.write(row.to_csv(sep="\t", header=False))
            file.write("!sample_table_end\n")


def _anndata(table: pd.DataFrame, sparse: bool) -> anndata.AnnData:
    x = scipy.sparse.csr_matrix(table.to_numpy()) if sparse else table.to_numpy()
    return anndata.AnnData(x, pd.DataFrame(index=table.index), pd.DataFrame(index=table.columns))


def write_h5ad(table: pd.DataFrame, path: Path) -> None:
    """Write it dense."""
    _anndata(table, False).write_h5ad(path)


def write_sparse_h5ad(table: pd.DataFrame, path: Path) -> None:
    """Write compressed rows."""
    _anndata(table, True).write_h5ad(path)


def write_zarr(table: pd.DataFrame, path: Path) -> None:
    """Write it dense, as anndata does."""
    _anndata(table, False).write_zarr(path)


def write_10x_h5(table: pd.DataFrame, path: Path) -> None:
    """Write it as Cell Ranger 3 does."""
    stored = scipy.sparse.csr_matrix(table.to_numpy(np.int32))
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group.create_dataset(name, data=getattr(stored, name), compression="gzip")
        group["shape"] = np.array(table.shape[::-1])
        group["barcodes"] = np.array(table.index, dtype="S")
        for name, values in (("id", table.columns), ("name", table.columns)):
            group[f"features/{name}"] = np.array(values, dtype="S")
        group["features/feature_type"] = np.array(["Gene Expression"] * table.shape[1], dtype="S")


def write_10x_folder(table: pd.DataFrame, path: Path) -> None:
    """Write three files, gzipped."""
    path.mkdir()
    with gzip.open(path / "matrix.mtx.gz", "wb", 1) as file:
        scipy.io.mmwrite(file, scipy.sparse.coo_matrix(table.to_numpy(np.int32).T), field="integer")
    features = "".join(f"{gene}\t{gene}\tGene Expression\n" for gene in table.columns)
    for name, text in (("features", features), ("barcodes", "".join(f"{sample}\n" for sample in table.index))):
        (path / f"{name}.tsv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def write_loom(table: pd.DataFrame, path: Path) -> None:
    """Write genes in rows, as the layout has it."""
    with h5py.File(path, "w") as file:
        values_GS = table.to_numpy().T
        chunks = (min(64, values_GS.shape[0]), min(64, values_GS.shape[1]))  # as loompy chooses them
        file.create_dataset("matrix", data=values_GS, chunks=chunks, compression="gzip", compression_opts=2)
        file["row_attrs/Gene"] = np.array(table.columns, dtype=object)
        file["col_attrs/CellID"] = np.array(table.index, dtype=object)
        file.create_group("layers")
        file.attrs["LOOM_SPEC_VERSION"] = "3.0.0"


def write_gctx(table: pd.DataFrame, path: Path) -> None:
    """Write it as the Connectivity Map does."""
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "GCTX1.0"
        file["0/DATA/0/matrix"] = table.to_numpy()
        file["0/META/ROW/id"] = np.array(table.columns, dtype="S")
        file["0/META/COL/id"] = np.array(table.index, dtype="S")


def write_kallisto(table: pd.DataFrame, path: Path) -> None:
    """Write a folder with a file a sample."""
    for sample, row in table.iterrows():
        (path / str(sample)).mkdir(parents=True)
        body = pd.DataFrame({"length": 1000, "eff_length": 900, "est_counts": row, "tpm": row})
        body.rename_axis("target_id").to_csv(path / str(sample) / "abundance.tsv", sep="\t")


def by_pandas(path: Path, turned: bool = False, **options: Any) -> np.ndarray:
    """Read text as most do."""
    frame = pd.read_csv(path, index_col=0, **options)
    return (frame.T if turned else frame).to_numpy(np.float32)


def gct_by_pandas(path: Path) -> np.ndarray:
    """Do what everybody's script does."""
    return pd.read_csv(path, sep="\t", skiprows=2, index_col=0).drop(columns="Description").T.to_numpy(np.float32)


def soft_by_pandas(path: Path) -> np.ndarray:
    """Tables of samples, each by pandas, as GEOparse does it."""
    rows, lines = [], path.read_text().splitlines()
    starts = [at for at, line in enumerate(lines) if line == "!sample_table_begin"]
    ends = [at for at, line in enumerate(lines) if line == "!sample_table_end"]
    for start, end in zip(starts, ends, strict=True):
        body = pd.DataFrame([line.split("\t") for line in lines[start + 2 : end]])
        rows.append(pd.to_numeric(body[1]).to_numpy(np.float32))
    return np.array(rows)


def frame_by_pandas(path: Path) -> np.ndarray:
    """Read Parquet and Feather."""
    frame = pd.read_feather(path).set_index("sample_id") if path.suffix == ".feather" else pd.read_parquet(path)
    return frame.to_numpy(np.float32)


def by_anndata(path: Path) -> Any:
    """Read by the format's own library."""
    return (anndata.io.read_zarr if path.suffix == ".zarr" else anndata.io.read_h5ad)(path).X


def mtx_by_scipy(path: Path) -> Any:
    """Read as scanpy does."""
    with gzip.open(path / "matrix.mtx.gz", "rb") as file:
        found = scipy.io.mmread(file)
    for name in ("features", "barcodes"):
        pd.read_csv(path / f"{name}.tsv.gz", sep="\t", header=None)
    return scipy.sparse.csr_matrix(found.T, dtype=np.float32)


def tenx_by_h5py(path: Path) -> Any:
    """Do what scanpy does, by the library underneath."""
    with h5py.File(path, "r") as file:
        group = file["matrix"]
        parts = tuple(group[name][()] for name in ("data", "indices", "indptr"))
        group["features/id"][()], group["barcodes"][()]
        return scipy.sparse.csr_matrix(parts, shape=tuple(group["shape"][()])[::-1], dtype=np.float32)


def loom_by_h5py(path: Path) -> np.ndarray:
    """Do what loompy and anndata do, by the library underneath."""
    with h5py.File(path, "r") as file:
        file["row_attrs/Gene"][()], file["col_attrs/CellID"][()]
        return np.ascontiguousarray(file["matrix"][()].T)


def gctx_by_h5py(path: Path) -> np.ndarray:
    """Do what cmapPy does, by the library underneath."""
    with h5py.File(path, "r") as file:
        file["0/META/ROW/id"][()], file["0/META/COL/id"][()]
        return file["0/DATA/0/matrix"][()]


def kallisto_by_pandas(path: Path) -> np.ndarray:
    """Go over the files."""
    files = sorted(path.rglob("abundance.tsv"))
    return np.array([pd.read_csv(file, sep="\t")["est_counts"].to_numpy(np.float32) for file in files])


KINDS: dict[
    str, tuple[str, Callable[[pd.DataFrame, Path], None], str, Callable[..., Any], dict[str, Any], dict[str, Any]]
]
KINDS = {
    "CSV": ("a.csv", write_csv, "pandas", by_pandas, {}, {"samples_in": "rows"}),
    "TSV, gzipped, genes in rows": (
        "a.tsv.gz", write_tsv_gz, "pandas", by_pandas, {"sep": "\t", "turned": True}, {"samples_in": "columns"},
    ),
    "Parquet": ("a.parquet", write_parquet, "pandas", frame_by_pandas, {}, {"samples_in": "rows"}),
    "Feather": ("a.feather", write_feather, "pandas", frame_by_pandas, {}, {"samples_in": "rows"}),
    "GCT": ("a.gct", write_gct, "pandas", gct_by_pandas, {}, {}),
    "series matrix, gzipped": (
        "a_series_matrix.txt.gz", write_series_matrix, "pandas", by_pandas,
        {"sep": "\t", "turned": True, "comment": "!"}, {},
    ),
    "SOFT": ("a_family.soft", write_soft, "pandas", soft_by_pandas, {}, {}),
    "AnnData, dense": ("a.h5ad", write_h5ad, "anndata", by_anndata, {}, {}),
    "AnnData, sparse": ("s.h5ad", write_sparse_h5ad, "anndata", by_anndata, {}, {}),
    "Zarr": ("a.zarr", write_zarr, "anndata", by_anndata, {}, {}),
    "Loom": ("a.loom", write_loom, "h5py", loom_by_h5py, {}, {}),
    "GCTX": ("a.gctx", write_gctx, "h5py", gctx_by_h5py, {}, {}),
    "10x HDF5": ("10x.h5", write_10x_h5, "h5py", tenx_by_h5py, {}, {}),
    "10x folder": ("10x", write_10x_folder, "scipy", mtx_by_scipy, {}, {}),
    "kallisto, a file a sample": (
        "kallisto", write_kallisto, "pandas", kallisto_by_pandas, {}, {"unit": "estimated_counts"},
    ),
}  # fmt: skip
"""Of each kind a file's name, what writes it, whose reader the rival is, that, its options, and ours."""
