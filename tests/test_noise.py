"""Disturbed profiles are what they are said to be, and no method is helped more than another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluated import changed, curved_profiles, some_evidence, some_facts, subject

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.metrics import as_json
from cic.evaluation.questions.noise import disturbances, noise_bench
from cic.evaluation.questions.noise import measure as noise
from cic.evaluation.questions.noise.draw import noise_curves
from cic.evaluation.questions.noise.noise_curves import crossing, mean_weights, unexplained_curves
from cic.evaluation.questions.noise.say import missing_genes_sentences, noise_section, noise_sentences
from cic.evaluation.statistics.intervals import Interval, resampling
from cic.model.basis import SampleBasis
from cic.seeds import generator

MANY_GENES = {"n_samples": 120, "n_genes": 400, "n_groups": 20, "noise": 0.3}
METHODS = {"model", "pca", "span", "profile", "mean_profile"}


@pytest.fixture(scope="module")
def curved():
    return subject(curved_profiles(**MANY_GENES))


@pytest.fixture(scope="module")
def found(curved):
    return noise.measure(curved)


@pytest.fixture(scope="module")
def spanned():
    """A basis of 12 profiles over 60 genes, and 5 others that are not all in it."""
    draw = np.random.default_rng(1)
    x_SG = draw.normal(size=(12, 60)).astype(np.float32)
    x_SG -= x_SG.mean(axis=0)
    return SampleBasis.fit(x_SG), draw.normal(size=(5, 60)).astype(np.float32), x_SG


def numbers(content):
    if isinstance(content, dict):
        return [one for inner in content.values() for one in numbers(inner)]
    return [one for inner in content for one in numbers(inner)] if isinstance(content, list) else [content]


def both_sentences(finding):
    """Give what the report says of noise and of missing genes."""
    facts = some_facts(finding)
    return noise_sentences(finding.finding, facts) + missing_genes_sentences(finding.finding, facts)


def test_masks_agree_with_masking_over_genes(spanned):
    basis, x_SG, _ = spanned
    shares = (0.2, 0.5, 0.9)
    masks = list(disturbances.masked(basis, x_SG, shares, np.random.default_rng(3)))
    order_G = np.random.default_rng(3).permutation(60)
    for share, mask in zip(shares, masks, strict=True):
        gone = order_G[: round(share * 60)]
        emptied_SG = x_SG.copy()
        emptied_SG[:, gone] = 0
        np.testing.assert_allclose(mask.z_SK, basis.project(emptied_SG)[0], atol=1e-5)
        np.testing.assert_allclose(mask.missing_KK, basis.components_GK[gone].T @ basis.components_GK[gone], atol=1e-5)
        np.testing.assert_allclose(mask.lost_S, np.square(x_SG[:, gone], dtype=np.float64).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_filling_agrees_with_filling_over_genes(spanned, share):
    basis, x_SG, _ = spanned
    (mask,) = disturbances.masked(basis, x_SG, (share,), np.random.default_rng(4))
    gone = np.random.default_rng(4).permutation(60)[: round(share * 60)]
    here_G = ~np.isin(np.arange(60), gone)
    a_GK = basis.components_GK.astype(float)

    def bent(z_SK):
        return np.float32(0.9) * np.tanh(z_SK) * (np.arange(z_SK.shape[1]) < 6)

    step = 1 / np.linalg.norm(a_GK[here_G], 2) ** 2
    full_SG = step * x_SG * here_G
    for _ in range(3):
        made_SG = (bent(full_SG @ a_GK / basis.scale) * basis.scale) @ a_GK.T
        full_SG = made_SG + step * here_G * (x_SG - made_SG)
    settled = disturbances.SETTLED
    try:
        disturbances.SETTLED = 0.0
        z_SK = disturbances.filled(mask, bent, 3)
    finally:
        disturbances.SETTLED = settled
    np.testing.assert_allclose(z_SK, full_SG @ a_GK / basis.scale, atol=1e-4)


def test_filling_by_pca_ends_at_the_regression_on_what_was_measured(spanned):
    basis, x_SG, _ = spanned
    (mask,) = disturbances.masked(basis, x_SG, (0.4,), np.random.default_rng(5))
    here = np.sort(np.random.default_rng(5).permutation(60)[24:])

    def pca(z_SK):
        return z_SK * (np.arange(z_SK.shape[1]) < 3)

    code_S3 = disturbances.filled(mask, pca, 200)[:, :3] * basis.scale
    best_S3 = np.linalg.lstsq(basis.components_GK[here, :3].astype(float), x_SG[:, here].T, rcond=None)[0].T
    assert np.abs(code_S3 - best_S3).max() < 0.05 * np.abs(best_S3).max()
    assert np.abs(mask.z_SK[:, :3] * basis.scale - best_S3).max() > 0.2 * np.abs(best_S3).max()


def test_classifiers_on_measured_genes_are_those_over_genes(spanned):
    basis, _, x_SG = spanned
    label_S = np.array(list("aabbbbccccaa"))
    z_SK, _ = basis.project(x_SG)
    classes = disturbances.Classes.fit(z_SK, label_S, 60)
    told_SG = x_SG + np.random.default_rng(6).normal(0, 1.5, x_SG.shape).astype(np.float32)
    (mask,) = disturbances.masked(basis, told_SG, (0.6,), np.random.default_rng(7))
    here = np.sort(np.random.default_rng(7).permutation(60)[36:])
    a_GK, unit = basis.components_GK.astype(float), basis.scale
    mean_LG = np.stack([x_SG[label_S == name].mean(axis=0, dtype=float) for name in "abc"])
    covariance_GG = unit**2 * (a_GK @ classes.root_KK @ classes.root_KK.T @ a_GK.T + classes.ridge * np.eye(60))
    inverse = np.linalg.inv(covariance_GG[np.ix_(here, here)])
    prior_L = np.log([4 / 12, 4 / 12, 4 / 12])
    seen_LG = mean_LG[:, here]
    score_SL = told_SG[:, here] @ inverse @ seen_LG.T - np.einsum("lg,gh,lh->l", seen_LG, inverse, seen_LG) / 2
    said = classes.discriminant(mask.z_SK, mask.observed_KK)
    assert said.tolist() == np.array(list("abc"))[(score_SL + prior_L).argmax(axis=1)].tolist()
    distance_SL = np.square(told_SG[:, None, here] - seen_LG).sum(axis=2)
    assert classes.centroid(mask.z_SK, mask.observed_KK).tolist() == [
        *np.array(list("abc"))[distance_SL.argmin(axis=1)]
    ]
    assert len(set(said)) > 1


def test_classes_of_one_profile_each_are_told_by_the_nearest(spanned):
    basis, _, x_SG = spanned
    z_SK, _ = basis.project(x_SG)
    label_S = np.array([f"type {number}" for number in range(len(x_SG))])
    classes = disturbances.Classes.fit(z_SK, label_S, 60)
    assert classes.discriminant(z_SK).tolist() == classes.centroid(z_SK).tolist() == label_S.tolist()


def test_noise_is_that_of_replicates(curved):
    sets = noise.replicate_sets(curved.samples)
    deviation_G = disturbances.replicate_noise(curved.x_SG, sets)
    assert np.sqrt(np.mean(np.square(deviation_G))) == pytest.approx(0.3, rel=0.05)
    noise_SK, norm_S = disturbances.drawn_noise(curved.bundle.basis, deviation_G, 300, generator(1, "x"))
    assert norm_S.mean() == pytest.approx(np.square(deviation_G).sum(), rel=0.02)
    inside = np.square(noise_SK).sum(axis=1).mean() * curved.bundle.basis.scale**2
    assert inside / norm_S.mean() == pytest.approx(curved.bundle.basis.rank / 400, rel=0.1)


def test_genes_on_which_replicates_agree_get_the_median(curved):
    x_SG = curved.x_SG.copy()
    sets = noise.replicate_sets(curved.samples)
    for rows in sets:
        x_SG[rows, 0] = x_SG[rows[0], 0]
    deviation_G = disturbances.replicate_noise(x_SG, sets)
    assert deviation_G[0] == np.median(deviation_G[1:]) > 0


def test_the_clean_end_of_every_curve_is_the_reconstruction_itself(curved, found):
    test_S = curved.test_S
    for kind in (found.finding.gaussian, found.finding.missing, found.finding.missing.mean_filled):
        assert set(kind.unexplained) == METHODS
        for name, key in (("model", "model"), ("pca", "pca"), ("span", "span_ceiling")):
            share = curved.errors[key][test_S].sum() / curved.errors["mean_profile"][test_S].sum()
            assert kind.unexplained[name][0] == pytest.approx(share, rel=1e-4), name
        assert kind.unexplained["profile"][0] == 0
        assert kind.unexplained["mean_profile"] == pytest.approx([1] * len(kind.levels))


def test_noise_and_losses_are_as_large_as_they_should_be(found):
    gaussian, missing = found.finding.gaussian, found.finding.missing
    assert gaussian.unit == "replicate noise" and gaussian.n_sets >= 5
    squares = gaussian.unexplained_by_one * np.square(gaussian.levels)
    np.testing.assert_allclose(gaussian.unexplained["profile"], squares, rtol=1e-6)
    np.testing.assert_allclose(missing.unexplained["profile"], missing.levels, atol=0.05)
    assert missing.unexplained["profile"] == missing.mean_filled.unexplained["profile"]


def test_a_reduction_removes_noise_and_withstands_missing_genes(found):
    gaussian, missing = found.finding.gaussian, found.finding.missing
    last = {name: curve[-1] for name, curve in gaussian.unexplained.items()}
    assert last["model"] < last["span"] < last["profile"]
    start = gaussian.denoises_from.model
    assert start == pytest.approx((gaussian.unexplained["model"][0] / gaussian.unexplained_by_one) ** 0.5, rel=0.1)
    assert missing.unexplained["model"][-2] < 0.7 * missing.mean_filled.unexplained["model"][-2]
    assert missing.ratio_to_pca.high < 1 and gaussian.ratio_to_pca.high < 1
    assert gaussian.ratio_to_profile.high < 1


def test_robustness_is_the_mean_of_its_curve(found):
    for kind in (found.finding.gaussian, found.finding.missing):
        reach = kind.levels[-1] - kind.levels[0]
        kept = ((kind.unexplained, kind.robustness_unexplained), (kind.accuracy, kind.robustness_accuracy))
        for curves, means in kept:
            for name, curve in curves.items():
                assert means[name].value == pytest.approx(np.trapezoid(curve, kind.levels) / reach, abs=1e-9)
        mean = kind.robustness_unexplained
        assert kind.ratio_to_pca.value == pytest.approx(mean["model"].value / mean["pca"].value)
        mean = kind.robustness_accuracy
        assert kind.difference_to_lda.value == pytest.approx(mean["code_logistic"].value - mean["profile_lda"].value)


def test_crossings_and_weights():
    assert crossing([0, 1, 2], [1.0, 0.5, -0.5]) == pytest.approx(1.5)
    assert crossing([0, 1, 2], [1.0, 0.5, 0.0]) is None
    assert crossing([0, 1], [-1.0, 2.0]) == 0
    assert noise.denoises_from([0, 1, 2], [0.5, 0.5, 0.5], [0.0, 0.25, 1.0]) == pytest.approx(2**0.5)
    np.testing.assert_allclose(mean_weights([0, 1, 3]), [1 / 6, 1 / 2, 1 / 3])


def test_depth_0_gains_nothing_over_pca_and_says_so():
    finding = noise.measure(subject(curved_profiles(**MANY_GENES), depth=0, epochs=2))
    for kind in (finding.finding.gaussian, finding.finding.missing):
        assert kind.ratio_to_pca.value == pytest.approx(1, abs=1e-4)
    for sentence in both_sentences(finding):
        assert sentence.standing == "bad"


def test_same_numbers_twice(curved, found):
    again = noise.measure(curved)
    assert again.finding == found.finding
    pd.testing.assert_frame_equal(again.tables["noise_curves"], found.tables["noise_curves"])
    other = noise.measure(replace(curved, seed=12))
    assert other.finding.gaussian.unexplained["model"] != found.finding.gaussian.unexplained["model"]


def test_nothing_is_learnt_from_the_test_part(curved, found):
    label_S = curved.samples["label"].where(~curved.test_S, "type 0")
    label_S.iloc[np.flatnonzero(curved.test_S)[0]] = "type 1"
    other = replace(curved, samples=curved.samples.assign(label=label_S))
    mean_LK, other_LK = (noise_bench.bench_of(one)[0].classes.mean_LK for one in (curved, other))
    np.testing.assert_array_equal(mean_LK, other_LK)
    other = replace(curved, x_SG=curved.x_SG + 5 * curved.test_S[:, None])
    for one in (curved, replace(curved, samples=curved.samples.drop(columns="replicate"))):
        other_one = replace(other, samples=one.samples)
        np.testing.assert_array_equal(noise.unit_of_noise(one)[0], noise.unit_of_noise(other_one)[0])


def test_without_replicates_the_unit_is_the_spread_of_genes():
    matrix = curved_profiles(**MANY_GENES)
    one = subject(replace(matrix, samples=matrix.samples.drop(columns="replicate")))
    finding = noise.measure(one)
    gaussian = finding.finding.gaussian
    assert gaussian.unit == "gene standard deviation" and gaussian.n_sets == 0
    assert gaussian.levels == list(noise.SPREAD_LEVELS)
    assert "noise.unit" in finding.cautions
    train_S = one.part_S == "train"
    spread_G = disturbances.spread(one.x_SG[train_S])
    values_SG = matrix.values[train_S][:, one.bundle.preprocessor.kept]
    np.testing.assert_allclose(spread_G, values_SG.std(axis=0), rtol=1e-3)


def test_few_replicates_outside_the_test_part_are_said():
    matrix = curved_profiles(**MANY_GENES)
    one = subject(matrix)
    position_S = np.arange(len(one.samples))
    some = one.samples["replicate"].where(one.test_S | (position_S < 6))
    finding = noise.measure(replace(one, samples=one.samples.assign(replicate=some)))
    assert "noise.replicates" in finding.cautions
    exact = one.samples.assign(replicate=one.samples["label"] + "x")
    same_SG = np.repeat(one.x_SG[:1], len(one.x_SG), axis=0)
    assert not disturbances.replicate_noise(same_SG, noise.replicate_sets(exact)).any()


@pytest.mark.parametrize("label", [None, "one"])
def test_without_labels_only_reconstruction(curved, found, label, tmp_path):
    finding = noise.measure(replace(curved, samples=curved.samples.assign(label=label)))
    assert finding.finding.gaussian.unexplained == found.finding.gaussian.unexplained
    for key in ("accuracy", "robustness_accuracy", "difference_to_pca", "difference_to_lda"):
        assert getattr(finding.finding.gaussian, key) is None and getattr(finding.finding.missing, key) is None
    assert finding.finding.missing.holds_to is None and finding.finding.chance is None
    assert set(finding.tables["noise_curves"]["measure"]) == {"unexplained"}
    reason = "labels (`data.label`)" if label is None else "fewer than two labels"
    assert reason in finding.left_out["noise.accuracy"]
    section = noise_section(finding.finding, some_evidence(finding), tmp_path)
    assert any(finding.left_out["noise.accuracy"] in note for note in section.notes)
    assert all("balanced accuracy" not in sentence.text for sentence in both_sentences(finding))


def test_rare_and_unseen_labels_and_profiles_without_one(curved):
    label_S = curved.samples["label"].copy()
    train, test = np.flatnonzero(curved.part_S == "train"), np.flatnonzero(curved.test_S)
    label_S.iloc[train[0]] = "rare"
    label_S.iloc[test[0]] = "unseen"
    label_S.iloc[test[1:3]] = None
    finding = noise.measure(replace(curved, samples=curved.samples.assign(label=label_S)))
    assert finding.finding.n_labelled == len(test) - 2
    for kind in (finding.finding.gaussian, finding.finding.missing):
        for curve in kind.accuracy.values():
            assert max(curve) <= 1 - 1 / finding.finding.n_labels + 1e-9  # nobody says a label that was never seen


def test_many_profiles_are_drawn_from(curved, monkeypatch):
    monkeypatch.setattr(noise_bench, "MOST_PROFILES", 8)
    finding = noise.measure(curved)
    assert finding.finding.n == 8 < finding.finding.n_held_out == curved.test_S.sum()


def test_metrics_hold_numbers_that_json_can_write(found):
    assert all(one is None or isinstance(one, str) or np.isfinite(one) for one in numbers(as_json(found.finding)))
    table = found.tables["noise_curves"]
    assert list(table.columns) == ["kind", "level", "method", "measure", "value", "low", "high"]
    assert set(table["kind"]) == {"gaussian", "missing", "missing_mean_filled"}
    model = table[(table["kind"] == "missing") & (table["method"] == "model")]
    assert model["value"].tolist() == found.finding.missing.unexplained["model"]
    assert (model["low"] <= model["value"]).all() and (model["value"] <= model["high"]).all()


def test_section_and_sentences_say_what_was_found(found, tmp_path):
    section = noise_section(found.finding, some_evidence(found), tmp_path)
    assert (tmp_path / "noise.png").stat().st_size > 0 and "PCA" in section.baseline
    assert str(found.finding.n) in section.n
    assert f"{found.finding.gaussian.denoises_from.model:.1f} times the replicate noise" in section.claim
    assert {len(row) for row in section.table.rows} == {len(section.table.columns)}
    sentences = both_sentences(found)
    assert len(sentences) == 2 and "PCA" in sentences[0].text and "LDA" in sentences[1].text
    first, second = (
        draw(tmp_path / name, "noise", "", noise_curves(found.tables["noise_curves"], "replicate noise", 0.25))
        for name in "ab"
    )
    assert first.svg == second.svg


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({}, "good"),
        ({"ratio_to_pca": {"value": 1.1, "low": 1.05, "high": 1.2}}, "bad"),
        ({"ratio_to_pca": {"value": 0.98, "low": 0.9, "high": 1.05}}, "bad"),
        ({"ratio_to_pca": {"value": 0.8, "low": None, "high": None}}, "open"),
        ({"ratio_to_profile": {"value": 2.0, "low": 1.5, "high": 2.5}}, "open"),
        ({"difference_to_lda": {"value": -0.1, "low": -0.2, "high": -0.05}}, "bad"),
        ({"difference_to_pca": {"value": -0.1, "low": -0.2, "high": -0.05}}, "bad"),
    ],
)
def test_good_is_said_only_where_no_baseline_wins(found, change, standing):
    even = {"value": 0.0, "low": -0.1, "high": 0.1}
    other = changed(found.finding, gaussian={"difference_to_pca": even, "difference_to_lda": even, **change})
    assert noise_sentences(other, some_facts())[0].standing == standing


def test_what_speaks_against_the_model_is_said_first(found):
    lost, won = ({"value": at, "low": at - 0.05, "high": at + 0.05} for at in (-0.1, 0.1))
    other = changed(found.finding, gaussian={"difference_to_pca": won, "difference_to_lda": lost})
    claim = noise_sentences(other, some_facts())[0].claim
    assert claim.startswith("With added noise: telling cell types worse than LDA on genes; nearer")


def test_too_few_units_get_no_interval():
    plan = resampling(pd.DataFrame(index=list("abcd")), 100, 0.95, 1)
    error_SX = np.ones((4, 2))
    metrics, rows = unexplained_curves(
        dict.fromkeys(("model", "pca", "profile"), error_SX), np.full(4, 2.0), (0.0, 1.0), plan
    )
    assert metrics["ratio_to_pca"] == Interval(1.0, None, None)
    assert rows[0] == (0.0, "model", "unexplained", 0.5, None, None)
