"""Damaged files: a whole one of each kind that is read, and what accidents make of its bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import scipy.sparse

from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.data.matrix_file import METADATA_KEY

KINDS = (
    "a.csv", "a.tsv.gz", "utf16.tsv", "a.parquet", "a.feather", "own.parquet", "dense.h5ad", "sparse.h5ad", "deep.h5ad",
)  # fmt: skip
FIXED = (
    "a.gct",
    "a_small.gctx",
    "a_small.loom",
    "a_series_matrix.txt.gz",
    "a_family.soft",
    "10x.h5",
    "featureCounts.txt",
)
"""Kinds that say themselves where their samples are."""


def whole(folder: Path, kind: str) -> Path:
    """Write a small file of a kind."""
    draw = np.random.default_rng(3)
    values_SG = draw.poisson(3, size=(12, 30)).astype(np.float32)
    ids, genes = [f"s{number}" for number in range(12)], [f"GENE{number}" for number in range(30)]
    samples = pd.DataFrame({"label": list("abcdefabcdef")}, index=pd.Index(ids, name="sample_id"))
    path = folder / kind
    if kind.endswith(".h5ad"):
        x = values_SG if kind == "dense.h5ad" else scipy.sparse.csr_matrix(values_SG)
        data = anndata.AnnData(x, samples.astype("category"), pd.DataFrame(index=genes))
        data.write_h5ad(path, compression="gzip" if kind == "deep.h5ad" else None)
    elif kind == "own.parquet":
        write_matrix(path, ExpressionMatrix(values_SG, tuple(genes), samples, "counts"))
    elif kind == "a.parquet":
        pd.DataFrame(values_SG, ids, genes).to_parquet(path)
    elif kind == "a.feather":
        pd.DataFrame(values_SG, ids, genes).rename_axis("id").reset_index().to_feather(path)
    elif kind in FIXED:
        write_fixed(path, pd.DataFrame(values_SG, ids, genes), samples)
    else:
        text = pd.DataFrame(values_SG, ids, genes).to_csv(sep="\t" if ".tsv" in kind else ",")
        text = text.encode("utf-16" if kind.startswith("utf16") else "utf-8")
        path.write_bytes(gzip.compress(text, mtime=0) if kind.endswith(".gz") else text)
    return path


def write_fixed(path: Path, table: pd.DataFrame, samples: pd.DataFrame) -> None:
    """Write a table, samples in rows, as one of `FIXED`, with what is known about samples."""
    turned = table.T
    if path.suffix == ".gctx":
        with h5py.File(path, "w") as file:
            file["0/DATA/0/matrix"] = table.to_numpy()
            file["0/META/ROW/id"] = np.array(table.columns, dtype="S")
            file["0/META/COL/id"] = np.array(table.index, dtype="S")
            for name in samples:
                file[f"0/META/COL/{name}"] = np.array(samples[name], dtype="S")
    elif path.suffix == ".loom":
        with h5py.File(path, "w") as file:
            file.create_dataset("matrix", data=turned.to_numpy(), chunks=True, compression="gzip")
            file["row_attrs/Gene"] = np.array(table.columns, dtype="S")
            file["col_attrs/CellID"] = np.array(table.index, dtype="S")
            for name in samples:
                file[f"col_attrs/{name}"] = np.array(samples[name], dtype="S")
    elif path.name == "featureCounts.txt":
        body = turned.rename(columns="/bam/{}.sorted.bam".format).astype(int).rename_axis("Geneid").reset_index()
        for at, (name, cell) in enumerate({"Chr": "1;1", "Start": "5;9", "End": "7;11", "Strand": "+;+"}.items(), 1):
            body.insert(at, name, cell)
        body.insert(5, "Length", range(100, 100 + len(body)))
        comment = '# Program:featureCounts v2.0.6; Command:"featureCounts" "-a" "genes.gtf"'
        path.write_text(f"{comment}\n{body.to_csv(sep=chr(9), index=False)}")
    elif path.suffix == ".gct":
        body = turned.rename_axis("NAME").reset_index()
        body.insert(1, "Description", [f"about {gene}" for gene in turned.index])
        path.write_text(f"#1.2\n{len(turned)}\t{turned.shape[1]}\n{body.to_csv(sep=chr(9), index=False)}")
    elif path.name.endswith("_series_matrix.txt.gz"):
        quoted = [f'"{sample}"' for sample in table.index]
        lines = ['!Series_title\t"mine"', "\t".join(["!Sample_title", *quoted])]
        lines += ["\t".join(["!Sample_characteristics_ch1", *(f'"{name}: {value}"' for value in samples[name])])
                  for name in samples]  # fmt: skip
        lines += ["!series_matrix_table_begin", "\t".join(['"ID_REF"', *quoted])]
        lines += ["\t".join([f'"{gene}"', *map(repr, map(float, row))]) for gene, row in turned.iterrows()]
        path.write_bytes(gzip.compress("\n".join([*lines, "!series_matrix_table_end", ""]).encode(), mtime=0))
    elif path.suffix == ".soft":
        lines = ["^PLATFORM = GPL1", "!platform_table_begin", "ID\tSymbol"]
        lines += [*(f"{gene}\t{gene}X" for gene in turned.index), "!platform_table_end"]
        for sample, row in table.iterrows():
            said = samples.loc[sample]
            lines += [
                f"^SAMPLE = {sample}",
                *(f"!Sample_characteristics_ch1 = {name}: {said[name]}" for name in samples),
            ]
            lines += ["!sample_table_begin", "ID_REF\tVALUE"]
            lines += [*(f"{gene}\t{float(value)!r}" for gene, value in row.items()), "!sample_table_end"]
        path.write_text("\n".join([*lines, ""]))
    else:
        stored = scipy.sparse.csr_matrix(table.to_numpy())
        with h5py.File(path, "w") as file:
            group = file.create_group("matrix")
            for name in ("data", "indices", "indptr"):
                group[name] = getattr(stored, name)
            group["shape"] = np.array(turned.shape)
            group["barcodes"] = np.array(table.index, dtype="S")
            for name, values in (("id", turned.index), ("name", [f"{gene}X" for gene in turned.index]),
                                 ("feature_type", ["Gene Expression"] * len(turned))):  # fmt: skip
                group[f"features/{name}"] = np.array(values, dtype="S")


def mutants(content: bytes, number: int, seed: int) -> Iterator[bytes]:
    """Give damaged copies of a file: flipped bits, blocks of zeros or noise, cuts, pieces left out or doubled."""
    draw = np.random.default_rng(seed)
    for index in range(number):
        damaged = bytearray(content)
        at, length = int(draw.integers(len(content))), int(draw.integers(1, 64))
        match index % 6:
            case 0 | 1:
                for _ in range(1 if index % 6 else int(draw.integers(1, 9))):
                    damaged[int(draw.integers(len(content)))] ^= 1 << int(draw.integers(8))
            case 2:
                damaged[at : at + length] = bytes(len(damaged[at : at + length]))
            case 3:
                damaged[at : at + length] = draw.bytes(len(damaged[at : at + length]))
            case 4:
                damaged = damaged[:at] if index % 12 == 4 else damaged[:at] + damaged[at + length :]
            case 5:
                damaged[at:at] = damaged[at : at + length]
        yield bytes(damaged)


def rewritten_metadata(path: Path, header: object) -> None:
    """Put other metadata into one of our own Parquet files."""
    table = pq.read_table(path)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: text}), path)
