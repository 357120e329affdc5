"""Small files that would fill the machine end in an error that says what they declare, before it is read."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from mutants import KINDS, whole

from cic.data import limits, text
from cic.data.delimited import read_delimited
from cic.data.kinds import Asked, read_wide
from cic.data.readers import read_table
from cic.errors import DataError

GIGA = 10**9


def table(path: Path) -> Path:
    path.write_text("id,a,b\ns0,1,2\ns1,2,3\n")
    return path


def wide_table(folder: Path) -> Path:
    n = 10**6
    path = folder / "wide.csv"
    path.write_text(f"id,{','.join(map(str, range(n)))}\n" + "".join(f"s{row}{',1' * n}\n" for row in range(3)))
    return path


def line_without_end(folder: Path) -> Path:
    path = folder / "long.csv.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(b"id,a,b\ns0")
        for _ in range(300):
            file.write(b",1" * 500_000)
    return path


def obs_that_declares(folder: Path) -> Path:
    path = whole(folder, "dense.h5ad")
    with h5py.File(path, "r+") as file:
        part = file["obs"].create_dataset("huge", (GIGA,), dtype="f4", chunks=(10**6,))
        part.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        file["obs"].attrs["column-order"] = np.array(["label", "huge"], dtype=object)
    return path


def old_categories_that_declare(folder: Path) -> Path:
    path = folder / "old.h5ad"
    with h5py.File(path, "w") as file:
        file["X"] = np.ones((2, 1), np.float32)
        file["obs"] = np.array([(b"s0", 0), (b"s1", 0)], dtype=[("index", "S4"), ("type", "i1")])
        file["var"] = np.array([(b"a",)], dtype=[("index", "S4")])
        file.create_dataset("uns/type_categories", (GIGA,), dtype="S4", chunks=(10**6,), compression="gzip")
    return path


def sparse_that_would_be_large_when_dense(folder: Path) -> Path:
    import anndata

    n = 150_000
    names = pd.DataFrame(index=[f"n{number}" for number in range(n)])
    path = folder / "sparse.h5ad"
    anndata.AnnData(scipy.sparse.csr_matrix((n, n), dtype=np.float32), names, names).write_h5ad(path)
    return path


@pytest.mark.attack("a small file that declares or unpacks to gigabytes", "8")
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (wide_table, "1000001 columns"),
        (line_without_end, "ragged rows"),
        (obs_that_declares, "declares 4 GB"),
        (old_categories_that_declare, "declares 4 GB"),
        (sparse_that_would_be_large_when_dense, r"sample\(s\) have no counts at all"),
    ],
)
def test_profiles_that_would_fill_the_machine(tmp_path: Path, make: Callable[[Path], Path], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_table(make(tmp_path), samples_in="rows", unit="counts")


@pytest.mark.attack("4 GB of `uns` in a file of 17 kB", "8", ended="not read")
def test_what_is_not_needed_is_not_read(tmp_path: Path) -> None:
    path = whole(tmp_path, "dense.h5ad")
    with h5py.File(path, "r+") as file:
        file.create_dataset("uns/huge", (GIGA,), dtype="f4", chunks=(10**6,), compression="gzip")
    assert read_table(path, samples_in="rows", unit="counts").values.shape == (12, 30)


@pytest.mark.attack("a table about samples of 10⁶ columns, or of gigabytes of text", "8")
@pytest.mark.parametrize("kind", ["columns", "text"])
def test_a_table_about_samples_that_would_fill_the_machine(tmp_path: Path, kind: str) -> None:
    labels = wide_table(tmp_path)
    if kind == "text":
        labels = tmp_path / "labels.csv.gz"
        with gzip.open(labels, "wb", 1) as file:
            file.write(b"id,type\n")
            for _ in range(1010):
                file.write(b"s0,a" * 250_000)
    with pytest.raises(
        DataError, match=f"table about samples of .* {'columns' if kind == 'columns' else 'characters'}"
    ):
        read_table(table(tmp_path / "a.csv"), samples_in="rows", unit="counts", labels=labels)


@pytest.mark.attack("more values, packed, than memory holds", "8")
@pytest.mark.parametrize("kind", [*KINDS, "a_small.gctx", "a_small.loom", "featureCounts.txt"])
def test_more_values_than_memory_holds(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is made small, not the file large; in this process, as the other one would not know."""
    path = whole(tmp_path, kind)
    asked = Asked("counts", "rows" if kind in KINDS else None)
    assert read_wide(path, asked)
    for module in (limits, text):
        monkeypatch.setattr(module, "memory_for_reading", lambda: 4 * limits.COPIES * 11 * 30)
    with pytest.raises(DataError, match=r"declares 1\d x 3\d values|declares .* GB"):
        read_wide(path, asked)


def test_a_gzipped_table_is_given_up_while_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"id,x,y\n" + b"s,0,0\n" * 200_000))
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(limits, "memory_for_reading", lambda: 10**6)
    with pytest.raises(DataError, match="x 2 values"):
        read_delimited(path, "rows")
    monkeypatch.setattr(text, "memory_for_reading", lambda: 10**4)
    monkeypatch.setattr(limits, "memory_for_reading", lambda: GIGA)
    with pytest.raises(DataError, match="unpacks to more"):
        read_delimited(path, "rows")
