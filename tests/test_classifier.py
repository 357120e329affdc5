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
from cic.errors import ConfigError, ModelError
from cic.folders import write_json
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.classifier import Classifier
from cic.model.classifier_fit import MOST_PROFILES, Labelled, enough, find_classifier, fit_classifier
from cic.model.discriminant import belonging, discriminants, logistic
from cic.model.prepare import label_indices, label_names, prepare
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
    return Labelled(z_SK[:, :width], decoded_SK, z_SK, label_S, unit_S, int(label_S.max()) + 1, z_SK.shape[1])


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
            logit_SL = find_classifier(profiles, 1).profile_logits(z_SK[asked_S, :8], z_SK[asked_S])
            right.append(float(np.mean(logit_SL.argmax(axis=1) == label_S[asked_S])))
        gained.append(right[1] - right[0])
    assert np.mean(gained) > 0.02, gained


def test_what_the_code_left_out_is_read_from_the_profile():
    draw = np.random.default_rng(0)
    label_S = np.arange(120) % 2
    z_SK = draw.normal(size=(120, 10)) * np.array([10.0] * 5 + [1.0] * 5)
    z_SK[:, 7] += 6 * label_S  # beyond the code
    found = find_classifier(labelled(z_SK[:80], label_S[:80], 5), 1)
    asked_SK, true_S = z_SK[80:], label_S[80:]
    of_profiles = found.profile_logits(asked_SK[:, :5], asked_SK).argmax(axis=1)
    of_codes = found.code_logits(asked_SK[:, :5]).argmax(axis=1)
    assert np.mean(of_profiles == true_S) > 0.95
    assert np.mean(of_codes == true_S) < 0.75


def test_what_sets_groups_apart_is_not_taken_for_what_sets_labels_apart():
    """A head that is right by groups alone is found out, as these are left out whole."""
    draw = np.random.default_rng(3)
    label_S, unit_S = np.repeat(np.arange(12) % 2, 10), np.repeat(np.arange(12), 10)
    z_SK = draw.normal(size=(120, 20))
    z_SK[:, 6:18] += 30 * np.eye(12)[unit_S]  # beyond the code, as far as one likes
    z_SK[:, 0] += 4 * label_S
    profiles = labelled(z_SK, label_S, 4, unit_S)
    fresh_SK = draw.normal(size=(60, 20))
    fresh_SK[:, 6:18] *= 30  # of other groups
    fresh_SK[:, 0] += 4 * (np.arange(60) % 2)
    for whole, of in ((True, profiles), (False, replace(profiles, unit_S=np.arange(120)))):
        told_S = find_classifier(of, 1).profile_logits(fresh_SK[:, :4], fresh_SK).argmax(axis=1)
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
    told_S = found.profile_logits(z_SK[:, :2], z_SK).argmax(axis=1)
    assert set(told_S) <= set(labels)


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
    fold, labels = prepare(train, validation, params(), 0).fold, label_names(train)
    known = [label_indices(one.samples, labels) for one in (train, validation)]
    classifier = fit_classifier(bundle.network, fold, known[0], fold.unit_train_S, known[1], len(bundle.genes), 1)
    return bundle, replace(bundle, labels=labels, classifier=classifier), matrix, part.to_numpy(), fold, known


def test_it_tells_profiles_and_codes_and_leaves_both_as_they_are(classified):
    bundle, told, matrix, part_S, *_ = classified
    test = matrix.select(part_S == "test")
    np.testing.assert_array_equal(told.encode(test.values), bundle.encode(test.values))
    z_SK, _ = told.project(test.values)
    code_SW = told.encode_basis(z_SK)
    true_S = label_indices(test.samples, told.labels)
    for probability_SL in (told.classify(code_SW, z_SK), told.classify_codes(code_SW)):
        np.testing.assert_allclose(probability_SL.sum(axis=1), 1, rtol=1e-5)
        assert np.mean(probability_SL.argmax(axis=1) == true_S) > 0.6
    with pytest.raises(ModelError, match="no classifier"):
        bundle.classify(code_SW, z_SK)


def test_it_is_kept_in_the_bundle_and_counts_in_its_digest(classified, tmp_path):
    bundle, told, matrix, *_ = classified
    for name, one in (("without", bundle), ("with", told)):
        save_bundle(tmp_path / name, one)
    again = load_bundle(tmp_path / "with")
    assert bundle_digest(tmp_path / "with") != bundle_digest(tmp_path / "without")
    assert load_bundle(tmp_path / "without").classifier is None
    z_SK, _ = told.project(matrix.values)
    code_SW = told.encode_basis(z_SK)
    np.testing.assert_array_equal(again.classify(code_SW, z_SK), told.classify(code_SW, z_SK))
    np.testing.assert_array_equal(again.classify_codes(code_SW), told.classify_codes(code_SW))


def test_of_many_profiles_some_are_taken_once(classified, monkeypatch):
    """Where a label has to be added to those that are taken evenly, they are more than so many, but no fewer."""
    bundle, _, _, _, fold, (label_S, label_validation_S) = classified
    told_S = np.flatnonzero(label_S >= 0)
    label_S = np.where(np.arange(len(label_S)) == told_S[1], label_S.max() + 1, label_S)
    monkeypatch.setattr("cic.model.classifier_fit.MOST_PROFILES", len(told_S) // 2)
    at_S, n_labels = enough(label_S), int(label_S.max()) + 1
    assert len(at_S) > len(told_S) // 2
    code_SW = bundle.network.encode(fold.z_train_SK)
    whole = Labelled(
        code_SW, bundle.network.decode(code_SW), fold.z_train_SK, label_S, fold.unit_train_S, n_labels,
        len(bundle.genes),
    )  # fmt: skip
    expected = find_classifier(whole, 1)
    found = fit_classifier(bundle.network, fold, label_S, fold.unit_train_S, label_validation_S, len(bundle.genes), 1)
    cooled = expected.code_L[0] / found.code_L[0]
    np.testing.assert_allclose(found.code_LW * cooled, expected.code_LW, rtol=1e-2, atol=1e-3)


def test_validation_labels_change_how_sure_it_is_and_no_answer(classified):
    bundle, told, _, _, fold, (label_S, label_validation_S) = classified
    other_S = np.roll(label_validation_S, 1)
    other = fit_classifier(bundle.network, fold, label_S, fold.unit_train_S, other_S, len(bundle.genes), 1)
    code_SW = bundle.encode_basis(fold.z_train_SK)
    ours_SL, theirs_SL = (one.profile_logits(code_SW, fold.z_train_SK) for one in (told.classifier, other))
    np.testing.assert_array_equal(ours_SL.argmax(axis=1), theirs_SL.argmax(axis=1))
    assert np.abs(ours_SL).mean() > 1.5 * np.abs(theirs_SL).mean()


def test_labels_that_are_too_few_are_refused_before_anything_is_trained(tmp_path, monkeypatch):
    matrix = curved_profiles()
    write_matrix(tmp_path / "profiles.parquet", replace(matrix, samples=matrix.samples.assign(label="the only one")))
    data = {"file": str(tmp_path / "profiles.parquet"), "label": "label"}
    config = parse_params({"seed": 1, "data": data, "fit": {"classifier": True}})
    folders, locally = workspace(tmp_path / "build"), Settings(project=tmp_path, home=tmp_path / "home", device="cpu")
    for stage in ("ingest", "split"):
        run_stage(stage, config, folders, locally)
    folders["search"].mkdir(parents=True)
    hyper = Hyperparameters(depth=1, bottleneck_width=2, hidden_width=8)
    choice = {"hyperparameters": hyper.model_dump(), "transform": "log2", "within_sample": "none"}
    write_json(folders["search"] / "choice.json", choice)
    monkeypatch.delattr("cic.stages.fit.crew")
    with pytest.raises(ConfigError, match="at least two labels, the training profiles have 1"):
        fit(config, folders, tmp_path / "fit", locally)


def test_heads_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match="heads of 2 labels"):
        Classifier(np.zeros((2, 3)), np.zeros(2), np.zeros((3, 5)), np.zeros(3))
    with pytest.raises(ValueError, match="heads of 2 labels"):
        Classifier(np.zeros((2, 3)), np.zeros(2), np.zeros((2, 2)), np.zeros(2))
