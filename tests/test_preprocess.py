"""To the scale of the model and back, fitted on the given samples only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cic.config import Preprocess
from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.data.terms import COUNT_UNITS, LINEAR_UNITS, UNITS, Unit
from cic.data.units import from_log2_scale, log2_scale
from cic.errors import DataError


def matrix_of(values_SG: np.ndarray, unit: Unit = "log2") -> ExpressionMatrix:
    index = pd.Index([f"s{number}" for number in range(len(values_SG))], name="sample_id")
    genes = tuple(f"g{number}" for number in range(values_SG.shape[1]))
    return ExpressionMatrix(values_SG.astype(np.float32), genes, pd.DataFrame(index=index), unit)


def linear(seed: int = 0, shape: tuple[int, int] = (8, 30)) -> np.ndarray:
    return np.floor(np.exp2(np.random.default_rng(seed).uniform(0, 12, size=shape)))


@settings(max_examples=40, deadline=None)
@given(
    values_SG=arrays(np.float32, (6, 9), elements=st.floats(0, 20, width=32)),
    unit=st.sampled_from(UNITS),
    top_genes=st.integers(0, 12),
    scale=st.sampled_from(["none", "unit_variance"]),
)
def test_inverse_gives_back_the_log2_values_of_the_modelled_genes(
    values_SG: np.ndarray, unit: Unit, top_genes: int, scale: str
) -> None:
    values_SG = values_SG.copy()
    values_SG[:, 0] = np.arange(1, 7)  # something varies, and no sample is empty
    values_SG[:, 1] = 3
    if unit == "counts":
        values_SG = np.floor(values_SG)
    matrix = matrix_of(values_SG, unit)
    fitted = Preprocessor.fit(matrix, Preprocess(top_genes=top_genes, scale=scale))  # type: ignore[arg-type]
    x_SG = fitted.transform(matrix.values)
    assert x_SG.dtype == np.float32
    assert x_SG.shape == (6, len(fitted.genes))
    assert len(fitted.genes) <= (top_genes or 9)
    kept = [matrix.genes.index(gene) for gene in fitted.genes]
    np.testing.assert_allclose(fitted.inverse(x_SG), log2_scale(matrix.values, unit)[:, kept], atol=1e-4)
    np.testing.assert_allclose(x_SG.mean(axis=0), 0, atol=1e-3)


@pytest.mark.parametrize("unit", UNITS)
def test_units_come_back(unit: Unit) -> None:
    values_SG = linear() if unit in LINEAR_UNITS else np.log2(linear())
    back_SG = from_log2_scale(log2_scale(values_SG.astype(np.float32), unit), unit)
    expected_SG = values_SG / values_SG.sum(axis=1, keepdims=True) * 1e6 if unit in COUNT_UNITS else values_SG
    np.testing.assert_allclose(back_SG, expected_SG, rtol=1e-4)


def test_counts_do_not_depend_on_sequencing_depth() -> None:
    counts_SG = linear().astype(np.float32)
    np.testing.assert_allclose(log2_scale(counts_SG, "counts"), log2_scale(counts_SG * 4, "counts"), rtol=1e-5)
    assert not np.allclose(log2_scale(counts_SG, "tpm"), log2_scale(counts_SG * 4, "tpm"))


def test_totals_are_over_all_genes_though_few_are_modelled() -> None:
    matrix = matrix_of(linear(), "counts")
    few = Preprocessor.fit(matrix, Preprocess(top_genes=5))
    everything = Preprocessor.fit(matrix, Preprocess())
    position = everything.genes.index(few.genes[0])
    np.testing.assert_array_equal(few.transform(matrix.values)[:, 0], everything.transform(matrix.values)[:, position])


def test_constant_genes_are_dropped_and_the_rest_keep_their_order() -> None:
    values_SG = np.log2(linear())
    values_SG[:, [0, 7]] = 4.2
    fitted = Preprocessor.fit(matrix_of(values_SG), Preprocess())
    assert fitted.genes == tuple(f"g{number}" for number in range(30) if number not in (0, 7))
    assert fitted.genes_in == tuple(f"g{number}" for number in range(30))


def test_top_genes_are_those_of_largest_mad_not_of_one_outlier() -> None:
    draw = np.random.default_rng(2)
    values_SG = draw.normal(size=(21, 10)) * np.array([5, 1, 4, 1, 3, 1, 1, 1, 1, 1])
    values_SG[0, 9] = 60  # large variance, small MAD
    fitted = Preprocessor.fit(matrix_of(values_SG), Preprocess(top_genes=3))
    assert fitted.genes == ("g0", "g2", "g4")


def test_genes_without_mad_are_ranked_by_their_variance() -> None:
    values_SG = np.zeros((10, 5))
    values_SG[0] = [1, 5, 2, 4, 3]
    assert Preprocessor.fit(matrix_of(values_SG), Preprocess(top_genes=2)).genes == ("g1", "g3")


def test_only_the_given_samples_count() -> None:
    matrix = matrix_of(linear(), "counts")
    train = matrix.select(np.arange(5))
    changed = replace(matrix, values=np.vstack([matrix.values[:5], matrix.values[5:] * 3 + 7]))
    fitted, again = (Preprocessor.fit(one.select(np.arange(5)), Preprocess(top_genes=9)) for one in (matrix, changed))
    assert fitted.genes == again.genes
    np.testing.assert_array_equal(fitted.mean_G, again.mean_G)
    np.testing.assert_allclose(fitted.transform(train.values).mean(axis=0), 0, atol=1e-5)
    assert fitted.n_fitted == 5


def test_unit_variance() -> None:
    matrix = matrix_of(np.log2(linear()))
    x_SG = Preprocessor.fit(matrix, Preprocess(scale="unit_variance")).transform(matrix.values)
    np.testing.assert_allclose(x_SG.std(axis=0), 1, rtol=1e-4)


@pytest.mark.parametrize("scale", ["none", "unit_variance"])
def test_restored_from_its_parts_it_does_the_same_to_the_bit(scale: str) -> None:
    matrix = matrix_of(linear(), "tpm")
    fitted = Preprocessor.fit(matrix, Preprocess(top_genes=11, scale=scale))  # type: ignore[arg-type]
    again = Preprocessor.restore(fitted.arrays(), fitted.about())
    assert (again.genes_in, again.genes, again.unit, again.n_fitted) == (
        fitted.genes_in,
        fitted.genes,
        fitted.unit,
        fitted.n_fitted,
    )
    np.testing.assert_array_equal(again.transform(matrix.values), fitted.transform(matrix.values))
    x_SG = fitted.transform(matrix.values)
    np.testing.assert_array_equal(again.to_unit(again.inverse(x_SG)), fitted.to_unit(fitted.inverse(x_SG)))


def test_what_cannot_be_fitted_or_transformed_is_told() -> None:
    with pytest.raises(DataError, match="none of 4 genes varies"):
        Preprocessor.fit(matrix_of(np.ones((3, 4))), Preprocess())
    with pytest.raises(DataError, match="1 training profile"):
        Preprocessor.fit(matrix_of(np.ones((1, 4))), Preprocess())
    fitted = Preprocessor.fit(matrix_of(linear(), "counts"), Preprocess())
    with pytest.raises(DataError, match="30 genes"):
        fitted.transform(linear()[:, :29])
    with pytest.raises(DataError, match="no counts at all"):
        fitted.transform(np.zeros((2, 30)))
    with pytest.raises(DataError, match="cannot be brought to log2"):
        fitted.transform(-linear())
    with pytest.raises(DataError, match="missing or infinite"):
        fitted.transform(np.full((2, 30), np.nan))
