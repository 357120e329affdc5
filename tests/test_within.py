"""Profiles normalised by themselves: what drops out, what comes back, and which way is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluated import curved_profiles, evaluated, params, trained
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from test_counts import counted

from cic.config import Preprocess, Within, parse_params
from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.data.split import split_samples
from cic.data.units import log2_scale
from cic.data.within import normal_scores, normalised, quantiles, ranks
from cic.errors import ConfigError
from cic.model.bundle_files import load_bundle, save_bundle
from cic.model.rows import PreprocessedRows
from cic.model.scale_choice import order_errors, with_scale
from cic.model.scales import scale_evidence

WAYS: tuple[Within, ...] = ("rank", "quantile")
VALUES = st.one_of(st.just(0.0), st.floats(0, 15, width=16))


@settings(max_examples=50, deadline=None)
@given(values_SG=arrays(np.float32, (4, 9), elements=st.sampled_from([-2.0, -0.0, 0.0, 1.0, 1.5, np.inf, np.nan])))
def test_ranks_share_ties_as_scipy_has_it(values_SG: np.ndarray) -> None:
    expected_SG = stats.rankdata(values_SG, axis=1, nan_policy="omit") - 1
    np.testing.assert_array_equal(ranks(values_SG), expected_SG)


@settings(max_examples=25, deadline=None)
@given(values_SG=arrays(np.float32, (3, 12), elements=VALUES), missing_G=arrays(bool, 12))
def test_ranks_are_those_among_the_genes_that_are_there(values_SG: np.ndarray, missing_G: np.ndarray) -> None:
    missing_G[0] = False
    known_SG = values_SG[:, ~missing_G]
    place_SG = (stats.rankdata(known_SG, axis=1) - 0.5) / known_SG.shape[1]
    lacking_SG = np.where(missing_G, np.float32(np.nan), values_SG)
    found_SG = quantiles(lacking_SG)
    np.testing.assert_allclose(found_SG[:, ~missing_G], place_SG)
    np.testing.assert_allclose(normal_scores(lacking_SG)[:, ~missing_G], stats.norm.ppf(place_SG))
    assert np.isnan(found_SG[:, missing_G]).all()
    curve_Q = np.sort(values_SG[0]).astype(np.float64)
    for way in WAYS:
        assert (np.isnan(normalised(lacking_SG, way, curve_Q)) == np.isnan(lacking_SG)).all()


@settings(max_examples=15, deadline=None)
@given(values_SG=arrays(np.float32, (8, 30), elements=VALUES), way=st.sampled_from(WAYS), slope=st.floats(0.5, 3))
def test_what_is_done_to_all_values_of_a_profile_drops_out(values_SG: np.ndarray, way: Within, slope: float) -> None:
    values_SG[:, 0], values_SG[:, 1] = np.arange(8) + 1, np.arange(8)[::-1] + 3
    base = curved_profiles(n_samples=16, n_genes=30)
    matrix = ExpressionMatrix(values_SG, base.genes, base.samples[::2], "log2")
    fitted = Preprocessor.fit(matrix, Preprocess(within_sample=way))
    bent_SG = np.sqrt(values_SG.astype(np.float64)) * slope + 1
    # in float64, so that no two values fall together
    places = [quantiles(one) for one in (values_SG.astype(np.float64), bent_SG)]
    np.testing.assert_array_equal(*places)
    np.testing.assert_allclose(fitted.from_log2(bent_SG), fitted.transform(values_SG), atol=1e-6)
    for row in range(8):
        np.testing.assert_array_equal(fitted.transform(values_SG)[row], fitted.transform(values_SG[row : row + 1])[0])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scale", ["none", "unit_variance"])
@pytest.mark.parametrize("top_genes", [0, 25])
def test_what_comes_back_are_values_of_equal_rank_with_the_spread_of_training(
    way: Within, scale: Any, top_genes: int
) -> None:
    matrix = counted(n_samples=40, n_genes=60)
    config = Preprocess(within_sample=way, scale=scale, top_genes=top_genes)
    fitted = Preprocessor.fit(matrix, config)
    log2_SG = log2_scale(matrix.values, "counts")
    curve_Q = np.sort(log2_SG, axis=1).mean(axis=0)
    assert fitted.curve_Q is not None
    np.testing.assert_allclose(fitted.curve_Q, curve_Q, rtol=1e-5)
    expected_SG = np.interp(quantiles(log2_SG), (np.arange(60) + 0.5) / 60, curve_Q)[:, fitted.kept]
    back_SG = fitted.inverse(fitted.transform(matrix.values))
    np.testing.assert_allclose(back_SG, expected_SG, atol=1e-3)
    assert back_SG.dtype == np.float32
    again = Preprocessor.restore(fitted.arrays(), fitted.about())
    np.testing.assert_array_equal(again.transform(matrix.values), fitted.transform(matrix.values))
    np.testing.assert_array_equal(again.inverse(again.transform(matrix.values)), back_SG)
    assert fitted.gene_unit == (
        "standard deviations" if scale != "none" else "normal scores" if way == "rank" else "log2"
    )


def test_a_model_without_it_says_nothing_of_it() -> None:
    matrix = curved_profiles()
    fitted = Preprocessor.fit(matrix, Preprocess())
    assert set(fitted.arrays()) == {"kept", "mean_G", "scale_G"} and "within" not in fitted.about()
    assert Preprocessor.restore(fitted.arrays(), fitted.about()).within == "none", "as in older bundles"


@pytest.mark.parametrize("way", WAYS)
def test_zeros_that_nothing_tells_apart_are_one_value(way: Within) -> None:
    matrix = counted(depth=60.0, n_samples=40)
    assert (matrix.values == 0).mean() > 0.5
    x_SG = normalised(log2_scale(matrix.values, "counts"), way, np.sort(matrix.values.mean(axis=0)))
    for row, values_G in zip(x_SG, matrix.values, strict=True):
        assert len(np.unique(row[values_G == 0])) == 1
        assert row[values_G == 0].max() < row[values_G > 0].min()


@pytest.mark.parametrize("way", WAYS)
def test_many_profiles_pass_by_as_few_do(way: Within, monkeypatch: pytest.MonkeyPatch) -> None:
    dense = counted(n_samples=60)
    config = Preprocess(within_sample=way)
    few = Preprocessor.fit(dense, config)
    monkeypatch.setattr("cic.data.sparse.BLOCK_ROWS", 16)
    monkeypatch.setattr("cic.data.sparse.FEW", 20)
    kept = ExpressionMatrix(sparse.compressed(dense.values), dense.genes, dense.samples, "counts")
    for matrix in (kept, dense):
        many = Preprocessor.fit(matrix, config)
        assert many.curve_Q is not None and few.curve_Q is not None
        np.testing.assert_allclose(many.curve_Q, few.curve_Q, rtol=1e-6)
        np.testing.assert_allclose(many.mean_G, few.mean_G, atol=1e-6)
        blocks = [block.dense() for block in PreprocessedRows(matrix, few).blocks()]
        np.testing.assert_array_equal(np.concatenate(blocks), few.transform(dense.values))


def warped(seed: int = 0) -> ExpressionMatrix:
    """Profiles each of which went through a monotone curve of its own."""
    base = curved_profiles(seed=seed, n_samples=200)
    power_S = np.random.default_rng(seed).uniform(0.6, 1.7, size=base.n_samples)
    floor = base.values.min()
    bent_SG = 12 * ((base.values - floor) / (base.values.max() - floor)) ** power_S[:, None]
    return ExpressionMatrix(bent_SG.astype(np.float32), base.genes, base.samples, "log2")


def test_the_way_is_chosen_by_the_order_of_genes_that_pca_foretells() -> None:
    config = params(preprocess={"within_sample": "auto"}, search={"bottleneck_width": [3]})
    matrix = warped()
    part_S = split_samples(matrix.samples, config.split, 1).to_numpy()
    train, validation = (matrix.select(part_S == part) for part in ("train", "validation"))
    error = order_errors(config, train, validation)
    assert error["rank"] < error["none"], "the curves cost a linear model a number each"
    chosen = with_scale(config, matrix, part_S).preprocess.within_sample
    assert chosen == min(error, key=lambda one: error[one])
    assert with_scale(params(), matrix, part_S) == params()
    bent = ExpressionMatrix(np.sqrt(validation.values), matrix.genes, validation.samples, "log2")
    assert order_errors(config, train, bent)["rank"] == pytest.approx(error["rank"], rel=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_a_bundle_keeps_it_and_takes_one_profile_on_any_scale(way: Within, tmp_path: Path) -> None:
    matrix = warped(1)
    save_bundle(tmp_path, trained(matrix, epochs=5, within=way)[0])
    bundle = load_bundle(tmp_path)
    code_SW = bundle.encode(matrix.values)
    np.testing.assert_allclose(bundle.encode(matrix.values[:1] * np.float32(0.7) + 1), code_SW[:1], atol=1e-3)
    log2_SG, curve_Q = bundle.decode(code_SW), bundle.preprocessor.curve_Q
    assert curve_Q is not None
    np.testing.assert_allclose(np.sort(log2_SG, axis=1).mean(axis=0), curve_Q, atol=1.0)
    if way == "rank":
        assert curve_Q[0] - 1e-4 <= log2_SG.min() and log2_SG.max() <= curve_Q[-1] + 1e-4
    assert scale_evidence(bundle, matrix.values * np.float32(np.log(2))) is None, (
        "natural logarithms have the same ranks"
    )


def test_the_report_says_what_was_done(tmp_path: Path) -> None:
    metrics = evaluated(curved_profiles(), tmp_path, evaluate={"measures": ("genes",)}, epochs=5, within="rank")
    assert "`preprocess.within_sample: rank`" in metrics["cautions"]["within_sample"]
    page = (tmp_path / "report.html").read_text()
    assert "preprocess.within_sample: rank" in page and "normal scores" in page


@pytest.mark.parametrize("transform", ["sqrt", "auto"])
def test_ranks_leave_no_other_scale_to_choose(transform: str) -> None:
    with pytest.raises(ConfigError, match=r"preprocess\.transform has to be log2"):
        parse_params({"seed": 1, "preprocess": {"within_sample": "rank", "transform": transform}})
