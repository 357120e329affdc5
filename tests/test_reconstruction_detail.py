"""Reconstruction profile by profile and type by type, beside replicates and the mean of the type."""

from __future__ import annotations

import re
from dataclasses import astuple, replace

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, evaluated, params, subject, trained, typed
from evaluated import given as stages_before
from scipy.stats import spearmanr

from cic.evaluation.drawing import drawing
from cic.evaluation.measure import measure
from cic.evaluation.profiles import correlation, reconstruction, replicates
from cic.evaluation.questions.reconstruction import ceiling as ceilings
from cic.evaluation.questions.reconstruction import draw as figures
from cic.evaluation.questions.reconstruction.noise_floor import LEAST_SHARED, measure_floor
from cic.evaluation.report.card import model_card
from cic.evaluation.report.summary import summary
from cic.evaluation.statistics.intervals import resampling
from cic.evaluation.words import with_interval
from cic.seeds import generator
from cic.workers.workers import InThisProcess

NO_MEASURES = {"measures": ()}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp("detail")
    matrix = curved_profiles(noise=0.2)
    metrics = evaluated(matrix, out, evaluate=NO_MEASURES)
    return matrix, metrics, pd.read_csv(out / "profiles.csv"), pd.read_csv(out / "labels.csv")


def test_correlations_are_those_over_genes(done):
    matrix, metrics, profiles, _ = done
    bundle, _, _ = trained(matrix)
    rows = matrix.samples.index.get_indexer(profiles["sample_id"])
    made_SG = bundle.reconstruct(matrix.values[rows])
    by_hand = [spearmanr(one_G, made_G).statistic for one_G, made_G in zip(matrix.values[rows], made_SG, strict=True)]
    np.testing.assert_allclose(profiles["spearman"], by_hand, atol=2e-3)
    by_hand = [np.corrcoef(one_G, made_G)[0, 1] for one_G, made_G in zip(matrix.values[rows], made_SG, strict=True)]
    np.testing.assert_allclose(profiles["pearson"], by_hand, atol=1e-4)
    for kind in ("pearson", "spearman"):
        assert metrics[f"{kind}_median"]["model"] == pytest.approx(profiles[kind].median())
        assert metrics[f"{kind}_median"]["pca"] == pytest.approx(profiles[f"{kind}_pca"].median())
        assert metrics[f"{kind}_median"]["mean_profile"] < metrics[f"{kind}_median"]["pca"]


def test_profiles_hold_the_errors_that_metrics_sum(done):
    matrix, metrics, profiles, _ = done
    assert np.sqrt(np.square(profiles["rmse"]).mean()) == pytest.approx(metrics["rmse"]["model"]["value"])
    np.testing.assert_allclose(profiles["unexplained"], profiles["squared_error"] / profiles["squared_error_mean"])
    np.testing.assert_allclose(profiles["rmse_pca"] ** 2 * matrix.n_genes, profiles["squared_error_pca"])
    assert metrics["rmse"]["type_mean"]["value"] == pytest.approx(np.sqrt(np.square(profiles["rmse_type_mean"]).mean()))


def test_the_mean_of_the_type_is_that_of_the_training_profiles(done):
    matrix, metrics, profiles, labels = done
    bundle, part, _ = trained(matrix)
    x_SG = bundle.preprocessor.transform(matrix.values).astype(float)
    train_S = (part == "train").to_numpy()
    label_S = matrix.samples["label"].to_numpy()
    rows = matrix.samples.index.get_indexer(profiles["sample_id"])
    apart = [x_SG[row] - x_SG[train_S & (label_S == label_S[row])].mean(axis=0) for row in rows]
    np.testing.assert_allclose(profiles["rmse_type_mean"], np.sqrt(np.square(apart).mean(axis=1)), rtol=1e-3)
    assert "reconstruction.type_mean" not in metrics["left_out"]
    errors = profiles.groupby("label")[["squared_error", "squared_error_mean"]].sum()
    np.testing.assert_allclose(labels["unexplained_model"], errors["squared_error"] / errors["squared_error_mean"])
    ratio = profiles["squared_error"].sum() / (profiles["rmse_type_mean"] ** 2 * matrix.n_genes).sum()
    assert metrics["ratio_to_type_mean"]["value"] == pytest.approx(ratio)


def test_profiles_of_an_unseen_type_are_left_out_of_its_mean():
    matrix = curved_profiles()
    one = subject(matrix)
    names = np.where(one.test_S & (np.arange(len(one.part_S)) % 2 == 0), "new", matrix.samples["label"])
    names[one.test_S.argmax()] = None
    means = reconstruction.type_means(one.profiles, pd.Series(names), one.part_S == "train")
    error_S = reconstruction.type_mean_errors(one.profiles, means)
    known_S = np.isin(names, [name for name in set(names) if name not in ("new", None)])
    np.testing.assert_array_equal(np.isfinite(error_S), known_S)
    assert "new" not in {str(name) for name in names[one.part_S == "train"]}


def test_that_a_type_is_unseen_or_unnamed_is_said():
    before = stages_before(curved_profiles())
    test_S = before.part_S == "test"
    label_S = before.matrix.samples["label"].to_numpy(dtype=object).copy()
    label_S[np.flatnonzero(test_S)[:4]] = ["new", "new", None, "new"]
    named = replace(before.matrix, samples=before.matrix.samples.assign(label=label_S))
    config = params(training={"epochs": 20}, evaluate={"bootstrap": 200, **NO_MEASURES})
    found = measure(replace(before, matrix=named), config, InThisProcess(), 11)
    counts = re.findall(r"\d+", found.metrics.left_out["reconstruction.type_mean"])
    assert [int(count) for count in counts] == [4, test_S.sum(), test_S.sum() - 4]
    assert found.tables["profiles"]["rmse_type_mean"].isna().to_numpy().nonzero()[0].tolist() == [0, 1, 2, 3]
    by_label = found.tables["labels"].set_index("label")
    assert np.isnan(by_label.loc["new", "unexplained_type_mean"]) and by_label["n"].sum() == test_S.sum() - 1


def test_without_labels_there_is_no_mean_of_the_type(tmp_path):
    matrix = curved_profiles()
    bare = replace(matrix, samples=matrix.samples[["group", "replicate"]])
    found = evaluated(bare, tmp_path, evaluate=NO_MEASURES)
    assert found["rmse"]["type_mean"] is None and found["unexplained_variance"]["type_mean"] is None
    assert found["ratio_to_type_mean"] is None and found["pearson_median"]["type_mean"] is None
    assert "reconstruction.type_mean" in found["left_out"]
    assert pd.read_csv(tmp_path / "profiles.csv")["rmse_type_mean"].isna().all()
    assert "mean of the type" not in (tmp_path / "figures" / "reconstruction.svg").read_text()


def test_random_labels_have_means_no_better_than_the_mean_of_all(tmp_path):
    matrix = curved_profiles()
    label_S = np.random.default_rng(0).choice(["a", "b"], matrix.n_samples)
    found = evaluated(replace(matrix, samples=matrix.samples.assign(label=label_S)), tmp_path, evaluate=NO_MEASURES)
    assert 0.9 < found["unexplained_variance"]["type_mean"]["value"] < 1.2


def test_types_are_held_against_their_own_replicates(done):
    matrix, metrics, profiles, labels = done
    pairs = profiles.assign(set=matrix.samples["replicate"].reindex(profiles["sample_id"]).to_numpy())
    for row in labels.to_dict("records"):
        own = pairs[pairs["label"] == row["label"]]
        assert row["n_sets"] == own["set"].nunique()
        assert row["rmse_replicates"] == pytest.approx(np.sqrt(np.square(own["rmse_replicates"]).mean()))
        assert row["ratio_to_replicates"] == pytest.approx(row["rmse_model"] / row["rmse_replicates"])
        assert row["ratio_to_replicates_pca"] == pytest.approx(row["rmse_pca"] / row["rmse_replicates"])
        assert row["spearman_model"] == pytest.approx(own["spearman"].median())
    assert labels["n_sets"].sum() == metrics["replicates"]["n_sets"]
    assert metrics["labels"]["n_with_replicates"] == len(labels)
    assert labels["rmse_replicates"].mean() == pytest.approx(0.2 * 2**0.5, rel=0.1)


def test_replicates_agree_pair_by_pair():
    matrix = curved_profiles(noise=0.3, seed=4)
    bundle, _, _ = trained(matrix, epochs=2)
    sets = [np.array([0, 1, 2]), np.array([10, 11])]
    agreement = replicates.measure_sets(bundle.preprocessor, matrix.values, sets)
    x_SG = matrix.values.astype(float)
    assert agreement.squared[0][0, 2] == pytest.approx(np.square(x_SG[0] - x_SG[2]).sum(), rel=1e-4)
    assert agreement.spearman[1][0, 1] == pytest.approx(spearmanr(x_SG[10], x_SG[11]).statistic, abs=1e-4)
    for between, square_MM in zip(agreement.between_T, agreement.squared, strict=True):
        assert between == pytest.approx(replicates.pairs(square_MM).mean(), rel=1e-5)
        assert between == pytest.approx(replicates.mean_to_others(square_MM).mean(), rel=1e-5)
    found = ceilings.by_profile(sets, agreement, 12, matrix.n_genes)
    assert found["rmse_replicates"].notna().tolist() == [True] * 3 + [False] * 7 + [True] * 2


@pytest.mark.parametrize("onto", ["log2", "sqrt"])
def test_genes_that_a_cell_does_not_have_share_a_rank(onto):
    matrix = curved_profiles(noise=0.3, seed=4)
    counts_SG = generator(1, "counts").poisson(np.exp2(matrix.values) / 32).astype(np.float32)
    cells = replace(matrix, values=counts_SG, unit="counts")
    bundle, _, _ = trained(cells, epochs=2, onto=onto)
    log2_SG = np.log2(counts_SG / counts_SG.sum(axis=1, keepdims=True) * 1e6 + 1)
    assert (counts_SG[10:12] == 0).mean() > 0.1
    agreement = replicates.measure_sets(bundle.preprocessor, cells.values, [np.array([10, 11])])
    by_hand = spearmanr(log2_SG[10], log2_SG[11]).statistic
    assert agreement.spearman[0][0, 1] == pytest.approx(by_hand, abs=1e-5)
    profiles = reconstruction.project(bundle, bundle.preprocessor.transform(cells.values))
    means = reconstruction.type_means(profiles, cells.samples["label"], np.ones(len(counts_SG), dtype=bool))
    found = correlation.correlations(bundle, cells.values, profiles, means)
    by_hand = [spearmanr(*pair).statistic for pair in zip(log2_SG, bundle.reconstruct(cells.values), strict=True)]
    np.testing.assert_allclose(found["spearman"]["model"], by_hand, atol=2e-3)


def test_the_other_replicate_is_foretold_as_far_as_noise_lets():
    noise = 0.4
    one = subject(curved_profiles(noise=noise, seed=6))
    sets, _ = replicates.choose_sets(one.samples, one.test_S)
    x_SG = one.x_SG.astype(float)
    width_made_SG = one.bundle.basis.lift(one.profiles.reconstruction_SK).astype(float)
    others = replicates.distances_to_others(one.profiles, sets)
    by_hand = [
        (np.square(width_made_SG[a] - x_SG[b]).sum() + np.square(width_made_SG[b] - x_SG[a]).sum()) / 2 for a, b in sets
    ]
    np.testing.assert_allclose(others["model"], by_hand, rtol=1e-3)
    # a reconstruction that knew what the replicates share would be in error by the noise of the other alone
    perfect = replace(
        one.profiles,
        reconstruction_SK=np.repeat((one.profiles.z_SK[::2] + one.profiles.z_SK[1::2]) / 2, 2, axis=0),
    )
    between_T = replicates.measure_sets(one.bundle.preprocessor, one.values_SG, sets).between_T
    middle = np.sqrt(replicates.distances_to_others(perfect, sets)["model"].sum() / between_T.sum())
    assert middle == pytest.approx(0.5, abs=0.03)  # the middle of two lies half their distance from the other
    own = replace(one.profiles, reconstruction_SK=one.profiles.z_SK)
    itself = np.sqrt(replicates.distances_to_others(own, sets)["model"].sum() / between_T.sum())
    assert itself == pytest.approx(
        1, abs=0.03
    )  # saying the first measurement again is as good as the first measurement


def test_a_model_that_learns_little_foretells_the_other_less(tmp_path):
    found = evaluated(curved_profiles(noise=0.02), tmp_path, width=1, epochs=2, evaluate=NO_MEASURES)["replicates"]
    assert found["ratio_to_other"]["low"] > 1 and found["ratio"]["low"] > 1


def test_where_noise_is_all_there_is_the_mean_profile_is_as_accurate_too(tmp_path):
    matrix = curved_profiles()
    noise_SG = np.random.default_rng(0).normal(6, 1, matrix.values.shape).astype(np.float32)
    found = evaluated(replace(matrix, values=noise_SG), tmp_path, evaluate=NO_MEASURES)["replicates"]
    assert found["ratio_mean_profile"]["high"] < 0.8 and found["ratio"]["high"] < 1
    text = (tmp_path / "report.html").read_text()
    assert "says little here" in text
    assert found["floor"]["missed"] is None and found["floor"]["missed_of_other"] is None
    assert found["floor"]["shared"]["low"] < LEAST_SHARED
    assert "not told apart from a perfect model" in text


def floor_of(spread, made, n_sets=200, n_replicates=3, n_genes=400, confidence=0.95):
    """Measure replicates of a known truth, whose noise has variance 1, with what `made` makes of truth and profiles."""
    draw = np.random.default_rng(5)
    truth_TG = spread * draw.normal(size=(n_sets, n_genes))
    x_SG = np.repeat(truth_TG, n_replicates, axis=0) + draw.normal(size=(n_sets * n_replicates, n_genes))
    sets = list(np.arange(len(x_SG)).reshape(n_sets, n_replicates))
    made_SG = made(np.repeat(truth_TG, n_replicates, axis=0), x_SG)
    mean = replicates.of_sets(np.square(x_SG).sum(axis=1), sets)
    between_T = np.array([replicates.squared_difference(x_SG[rows]) for rows in sets])
    own = replicates.of_sets(np.square(x_SG - made_SG).sum(axis=1), sets)
    apart = [replicates.squared_distances(made_SG[rows], x_SG[rows]) for rows in sets]
    others = np.array([replicates.mean_to_others(apart_MM).mean() for apart_MM in apart])
    plan = resampling(pd.DataFrame(index=[f"set {number}" for number in range(n_sets)]), 300, confidence, 1)
    errors = {"model": own, "pca": mean, "mean_profile": mean}
    return measure_floor(errors, {"model": others, "pca": mean}, between_T, plan)


@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_a_perfect_model_stands_at_0_and_the_mean_profile_at_1_however_noisy_the_profiles(spread):
    found, reason = floor_of(spread, lambda truth_SG, _: truth_SG)
    assert reason == ""
    assert found["shared"].value == pytest.approx(spread**2 / (1 + spread**2), abs=0.02)
    for name in ("missed", "missed_of_other"):
        model = found[name]["model"]
        assert model.low < 0 < model.high and model.value == pytest.approx(0, abs=0.03)
        assert astuple(found[name]["pca"]) == pytest.approx((1, 1, 1)), "made as the mean profile here"


def test_half_of_the_way_is_a_quarter_of_the_squared_error():
    found, _ = floor_of(0.5, lambda truth_SG, _: truth_SG / 2)
    assert found["missed"]["model"].value == pytest.approx(0.25, abs=0.03)
    assert found["missed_of_other"]["model"].value == pytest.approx(0.25, abs=0.03)


def test_who_copies_the_noise_falls_below_0_and_is_found_out_by_the_other_replicates():
    found, _ = floor_of(0.5, lambda _, x_SG: x_SG)
    assert found["missed"]["model"].high < 0
    assert found["missed_of_other"]["model"].value == pytest.approx(1 / 0.25, rel=0.1), "noise over what is shared"


@pytest.mark.parametrize(("spread", "n_sets"), [(0.0, 200), (0.02, 200), (0.0, 4), (3.0, 4)])
def test_where_floor_and_mean_profile_coincide_nothing_is_measured(spread, n_sets):
    found, reason = floor_of(spread, lambda truth_SG, _: truth_SG, n_sets)
    assert found["missed"] is None and found["missed_of_other"] is None
    assert "perfect model" in reason


def test_report_card_and_terminal_give_the_scale_beside_the_ratio(tmp_path):
    metrics = evaluated(curved_profiles(noise=0.2), tmp_path, evaluate=NO_MEASURES)
    text = (tmp_path / "report.html").read_text()
    told = with_interval(typed(metrics).replicates.floor.missed.model, 0.95)
    assert told in dict(summary(typed(metrics)))["  from noise floor (0) to mean profile (1)"]
    assert told in model_card(typed(metrics)) and text.count(told) >= 2


def test_types_without_replicates_have_no_ratio():
    matrix = curved_profiles()
    sets = [np.array([row, row + 1]) for row in range(0, 12, 2)]
    bundle, _, _ = trained(matrix, epochs=2)
    agreement = replicates.measure_sets(bundle.preprocessor, matrix.values, sets)
    errors = dict.fromkeys(("model", "pca"), np.ones(matrix.n_samples))
    plan = replicates.over_sets(sets, matrix.samples, resampling(matrix.samples, 100, 0.95, 0))
    label_S = matrix.samples["label"].where(np.arange(matrix.n_samples) >= 4, None)
    table = ceilings.by_label(sets, agreement, errors, label_S, matrix.n_genes, plan)
    assert table["n_sets"].sum() == 4 and set(table["label"]) == set(label_S.iloc[4:12])
    none = ceilings.by_label(sets, agreement, errors, pd.Series([None] * matrix.n_samples), matrix.n_genes, plan)
    assert none.empty and list(none.columns) == list(ceilings.BY_LABEL)


def test_replicates_that_do_not_differ_tell_no_noise(tmp_path):
    metrics = evaluated(
        curved_profiles(noise=0.0), tmp_path, evaluate={"measures": ("genes", "unseen_types"), "epochs": 2}, epochs=2
    )
    assert metrics["replicates"] is None and "replicates" in metrics["left_out"]
    assert metrics["genes"]["noise"] is None
    assert metrics["unseen_types"]["ratio_to_replicates"] is None
    assert "unseen_types.replicates" in metrics["left_out"]


def test_a_type_whose_replicates_do_not_differ_has_no_ratio(tmp_path):
    matrix = curved_profiles()
    values_SG, first_S = matrix.values.copy(), np.flatnonzero(matrix.samples["label"] == "type 0")
    values_SG[first_S[1::2]] = values_SG[first_S[::2]]
    evaluated(replace(matrix, values=values_SG), tmp_path, epochs=2)
    labels = pd.read_csv(tmp_path / "labels.csv").set_index("label")
    assert np.isnan(labels.loc["type 0", "ratio_to_replicates"])
    assert np.isfinite(labels.drop("type 0")["ratio_to_replicates"]).all()


@pytest.mark.parametrize("n_labels", [1, 2, 60])
@pytest.mark.parametrize("with_sets", [True, False])
def test_types_are_drawn(tmp_path, n_labels, with_sets):
    draw = np.random.default_rng(0)
    ratio_L = draw.uniform(0.6, 1.3, n_labels)
    over_L = np.where(np.arange(n_labels) % 3 == 0, draw.uniform(0.8, 1.4, n_labels), np.nan) * (
        1 if with_sets else np.nan
    )
    table = pd.DataFrame(
        {
            "label": [f"a type with a long name {n:02d}" if n % 7 else f"t{n}" for n in range(n_labels)],
            "n": 5, "ratio_to_pca": ratio_L, "low": ratio_L - 0.1, "high": np.where(ratio_L > 1, np.nan, ratio_L + 0.1),
            "n_sets": np.where(np.isnan(over_L), np.nan, 2), "ratio_to_replicates": over_L,
            "ratio_to_replicates_low": over_L - 0.1, "ratio_to_replicates_high": over_L + 0.1,
            "ratio_to_replicates_pca": over_L + 0.2,
        }
    )  # fmt: skip
    table.loc[table["high"].isna(), "low"] = np.nan
    picture = drawing.draw(tmp_path, "labels", "Types.", figures.label_ratios(table))
    cut = (table["label"].str.len() > 20).sum() if with_sets else 0
    assert picture.svg.count("a type with a long …") == cut
    assert ("distance" in picture.svg) == with_sets
