"""The classifier that is found after training: its heads, what the unlabelled and the profile add, how it is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluated import curved_profiles, params, trained
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from cic.config import parse_params
from cic.data.matrix import write_matrix
from cic.data.within import normal_scores
from cic.errors import ConfigError, ModelError
from cic.folders import write_json
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.classifier import Classifier
from cic.model.classifier_fit import MOST_PROFILES, enough, find_classifier, fit_classifier
from cic.model.discriminant import belonging, discriminants, logistic
from cic.model.disturbance import NOISE_D
from cic.model.heads import Labelled
from cic.model.prepare import label_indices, label_names, prepare
from cic.model.reference import Reference
from cic.model.training import Hyperparameters
from cic.pipeline import run_stage, workspace
from cic.settings import Settings
from cic.stages.fit import fit


def clusters(n_labels: int = 3, n_each: int = 40, n_features: int = 6, apart: float = 3.0, seed: int = 0):
    """Profiles around means that are `apart`, and their labels."""
    draw = np.random.default_rng(seed)
    label_S = np.repeat(np.arange(n_labels), n_each)
    mean_LX = apart * draw.normal(size=(n_labels, n_features)) / n_features**0.5
    return mean_LX[label_S] + draw.normal(size=(len(label_S), n_features)), label_S


def labelled(z_SK: np.ndarray, label_S: np.ndarray, width: int, unit_S: np.ndarray | None = None) -> Labelled:
    """Give profiles whose code is PCA's, which is to say the first coordinates."""
    decoded_SK = np.where(np.arange(z_SK.shape[1]) < width, z_SK, 0.0)
    unit_S = np.arange(len(z_SK)) if unit_S is None else unit_S
    n_labels, inside_S = int(label_S.max()) + 1, np.zeros(len(z_SK))
    return Labelled(z_SK[:, :width], decoded_SK, z_SK, label_S, unit_S, n_labels, z_SK.shape[1], inside_S)


def logits(found: Classifier, z_SK: np.ndarray, rank_SR: np.ndarray | None = None) -> np.ndarray:
    """Tell profiles whose code is PCA's, and that have nothing outside of their coordinates."""
    width = found.code_LW.shape[1]
    return found.profile_logits(z_SK[:, :width], z_SK, np.zeros(len(z_SK)), rank_SR)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_discriminants_are_those_of_the_textbook(share):
    x_SX, label_S = clusters()
    ((weight_XL, bias_L),) = discriminants(x_SX, np.eye(3)[label_S], [share], x_SX.shape[1])
    book = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=share, priors=[1 / 3] * 3).fit(x_SX, label_S)
    np.testing.assert_allclose(softmax(x_SX @ weight_XL + bias_L, axis=1), book.predict_proba(x_SX), atol=1e-8)


def test_logistic_regression_is_that_of_the_library():
    x_SX, label_S = clusters(n_each=60)
    (weaker, stronger) = logistic(x_SX, np.eye(3)[label_S], (0.3, 3.0))
    unit = np.sqrt(np.square(x_SX).sum(axis=1).mean())
    for strength, (weight_XL, bias_L) in ((0.3, weaker), (3.0, stronger)):
        library = LogisticRegression(C=strength, tol=1e-8, max_iter=1000).fit(x_SX / unit, label_S)
        told_SL = softmax(x_SX @ weight_XL + bias_L, axis=1)
        np.testing.assert_allclose(told_SL, library.predict_proba(x_SX / unit), atol=2e-3)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 99), n_told=st.integers(1, 5), n_labels=st.integers(2, 4))
def test_who_has_a_label_belongs_to_it_and_the_others_belong_to_all_in_part(seed, n_told, n_labels):
    x_SX, label_S = clusters(n_labels, 12, seed=seed)
    told_S = np.tile(np.arange(12) < n_told, n_labels)
    of_label_SL = np.eye(n_labels)[label_S] * told_S[:, None]
    to_SL = belonging(x_SX, of_label_SL)
    np.testing.assert_allclose(to_SL.sum(axis=1), 1)
    np.testing.assert_array_equal(to_SL[told_S], of_label_SL[told_S])


def test_profiles_without_a_label_help_where_labels_are_few():
    gained = []
    for seed in range(4):
        z_SK, label_S = clusters(4, 60, 12, apart=4.0, seed=seed)
        told_S = np.tile(np.arange(60) < 2, 4)
        asked_S = np.tile(np.arange(60) >= 40, 4)
        few = np.flatnonzero(told_S)
        many = np.flatnonzero(~asked_S)
        right = []
        for known in (few, many):
            profiles = labelled(z_SK[known], np.where(told_S, label_S, -1)[known], 8)
            logit_SL = logits(find_classifier(profiles, 1), z_SK[asked_S])
            right.append(float(np.mean(logit_SL.argmax(axis=1) == label_S[asked_S])))
        gained.append(right[1] - right[0])
    assert np.mean(gained) > 0.02, gained


def test_what_the_code_left_out_is_read_from_the_profile():
    draw = np.random.default_rng(0)
    label_S = np.arange(120) % 2
    z_SK = draw.normal(size=(120, 10)) * np.array([3.0] * 5 + [1.0] * 5)
    z_SK[:, 7] += 6 * label_S  # beyond the code
    found = find_classifier(labelled(z_SK[:80], label_S[:80], 5), 1)
    asked_SK, true_S = z_SK[80:], label_S[80:]
    of_profiles = logits(found, asked_SK).argmax(axis=1)
    of_codes = found.code_logits(asked_SK[:, :5]).argmax(axis=1)
    assert np.mean(of_profiles == true_S) > 0.95
    assert np.mean(of_codes == true_S) < 0.75


def test_what_sets_groups_apart_is_not_taken_for_what_sets_labels_apart():
    """A head that is right by groups alone is found out, as these are left out whole."""
    draw = np.random.default_rng(3)
    label_S, unit_S = np.repeat(np.arange(12) % 2, 10), np.repeat(np.arange(12), 10)
    z_SK, rank_SR = draw.normal(size=(120, 20)), draw.normal(size=(120, 8))
    z_SK[:, 6:18] += 30 * np.eye(12)[unit_S]
    rank_SR[:, 0] += 4 * label_S
    profiles = replace(labelled(z_SK, label_S, 4, unit_S), rank_SR=rank_SR)
    fresh_SK, fresh_SR = draw.normal(size=(60, 20)), draw.normal(size=(60, 8))
    fresh_SK[:, 6:18] *= 30  # of other groups
    fresh_SR[:, 0] += 4 * (np.arange(60) % 2)
    for whole, of in ((True, profiles), (False, replace(profiles, unit_S=np.arange(120)))):
        told_S = logits(find_classifier(of, 1), fresh_SK, fresh_SR).argmax(axis=1)
        assert (np.mean(told_S == np.arange(60) % 2) > 0.9) == whole


@settings(deadline=None, max_examples=8)
@given(
    st.integers(0, 99), st.lists(st.integers(-1, 3), min_size=2, max_size=12).filter(lambda one: len({*one} - {-1}) > 1)
)
def test_it_is_found_for_any_few_labels_and_the_same_again(seed, labels):
    label_S = np.array(labels)
    z_SK = np.random.default_rng(seed).normal(size=(len(labels), 4)).astype(np.float32)
    profiles = labelled(z_SK, label_S, 2)
    found, again = find_classifier(profiles, seed), find_classifier(profiles, seed)
    for name, value in found.arrays().items():
        assert value.dtype == np.float32 and np.isfinite(value).all()
        np.testing.assert_array_equal(value, again.arrays()[name])
    told_S = logits(found, z_SK).argmax(axis=1)
    assert set(told_S) <= set(labels)


def test_of_one_known_label_alone_it_tells_that_one():
    z_SK = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    found = find_classifier(labelled(z_SK, np.full(8, 1), 2), 0)
    assert all(np.isfinite(value).all() for value in found.arrays().values())
    assert (logits(found, z_SK).argmax(axis=1) == 1).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4 * MOST_PROFILES), st.integers(0, 4 * MOST_PROFILES), st.integers(0, 9))
def test_of_many_profiles_those_with_a_label_are_taken_and_no_label_is_lost(n_told, n_untold, seed):
    draw = np.random.default_rng(seed)
    label_S = draw.permutation(np.concatenate([draw.integers(6, size=n_told) ** 2, np.full(n_untold, -1)]))
    label_S[draw.integers(len(label_S))] = 99
    at_S = enough(label_S)
    assert (np.diff(at_S) > 0).all() and len(at_S) <= MOST_PROFILES + 8
    assert set(label_S[label_S >= 0]) == set(label_S[at_S]) - {-1}
    n_told = int((label_S >= 0).sum())
    assert (label_S[at_S] >= 0).sum() == n_told or n_told > MOST_PROFILES


@pytest.fixture(scope="module")
def classified():
    """A bundle trained without labels, the same with a classifier, the profiles, their parts, what it was found by."""
    matrix = curved_profiles()
    bundle, part, _ = trained(matrix)
    train, validation = (matrix.select((part == name).to_numpy()) for name in ("train", "validation"))
    known = bundle.network, prepare(train, validation, params(), 0), train, validation, 1
    return (
        bundle,
        replace(bundle, labels=label_names(train.samples), classifier=fit_classifier(*known)),
        matrix,
        part.to_numpy(),
        known,
    )


def test_it_tells_profiles_and_codes_and_leaves_both_as_they_are(classified):
    bundle, told, matrix, part_S, *_ = classified
    test = matrix.select(part_S == "test")
    np.testing.assert_array_equal(told.encode(test.values), bundle.encode(test.values))
    z_SK, outside_S = told.project(test.values)
    code_SW = told.encode_basis(z_SK)
    true_S = label_indices(test.samples, told.labels)
    for probability_SL in (told.classify(test.values, code_SW, z_SK, outside_S), told.classify_codes(code_SW)):
        np.testing.assert_allclose(probability_SL.sum(axis=1), 1, rtol=1e-5)
        assert np.mean(probability_SL.argmax(axis=1) == true_S) > 0.6
    with pytest.raises(ModelError, match="no classifier"):
        bundle.classify(test.values, code_SW, z_SK, outside_S)


def test_it_is_kept_in_the_bundle_and_counts_in_its_digest(classified, tmp_path):
    bundle, told, matrix, *_ = classified
    for name, one in (("without", bundle), ("with", told)):
        save_bundle(tmp_path / name, one)
    again = load_bundle(tmp_path / "with")
    assert bundle_digest(tmp_path / "with") != bundle_digest(tmp_path / "without")
    assert load_bundle(tmp_path / "without").classifier is None
    z_SK, outside_S = told.project(matrix.values)
    code_SW = told.encode_basis(z_SK)
    seen = matrix.values, code_SW, z_SK, outside_S
    np.testing.assert_array_equal(again.classify(*seen), told.classify(*seen))
    np.testing.assert_array_equal(again.classify_codes(code_SW), told.classify_codes(code_SW))


def test_of_many_profiles_some_are_taken(classified, monkeypatch):
    *_, known = classified
    few, whole, asked = len(known[2].samples) // 2, fit_classifier(*known), []
    monkeypatch.setattr("cic.model.classifier_fit.MOST_PROFILES", few)
    found = lambda profiles, rank_SG, seed: asked.append((len(profiles.label_S), len(rank_SG))) or whole  # noqa: E731
    monkeypatch.setattr("cic.model.classifier_fit._over_genes", found)
    fit_classifier(*known)
    assert asked == [(few, few)]


def test_validation_labels_change_how_sure_it_is_and_no_answer(classified):
    _, told, matrix, _, (network, prepared, train, validation, seed) = classified
    other = validation.samples.assign(label=np.roll(validation.samples["label"], 1))
    other = fit_classifier(network, prepared, train, replace(validation, samples=other), seed)
    z_SK, outside_S = told.project(matrix.values)
    seen = told.encode_basis(z_SK), z_SK, outside_S / told.basis.scale**2, told.ranks(matrix.values)
    ours_SL, theirs_SL = (one.profile_logits(*seen) for one in (told.classifier, other))
    np.testing.assert_array_equal(ours_SL.argmax(axis=1), theirs_SL.argmax(axis=1))
    assert np.abs(ours_SL).mean() > 1.5 * np.abs(theirs_SL).mean()


def test_what_is_done_to_all_of_a_profile_leaves_its_ranks(classified):
    _, told, matrix, *_ = classified
    ranks_SG = told.ranks(matrix.values)
    np.testing.assert_array_equal(told.ranks(np.sinh(matrix.values) + 3), ranks_SG)
    assert told.classifier.rank_DLG.shape == (len(NOISE_D), len(told.labels), len(told.genes))
    assert np.ptp(ranks_SG @ told.classifier.rank_DLG[0].T, axis=0).min() > 0


def test_types_of_groups_that_are_moved_as_a_whole_are_told_by_ranks():
    draw = np.random.default_rng(2)
    label_S, unit_S = np.arange(240) % 3, np.arange(240) // 20
    log2_SG = draw.normal(size=200) + 0.5 * draw.normal(size=(240, 200)) + 0.2 * draw.normal(size=(3, 200))[label_S]
    log2_SG = np.exp(log2_SG * draw.uniform(0.3, 2, size=12)[unit_S, None])
    known_S = unit_S < 4
    z_SK, rank_SR = (x_SG - x_SG[known_S].mean(axis=0) for x_SG in (log2_SG, normal_scores(log2_SG)))
    profiles, right = labelled(z_SK[known_S], label_S[known_S], 5, unit_S[known_S]), []
    for rank_NR in (None, rank_SR[known_S]):
        found = find_classifier(replace(profiles, rank_SR=rank_NR), 1)
        logit_SL = logits(found, z_SK, rank_SR)
        right.append(float(np.mean(logit_SL.argmax(axis=1)[~known_S] == label_S[~known_S])))
    assert right[1] > right[0] + 0.05, right


def test_genes_that_are_missing_are_ranked_where_the_others_say(classified):
    _, told, matrix, part_S, (_, prepared, _, validation, _) = classified
    bundle = replace(told, reference=Reference.of(told, validation.values, None, prepared.fold.own_train_SK))
    values_SG = matrix.select(part_S == "test").values
    missing_G = np.arange(values_SG.shape[1]) % 10 == 0
    whole_SG, ranks_SG = bundle.ranks(values_SG), bundle.ranks(np.where(missing_G, np.nan, values_SG))
    assert np.corrcoef(whole_SG[:, missing_G].ravel(), ranks_SG[:, missing_G].ravel())[0, 1] > 0.9


def test_heads_of_a_bundle_before_format_7_read_code_and_coordinates():
    draw = np.random.default_rng(0)
    code_SW, z_SK, both_LX = draw.normal(size=(5, 2)), draw.normal(size=(5, 6)), draw.normal(size=(3, 6))
    old = {"code_LW": np.ones((3, 2)), "code_L": np.zeros(3), "profile_LX": both_LX, "profile_L": np.arange(3.0)}
    found = Classifier.restore(old)
    expected_SL = np.concatenate([code_SW, z_SK[:, :4]], axis=1) @ both_LX.T + old["profile_L"]
    seen = code_SW, z_SK, np.zeros(5), None
    np.testing.assert_allclose(found.profile_logits(*seen), expected_SL)
    np.testing.assert_allclose(found.cooled(1, 2).profile_logits(*seen), expected_SL / 2, rtol=1e-6)
    again = Classifier.restore(found.arrays())
    np.testing.assert_array_equal(again.profile_logits(*seen), found.profile_logits(*seen))


def test_the_head_of_a_bundle_of_format_7_tells_all_profiles():
    draw = np.random.default_rng(0)
    z_SK, rank_SG = draw.normal(size=(5, 6)), draw.normal(size=(5, 9))
    old = {"code_LW": np.ones((3, 2)), "code_L": np.zeros(3), "profile_L": np.arange(3.0)}
    old |= {"profile_LK": draw.normal(size=(3, 4)), "rank_LG": draw.normal(size=(3, 9))}
    found = Classifier.restore(old)
    expected_SL = z_SK[:, :4] @ old["profile_LK"].T + rank_SG @ old["rank_LG"].T + old["profile_L"]
    np.testing.assert_allclose(found.profile_logits(z_SK[:, :2], z_SK, np.full(5, 1e6), rank_SG), expected_SL)


def test_labels_that_are_too_few_are_refused_before_anything_is_searched_or_trained(tmp_path, monkeypatch):
    matrix = curved_profiles()
    write_matrix(tmp_path / "profiles.parquet", replace(matrix, samples=matrix.samples.assign(label="the only one")))
    data = {"file": str(tmp_path / "profiles.parquet"), "label": "label"}
    config = parse_params({"seed": 1, "data": data, "fit": {"classifier": True}})
    folders, locally = workspace(tmp_path / "build"), Settings(project=tmp_path, home=tmp_path / "home", device="cpu")
    for stage in ("ingest", "split"):
        run_stage(stage, config, folders, locally)
    monkeypatch.delattr("cic.stages.search.crew")
    with pytest.raises(ConfigError, match="at least two labels, the training profiles have 1"):
        run_stage("search", config, folders, locally)
    folders["search"].mkdir(parents=True)
    hyper = Hyperparameters(depth=1, bottleneck_width=2, hidden_width=8)
    choice = {"hyperparameters": hyper.model_dump(), "transform": "log2", "within_sample": "none"}
    write_json(folders["search"] / "choice.json", choice)
    monkeypatch.delattr("cic.stages.fit.crew")
    with pytest.raises(ConfigError, match="at least two labels, the training profiles have 1"):
        fit(config, folders, tmp_path / "fit", locally)


def test_heads_that_do_not_fit_each_other_are_refused():
    code_LW, code_L, profile_DLK = np.zeros((2, 3)), np.zeros(2), np.zeros((1, 2, 5))
    fits = {"code_LW": code_LW, "code_L": code_L, "profile_DLK": profile_DLK, "profile_DL": np.zeros((1, 2))}
    for more in (
        {"profile_DL": np.zeros((1, 3))},
        {"rank_DLG": np.zeros((1, 3, 9))},
        {"beside_LW": np.zeros((2, 4))},
        {"profile_DL": np.zeros((2, 2)), "profile_DLK": np.zeros((2, 2, 5))},
    ):
        with pytest.raises(ValueError, match="heads of 2 labels"):
            Classifier(**fits | more)
    with pytest.raises(ValueError, match="reads ranks"):
        reads = Classifier(**fits, rank_DLG=np.zeros((1, 2, 9)))
        reads.profile_logits(np.zeros((1, 3)), np.zeros((1, 5)), np.zeros(1), None)
