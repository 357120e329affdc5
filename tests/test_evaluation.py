"""What is measured is what is said to be, and nothing is flattered."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, evaluated, trained, typed
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from cic.declarations import measure_names
from cic.errors import DataError, ModelError
from cic.evaluation.drawing.maps import in_two_dimensions
from cic.evaluation.drawing.placing import spread_apart
from cic.evaluation.evaluate import parts_of
from cic.evaluation.profiles import correlation, reconstruction, replicates
from cic.evaluation.questions.identity.found import Found as Identity
from cic.evaluation.questions.identity.found import Scores
from cic.evaluation.questions.reconstruction import ceiling as ceilings
from cic.evaluation.report.contents import verdict
from cic.evaluation.report.summary import summary
from cic.evaluation.statistics import classification, intervals
from cic.evaluation.statistics.intervals import Interval


def plan_for(n: int, group_S: list[str] | None = None, resamples: int = 400) -> intervals.Resampling:
    samples = pd.DataFrame(index=[f"s{number}" for number in range(n)])
    return intervals.resampling(samples if group_S is None else samples.assign(group=group_S), resamples, 0.95, 1)


@pytest.fixture(scope="module")
def curved():
    matrix = curved_profiles()
    return matrix, *trained(matrix)


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluation")
    return evaluated(curved_profiles(), out, label_weight=0.1), out


def test_errors_are_those_of_gene_space(curved):
    matrix, bundle, part, _ = curved
    errors = reconstruction.squared_errors(reconstruction.project(bundle, bundle.preprocessor.transform(matrix.values)))
    x_SG = bundle.preprocessor.transform(matrix.values)
    log2_SG = bundle.preprocessor.inverse(x_SG)
    by_hand_S = np.square(log2_SG.astype(float) - bundle.reconstruct(matrix.values)).sum(axis=1)
    np.testing.assert_allclose(errors["model"], by_hand_S, rtol=1e-3)
    np.testing.assert_allclose(errors["model"], bundle.squared_errors(matrix.values), rtol=1e-6)
    train_SG = matrix.values[(part == "train").to_numpy()].astype(float)
    pca = PCA(3, svd_solver="full").fit(train_SG)
    made_SG = pca.inverse_transform(pca.transform(matrix.values.astype(float)))
    np.testing.assert_allclose(errors["pca"], np.square(matrix.values - made_SG).sum(axis=1), rtol=1e-3)
    np.testing.assert_allclose(
        errors["mean_profile"], np.square(matrix.values - train_SG.mean(axis=0)).sum(axis=1), rtol=1e-3
    )


def test_nothing_is_better_than_the_span_ceiling(curved):
    matrix, bundle, _, _ = curved
    errors = reconstruction.squared_errors(reconstruction.project(bundle, bundle.preprocessor.transform(matrix.values)))
    for name in ("model", "pca", "mean_profile"):
        assert (errors["span_ceiling"] <= errors[name] * (1 + 1e-6)).all(), name


def test_blocks_do_not_change_the_figures(curved, monkeypatch):
    matrix, bundle, part, _ = curved

    def correlated():
        profiles = reconstruction.project(bundle, bundle.preprocessor.transform(matrix.values))
        means = reconstruction.type_means(profiles, matrix.samples["label"], (part == "train").to_numpy())
        return correlation.correlations(bundle, matrix.values, profiles, means)

    whole = correlated()
    monkeypatch.setattr(reconstruction, "ROWS_AT_A_TIME", 7)
    blocks = correlated()
    for kind, name in itertools.product(("pearson", "spearman"), correlation.MADE):
        np.testing.assert_allclose(blocks[kind][name], whole[kind][name], atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 40), st.floats(0.1, 10), st.integers(0, 1000))
def test_interval_of_a_ratio(n, factor, seed):
    draw = np.random.default_rng(seed)
    denominator_S = draw.uniform(1, 2, n)
    plan = plan_for(n, resamples=100)
    exact = intervals.ratio_interval(factor * denominator_S, denominator_S, plan)
    assert (exact.value, exact.low, exact.high) == pytest.approx((factor,) * 3)
    numerator_S = draw.uniform(1, 2, n)
    once = intervals.ratio_interval(numerator_S, denominator_S, plan)
    scaled = intervals.ratio_interval(factor * numerator_S, denominator_S, plan)
    assert once.low < once.high
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx(
        tuple(factor * bound for bound in (once.value, once.low, once.high))
    )


def test_intervals_cover_as_often_as_they_say():
    hits = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        found = intervals.ratio_interval(draw.exponential(2, 60), np.ones(60), plan_for(60))
        hits += found.low < 2 < found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_copies_within_a_group_do_not_narrow_the_interval():
    value_S = np.random.default_rng(0).normal(5, 1, 12)
    alone = intervals.ratio_interval(value_S, np.ones(12), plan_for(12))
    group_S = [f"study {number:02d}" for number in range(12) for _ in range(10)]
    copied = intervals.ratio_interval(np.repeat(value_S, 10), np.ones(120), plan_for(120, group_S))
    as_if_independent = intervals.ratio_interval(np.repeat(value_S, 10), np.ones(120), plan_for(120))
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))
    assert as_if_independent.high - as_if_independent.low < 0.6 * (copied.high - copied.low)


def test_few_groups_are_said_and_too_few_units_get_no_interval():
    few = plan_for(40, ["a"] * 20 + ["b"] * 20)
    assert few.by == "profile" and "2 groups" in few.caution
    assert intervals.ratio_interval(np.ones(4), np.ones(4), plan_for(4)).low is None
    errors = {name: np.ones(24) for name in (*reconstruction.METHODS, "type_mean")}
    table = reconstruction.by_label(errors, pd.Series(["rare"] * 4 + ["common"] * 20), 90, plan_for(24))
    assert table.set_index("label")["low"].isna().to_dict() == {"common": False, "rare": True}


def test_replicates_are_resampled_together():
    samples = pd.DataFrame({"replicate": ["x", "x", "y", None, None]}, index=list("abcde"))
    plan = intervals.resampling(samples, 100, 0.95, 0)
    assert plan.by == "replicate set"
    assert plan.unit_S.tolist() == [0, 0, 1, 2, 3]


def test_resampling_in_blocks_draws_the_same(monkeypatch):
    value_SX = np.random.default_rng(0).normal(size=(9, 2))
    whole = plan_for(9, resamples=50).sums(value_SX)
    monkeypatch.setattr(intervals, "BLOCK", 9)
    np.testing.assert_allclose(plan_for(9, resamples=50).sums(value_SX), whole)


def test_replicate_ceiling_of_known_noise(curved):
    _, bundle, _, _ = curved
    matrix = curved_profiles(noise=0.2, seed=5)
    sets, of = replicates.choose_sets(matrix.samples, np.ones(matrix.n_samples, dtype=bool))
    assert of == "test" and len(sets) == matrix.n_samples // 2
    measured = replicates.measure_sets(bundle.preprocessor, matrix.values, sets)
    # the mean of two replicates lies half their distance from each
    middle_SG = np.repeat(matrix.values.reshape(-1, 2, matrix.n_genes).mean(axis=1), 2, axis=0)
    error_S = np.square(matrix.values - middle_SG).sum(axis=1)
    errors = dict.fromkeys(("model", "pca", "mean_profile", "span_ceiling"), error_S)
    to_others = dict.fromkeys(("model", "pca"), measured.between_T)
    plan = replicates.over_sets(sets, matrix.samples, plan_for(3))
    found = ceilings.ceiling(sets, of, measured, errors, to_others, len(bundle.genes), plan)
    assert found.rmse_between == pytest.approx(0.2 * 2**0.5, rel=0.03)
    assert found.ratio.value == pytest.approx(0.5, rel=1e-3)
    assert found.ratio_to_other.value == pytest.approx(1)


def test_sets_of_all_parts_stand_in_where_few_are_held_out():
    samples = pd.DataFrame({"replicate": [f"r{number // 2}" for number in range(20)]})
    held_out_S = np.arange(20) < 8
    sets, of = replicates.choose_sets(samples, held_out_S)
    assert of == "all" and len(sets) == 10
    sets, of = replicates.choose_sets(samples, np.arange(20) < 11)
    assert of == "test" and len(sets) == 5


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=5, max_size=40))
def test_scores_agree_with_sklearn(pairs):
    true_S, predicted_S = (np.array(side) for side in zip(*pairs, strict=True))
    found = classification.score(true_S, predicted_S, plan_for(len(pairs), resamples=100))
    present = sorted(set(true_S))
    recalls = [np.mean(predicted_S[true_S == name] == name) for name in present]
    assert found.accuracy.value == pytest.approx(accuracy_score(true_S, predicted_S))
    assert found.balanced_accuracy.value == pytest.approx(np.mean(recalls))
    assert found.macro_f1.value == pytest.approx(
        f1_score(true_S, predicted_S, labels=present, average="macro", zero_division=0)
    )
    if set(predicted_S) <= set(true_S):
        assert found.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(true_S, predicted_S))


def test_depth_0_is_pca_and_is_not_called_better(tmp_path):
    found = evaluated(curved_profiles(), tmp_path, depth=0, epochs=2)
    assert found["ratio_to_pca"]["value"] == pytest.approx(1, abs=1e-5)
    (sentence,) = [one for one in verdict(typed(found)) if "PCA of equal width" in one.text]
    assert sentence.standing == "bad"
    assert "better than PCA" not in sentence.text.replace("no better than PCA", "")


def test_a_curve_is_learnt_and_said(metrics):
    found, _ = metrics
    assert found["ratio_to_pca"]["high"] < 1
    assert found["unexplained_variance"]["mean_profile"]["value"] == 1
    assert found["unexplained_variance"]["span_ceiling"]["value"] < found["unexplained_variance"]["model"]["value"]
    assert found["replicates"]["held_out"] == 1
    enough = verdict(typed({**found, "cautions": {}}))
    assert any(one.standing == "good" and "better than PCA" in one.text for one in enough)
    assert "resampling" in found["cautions"], "its held-out profiles come from three groups"
    assert not any(one.standing == "good" and "better than PCA" in one.text for one in verdict(typed(found)))


def test_noise_and_random_labels_come_out_as_such(tmp_path):
    matrix = curved_profiles(seed=2)
    draw = np.random.default_rng(0)
    samples = matrix.samples.assign(label=draw.choice(["a", "b"], matrix.n_samples)).drop(
        columns=["group", "replicate"]
    )
    noise = replace(matrix, values=draw.normal(6, 1, matrix.values.shape).astype(np.float32), samples=samples)
    found = evaluated(noise, tmp_path)
    text = " ".join(one.text for one in verdict(typed(found)))
    assert "drawn blindly" in text
    assert "better than PCA" not in text.replace("no better than PCA", "")
    assert not [one for one in verdict(typed(found)) if one.standing == "good" and "audit" not in one.text]


def test_keys_stay_whatever_the_data_lack(metrics, tmp_path):
    full, _ = metrics
    matrix = curved_profiles()
    bare = evaluated(replace(matrix, samples=matrix.samples[[]]), tmp_path)
    assert list(bare) == list(full)
    assert bare["replicates"] is None and bare["identity"] is None and bare["labels"] is None
    assert set(bare["left_out"]) == {"replicates", "reconstruction.type_mean", *measure_names()}
    text = " ".join(one.text for one in verdict(typed(bare)))
    assert all(bare["left_out"][name] in text for name in ("replicates", "identity"))
    assert [name for name, _ in summary(typed(bare))]
    score = Interval(0.9, 0.8, 0.95)
    without_classifier = Identity.model_construct(
        methods={"classifier": Scores(accuracy=score, balanced_accuracy=score, macro_f1=score)},
        chance=0.25,
        bundle_classifier=None,
    )
    told = dict(summary(typed(full).model_copy(update={"identity": without_classifier})))
    assert "fit.classifier" in told["balanced accuracy, classifier"]


def test_files_hold_what_was_measured(metrics):
    found, out = metrics
    assert json.loads((out / "metrics.json").read_text()) == found
    headline = json.loads((out / "headline.json").read_text())
    assert headline["reconstruction"] == found["ratio_to_pca"]["value"]
    assert headline["unexplained_variance_pca"] == found["unexplained_variance"]["pca"]["value"]
    assert len(headline) == 3, "what was not measured is not among them"
    profiles = pd.read_csv(out / "profiles.csv")
    assert len(profiles) == found["profiles"]["test"]
    assert profiles["squared_error"].sum() / profiles["squared_error_pca"].sum() == pytest.approx(
        found["ratio_to_pca"]["value"]
    )
    codes = pd.read_csv(out / "codes.csv")
    assert list(codes.columns) == ["sample_id", "part", "label", "code_1", "code_2", "code_3"]
    assert (codes["part"] == "test").sum() == len(profiles)
    assert {"x", "y"} <= set(pd.read_csv(out / "codes_2d.csv").columns)
    surface = pd.read_csv(out / "surface.csv")
    assert surface["error"].notna().all() and surface["depth"].dtype == surface["bottleneck_width"].dtype == int
    assert pd.read_csv(out / "curves.csv")["validation_error_pca"].nunique() == 1


def test_the_same_input_gives_the_same_bytes(metrics, tmp_path):
    _, first = metrics
    evaluated(curved_profiles(), tmp_path, label_weight=0.1)
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    for name in names:
        assert (first / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_profiles_without_a_part_are_named():
    matrix = curved_profiles(n_samples=20)
    part = pd.Series("train", index=matrix.samples.index)
    with pytest.raises(DataError, match="s3"):
        parts_of(matrix, part.drop("s3"))
    with pytest.raises(DataError, match="`test` has 0"):
        parts_of(matrix, part)


def test_genes_may_come_in_another_order(curved):
    matrix, bundle, _, _ = curved
    turned = pd.DataFrame(matrix.values[:, ::-1], columns=list(matrix.genes[::-1]))
    np.testing.assert_array_equal(bundle.align(turned), matrix.values)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_matrix_is_aligned_as_its_table_is_to_the_layout_in_memory(curved, order):
    matrix, bundle, _, _ = curved
    values_SG = np.asarray(np.hstack([matrix.values[:, ::-1], matrix.values[:, :1]]), order=order)
    turned = replace(matrix, values=values_SG, genes=(*matrix.genes[::-1], "unknown"))
    here = bundle.align(turned)
    of_table = bundle.align(pd.DataFrame(values_SG, turned.samples.index, list(turned.genes)))
    np.testing.assert_array_equal(here, matrix.values)
    np.testing.assert_array_equal(here, of_table)
    assert here.strides == of_table.strides
    with pytest.raises(ModelError, match="genes that the model needs are missing: g0"):
        bundle.align(replace(turned, genes=("other", *turned.genes[1:-2], "another", "unknown")))


def test_numbers_on_the_map_do_not_overlap():
    place = spread_apart(np.full((40, 2), 0.5), 0.06)
    apart = np.linalg.norm(place[:, None] - place[None], axis=-1) + np.eye(40)
    assert apart.min() > 0.05


def test_codes_of_one_number_have_a_map():
    xy, shares = in_two_dimensions(np.arange(6.0)[:, None], np.ones(6, dtype=bool))
    assert shares == (1.0, 0.0) and np.ptp(xy[:, 0]) == pytest.approx(5) and not xy[:, 1].any()
