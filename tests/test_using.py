"""A model from Python: the same tables from whatever holds the profiles, and from the command line."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from store_parts import log_bundle, new_store, tiny_bundle
from typer.testing import CliRunner

import cic
from cic.cli import app
from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.errors import ConfigError, DataError, ModelError
from cic.model.bundle_files import bundle_digest, load_bundle
from cic.model.familiarity import COLUMNS, TYPE_COLUMNS
from cic.registry.gate import Decision
from cic.registry.registry import promote
from cic.registry.versions import versions
from cic.using import Model


@pytest.fixture
def tiny_model(tiny: ExpressionMatrix, tmp_path: Path) -> Model:
    return cic.load(tiny_bundle(tmp_path / "bundle", tiny, 4, labelled=True))


@pytest.fixture
def frame(tiny: ExpressionMatrix) -> pd.DataFrame:
    return pd.DataFrame(tiny.values, tiny.samples.index, list(tiny.genes))


def test_whatever_holds_the_profiles_the_table_is_the_same(
    tiny: ExpressionMatrix, tiny_model: Model, frame: pd.DataFrame, tmp_path: Path
) -> None:
    codes = tiny_model.encode(frame)
    assert list(codes) == ["code_1", "code_2", "code_3", "code_4", *COLUMNS, *TYPE_COLUMNS, "model"]
    np.testing.assert_array_equal(codes.iloc[:, :4], tiny_model.bundle.encode(tiny.values))
    write_matrix(tmp_path / "ours.parquet", tiny)
    frame.to_csv(tmp_path / "mine.csv")
    frame.T.to_csv(tmp_path / "turned.tsv", sep="\t")
    cells = anndata.AnnData(frame.iloc[:, ::-1])  # genes in another order
    others = [tiny, cells, tmp_path / "ours.parquet", str(tmp_path / "mine.csv")]
    tables = [tiny_model.encode(one) for one in others]
    tables.append(tiny_model.encode(tmp_path / "turned.tsv", samples_in="columns", unit="log2"))
    for table in tables:
        pd.testing.assert_frame_equal(table, codes, check_names=False, rtol=1e-4)


def test_many_profiles_are_told_part_by_part_as_few_are(
    tiny: ExpressionMatrix, tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tiny_model.encode(tiny), tiny_model.classify(tiny)
    monkeypatch.setattr("cic.data.sparse.BLOCK_ROWS", 16)
    monkeypatch.setattr("cic.data.sparse.FEW", 20)
    assert len([*tiny.parts()]) > 1
    for table, expected in zip((tiny_model.encode(tiny), tiny_model.classify(tiny)), whole, strict=True):
        pd.testing.assert_frame_equal(table, expected, rtol=1e-4)


def test_types_and_profiles_come_back(tiny: ExpressionMatrix, tiny_model: Model, frame: pd.DataFrame) -> None:
    types = tiny_model.classify(frame)
    assert (types["likeliest"] == tiny.samples["label"]).mean() > 0.8
    assert types.filter(like="p(").sum(axis=1).to_numpy() == pytest.approx(1)
    codes = tiny_model.encode(frame)
    rebuilt = tiny_model.decode(codes)
    np.testing.assert_array_equal(rebuilt, tiny_model.bundle.reconstruct(tiny.values))
    assert list(rebuilt) == list(tiny.genes) and list(rebuilt.index) == list(frame.index)
    with pytest.raises(ModelError, match="made by cic/9, and not by bundle:"):
        tiny_model.decode(codes.assign(model="cic/9"))
    with pytest.raises(DataError, match="codes in a ndarray"):
        tiny_model.decode(np.zeros((3, 4)))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no column code_1"):
        tiny_model.decode(rebuilt)
    with pytest.raises(ConfigError, match="no scale `ln`"):
        tiny_model.decode(codes, scale="ln")


def test_what_does_not_fit_is_told(tiny: ExpressionMatrix, tiny_model: Model, frame: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match="a list has no names of genes"):
        tiny_model.encode(frame.to_numpy().tolist())
    with pytest.raises(ModelError, match="missing"):
        tiny_model.encode(frame.iloc[:, 5:])
    with pytest.raises(ConfigError, match="is of a file"):
        tiny_model.encode(frame, samples_in="columns")
    with pytest.raises(DataError, match="no such file"):
        tiny_model.encode("gone.csv")
    for twice in (pd.concat([frame, frame]), anndata.AnnData(pd.concat([frame, frame]))):
        with pytest.raises(ModelError, match="60 sample ids stand there more than once"):
            tiny_model.encode(twice)
    for turned in (frame.T, anndata.AnnData(frame).T):
        with pytest.raises(ModelError, match=r"genes are where the samples should be(.|\n)*turn it round"):
            tiny_model.encode(turned)
    wells = frame.rename(columns=lambda gene: f"ENSG{gene}").set_axis([*tiny.genes[:5], *frame.index[5:]])
    with pytest.raises(ModelError, match="200 of the 200 genes"):  # not turned round: few wells are named like genes
        tiny_model.encode(wells)
    for meant, name in {
        "cic-mine": "cic-mine",
        "cic-mine/3": "cic-mine",
        "models/cic-mine@old": "cic-mine",
        "3": "NAME",
    }.items():
        with pytest.raises(ModelError, match=f"models:/{name}@champion, models:/{name}/3"):
            cic.load(meant)
    for nothing in (3, "", b"x"):
        with pytest.raises(ConfigError, match="is no model"):
            cic.load(nothing)  # type: ignore[arg-type]


def test_no_store_is_made_where_no_project_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CIC_PROJECT", "CIC_MLFLOW_URI", "CIC_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"no folder of a project(.|\n)*CIC_PROJECT"):
        cic.load("models:/cic-mine@champion")
    assert list(tmp_path.iterdir()) == []


def test_a_registered_model_is_found_and_the_command_line_tells_the_same(
    tiny: ExpressionMatrix, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Path
) -> None:
    uri = new_store(tmp_path, template)
    folder = tiny_bundle(tmp_path / "bundle", tiny, 2)
    log_bundle(uri, folder, tiny)
    (tmp_path / "params.yaml").write_text("seed: 1\nregistry: {name: cic}\n")
    monkeypatch.setenv("CIC_PROJECT", str(tmp_path))
    monkeypatch.setenv("CIC_MLFLOW_URI", uri)
    assert cic.load("models:/cic/1").stamp == "cic/1"
    run = versions(uri, "cic")[0].run_id
    for one in (run, f"runs:/{run}"):
        assert (cic.load(one).stamp, cic.load(one).bundle.digest) == ("cic/1", bundle_digest(folder))
    with pytest.raises(ConfigError, match="has no registered model"):
        cic.load("runs:/" + "0" * 32)
    with pytest.raises(ConfigError, match="champion"):
        cic.load()
    promote(uri, "cic", "1", Decision(True, "promoted", ("it is better",), {"champion": None, "ratio": 0.5}))
    codes = cic.load().encode(frame)
    assert set(codes["model"]) == {"cic/1"}
    np.testing.assert_array_equal(codes[["code_1", "code_2"]], load_bundle(folder).encode(tiny.values))
    frame.to_parquet(tmp_path / "mine.parquet")
    told = CliRunner().invoke(app, ["encode", str(tmp_path / "mine.parquet"), "-o", str(tmp_path / "codes.parquet")])
    assert told.exit_code == 0, told.output
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "codes.parquet"), codes, check_names=False)
