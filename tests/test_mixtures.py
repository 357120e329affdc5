"""Shares that were mixed are found again where they can be, and nothing is said where they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluated import changed, some_evidence, some_facts, subject
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.data.matrix import ExpressionMatrix
from cic.evaluation.drawing import drawing
from cic.evaluation.questions.mixtures import measure as mixtures
from cic.evaluation.questions.mixtures.draw import COLOURS, MARKS, estimated_shares
from cic.evaluation.questions.mixtures.say import mixtures_section, mixtures_sentences
from cic.evaluation.statistics.intervals import against

COMPOSITIONS = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.33, 0.33, 0.33], [0.68, 0.16, 0.16], [0.16, 0.68, 0.16], [0.16, 0.16, 0.68]]
)


def mixed_profiles(unit: str = "log2", n_samples: int = 140, n_genes: int = 80, noise: float = 0.05, seed: int = 0):
    """Mixtures of three profiles on the scale of the unit: on log scale for `log2`, else on the linear one."""
    draw = np.random.default_rng(seed)
    pure_CG = draw.normal(6, 2, (3, n_genes))
    share_SC = COMPOSITIONS[draw.integers(len(COMPOSITIONS), size=n_samples)]
    exact_SC = share_SC / share_SC.sum(axis=1, keepdims=True)
    noise_SG = noise * draw.normal(size=(n_samples, n_genes))
    values_SG = exact_SC @ pure_CG + noise_SG if unit == "log2" else exact_SC @ 2**pure_CG * np.exp(noise_SG)
    samples = pd.DataFrame(
        share_SC,
        columns=["proportion a", "proportion b", "proportion c"],
        index=pd.Index([f"s{number}" for number in range(n_samples)], name="sample_id"),
    )
    return ExpressionMatrix(values_SG.astype(np.float32), tuple(f"g{n}" for n in range(n_genes)), samples, unit)


def spoken(found) -> list:
    return mixtures_sentences(found.finding, some_facts())


@pytest.fixture(scope="module")
def linear():
    return mixtures.measure(subject(mixed_profiles("tpm"), width=4))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(0, 1000), st.floats(0.01, 1000))
def test_exact_mixtures_are_taken_apart(n_components, seed, scale):
    draw = np.random.default_rng(seed)
    pure_CD = scale * (draw.normal(size=(n_components, 12)) + 50)
    true_MC = draw.dirichlet(np.ones(n_components), 8)
    np.testing.assert_allclose(mixtures.estimate_shares(true_MC @ pure_CD, pure_CD), true_MC, atol=1e-5)
    assert mixtures.off_plane(true_MC @ pure_CD, pure_CD).max() < 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6))
def test_shares_are_those_of_the_nearest_mixture(seed, n_numbers):
    draw = np.random.default_rng(seed)
    pure_CD, x_MD = draw.normal(size=(3, n_numbers)), 2 * draw.normal(size=(5, n_numbers))
    share_MC = mixtures.estimate_shares(x_MD, pure_CD)
    assert (share_MC >= 0).all()
    np.testing.assert_allclose(share_MC.sum(axis=1), 1)
    others_NC = draw.dirichlet(np.ones(3) * 0.5, 400)
    own_M = np.linalg.norm(share_MC @ pure_CD - x_MD, axis=1)
    best_M = np.linalg.norm((others_NC @ pure_CD)[:, None] - x_MD, axis=2).min(axis=0)
    assert (own_M <= best_M + 1e-6).all()


def test_distance_off_the_plane_is_over_that_of_the_pure_ones():
    pure_CD = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])
    spread = (2 + 2 + 8**0.5) / 3
    found_M = mixtures.off_plane(np.array([[9.0, 9, 3], [1, 1, 0]]), pure_CD)
    np.testing.assert_allclose(found_M, [3 / spread, 0], atol=1e-12)


def test_what_mixes_where_it_is_measured_is_found_again():
    found = mixtures.measure(subject(mixed_profiles("log2"), width=4))
    metrics = found.finding
    assert metrics.rmse.model.value < 0.02
    assert metrics.ratio_to_equal_shares.high < 0.2
    assert metrics.pearson.model.low > 0.98
    assert metrics.rmse.linear is None and "log2" in found.left_out["mixtures.linear"]
    assert metrics.n == len(found.tables["mixtures"]) / 3 and metrics.held_out == 1
    assert found.finding.n < (mixed_profiles().samples.max(axis=1) < 1).sum()
    assert "bad" not in {one.standing for one in spoken(found)}


def test_the_logarithm_bends_mixtures_and_the_linear_scale_does_not(linear):
    rmse, plane = linear.finding.rmse, linear.finding.off_plane
    assert rmse.linear.value < 0.02 < 0.05 < rmse.pca.value < rmse.equal_shares.value
    assert plane.linear.value < 0.1 < plane.profile.value
    assert linear.finding.off_plane_pure.profile < plane.profile.low


def test_figures_agree_with_the_table(linear):
    table = linear.tables["mixtures"]
    for name in ("model", "pca", "equal_shares"):
        by_hand = np.sqrt(np.square(table[name] - table["true"]).mean())
        assert dict(linear.finding.rmse)[name].value == pytest.approx(by_hand)
    assert linear.finding.pearson.pca.value == pytest.approx(table["pca"].corr(table["true"]))
    assert table.groupby("sample_id")["true"].sum().to_numpy() == pytest.approx(1)
    assert linear.finding.n_compositions == table.round(3).groupby("sample_id")["true"].apply(tuple).nunique()


@pytest.mark.parametrize("unit", ["log2", "tpm"])
def test_the_section_names_every_method(tmp_path, unit, linear):
    found = linear if unit == "tpm" else mixtures.measure(subject(mixed_profiles(unit), width=2))
    section = mixtures_section(found.finding, some_evidence(found), tmp_path)
    methods = [row[0] for row in section.table.rows]
    assert len(methods) == (5 if unit == "tpm" else 4) and methods[-1] == "equal shares for everyone"
    assert ("no room" in section.table.rows[0]) == (unit == "log2")
    assert str(found.finding.n) in section.n


def test_shuffled_shares_are_not_called_found():
    matrix = mixed_profiles("log2")
    shuffled = np.random.default_rng(3).permutation(matrix.samples.to_numpy())
    samples = pd.DataFrame(shuffled, index=matrix.samples.index, columns=matrix.samples.columns)
    found = mixtures.measure(subject(replace(matrix, samples=samples), width=4))
    assert abs(found.finding.pearson.model.value) < 0.5
    assert against(found.finding.ratio_to_equal_shares) != "below"
    assert "good" not in {one.standing for one in spoken(found)}


def test_a_code_without_room_has_no_plane_to_miss():
    found = mixtures.measure(subject(mixed_profiles("log2"), width=1))
    assert "mixtures.width" in found.cautions
    assert found.finding.off_plane.model is None and found.finding.off_plane.profile is not None
    assert found.finding.rmse.model.value > 0.05


def samples_without(matrix: ExpressionMatrix, case: str) -> pd.DataFrame:
    samples = matrix.samples
    if case == "no columns":
        return samples[[]]
    if case == "one column":
        return samples[["proportion a"]]
    pure_S = samples.max(axis=1) == 1
    if case == "no pure a":
        return samples.where(samples["proportion a"] != 1, np.nan)
    return samples.where(pure_S, np.nan)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("no columns", "data.proportions"),
        ("one column", "data.proportions"),
        ("no pure a", "pure a"),
        ("no mixtures", "no profile is a mixture"),
    ],
)
def test_what_is_lacking_is_said(case, reason):
    matrix = mixed_profiles()
    found = mixtures.measure(subject(replace(matrix, samples=samples_without(matrix, case))))
    assert found.finding is None and not found.tables
    assert reason in found.left_out["mixtures"]


def test_mixtures_of_all_parts_stand_in_where_few_are_held_out():
    matrix = mixed_profiles()
    # mixtures come from a few samples, each measured often; everything pure was measured once
    number_S = np.arange(matrix.n_samples)
    sets = matrix.samples.astype(str).agg("/".join, axis=1) + [f" {number % 4}" for number in number_S]
    sets = sets.where(matrix.samples.max(axis=1) < 1, matrix.samples.index.to_numpy())
    found = mixtures.measure(subject(replace(matrix, samples=matrix.samples.assign(replicate=sets)), width=4))
    assert found.finding.held_out == 0 and found.finding.units == 16
    assert found.finding.n == (matrix.samples.max(axis=1) < 1).sum()
    assert found.finding.by == "replicate set" and found.finding.rmse.model.low is not None
    better = changed(found.finding, ratio_to_pca={"value": 0.5, "low": 0.4, "high": 0.6})
    (said,) = mixtures_sentences(better, some_facts())
    assert said.standing == "open"
    (said,) = mixtures_sentences(changed(better, held_out=1), some_facts())
    assert said.standing == "good"


def test_few_independent_mixtures_get_no_interval():
    matrix = mixed_profiles()
    mixed_S = (matrix.samples.max(axis=1) < 1).to_numpy()
    few = matrix.select(~mixed_S | (np.cumsum(mixed_S) <= 3))
    found = mixtures.measure(subject(few, width=4))
    assert found.finding.n == found.finding.units == 3
    assert found.finding.rmse.model.low is None
    assert [one.standing for one in spoken(found)] == ["open"]


def test_the_same_subject_gives_the_same():
    one = subject(mixed_profiles("tpm"))
    assert mixtures.measure(one).finding == mixtures.measure(one).finding


@pytest.mark.parametrize("n_components", [2, 12])
def test_components_are_drawn_apart(tmp_path, n_components):
    true_MC = np.random.default_rng(0).dirichlet(np.ones(n_components), 6)
    table = pd.DataFrame({"component": [f"part {n}" for n in range(n_components)] * 6, "true": true_MC.ravel()})
    table = table.assign(model=table["true"], pca=table["true"] ** 2)
    picture = drawing.draw(tmp_path, "mixtures", "Mixtures.", estimated_shares(table))
    assert all(f">part {n}</text>" in picture.svg for n in range(n_components))
    assert len({(MARKS[n % len(MARKS)], COLOURS[n % len(COLOURS)]) for n in range(35)}) == 35
