"""Many profiles, passing by in blocks: the same as all at once, dense or sparse, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cic.checking.check import check
from cic.config import Params, Preprocess, Training
from cic.data import sparse
from cic.data.checks import facts_of
from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.data.sparse_units import log2_sparse
from cic.data.terms import Unit
from cic.data.units import log2_scale
from cic.data.value_facts import value_facts
from cic.errors import DataError
from cic.evaluation.profiles.sample import measured
from cic.model import basis as basis_module
from cic.model import training as training_module
from cic.model.basis import SampleBasis
from cic.model.fold import Fold
from cic.model.left_out import GroupsOfSize
from cic.model.output_weights import solve_output_weights
from cic.model.prepare import in_basis, prepare
from cic.model.rows import ArrayRows, PreprocessedRows
from cic.model.training import Hyperparameters, new_network, steps_an_epoch
from cic.model.trial import fit_network

MATRICES = st.builds(
    lambda n, g, seed, unit: cells(n, g, seed, unit),
    st.integers(6, 30),
    st.integers(4, 25),
    st.integers(0, 2**20),
    st.sampled_from(["counts", "tpm", "log2", "intensity"]),
)


def cells(n: int, g: int, seed: int, unit: Unit = "counts") -> ExpressionMatrix:
    """Give profiles of which most values are zero, sparse."""
    draw = np.random.default_rng(seed)
    values_SG = draw.poisson(np.exp(draw.normal(-1.2, 1, size=g)), size=(n, g)).astype(np.float32)
    values_SG[:, 0] += 1  # no cell is empty
    values_SG[::2, 1] += 3  # something varies
    if unit != "counts":
        values_SG *= draw.uniform(0.5, 2, size=values_SG.shape).astype(np.float32)
    samples = pd.DataFrame(index=pd.Index([f"s{number}" for number in range(n)], name="sample_id"))
    genes = tuple(f"g{number}" for number in range(g))
    return ExpressionMatrix(sparse.compressed(values_SG), genes, samples, unit)


def dense(matrix: ExpressionMatrix) -> ExpressionMatrix:
    return ExpressionMatrix(matrix.dense(), matrix.genes, matrix.samples, matrix.unit)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let a handful of profiles be many, so that they pass in several blocks."""
    monkeypatch.setattr("cic.data.sparse.BLOCK_ROWS", 4)
    monkeypatch.setattr("cic.data.sparse.FEW", 5)
    return monkeypatch


AGAIN = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(MATRICES)
@AGAIN
def test_sparse_profiles_on_log2_scale_are_the_dense_ones_to_the_bit(matrix: ExpressionMatrix) -> None:
    np.testing.assert_array_equal(
        log2_sparse(matrix.values, matrix.unit).toarray(), log2_scale(matrix.dense(), matrix.unit)
    )


def test_counts_too_large_for_float32_are_totalled_as_dense_ones() -> None:
    values_SG = np.zeros((2, 3), dtype=np.float32)
    values_SG[:, :] = [[2**24, 1, 1], [2**24 + 2, 3, 0]]
    matrix = ExpressionMatrix(sparse.compressed(values_SG), ("a", "b", "c"), pd.DataFrame(index=["s", "t"]), "counts")
    np.testing.assert_array_equal(log2_sparse(matrix.values, "counts").toarray(), log2_scale(values_SG, "counts"))
    np.testing.assert_array_equal(sparse.totals(matrix.values), [2**24 + 2, 2**24 + 5])


@given(MATRICES, st.sampled_from([0, 3]), st.sampled_from(["none", "unit_variance"]))
@AGAIN
def test_what_is_fitted_in_blocks_is_what_is_fitted_at_once(
    many: pytest.MonkeyPatch, matrix: ExpressionMatrix, top_genes: int, scale: str
) -> None:
    config = Preprocess(top_genes=top_genes, scale=scale)  # type: ignore[arg-type]
    streamed = [Preprocessor.fit(one, config, 3) for one in (matrix, dense(matrix))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cic.data.sparse.FEW", 10**6)
        once = Preprocessor.fit(dense(matrix), config)
    for one in streamed:
        if not top_genes:  # the sample of a few tells other deviations
            np.testing.assert_array_equal(one.kept, once.kept)
            np.testing.assert_allclose(one.mean_G, once.mean_G, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(one.scale_G, once.scale_G, rtol=1e-5)
    np.testing.assert_array_equal(streamed[0].kept, streamed[1].kept)
    np.testing.assert_allclose(streamed[0].mean_G, streamed[1].mean_G, rtol=1e-12)


@given(MATRICES, st.sampled_from(["none", "unit_variance"]), st.integers(1, 3))
@AGAIN
def test_products_and_coordinates_of_sparse_profiles_are_those_of_dense_ones(
    many: pytest.MonkeyPatch, matrix: ExpressionMatrix, scale: str, rank: int
) -> None:
    fitted = Preprocessor.fit(dense(matrix), Preprocess(scale=scale))  # type: ignore[arg-type]
    x_SG = fitted.transform(matrix.dense())
    rows = PreprocessedRows(matrix, fitted)
    assert rows.shape == x_SG.shape
    np.testing.assert_array_equal(np.concatenate([block.dense() for block in rows.blocks()]), x_SG)
    b_GR = np.random.default_rng(0).normal(size=(x_SG.shape[1], 3)).astype(np.float32)
    size = np.abs(x_SG).max() * len(x_SG) * x_SG.shape[1]
    np.testing.assert_allclose(
        np.concatenate([one.times(b_GR) for one in rows.blocks()]), x_SG @ b_GR, atol=1e-5 * size
    )
    y_SR = np.random.default_rng(1).normal(size=(len(x_SG), 3)).astype(np.float32)
    product_GR = sum(one.transposed_times(y_SR[at * 4 :][:4]) for at, one in enumerate(rows.blocks()))
    np.testing.assert_allclose(product_GR, x_SG.T @ y_SR, atol=1e-5 * size)
    norms_S = np.concatenate([one.squared_norms() for one in rows.blocks()])
    np.testing.assert_allclose(norms_S, np.square(x_SG, dtype=np.float64).sum(axis=1), rtol=1e-4, atol=1e-6 * size)
    basis = SampleBasis.fit(x_SG, rank)
    for one in (matrix, dense(matrix)):
        z_SK, outside_S, total_S = in_basis(one, fitted, basis)
        expected_SK, expected_S = basis.project(x_SG)
        np.testing.assert_allclose(z_SK, expected_SK, atol=1e-5 * size / basis.scale)
        np.testing.assert_allclose(outside_S, expected_S, atol=1e-4 * size)
        np.testing.assert_allclose(total_S, norms_S, rtol=1e-4, atol=1e-6 * size)


@pytest.mark.parametrize("exact_up_to", [10, 1000])
@pytest.mark.parametrize("gram_up_to", [0, 1000])
def test_the_basis_of_passing_profiles_is_that_of_all_at_once(
    many: pytest.MonkeyPatch, exact_up_to: int, gram_up_to: int
) -> None:
    matrix = cells(300, 60, 4)
    fitted = Preprocessor.fit(matrix, Preprocess())
    x_SG = fitted.transform(matrix.dense())
    exact = SampleBasis.fit(x_SG, 5)
    many.setattr(basis_module, "EXACT_UP_TO", exact_up_to)
    many.setattr(basis_module, "GRAM_UP_TO", gram_up_to)
    for rows in (PreprocessedRows(matrix, fitted), PreprocessedRows(dense(matrix), fitted), ArrayRows(x_SG)):
        passed = SampleBasis.fit(rows, 5, seed=2)
        np.testing.assert_allclose(passed.singular_values_K, exact.singular_values_K, rtol=5e-3)
        assert passed.left_out == pytest.approx(exact.left_out, abs=5e-3)
        if gram_up_to:
            np.testing.assert_allclose(passed.components_GK, exact.components_GK, atol=1e-3)
        again = SampleBasis.fit(rows, 5, seed=2)
        np.testing.assert_array_equal(again.components_GK, passed.components_GK)


def test_a_basis_of_passing_profiles_is_of_full_rank_where_it_is_exact(many: pytest.MonkeyPatch) -> None:
    x_SG = np.random.default_rng(0).normal(size=(50, 12)).astype(np.float32)
    basis = SampleBasis.fit(ArrayRows(x_SG))
    assert basis.rank == 12
    assert basis.left_out == pytest.approx(0, abs=1e-9)
    many.setattr(basis_module, "EXACT_UP_TO", 8)
    assert SampleBasis.fit(ArrayRows(x_SG)).rank == 1


def test_passing_profiles_that_do_not_differ_are_an_error() -> None:
    with pytest.raises(DataError, match="do not differ"):
        SampleBasis.fit(ArrayRows(np.zeros((6, 5000), dtype=np.float32)))


def test_a_training_is_prepared_the_same_of_sparse_profiles_and_of_dense_ones(many: pytest.MonkeyPatch) -> None:
    matrix = cells(80, 40, 9)
    held_out_S = np.arange(80) % 5 == 0
    folds = []
    for one in (matrix, dense(matrix)):
        folds.append(prepare(one.select(~held_out_S), one.select(held_out_S), Params(seed=1), rank=6).fold)
    for name in ("z_train_SK", "z_validation_SK", "outside_validation_S", "total_validation_S"):
        left, right = (getattr(fold, name) for fold in folds)
        np.testing.assert_allclose(left, right, atol=1e-3 * np.abs(right).max())


def test_facts_about_sparse_profiles_are_those_about_dense_ones(many: pytest.MonkeyPatch) -> None:
    matrix = cells(30, 20, 2)
    streamed, of_dense = facts_of(matrix), facts_of(dense(matrix))
    assert streamed == of_dense
    many.setattr("cic.data.sparse.FEW", 10**6)
    once = facts_of(dense(matrix))
    assert streamed.pop("values") == pytest.approx(once.pop("values"))
    assert streamed == once


@given(arrays(np.float32, (6, 5), elements=st.sampled_from([0, 0, 1, 2.5, -3])))
def test_what_is_stored_of_sparse_profiles_tells_all_of_their_values(values_SG: np.ndarray) -> None:
    samples = pd.DataFrame(index=[f"s{number}" for number in range(6)])
    of_dense, of_sparse = (
        value_facts(ExpressionMatrix(values, tuple("ABCDE"), samples, "log2"))
        for values in (values_SG, sparse.compressed(values_SG))
    )
    np.testing.assert_equal(of_sparse, of_dense)


def test_many_profiles_are_checked_by_a_sample_of_them(many: pytest.MonkeyPatch) -> None:
    many.setattr("cic.data.sparse.FEW", 20)
    many.setattr("cic.checking.neighbours.LOOKED_AT", 20)
    matrix = cells(60, 40, 2)
    found = check(matrix, Params(seed=1))
    assert found.components is not None and found.neighbours is not None
    assert len(found.components.rows) == 20 and len(found.library) == 60
    assert found.findings == check(matrix, Params(seed=1)).findings
    of_dense = check(dense(matrix), Params(seed=1))
    pd.testing.assert_frame_equal(found.library, of_dense.library)


@pytest.fixture
def fold() -> Fold:
    z_SK = np.random.default_rng(0).normal(size=(130, 6)).astype(np.float32) * np.float32([3, 2, 1, 1, 0.5, 0.5])
    norms_S = np.square(z_SK[100:], dtype=np.float64).sum(axis=1)
    return Fold(z_SK[:100], z_SK[100:], np.arange(100), np.zeros(30), norms_S)


HYPER = Hyperparameters(depth=1, bottleneck_width=2, hidden_width=8)


def test_steps_are_capped_whatever_the_number_of_profiles() -> None:
    config = Training(epochs=100, batch_size=1024, most_steps=2000)
    assert [steps_an_epoch(n, config) for n in (10, 1024, 1025, 20_480, 20_481, 10**6)] == [1, 1, 2, 20, 20, 20]
    assert steps_an_epoch(10**6, config.model_copy(update={"epochs": 5000})) == 1


def test_a_capped_training_takes_another_part_of_the_profiles_each_epoch(
    fold: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[int]] = []
    real = training_module.groups_by_size

    def watched(unit_B: torch.Tensor) -> list[GroupsOfSize]:
        seen.append(set(unit_B.tolist()))
        return real(unit_B)

    monkeypatch.setattr(training_module, "groups_by_size", watched)
    config = Training(epochs=10, batch_size=20, most_steps=20)
    fit_network(fold, HYPER, config, 1)
    assert len(seen) == 20
    assert {len(one) for one in seen} == {20}
    assert len(set.union(*seen)) > 80


def test_a_cap_that_is_not_reached_changes_nothing(fold: Fold) -> None:
    config = Training(epochs=10, batch_size=40)
    capped = config.model_copy(update={"most_steps": 30})
    assert fit_network(fold, HYPER, config, 1).curve == fit_network(fold, HYPER, capped, 1).curve


def test_output_weights_from_summed_products_are_those_from_all_profiles(
    fold: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = new_network(fold, HYPER, Training(), 1)
    z_SK, ridge = torch.from_numpy(fold.z_train_SK), torch.zeros(3)
    solve_output_weights(network, z_SK, z_SK[:, :0], ridge)
    once = network.decoder_last.weight.clone()
    monkeypatch.setattr("cic.model.output_weights.PROFILES_AT_ONCE", 7)
    solve_output_weights(network, z_SK, z_SK[:, :0], ridge)
    torch.testing.assert_close(network.decoder_last.weight, once, rtol=1e-4, atol=1e-5)


@given(st.integers(1, 400), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_the_measured_sample_has_the_size_and_the_shares_that_it_says(n: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    part_S = draw.choice(["train", "validation", "test"], size=n, p=[0.7, 0.15, 0.15])
    samples = pd.DataFrame({"replicate": draw.integers(0, n, size=n).astype(str)})
    keep_S = measured(samples, part_S, 100, seed)
    assert keep_S.sum() == min(n, 100)
    n_test = int((part_S == "test").sum())
    if n > 100:
        assert (keep_S & (part_S == "test")).sum() == min(n_test, 50)
    np.testing.assert_array_equal(keep_S, measured(samples, part_S, 100, seed))


def test_replicates_are_measured_together() -> None:
    samples = pd.DataFrame({"replicate": np.repeat(np.arange(300), 2).astype(str)})
    keep_S = measured(samples, np.repeat("test", 600), 100, 1)
    assert samples[keep_S]["replicate"].value_counts().eq(2).all()
