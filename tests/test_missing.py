"""Missing values: refused, left out, or filled from training profiles, in training and in use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_parts import new_store

from cic.checking.check import check
from cic.config import parse_params
from cic.data.matrix import ExpressionMatrix, read_matrix, write_matrix
from cic.data.missing import filled, handled
from cic.data.readers import read_table
from cic.data.synthetic import Recipe, simulate
from cic.errors import DataError, ModelError
from cic.folders import read_parts
from cic.model.bundle_files import load_bundle
from cic.pipeline import run_stage, workspace
from cic.settings import Settings
from cic.using import Model


def with_holes(values: np.ndarray, holes: np.ndarray) -> ExpressionMatrix:
    index = pd.Index([f"s{number}" for number in range(len(values))], name="sample_id")
    genes = tuple(f"G{number}" for number in range(values.shape[1]))
    return ExpressionMatrix(
        np.where(holes, np.nan, values).astype(np.float32), genes, pd.DataFrame(index=index), "log2"
    )


@given(st.integers(0, 10**6), st.floats(0, 0.6))
@settings(max_examples=60, deadline=None)
def test_what_is_filled_comes_from_training_profiles_and_nothing_else(seed: int, share: float) -> None:
    draw = np.random.default_rng(seed)
    values, train_S = draw.gamma(3, size=(9, 6)), np.arange(9) < 6
    holes = draw.random((9, 6)) < share
    holes[6:, 0] |= True  # held-out profiles alone lack this one
    holes[0, :] = False
    matrix = with_holes(values, holes)
    found = filled(matrix, train_S)
    assert found.genes == matrix.genes and not np.isnan(found.values).any()
    np.testing.assert_array_equal(found.values[~holes], matrix.values[~holes])
    np.testing.assert_array_equal(found.fill_G, np.nanmedian(matrix.values[train_S], axis=0))
    others = values.copy()
    others[6:] += 5
    assert np.array_equal(filled(with_holes(others, holes), train_S).fill_G, found.fill_G)


def test_a_gene_that_no_training_profile_has_is_left_out() -> None:
    holes = np.zeros((4, 3), dtype=bool)
    holes[:3, 1] = True
    found = filled(with_holes(np.ones((4, 3)), holes), np.array([True, True, True, False]))
    assert found.genes == ("G0", "G2")


def test_what_is_missing_is_refused_or_its_genes_are_left_out() -> None:
    holes = np.zeros((4, 3), dtype=bool)
    holes[1, 2] = True
    matrix = with_holes(np.ones((4, 3)), holes)
    assert handled(matrix, "drop_genes").genes == ("G0", "G1") and handled(matrix, "median") is matrix
    for how, level in (("refuse", "must"), ("median", "warn")):
        found = check(matrix, parse_params({"seed": 0, "data": {"missing": how}})).findings
        assert [one.level for one in found if "missing: 1 value of 1 gene in 1 sample" in one.message] == [level]
    with pytest.raises(DataError, match="every gene"):
        handled(with_holes(np.ones((3, 3)), np.eye(3, dtype=bool)), "drop_genes")
    with pytest.raises(DataError, match="every value is missing"):
        with_holes(np.ones((2, 2)), np.ones((2, 2), dtype=bool))


def test_a_file_keeps_what_is_missing_only_if_asked_to(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,A,B,C\ns1,1.5,,3\ns2,2,4.5,NA\n")
    with pytest.raises(DataError, match="--missing drop-genes, drop-samples or keep"):
        read_table(file, unit="log2", samples_in="rows", missing="error")
    matrix = read_table(file, unit="log2", samples_in="rows", missing="keep")
    np.testing.assert_array_equal(np.isnan(matrix.values), [[False, True, False], [False, False, True]])
    write_matrix(tmp_path / "kept.parquet", matrix)
    np.testing.assert_array_equal(read_matrix(tmp_path / "kept.parquet").values, matrix.values)
    with pytest.raises(DataError, match="divided by its total"):
        read_table(file, unit="counts", samples_in="rows", missing="keep")


PARAMS = {
    "seed": 3,
    "data": {"label": "cell_type", "group": "study", "missing": "median"},
    "training": {"epochs": 10},
    "search": {"trials": 2, "repeats": 2, "bottleneck_width": [3], "depth": [0], "finalists": 1, "workers": 1},
    "fit": {"seeds": 1},
}  # fmt: skip


def test_a_model_of_profiles_with_holes_fills_those_to_come(tmp_path: Path, template: Path) -> None:
    simulate(Recipe(samples=60, genes=60, cell_types=3, studies=9, programs=5, replicate_pairs=0), tmp_path / "made")
    whole = read_matrix(tmp_path / "made")
    values = np.where(np.random.default_rng(1).random(whole.values.shape) < 0.02, np.nan, whole.values)
    write_matrix(tmp_path / "holes.parquet", replace(whole, values=values.astype(np.float32)))
    params = parse_params({**PARAMS, "data": {**PARAMS["data"], "file": str(tmp_path / "holes.parquet")}})
    folders, set_up = workspace(tmp_path / "build"), Settings(project=tmp_path, device="cpu")
    new_store(set_up.home, template)
    for stage in ("ingest", "split", "search", "fit"):
        run_stage(stage, params, folders, set_up)
    matrix, part_S = read_parts(folders)
    bundle = load_bundle(folders["fit"] / "bundle")
    np.testing.assert_array_equal(bundle.preprocessor.fill_G, np.nanmedian(values[part_S == "train"], axis=0))
    model = Model(bundle, "mine")
    holes = pd.DataFrame(values, whole.samples.index, list(whole.genes))
    codes = model.encode(holes)[bundle.code_columns].to_numpy()
    np.testing.assert_allclose(codes, bundle.encode(matrix.values), atol=1e-5)
    with pytest.raises(ModelError, match="infinite"):
        model.encode(holes.fillna(np.inf))
