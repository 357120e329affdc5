"""Passes over many profiles by workers: the same to the bit as here, for each way to a basis."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from array_job import product, product_killed_once, tasks
from test_many import cells, dense

from cic.config import Params
from cic.data.matrix import ExpressionMatrix
from cic.data.moments import moments
from cic.data.passes import blocks_of
from cic.data.transforms import Scale
from cic.model.prepare import Prepared, prepare
from cic.workers.executor import make_executor
from cic.workers.workers import Workers

SEEN = 330


@pytest.fixture(autouse=True)
def _many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a hundred profiles be many, so that they pass in several blocks; workers need not know."""
    monkeypatch.setattr("cic.data.sparse.FEW", 60)
    monkeypatch.setattr("cic.data.sparse.BLOCK_ROWS", 32)
    monkeypatch.setattr("cic.model.basis.EXACT_UP_TO", 48)


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Workers:
    with make_executor(3) as workers:
        yield workers


@pytest.fixture(scope="module")
def matrix() -> ExpressionMatrix:
    return cells(400, 300, 3)


def prepared(matrix: ExpressionMatrix, params: Params, **over: object) -> Prepared:
    seen_S = np.arange(matrix.n_samples) < SEEN
    return prepare(matrix.select(seen_S), matrix.select(~seen_S), params, 7, **over)


@pytest.mark.parametrize("kept", ["sparse", "dense"])
@pytest.mark.parametrize("gram_up_to", [48, 10_000])
@pytest.mark.parametrize("preprocess", [{}, {"top_genes": 100, "scale": "unit_variance"}])
def test_workers_give_the_same_basis_and_coordinates(
    matrix: ExpressionMatrix,
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
    kept: str,
    gram_up_to: int,
    preprocess: dict[str, object],
) -> None:
    monkeypatch.setattr("cic.model.basis.GRAM_UP_TO", gram_up_to)
    given = dense(matrix) if kept == "dense" else matrix
    params = Params.model_validate({"seed": 1, "preprocess": preprocess})
    here, there = prepared(given, params), prepared(given, params, over=workers.pass_over)
    for part in ("kept", "mean_G", "scale_G"):
        np.testing.assert_array_equal(getattr(there.preprocessor, part), getattr(here.preprocessor, part))
    for part in ("components_GK", "singular_values_K", "scale", "left_out"):
        np.testing.assert_array_equal(getattr(there.basis, part), getattr(here.basis, part))
    for part in ("z_train_SK", "z_validation_SK", "outside_validation_S", "total_validation_S"):
        np.testing.assert_array_equal(getattr(there.fold, part), getattr(here.fold, part))


def test_blocks_are_all_profiles_in_their_order(matrix: ExpressionMatrix) -> None:
    for one in (matrix, dense(matrix)):
        blocks = [block.values for block in blocks_of(one.values)]
        assert [len(block.toarray() if one is matrix else block) for block in blocks] == [32] * 12 + [16]
        whole = np.concatenate([block.toarray() if one is matrix else block for block in blocks])
        np.testing.assert_array_equal(whole, matrix.dense())


def test_profiles_go_to_the_workers_once(matrix: ExpressionMatrix, tmp_path: Path) -> None:
    with make_executor(2, shared=str(tmp_path)) as workers:
        for _ in range(2):
            moments(dense_matrix := dense(matrix), Scale(matrix.unit), workers.pass_over)
            (file,) = tmp_path.rglob("*.npy")
            assert file.stat().st_size == pytest.approx(dense_matrix.values.nbytes, abs=200)


def test_a_worker_that_dies_in_a_pass_changes_nothing(workers: Workers, tmp_path: Path) -> None:
    given = tasks(10)
    found = list(workers.pass_over(partial(product_killed_once, tmp_path / "killed"), given))
    np.testing.assert_array_equal(found, [product(task) for task in given])
    assert (tmp_path / "killed").exists()
