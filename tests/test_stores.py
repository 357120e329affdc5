"""HDF5 files and Zarr folders: which matrix is read, and what leads out of them or does not fit."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import zarr
from mutants import mutants, whole, write_fixed

from cic.data import sparse
from cic.data.annotated import read_anndata
from cic.data.formats import LOOM, ZARR, format_of
from cic.data.loom import read_loom
from cic.data.readers import read_table
from cic.errors import DataError

COUNTS_SG = np.random.default_rng(5).poisson(0.4, size=(30, 20)).astype(np.float32)
COUNTS_SG[:, 0] += 1
SAMPLES, GENES = [f"s{number}" for number in range(30)], [f"G{number}" for number in range(20)]


def several() -> anndata.AnnData:
    """Make one with fractions in `X`, counts in a layer, and counts of more genes in `raw`."""
    about = pd.DataFrame({"symbol": [f"{gene}X" for gene in GENES]}, GENES)
    data = anndata.AnnData(COUNTS_SG, pd.DataFrame({"type": ["a", "b"] * 15}, SAMPLES), about)
    data.raw = data
    data = data[:, :15].copy()
    data.layers["counts"] = scipy.sparse.csr_array(data.X)
    data.layers["scaled"] = data.X - data.X.mean(axis=0)
    data.X = np.log2(data.X + 1)
    return data


def write(path: Path, data: anndata.AnnData, version: int = 2) -> Path:
    if path.suffix == ".h5ad":
        data.write_h5ad(path)
    else:
        with anndata.settings.override(zarr_write_format=version):
            data.write_zarr(path)
    return path


@pytest.mark.parametrize(("name", "version"), [("a.h5ad", 0), ("a.zarr", 2), ("a.zarr", 3)])
def test_any_matrix_of_several_can_be_read(
    tmp_path: Path, name: str, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cic.data")
    path = write(tmp_path / name, several(), version)
    found = read_table(path, unit="log2")
    np.testing.assert_array_equal(found.dense(), np.log2(COUNTS_SG[:, :15] + 1))
    assert list(found.samples.index) == SAMPLES and list(found.samples["type"]) == ["a", "b"] * 15
    told = "`X` is read; there are also counts (whole numbers), scaled (with negative values), raw (whole numbers)"
    assert told in caplog.text
    np.testing.assert_array_equal(read_table(path, unit="counts", layer="counts").dense(), COUNTS_SG[:, :15])
    raw = read_table(path, unit="counts", layer="raw", genes_by="symbol")
    np.testing.assert_array_equal(raw.dense(), COUNTS_SG)
    assert raw.genes == tuple(f"{gene}X" for gene in GENES)
    with pytest.raises(DataError, match=r"contradict the unit `counts`(?s:.)*--layer: counts \(whole numbers\)"):
        read_table(path, unit="counts")
    with pytest.raises(DataError, match=r"no matrix `spliced`(?s:.)*one of: counts .*, raw .*, X \(fractions\)"):
        read_table(path, unit="counts", layer="spliced")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("layout", ["csr", "csc", "dense"])
def test_a_zarr_folder_is_known_and_kept_sparse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, version: int
) -> None:
    monkeypatch.setattr("cic.data.sparse.SPARSE_FROM", 100)
    values_SG = np.where(COUNTS_SG > 1, COUNTS_SG, 0).astype(np.float32)
    x = values_SG if layout == "dense" else scipy.sparse.coo_array(values_SG).asformat(layout)
    names = pd.DataFrame(index=SAMPLES), pd.DataFrame(index=GENES)
    path = write(tmp_path / "mine", anndata.AnnData(x, *names), version)
    assert format_of(path) is ZARR
    found = read_anndata(path)[0].values
    assert sparse.is_sparse(found)
    np.testing.assert_array_equal(found.toarray(), values_SG)


def write_loom(path: Path) -> Path:
    table = pd.DataFrame(COUNTS_SG, SAMPLES, GENES)
    write_fixed(path, table, pd.DataFrame({"type": ["a", "b"] * 15}, SAMPLES))
    with h5py.File(path, "r+") as file:
        file["layers/spliced"] = COUNTS_SG.T + 1
        file["row_attrs/Accession"] = np.array([f"ENSG{number:011}" for number in range(20)], dtype=object)
    return path


def test_loom_has_layers_and_is_sparse_though_it_is_written_dense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_loom(tmp_path / "a.loom")
    assert format_of(path) is LOOM
    found = read_table(path, unit="counts", layer="spliced", genes_by="Accession")
    np.testing.assert_array_equal(found.dense(), COUNTS_SG + 1)
    assert found.genes[1] == "ENSG00000000001"
    with pytest.raises(DataError, match=r"no matrix `raw`(?s:.)*spliced \(whole numbers\), matrix"):
        read_table(path, unit="counts", layer="raw")
    with h5py.File(path, "r+") as file:
        file["matrix"][...] = np.where(COUNTS_SG > 1, COUNTS_SG, 0).T
    monkeypatch.setattr("cic.data.sparse.SPARSE_FROM", 100)
    monkeypatch.setattr("cic.data.stores.BLOCK_ROWS", 7)
    values_SG = read_loom(path)[0].values
    assert sparse.is_sparse(values_SG)
    np.testing.assert_array_equal(values_SG.toarray(), np.where(COUNTS_SG > 1, COUNTS_SG, 0))
    with h5py.File(path, "r+") as file:
        file.move("row_attrs/Gene", "row_attrs/what")
        del file["row_attrs/Accession"]
    with pytest.raises(DataError, match=r"`row_attrs` is known to be the names(?s:.)*there are `what`"):
        read_table(path, unit="counts")


def test_gctx_brings_what_it_says_of_genes_and_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.gctx"
    write_fixed(path, pd.DataFrame(COUNTS_SG, SAMPLES, GENES), pd.DataFrame({"type": ["a", "-666"] * 15}, SAMPLES))
    with h5py.File(path, "r+") as file:
        file["0/META/ROW/pr_gene_symbol"] = np.array([f"{gene}X" for gene in GENES], dtype="S")
        file["0/META/COL/dose"] = np.array([0.5, -666] * 15)
    found = read_table(path, unit="counts", genes_by="pr_gene_symbol")
    assert found.genes == tuple(f"{gene}X" for gene in GENES)
    assert list(found.samples["dose"].isna()) == list(found.samples["type"].isna()) == [False, True] * 15
    with h5py.File(path, "r+") as file:
        del file["0/META/COL/id"]
        file["0/META/COL/id"] = np.array(SAMPLES[:-1], dtype="S")
    with pytest.raises(DataError, match=r"has the shape \(30, 20\)(?s:.)*29 samples and 20 genes"):
        read_table(path, unit="counts")


def beside(file: h5py.File, name: str) -> Path:
    """Move an array of an HDF5 file into another one."""
    other = Path(file.filename).with_name("other.h5")
    with h5py.File(other, "w") as there:
        there["x"] = file[name][()]
    del file[name]
    return other


def linked(file: h5py.File, name: str) -> None:
    file[name] = h5py.ExternalLink(str(beside(file, name)), "x")


def virtual(file: h5py.File, name: str) -> None:
    shape, kind = file[name].shape, file[name].dtype
    layout = h5py.VirtualLayout(shape, kind)
    layout[...] = h5py.VirtualSource(str(beside(file, name)), "x", shape)
    file.create_virtual_dataset(name, layout)


def external(file: h5py.File, name: str) -> None:
    values = file[name][()]
    other = Path(file.filename).with_name("other.raw")
    other.write_bytes(values.tobytes())
    del file[name]
    file.create_dataset(name, values.shape, values.dtype, external=[(str(other), 0, values.nbytes)])


@pytest.mark.attack("HDF5 that leads into other files", "8", ended="told")
@pytest.mark.parametrize("lead", [linked, virtual, external])
@pytest.mark.parametrize(
    ("kind", "name"),
    [("dense.h5ad", "X"), ("sparse.h5ad", "X/indices"), ("a_small.loom", "matrix"), ("10x.h5", "matrix/data")],
)
def test_nothing_is_read_of_another_file(
    tmp_path: Path, kind: str, name: str, lead: Callable[[h5py.File, str], None]
) -> None:
    path = whole(tmp_path, kind)
    with h5py.File(path, "r+") as file:
        lead(file, name)
    with pytest.raises(DataError, match="kept in another file"):
        read_table(path, unit="counts")


@pytest.mark.attack("Loom and GCTX of some kilobytes that declare gigabytes", "8", ended="told")
@pytest.mark.parametrize(("kind", "name"), [("a_small.loom", "matrix"), ("a_small.gctx", "0/DATA/0/matrix")])
def test_a_matrix_that_declares_gigabytes(tmp_path: Path, kind: str, name: str) -> None:
    path, n = whole(tmp_path, kind), 10**5
    with h5py.File(path, "r+") as file:
        of_genes, of_samples = [("row_attrs/Gene", "col_attrs/CellID"), ("0/META/ROW/id", "0/META/COL/id")][
            "gctx" in kind
        ]
        for place in (name, of_genes, of_samples):
            del file[place]
        file.create_dataset(name, (n, n), dtype="f4", chunks=(1000, 1000), compression="gzip")
        for place in (of_genes, of_samples):
            file.create_dataset(place, (n,), dtype="S4", chunks=(1000,), compression="gzip")
    with pytest.raises(DataError, match="declares 40 GB"):
        read_table(path, unit="counts")


def linking(folder: Path) -> None:
    chunk = next(file for file in (folder / "X").rglob("*") if file.is_file() and file.name[0] in "0c")
    shutil.move(chunk, folder.with_name("elsewhere"))
    chunk.symlink_to(folder.with_name("elsewhere"))


def unpickling(folder: Path) -> None:
    about = json.loads((folder / "obs/_index/.zarray").read_text())
    about["filters"].append({"id": "pickle"})
    (folder / "obs/_index/.zarray").write_text(json.dumps(about | {"compressor": None}))
    opens = f"cbuiltins\nopen\n(V{folder.with_name('made')}\nVw\ntR."  # as a pickle: open(".../made", "w")
    (folder / "obs/_index/0").write_text(opens)


def declaring(folder: Path) -> None:
    about = json.loads((folder / "obs/depth/.zarray").read_text())
    (folder / "obs/depth/.zarray").write_text(json.dumps(about | {"shape": [10**10]}))


@pytest.mark.attack("Zarr folders that link, unpickle, or declare gigabytes", "8", ended="told")
@pytest.mark.parametrize(
    ("change", "told"),
    [(linking, "it is a link"), (unpickling, "Pickle.decode is disabled"), (declaring, r"declares 80 GB")],
)
def test_a_zarr_folder_that_means_harm(tmp_path: Path, change: Callable[[Path], None], told: str) -> None:
    samples = pd.DataFrame({"depth": np.arange(30.0)}, SAMPLES)
    data = anndata.AnnData(COUNTS_SG, samples, pd.DataFrame(index=GENES))
    path = write(tmp_path / "a.zarr", data)
    (path / ".zmetadata").unlink()  # a copy of what is changed
    read_table(path, unit="counts")
    change(path)
    with pytest.raises(DataError, match=told):
        read_table(path, unit="counts")
    assert not (tmp_path / "made").exists()


@pytest.mark.attack("damaged Zarr folders", "8", tries=60, short=12)
@pytest.mark.parametrize("version", [2, 3])
def test_a_damaged_zarr_folder_is_read_or_told(tmp_path: Path, version: int, tally: Callable[[str], None]) -> None:
    names = pd.DataFrame({"type": ["a", "b"] * 15}, SAMPLES), pd.DataFrame(index=GENES)
    path = write(tmp_path / "a.zarr", anndata.AnnData(scipy.sparse.csr_array(COUNTS_SG), *names), version)
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and file.stat().st_size]
    for number in range(tally.tries):  # type: ignore[attr-defined]
        file = files[number % len(files)]
        content = file.read_bytes()
        file.write_bytes(next(mutants(content, 1, number)))
        try:
            read_table(path, unit="counts")
        except DataError as error:
            assert str(path) in str(error) and (error.fix or error.expected)
            tally("told")
        else:
            tally("read, unharmed")
        file.write_bytes(content)


def test_one_matrix_is_all_that_other_kinds_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\(GCT\) holds one matrix(?s:.)*--layer of AnnData"):
        read_table(whole(tmp_path, "a.gct"), unit="counts", layer="raw")


def test_a_zarr_folder_without_profiles_is_told(tmp_path: Path) -> None:
    zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2).create_array("images", shape=(3, 3), dtype="f4")
    with pytest.raises(DataError, match="no `obs`"):
        read_table(tmp_path / "a.zarr", unit="counts")
