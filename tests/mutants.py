"""Damaged files: a whole one of each kind that is read, and what accidents make of its bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import scipy.sparse

from cic.data.matrix import METADATA_KEY, ExpressionMatrix, write_matrix

KINDS = ("a.csv", "a.tsv.gz", "a.parquet", "own.parquet", "dense.h5ad", "sparse.h5ad", "deep.h5ad")


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
    else:
        text = pd.DataFrame(values_SG, ids, genes).to_csv(sep="\t" if ".tsv" in kind else ",").encode()
        path.write_bytes(gzip.compress(text, mtime=0) if kind.endswith(".gz") else text)
    return path


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
