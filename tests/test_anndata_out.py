"""What a model says, filled into an AnnData: in memory and in a file, with all that was there left as it was."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import polars
import pytest
import scipy.sparse
from store_parts import tiny_bundle
from typer.testing import CliRunner

import cic
from cic.cli import app
from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.errors import CicError, ConfigError, DataError, ModelError
from cic.using import Model


@pytest.fixture(scope="module")
def folder(profiles: ExpressionMatrix, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("model") / "bundle", profiles, 4, labelled=True)


@pytest.fixture
def model(folder: Path) -> Model:
    return cic.load(folder)


@pytest.fixture
def cells(profiles: ExpressionMatrix) -> anndata.AnnData:
    """An AnnData with something in every part of it, its genes in another order, and one that no model knows."""
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(profiles.values, profiles.samples.index, list(profiles.genes)).iloc[:, ::-1]
    frame["ELSE"] = 1.0
    made = anndata.AnnData(scipy.sparse.csr_matrix(frame), obs=profiles.samples, var=pd.DataFrame(index=frame.columns))
    made.layers["half"] = made.X / 2
    made.raw = made[:, ::2]
    made.obsm["X_pca"] = draw.normal(size=(60, 3))
    made.obsp["near"] = scipy.sparse.random(60, 60, 0.1, "csr", random_state=1)
    made.varm["loadings"] = draw.normal(size=(201, 3))
    made.uns["said"] = {"by": "somebody", "numbers": np.arange(3)}
    made.var["chosen"] = True
    return made


def use(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "200"})


def without_ours(filled: anndata.AnnData) -> anndata.AnnData:
    left = filled.copy()
    left.obs = left.obs[[name for name in left.obs if not name.startswith("cic_")]]
    for part, names in (("obsm", ("X_cic", "cic_probabilities")), ("layers", ("cic",)), ("uns", ("cic",))):
        for name in {*names} & {*getattr(left, part)}:
            del getattr(left, part)[name]
    return left


def parts(cells: anndata.AnnData) -> dict[str, Any]:
    """Give all that an AnnData holds, by where it stands."""
    found = {"X": cells.X, "raw": cells.raw.X, "raw/var": cells.raw.var, "obs": cells.obs, "var": cells.var}
    for part in ("layers", "obsm", "obsp", "varm", "varp", "uns"):
        found |= {f"{part}/{name}": value for name, value in getattr(cells, part).items()}
    for place in ("uns/said", "uns/cic"):
        found |= {f"{place}/{name}": value for name, value in found.pop(place, {}).items()}
    return dict(sorted(found.items()))


def same(one: anndata.AnnData, other: anndata.AnnData) -> None:
    ours, theirs = parts(one), parts(other)
    assert [*ours] == [*theirs]
    for place, value in ours.items():
        assert scipy.sparse.issparse(value) == scipy.sparse.issparse(theirs[place]), place
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(value, theirs[place], check_names=False, check_dtype=False)
        elif scipy.sparse.issparse(value):
            assert value.shape == theirs[place].shape and (value != theirs[place]).nnz == 0, place
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            np.testing.assert_allclose(value, theirs[place], rtol=1e-4, atol=1e-5, err_msg=place)
        else:
            np.testing.assert_array_equal(value, theirs[place], err_msg=place)


def test_encoding_fills_an_anndata_in_place_and_gives_the_table_as_well(model: Model, cells: anndata.AnnData) -> None:
    before = cells.copy()
    table = model.encode(cells)
    assert cells.obsm["X_cic"].dtype == np.float32
    np.testing.assert_array_equal(cells.obsm["X_cic"], table[["code_1", "code_2", "code_3", "code_4"]])
    pd.testing.assert_frame_equal(model.encode(before.to_df()), table, check_names=False, rtol=1e-4)
    assert list(cells.obs["cic_type"]) == list(table["cell_type"])
    assert cells.obs["cic_probability"].to_numpy() == pytest.approx(table["probability"].to_numpy(dtype=float))
    assert cells.obs["cic_unknown"].dtype == bool and not cells.obs["cic_unknown"].any()
    assert {*cells.obs} > {"cic_unexplained", "cic_error_ratio", "cic_familiar", "cic_note", "cic_model"}
    about = cells.uns["cic"]
    assert list(about["code"]) == ["code_1", "code_2", "code_3", "code_4"]
    assert about["model"] == model.stamp and about["digest"] == model.bundle.digest and len(about["digest"]) == 64
    same(without_ours(cells), before)


def test_a_file_is_filled_as_an_anndata_is(model: Model, folder: Path, cells: anndata.AnnData, tmp_path: Path) -> None:
    source, target = tmp_path / "in.h5ad", tmp_path / "out" / "out.h5ad"
    cells.write_h5ad(source, compression="gzip")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert use("encode", source, "-o", target, "-m", folder).exit_code == 0
    assert hashlib.sha256(source.read_bytes()).hexdigest() == digest
    assert use("classify", target, "-o", target, "-m", folder).exit_code == 0
    assert use("decode", target, "-o", target, "-m", folder).exit_code == 0
    assert [path.name for path in target.parent.iterdir()] == ["out.h5ad"]
    model.encode(cells)
    types = model.classify(cells)
    rebuilt = model.decode(cells)
    written = anndata.read_h5ad(target)
    same(written, cells)
    assert list(written.obs) == list(cells.obs)
    assert list(written.uns["cic"]["types"]) == list(model.bundle.labels)
    np.testing.assert_allclose(written.obsm["cic_probabilities"], types.filter(like="p("), rtol=1e-5)
    layer = pd.DataFrame(written.layers["cic"], written.obs_names, written.var_names)
    assert layer.pop("ELSE").isna().all() and written.uns["cic"]["decoded"] == "log2"
    pd.testing.assert_frame_equal(layer[list(rebuilt)], rebuilt, check_names=False, rtol=1e-5)
    with h5py.File(target) as file:
        assert file["X/data"].compression == "gzip"
    assert use("decode", target, "-o", tmp_path / "back.parquet", "-m", folder).exit_code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "back.parquet"), rebuilt, check_names=False, rtol=1e-5)


def test_the_matrix_is_chosen_by_name(model: Model, folder: Path, cells: anndata.AnnData, tmp_path: Path) -> None:
    codes = model.encode(cells.copy())["code_1"]
    cells.layers["kept"], cells.X = cells.X.copy(), cells.layers["half"]
    cells.raw = cells.copy()
    cells.raw = anndata.AnnData(cells.layers["kept"], obs=cells.obs, var=cells.var)
    cells.write_h5ad(tmp_path / "in.h5ad")
    for layer in ("kept", "raw"):
        np.testing.assert_allclose(model.encode(cells.copy(), layer=layer)["code_1"], codes, rtol=1e-4, atol=1e-5)
        out = tmp_path / f"{layer}.h5ad"
        assert use("encode", tmp_path / "in.h5ad", "-o", out, "-m", folder, "--layer", layer).exit_code == 0
        np.testing.assert_allclose(anndata.read_h5ad(out).obsm["X_cic"][:, 0], codes, rtol=1e-4, atol=1e-5)
    assert not np.allclose(model.encode(cells.copy())["code_1"], codes, rtol=1e-2)
    with pytest.raises(ModelError, match=r"no matrix `gone`(.|\n)*half, kept, raw, X"):
        model.encode(cells, layer="gone")
    with pytest.raises(ConfigError, match="`layer` is of a file, or an AnnData"):
        model.encode(cells.to_df(), layer="raw")


def test_logarithms_are_what_scanpy_noted_or_what_is_declared(model: Model, cells: anndata.AnnData) -> None:
    cells.X = abs(cells.X)
    codes = model.encode(cells.copy())["code_1"]
    cells.X, cells.uns["log1p"] = cells.X * np.log(2), {"base": None}
    with pytest.raises(DataError, match=r"logarithms of x \+ 1, `ln`(.|\n)*declare `ln`"):
        model.encode(cells)
    np.testing.assert_allclose(model.encode(cells, unit="ln")["code_1"], codes, rtol=1e-4, atol=1e-4)


def test_a_view_becomes_one_of_its_own(model: Model, cells: anndata.AnnData) -> None:
    view = cells[10:20]
    model.encode(view)
    assert view.obsm["X_cic"].shape == (10, 4) and not view.is_view
    assert "X_cic" not in cells.obsm and "cic" not in cells.uns


@pytest.mark.parametrize("dense", [False, True])
def test_what_lies_in_an_open_file_is_read_from_there(
    model: Model, cells: anndata.AnnData, tmp_path: Path, dense: bool
) -> None:
    codes = model.encode(cells.copy())["code_1"]
    if dense:
        cells.X = cells.X.toarray()
    cells.write_h5ad(tmp_path / "in.h5ad")
    digest = hashlib.sha256((tmp_path / "in.h5ad").read_bytes()).hexdigest()
    backed = anndata.read_h5ad(tmp_path / "in.h5ad", backed="r")
    np.testing.assert_allclose(model.encode(backed)["code_1"], codes, rtol=1e-4, atol=1e-5)
    assert backed.isbacked and backed.obsm["X_cic"].shape == (60, 4)
    backed.file.close()
    assert hashlib.sha256((tmp_path / "in.h5ad").read_bytes()).hexdigest() == digest


def test_what_somebody_else_left_is_replaced_with_a_word_and_what_another_model_left_is_taken_away(
    model: Model,
    folder: Path,
    profiles: ExpressionMatrix,
    cells: anndata.AnnData,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain = cic.load(tiny_bundle(tmp_path / "plain", profiles, 2))
    cells.obsm["X_cic"], cells.obs["cic_type"], cells.obs["cic_mine"] = np.zeros((60, 2)), "mine", 1
    cells.write_h5ad(tmp_path / "in.h5ad")
    caplog.set_level(logging.INFO, "cic.data")

    def in_file(used: Path, verb: str = "encode") -> anndata.AnnData:
        assert use(verb, tmp_path / "in.h5ad", "-o", tmp_path / "in.h5ad", "-m", used).exit_code == 0
        return anndata.read_h5ad(tmp_path / "in.h5ad")

    def in_memory(used: Path, verb: str = "encode") -> anndata.AnnData:
        getattr(cic.load(used), verb)(cells)
        return cells

    for fill in (in_file, in_memory):
        caplog.clear()
        fill(folder)
        assert "what was there is replaced: obsm/X_cic, obs/cic_type" in caplog.text
        caplog.clear()
        fill(folder, "decode")
        fill(folder)
        assert "replaced" not in caplog.text
        filled = fill(tmp_path / "plain")
        assert "taken away, since another model left it there" in caplog.text and filled.obsm["X_cic"].shape == (60, 2)
        assert "cic_type" not in filled.obs and "cic" not in filled.layers and "cic_mine" in filled.obs
        assert filled.uns["cic"]["model"] == plain.stamp and "X_pca" in filled.obsm


def test_codes_of_another_model_or_of_none_are_not_decoded(
    model: Model, profiles: ExpressionMatrix, cells: anndata.AnnData, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no obsm"):
        model.decode(cells)
    model.encode(cells)
    joined = anndata.concat([cells[:10], cells[20:30]])  # which drops uns
    assert len(model.decode(joined)) == 20 and joined.layers["cic"].shape == (20, 201)
    plain = cic.load(tiny_bundle(tmp_path / "plain", profiles, 4))
    with pytest.raises(ModelError, match=f"made by {model.stamp}, and not by {plain.stamp}"):
        plain.decode(joined)
    del joined.obs["cic_model"], joined.uns["cic"]
    with pytest.raises(DataError, match="nothing says which model"):
        model.decode(joined)
    cells.var_names = [f"other{number}" for number in range(201)]
    with pytest.raises(ModelError, match="knows none of the genes"):
        model.decode(cells)


def linked(path: Path) -> None:
    with h5py.File(path, "r+") as file, h5py.File(path.with_name("other.h5"), "w") as other:
        other.create_group("obsm")
        del file["obsm"]
        file["obsm"] = h5py.ExternalLink("other.h5", "/obsm")


def old(path: Path) -> None:
    """Lay `obs` out as anndata did before 0.7."""
    with h5py.File(path, "r+") as file:
        names = file["obs/sample_id"].asstr()[:]
        del file["obs"]
        file["obs"] = np.array([(name.encode(),) for name in names], dtype=[("index", "S20")])


@pytest.mark.parametrize(("spoil", "told"), [(linked, "`obsm` is no group of its own"), (old, "`obs` is no group")])
def test_a_file_that_cannot_be_filled_is_told_and_nothing_is_left(
    folder: Path, cells: anndata.AnnData, tmp_path: Path, spoil: Any, told: str
) -> None:
    cells.write_h5ad(tmp_path / "in.h5ad")
    spoil(tmp_path / "in.h5ad")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    error = use("encode", tmp_path / "in.h5ad", "-o", tmp_path / "out.h5ad", "-m", folder).exception
    assert isinstance(error, DataError) and told in str(error) and "partial" not in str(error)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_no_anndata_file_and_names_that_repeat_are_told(
    model: Model, folder: Path, cells: anndata.AnnData, tmp_path: Path
) -> None:
    cells.to_df().to_csv(tmp_path / "in.csv")
    error = use("encode", tmp_path / "in.csv", "-o", tmp_path / "out.h5ad", "-m", folder).exception
    assert isinstance(error, CicError) and "no AnnData file" in str(error)
    cells.obs_names = ["same", *cells.obs_names[1:-1], "same"]
    cells.write_h5ad(tmp_path / "twice.h5ad")
    error = use("encode", tmp_path / "twice.h5ad", "-o", tmp_path / "out.h5ad", "-m", folder).exception
    assert isinstance(error, DataError) and "stand there more than once: same" in str(error)
    assert not (tmp_path / "out.h5ad").exists()
    with pytest.raises(ModelError, match="1 sample ids stand there more than once"):
        model.encode(cells)
    assert "X_cic" not in cells.obsm


def test_many_sparse_cells_are_never_dense(
    model: Model, cells: anndata.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = model.encode(cells.copy())["code_1"]
    for name, value in (("SPARSE_FROM", 10), ("SPARSE_BELOW", 1.1), ("FEW", 20), ("BLOCK_ROWS", 16)):
        monkeypatch.setattr(sparse, name, value)
    largest: list[int] = []
    whole = scipy.sparse.csr_array.toarray
    monkeypatch.setattr(
        scipy.sparse.csr_array, "toarray", lambda self, *rest: (largest.append(self.shape[0]), whole(self, *rest))[1]
    )
    table = model.encode(cells)
    assert max(largest) == 16 and len(largest) == 4
    np.testing.assert_allclose(table["code_1"], codes, rtol=1e-4, atol=1e-5)


def test_a_table_of_polars_is_taken_too(model: Model, cells: anndata.AnnData) -> None:
    frame = cells.to_df()
    codes = model.encode(frame)
    named = polars.from_pandas(frame.rename_axis("sample").reset_index())
    pd.testing.assert_frame_equal(model.encode(named), codes, check_names=False)
    numbered = model.encode(polars.from_pandas(frame))
    assert list(numbered.index) == list(range(60))
    np.testing.assert_array_equal(numbered["code_1"], codes["code_1"])


@pytest.fixture(autouse=True)
def no_warning_of_anndata() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", anndata.ImplicitModificationWarning)
        yield
