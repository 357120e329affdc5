"""Counts: the scale of square roots, deviance, and the question that asks how well counts are foretold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, evaluated, params, some_evidence, some_facts, subject
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from cic.config import Preprocess, Training
from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.moments import moments
from cic.data.preprocess import Preprocessor
from cic.data.split import split_samples
from cic.data.transforms import Scale, transformed, untransformed
from cic.data.units import log2_scale
from cic.errors import ConfigError
from cic.evaluation.questions.counts.halves import half_errors
from cic.evaluation.questions.counts.measure import measure
from cic.evaluation.questions.counts.say import counts_section, counts_sentences, halves_section
from cic.model.deviance import deviances, fit_levels, noise_alone
from cic.model.rows import PreprocessedRows
from cic.model.scale_choice import on_scale, pca_deviance, with_scale
from cic.model.training import Hyperparameters


def rates(base: ExpressionMatrix, depth: float) -> np.ndarray:
    """Expected counts of profiles."""
    rate_SG = np.exp2(base.values.astype(np.float64))
    return rate_SG * depth / rate_SG.sum(axis=1, keepdims=True)


def counted(seed: int = 0, depth: float = 3000.0, **more: int) -> ExpressionMatrix:
    """Counts drawn from curved profiles."""
    base = curved_profiles(seed=seed, **more)
    drawn_SG = np.random.default_rng(seed).poisson(rates(base, depth)).astype(np.float32)
    return ExpressionMatrix(drawn_SG, base.genes, base.samples, "counts")


@given(values=arrays(np.float32, (4, 5), elements=st.floats(0, 30, width=32)))
def test_square_roots_come_back(values: np.ndarray) -> None:
    roots = transformed(values, "sqrt")
    assert roots.dtype == np.float32
    np.testing.assert_allclose(roots, np.sqrt(np.exp2(values.astype(np.float64)) - 1), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(untransformed(roots, "sqrt"), values, atol=2e-3)
    assert (untransformed(-roots, "sqrt") == 0).all()
    assert transformed(values, "log2") is values


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), top_genes=st.sampled_from([0, 20]), scale=st.sampled_from(["none", "unit_variance"]))
def test_profiles_on_square_roots_come_back(seed: int, top_genes: int, scale: str) -> None:
    matrix = counted(seed, n_samples=20, n_genes=40)
    config = Preprocess(transform="sqrt", top_genes=top_genes, scale=scale)  # type: ignore[arg-type]
    fitted = Preprocessor.fit(matrix, config)
    x_SG = fitted.transform(matrix.values)
    np.testing.assert_allclose(x_SG.mean(axis=0), 0, atol=1e-2)
    log2_SG = log2_scale(matrix.values, "counts")[:, fitted.kept]
    np.testing.assert_allclose(fitted.inverse(x_SG), log2_SG, atol=5e-3)
    assert Preprocessor.restore(fitted.arrays(), fitted.about()).onto == "sqrt"


def test_sparse_profiles_are_on_the_scale_of_dense_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cic.data.sparse.BLOCK_ROWS", 16)
    dense = counted(n_samples=60)
    kept = ExpressionMatrix(sparse.compressed(dense.values), dense.genes, dense.samples, "counts")
    for found, told in zip(*(moments(one, Scale("counts", "sqrt")) for one in (kept, dense)), strict=True):
        np.testing.assert_allclose(found, told, rtol=1e-6)
    fitted = Preprocessor.fit(dense, Preprocess(transform="sqrt"))
    blocks = [block.dense() for block in PreprocessedRows(kept, fitted).blocks()]
    np.testing.assert_allclose(np.concatenate(blocks), fitted.transform(dense.values), atol=1e-4)


@pytest.mark.parametrize("unit", ["log2", "log_ratio"])
def test_only_linear_values_have_square_roots(unit: str) -> None:
    base = curved_profiles()
    matrix = ExpressionMatrix(base.values, base.genes, base.samples, unit)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"preprocess\.transform"):
        Preprocessor.fit(matrix, Preprocess(transform="sqrt"))


@given(counts=arrays(np.int64, (3, 7), elements=st.integers(0, 50)), seed=st.integers(0, 100))
def test_deviance_is_twice_the_likelihood_that_is_missing(counts: np.ndarray, seed: int) -> None:
    counts[:, 0] += 1
    share_G = np.random.default_rng(seed).dirichlet(np.ones(7))
    total_S = counts.sum(axis=1)
    found_S = deviances(counts.astype(np.float32), total_S[:, None] * share_G)
    for row, total, found in zip(counts, total_S, found_S, strict=True):
        best = stats.multinomial.logpmf(row, total, row / total)
        assert found == pytest.approx(2 * (best - stats.multinomial.logpmf(row, total, share_G)), abs=1e-6)
    assert deviances(counts, counts.astype(float)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("rate", [1e-4, 0.02, 0.7, 5.0, 300.0, 20_000.0])
def test_noise_alone_is_what_counting_leaves(rate: float) -> None:
    drawn = np.random.default_rng(1).poisson(rate, size=400_000)
    terms = 2 * np.where(drawn > 0, drawn * np.log(np.maximum(drawn, 1) / rate), 0.0) - 2 * (drawn - rate)
    assert noise_alone(np.array([[rate]]))[0] == pytest.approx(terms.mean(), rel=0.05, abs=4 * terms.std() / 632)


def test_levels_undo_what_a_scale_does_to_each_gene() -> None:
    draw = np.random.default_rng(2)
    rate_SG = np.exp(draw.normal(size=(80, 30)))
    counts_SG = draw.poisson(30 * rate_SG).astype(np.float64)
    distorted_SG = rate_SG * np.exp(draw.normal(size=30))
    true, found = (
        fit_levels(lambda r=rates: iter([(counts_SG[:60], r[:60])]), lambda r=rates: iter([(counts_SG[60:], r[60:])]))
        for rates in (rate_SG, distorted_SG)
    )
    away = [
        deviances(counts_SG[60:], one.expected(counts_SG[60:], rates[60:])).sum()
        for one, rates in ((true, rate_SG), (found, distorted_SG))
    ]
    # dividing by the total of a distorted profile leaves a little
    assert away[1] < 1.3 * away[0]
    untouched = deviances(counts_SG[60:], counts_SG[60:].sum(axis=1, keepdims=True) * true.mean_G).sum()
    assert away[0] < 0.2 * untouched


def test_nothing_foretold_is_the_mean_profile() -> None:
    draw = np.random.default_rng(3)
    counts_SG = draw.poisson(20 * np.exp(draw.normal(size=30)), size=(80, 30)).astype(np.float64)
    blind_SG = np.exp(2 * draw.normal(size=(80, 30)))
    levels = fit_levels(
        lambda: iter([(counts_SG[:60], blind_SG[:60])]), lambda: iter([(counts_SG[60:], blind_SG[60:])])
    )
    assert levels.share == 0.8, "validation profiles like nothing of it"


def test_a_curved_model_foretells_counts_and_says_so(tmp_path: Path) -> None:
    one = subject(counted(depth=20_000.0, n_samples=240), epochs=30)
    answer = measure(one)
    assert answer.finding is not None
    found = answer.finding
    assert 0 < found.deviance.noise.value < found.deviance.model.value < 1  # type: ignore[attr-defined]
    assert found.n == one.test_S.sum()  # type: ignore[attr-defined]
    section = counts_section(found, some_evidence(answer), tmp_path)  # type: ignore[arg-type]
    assert "counting alone" in " ".join(cell for row in section.table.rows for cell in row)  # type: ignore[union-attr]
    (sentence,) = counts_sentences(found, some_facts(answer))  # type: ignore[arg-type]
    assert "PCA" in sentence.claim and "counting noise" in sentence.details
    halves = found.halves  # type: ignore[attr-defined]
    assert 0 < halves.missed.model.value < halves.missed.pca.value < 1
    assert halves.noise_share.model.value > halves.noise_share.pca.value
    shown = halves_section(found, some_evidence(answer), tmp_path)  # type: ignore[arg-type]
    assert shown is not None and "misses" in shown.claim


def test_counts_without_structure_leave_nothing_to_foretell() -> None:
    draw = np.random.default_rng(4)
    samples = pd.DataFrame(index=pd.Index([f"s{number}" for number in range(160)], name="sample_id"))
    rate_G = 30 * np.exp(draw.normal(size=60))
    matrix = ExpressionMatrix(
        draw.poisson(rate_G, size=(160, 60)).astype(np.float32), tuple(f"g{n}" for n in range(60)), samples, "counts"
    )
    answer = measure(subject(matrix, epochs=10))
    deviance = answer.finding.deviance  # type: ignore[union-attr]
    assert deviance.model.value > 0.9
    assert deviance.noise.value == pytest.approx(1.0, abs=0.1), "all that is left is chance"
    halves = answer.finding.halves  # type: ignore[union-attr]
    assert halves.explainable.low < 0.01 and halves.missed is None
    assert halves.noise_share.model.value < 1, "what a code tells of noise is wrong of the other half"


@pytest.mark.parametrize("transform", ["log2", "sqrt"])
def test_halves_of_counts_tell_the_noise_and_the_rest(transform: str) -> None:
    base = curved_profiles(n_samples=240, seed=5)
    rate_SG, draw = rates(base, 2000.0), np.random.default_rng(6)
    matrix = ExpressionMatrix(draw.poisson(rate_SG).astype(np.float32), base.genes, base.samples, "counts")
    part_S = np.repeat(["train", "validation", "test"], 80)
    train = matrix.select(part_S == "train")
    preprocessor = Preprocessor.fit(train, Preprocess(transform=transform))  # type: ignore[arg-type]
    hyper = Hyperparameters(depth=1, bottleneck_width=3, hidden_width=32)
    errors = half_errors(matrix.values, base.samples, part_S, preprocessor, hyper, Training(epochs=30), 0, 1)
    # what many other measurements with half the counts, of the rates that are known here, come to
    drawn_RSG = np.stack([preprocessor.transform(draw.poisson(rate_SG / 2).astype(np.float32)) for _ in range(60)])
    expected_SG, noise_SG = drawn_RSG.mean(axis=0), drawn_RSG.var(axis=0, ddof=1)
    test_S = part_S == "test"
    noise = noise_SG[test_S].sum()
    assert errors.noise_S.sum() == pytest.approx(noise, rel=0.12)
    apart_SG = expected_SG[test_S] - expected_SG[part_S == "train"].mean(axis=0)
    assert errors.mean_S.sum() - errors.noise_S.sum() == pytest.approx(np.square(apart_SG).sum(), rel=0.08)
    assert 0 < errors.model_S.sum() - noise < errors.pca_S.sum() - noise, "a curve is missed less than by a plane"


def test_a_profile_of_one_count_has_no_halves() -> None:
    matrix = counted(n_samples=40, n_genes=30)
    values_SG = matrix.values.copy()
    values_SG[39] = np.eye(1, 30)
    part_S = np.repeat(["train", "validation", "test"], [20, 10, 10])
    preprocessor = Preprocessor.fit(matrix.select(part_S == "train"), Preprocess())
    hyper = Hyperparameters(depth=1, bottleneck_width=2, hidden_width=8)
    errors = half_errors(values_SG, matrix.samples, part_S, preprocessor, hyper, Training(epochs=5), 0, 1)
    for error_S in (errors.noise_S, errors.mean_S, errors.pca_S, errors.model_S):
        assert (error_S[:9] > 0).all() and error_S[9] == 0


def test_profiles_that_are_no_counts_are_left_out(tmp_path: Path) -> None:
    metrics = evaluated(curved_profiles(), tmp_path, evaluate={"measures": ("counts",)})
    assert metrics["counts"] is None and "`log2`" in metrics["left_out"]["counts"]


def test_the_scale_is_chosen_by_what_pca_foretells_of_counts() -> None:
    config = params(preprocess={"transform": "auto"}, search={"bottleneck_width": [3]})
    few = counted(depth=300.0, n_samples=240)
    part_S = split_samples(few.samples, config.split, 1).to_numpy()
    assert with_scale(config, few, part_S).preprocess.transform == "sqrt", "of few counts roots are the better ones"
    train, validation = (few.select(part_S == part) for part in ("train", "validation"))
    error = {one: pca_deviance(on_scale(config, one), train, validation) for one in ("log2", "sqrt")}  # type: ignore[arg-type]
    assert error["sqrt"] < error["log2"]
    told = curved_profiles()
    part_S = split_samples(told.samples, config.split, 1).to_numpy()
    assert with_scale(config, told, part_S).preprocess.transform == "log2", "nothing was counted"
    assert with_scale(params(), few, part_S).preprocess.transform == "log2", "the parameters say so"
