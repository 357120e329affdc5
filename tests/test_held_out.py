"""What missing genes cost, measured on profiles that the model never saw."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, in_use
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cic.cli import app
from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.errors import DataError, ModelError
from cic.model.bundle_files import load_bundle, save_bundle
from cic.model.reference import Reference
from cic.model.taken_away import made_without
from cic.using import Model
from cic.using.held_out import cost

GROWTH = ["error_growth", "error_growth_low", "error_growth_high"]


@pytest.fixture(scope="module")
def known() -> tuple[Model, ExpressionMatrix, pd.Series]:
    """A model, the profiles that it was made from, and the part of each."""
    matrix = curved_profiles()
    bundle, part = in_use(matrix, label_weight=0.1)
    return Model(bundle, "cic/1"), matrix, part


@pytest.fixture(scope="module")
def test(known) -> ExpressionMatrix:
    _, matrix, part = known
    return matrix.select((part == "test").to_numpy())


def lacking(matrix: ExpressionMatrix, share: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Give other profiles of the kind without some genes, and which these are."""
    gone_G = np.random.default_rng(1).random(matrix.n_genes) < share
    other_SG = matrix.values[::7] + np.float32(0.01)
    return pd.DataFrame(other_SG, [f"o{n}" for n in range(len(other_SG))], list(matrix.genes)).loc[:, ~gone_G], gone_G


def as_frame(matrix: ExpressionMatrix) -> pd.DataFrame:
    return pd.DataFrame(matrix.values, matrix.samples.index, list(matrix.genes))


def error_of(model: Model, frame: pd.DataFrame, test: ExpressionMatrix) -> float:
    return float(np.square(model.decode(model.encode(frame, least_coverage=0.0)).to_numpy() - test.values).sum())


def test_it_is_the_error_of_held_out_profiles_without_just_these_genes(known, test, caplog) -> None:
    model, matrix, _ = known
    frame, gone_G = lacking(matrix, 0.6)
    with caplog.at_level(logging.INFO):
        table = model.encode(frame, held_out=test)
    by_hand = error_of(model, as_frame(test).loc[:, ~gone_G], test) / error_of(model, as_frame(test), test)
    growth, low, high = (float(table[name].iloc[0]) for name in GROWTH)
    assert growth == pytest.approx(by_hand, rel=1e-3) and 1 < low < growth < high
    foretold = model.bundle.inference(~gone_G).error_factor
    assert f"{growth:.2f} ({low:.2f} to {high:.2f}) times that with all genes, where {foretold:.2f} was" in caplog.text
    pd.testing.assert_frame_equal(table.drop(columns=GROWTH), model.encode(frame))


def test_whole_profiles_have_the_error_that_the_model_says(known, test) -> None:
    model, *_ = known
    whole = made_without(model.bundle, test.values, np.zeros(test.n_genes, dtype=bool))
    np.testing.assert_allclose(whole.error_S, model.bundle.squared_errors(test.values), rtol=1e-3)


def test_what_becomes_of_cell_types_is_told_where_there_are_labels(known, test) -> None:
    model, matrix, _ = known
    _, gone_G = lacking(matrix, 0.9)
    types = cost(model.bundle, test, gone_G).types
    frame, label = as_frame(test), test.samples["label"]
    before, after = (
        (model.classify(one, least_coverage=0.0)["likeliest"] == label).mean() for one in (frame, frame.loc[:, ~gone_G])
    )
    assert types.n_profiles == len(frame) and types.right == before and types.right + types.change.value == after
    assert types.change.low <= types.change.value <= types.change.high
    held = anndata.AnnData(frame, obs=test.samples.rename(columns={"group": "study", "replicate": "specimen"}))
    assert cost(model.bundle, held, gone_G).types.right == before
    assert cost(model.bundle, frame, gone_G).types is None


def test_profiles_that_the_model_has_seen_do_not_count(known, test, caplog) -> None:
    model, matrix, part = known
    _, gone_G = lacking(matrix, 0.6)
    with caplog.at_level(logging.INFO):
        found = cost(model.bundle, matrix, gone_G)
    assert found == cost(model.bundle, test, gone_G) and found.resampled == "15 replicate sets"
    assert "too narrow for a profile from a new group" in str(found), "three groups are too few to resample"
    assert f"{(part != 'test').sum()} of 160 profiles do not count" in caplog.text
    with pytest.raises(DataError, match=r"trained on all(.|\n)*never saw"):
        cost(model.bundle, matrix.select((part == "train").to_numpy()), gone_G)


def test_of_a_projects_stages_the_test_part_is_taken(known, test, tmp_path: Path) -> None:
    model, matrix, part = known
    _, gone_G = lacking(matrix, 0.6)
    for stage in ("ingest", "split"):
        (tmp_path / stage).mkdir()
    sealed = test.samples.index[::2]  # nobody looks at these
    write_matrix(tmp_path / "ingest" / "matrix.parquet", matrix)
    part = part.where(~part.index.isin(sealed), "sealed").rename("part")
    part.rename_axis("sample_id").reset_index().to_csv(tmp_path / "split" / "split.csv", index=False)
    rest = test.select(~test.samples.index.isin(sealed))
    assert cost(model.bundle, tmp_path, gone_G) == cost(model.bundle, rest, gone_G)
    part[1:].rename_axis("sample_id").reset_index().to_csv(tmp_path / "split" / "split.csv", index=False)
    with pytest.raises(DataError, match=r"have no part(.|\n)*split again"):
        cost(model.bundle, tmp_path, gone_G)


def test_a_cell_with_no_count_left_does_not_count(caplog) -> None:
    draw = np.random.default_rng(0)
    rate_SG = np.exp(draw.normal(size=(80, 3)) @ draw.normal(size=(3, 60)) + 2)
    counts_SG = draw.poisson(rate_SG).astype(np.float32)
    samples = pd.DataFrame(index=pd.Index([f"c{row}" for row in range(80)], name="sample_id"))
    matrix = ExpressionMatrix(counts_SG, tuple(f"g{place}" for place in range(60)), samples, "counts")
    bundle, part = in_use(matrix, width=2)
    few_SG = matrix.values[(part == "test").to_numpy()]
    few_SG[0, :30] = 0
    test = ExpressionMatrix(few_SG, matrix.genes, samples[(part == "test").to_numpy()], "counts")
    gone_G = np.arange(60) >= 30
    with caplog.at_level(logging.INFO):
        found = cost(bundle, test, gone_G)
    assert found.n_profiles == len(few_SG) - 1 and f"1 of {len(few_SG)} have no expression" in caplog.text
    assert found.growth.value > 1


def test_held_out_profiles_in_columns_are_told_how_to_be_given(known, test, tmp_path: Path) -> None:
    pd.DataFrame(test.values.T, list(test.genes), test.samples.index).to_csv(tmp_path / "turned.csv")
    with pytest.raises(DataError, match=r"turned\.csv(.|\n)*cic data import"):
        known[0].encode(lacking(test, 0.5)[0], held_out=tmp_path / "turned.csv")


def test_what_cannot_be_measured_is_said(known, test) -> None:
    model, matrix, _ = known
    frame, gone_G = lacking(matrix, 0.6)
    with pytest.raises(ModelError, match="genes that the model needs are missing"):
        model.encode(frame, held_out=as_frame(test).loc[:, ~gone_G])
    four = model.classify(frame, held_out=as_frame(test).iloc[:4])
    assert four["error_growth"].iloc[0] > 1 and four[GROWTH[1:]].isna().all(axis=None)
    assert (four.dtypes[GROWTH] == "float64").all()
    assert (model.encode(as_frame(test), held_out=as_frame(test))[GROWTH] == 1).all(axis=None)


def test_the_command_line_measures_too(known, test, tmp_path: Path) -> None:
    model, matrix, _ = known
    frame, _ = lacking(matrix, 0.5)
    save_bundle(tmp_path / "bundle", model.bundle)
    frame.to_csv(tmp_path / "some.csv")
    write_matrix(tmp_path / "all.parquet", matrix)
    some, out, bundle, whole = (str(tmp_path / name) for name in ("some.csv", "types.csv", "bundle", "all.parquet"))
    line = ["classify", some, "-o", out, "-m", bundle, "--held-out", whole, "--allow-foreign"]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    expected = model.classify(frame, held_out=test)
    np.testing.assert_allclose(pd.read_csv(out)[GROWTH], expected[GROWTH], rtol=1e-4)


@given(
    foretold=st.lists(st.floats(1.01, 50), min_size=1, max_size=6, unique=True),
    measured=st.lists(st.floats(0.9, 80), min_size=6, max_size=6),
    growth=st.floats(1, 200),
)
def test_what_is_foretold_is_brought_to_what_was_measured(foretold, measured, growth) -> None:
    one_P, measured_Q = np.ones(5), np.array(measured[: len(foretold)])
    reference = Reference(one_P, one_P, foretold_Q=np.sort(foretold), measured_Q=measured_Q)
    assert reference.as_measured(1.0) == 1 <= reference.as_measured(growth)
    for told, found in zip(reference.foretold_Q, measured_Q, strict=True):
        assert reference.as_measured(told) == pytest.approx(max(found, 1))
    assert Reference(one_P, one_P).as_measured(growth) == growth


def test_a_model_keeps_what_was_measured_on_its_validation_part(known, test, tmp_path: Path) -> None:
    model, matrix, part = known
    validation = matrix.select((part == "validation").to_numpy())
    kept = model.bundle.reference
    missing_G = np.arange(test.n_genes) % 10 > 0
    raw = replace(model.bundle, reference=replace(kept, foretold_Q=np.empty(0), measured_Q=np.empty(0)))
    assert raw.inference(~missing_G).error_factor == pytest.approx(kept.foretold_Q[2])
    growth = cost(replace(raw, about={"trained_on": []}), validation, missing_G).growth.value
    assert model.bundle.inference(~missing_G).error_factor == pytest.approx(growth, rel=1e-3)
    save_bundle(tmp_path / "bundle", model.bundle)
    back = load_bundle(tmp_path / "bundle").reference
    np.testing.assert_array_equal(back.measured_Q, kept.measured_Q)
