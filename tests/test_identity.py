"""Who tells the cell type how well is measured without flattery, whatever labels and groups there are."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluated import changed, curved_profiles, some_evidence, some_facts, subject
from scipy.stats import ortho_group
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.svm import SVC

from cic.evaluation.classifiers import classifiers
from cic.evaluation.classifiers.names import METHOD_NAMES
from cic.evaluation.drawing.drawing import draw
from cic.evaluation.questions.identity import measure as identity
from cic.evaluation.questions.identity import say
from cic.evaluation.questions.identity.cross_validation import MODELS
from cic.evaluation.questions.identity.draw import confusion_figure
from cic.evaluation.questions.identity.folds import design, folds_of
from cic.evaluation.questions.identity.measure import RIVALS
from cic.evaluation.questions.identity.measure import measure as measure_identity
from cic.evaluation.questions.identity.say import TOPICS
from cic.evaluation.questions.identity.tuning import TuningSpec, tune
from cic.workers.executor import make_executor

QUICK = {"folds": 3, "label_weights": (0.1, 1.0), "epochs": 10}


def blobs(n: int = 90, n_genes: int = 300, n_labels: int = 3, spread: float = 3.0, seed: int = 0):
    """Training and told profiles of as many Gaussian clouds as labels, with fewer profiles than genes."""
    draw_from = np.random.default_rng(seed)
    centre_LG = draw_from.normal(size=(n_labels, n_genes)) / n_genes**0.5 * spread
    label_S = np.arange(2 * n) % n_labels
    x_SG = 5 + centre_LG[label_S] + draw_from.normal(size=(2 * n, n_genes)) * np.linspace(0.1, 0.5, n_genes)
    return x_SG[:n], label_S[:n], x_SG[n:], label_S[n:]


def fitting(n_genes: int | None = None, turn=None, **kinds) -> classifiers.Fitting:
    train, label_N, told, _ = blobs(**kinds)
    if turn is not None:
        train, told = train @ turn, told @ turn
    return classifiers.Fitting(train, label_N, told, n_genes or train.shape[1], 0)


def scored(matrix, **samples):
    """Give the matrix with other sample columns; `None` takes a column away."""
    changed = matrix.samples.assign(**{name: value for name, value in samples.items() if value is not None})
    return replace(matrix, samples=changed.drop(columns=[name for name, value in samples.items() if value is None]))


def sentence_of(finding) -> str:
    """Give the report's sentence on cell identity."""
    (sentence,) = TOPICS[0].conclusions(finding.finding, some_facts(finding))
    return sentence


@pytest.fixture(scope="module")
def small():
    return subject(curved_profiles(n_samples=80, n_labels=2), {**QUICK, "folds": 2, "label_weights": (0.1,)})


@pytest.fixture(scope="module")
def curved():
    whole = subject(curved_profiles(noise=0.02), QUICK, label_weight=0.3)
    return whole, measure_identity(whole)


def test_classifiers_agree_with_sklearn_on_genes():
    train, label_N, told, _ = blobs()
    given = fitting()
    shrunk = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(train, label_N).predict(told)
    np.testing.assert_array_equal(classifiers.lda(given, [0.3])[0], shrunk)
    np.testing.assert_array_equal(
        classifiers.centroid(given, [None])[0], NearestCentroid().fit(train, label_N).predict(told)
    )
    unit = np.sqrt(np.square(train - train.mean(axis=0)).sum(axis=1).mean())
    linear = SVC(kernel="linear", C=10 / unit**2).fit(train - train.mean(axis=0), label_N)
    np.testing.assert_array_equal(classifiers.svm_linear(given, [10.0])[0], linear.predict(told - train.mean(axis=0)))
    by_hand = LogisticRegression(C=30.0, max_iter=2000, tol=1e-3).fit((train - train.mean(axis=0)) / unit, label_N)
    said = classifiers.logistic(given, [30.0])[0]
    assert np.mean(said == by_hand.predict((told - train.mean(axis=0)) / unit)) > 0.98
    for count in (1, 5):
        near = KNeighborsClassifier(count).fit(train, label_N)
        sure = np.sort(near.predict_proba(told), axis=1)
        sure = sure[:, -1] > sure[:, -2]
        np.testing.assert_array_equal(classifiers.nearest(given, [count])[0][sure], near.predict(told)[sure])


def test_the_shrinkage_is_that_of_all_genes():
    train, label_N, _, _ = blobs()
    residual = train - np.stack([train[label_N == label].mean(axis=0) for label in range(3)])[label_N]
    assert classifiers.ledoit_wolf(residual, 300) == pytest.approx(ledoit_wolf(residual, assume_centered=True)[1])
    axes = np.linalg.svd(residual, full_matrices=False)[2].T
    whole = classifiers.ledoit_wolf(residual, 300)
    assert classifiers.ledoit_wolf(residual @ axes, 300) == pytest.approx(whole)
    assert classifiers.ledoit_wolf(residual @ axes, 90) != pytest.approx(whole, rel=0.1)


def test_a_rotation_changes_nothing_that_is_said():
    turn = ortho_group(300, seed=1).rvs()
    plain, turned = fitting(spread=1.5), fitting(spread=1.5, turn=turn)
    for name, method in classifiers.SPACES["profile"].items():
        for before, after in zip(method.tell(plain, method.grid), method.tell(turned, method.grid), strict=True):
            assert np.mean(before == after) > 0.98, name


def test_settings_are_chosen_by_inner_folds_alone():
    train, label_N, told, _ = blobs(spread=1.5)
    spec = TuningSpec(0, "profile", train, label_N, np.arange(90) % 3, told, 300, False, 0)
    whole = tune(spec)
    elsewhere = tune(replace(spec, tested_TX=100 * told[::-1]))
    assert {name: one.setting for name, one in whole.predictions.items()} == {
        name: one.setting for name, one in elsewhere.predictions.items()
    }
    # pairs of which one is in another inner fold make a single neighbour seem best
    twins = replace(
        spec, train_NX=np.repeat(train, 2, axis=0), label_N=np.random.default_rng(0).integers(3, size=90).repeat(2),
        inner_N=np.arange(180) % 2,
    )  # fmt: skip
    assert tune(twins).predictions["profile_nearest"].setting == 1


def test_one_label_in_training_is_what_everybody_says():
    train, _, told, _ = blobs()
    for space in classifiers.SPACES:
        found = tune(TuningSpec(0, space, train, np.full(90, 2), np.arange(90) % 3, told, 300, True, 0))
        assert all((one.predicted_T == 2).all() for one in found.predictions.values())


def test_all_is_measured_and_chance_is_chance(curved):
    whole, found = curved
    metrics = found.finding
    assert set(metrics.methods) == set(METHOD_NAMES)
    assert metrics.n == (whole.part_S != "validation").sum() and metrics.n_folds == 3
    assert metrics.methods["classifier"].balanced_accuracy.low > metrics.chance == 0.25
    assert metrics.methods["majority"].balanced_accuracy.value <= 0.25 + 1e-9
    for model in MODELS:
        for rival in RIVALS:
            left, right = (metrics.methods[name].balanced_accuracy.value for name in (model, rival))
            assert metrics.differences[model][rival].value == pytest.approx(left - right)
    assert metrics.bundle_classifier.n == whole.test_S.sum()
    assert metrics.bundle_classifier.balanced_accuracy.value > 0.25


def test_tables_hold_what_was_said(curved):
    whole, found = curved
    said = found.tables["identity_answers"].set_index("sample_id")
    assert "validation" not in set(whole.part_S[whole.samples.index.get_indexer(said.index)])
    group_S = whole.samples.loc[said.index, "group"]
    assert (said.groupby(group_S)["fold"].nunique() == 1).all()
    accuracy = (said["classifier"] == said["true"]).mean()
    assert accuracy == pytest.approx(found.finding.methods["classifier"].accuracy.value)
    confusion = found.tables["confusion"].query("method == 'classifier'")
    assert confusion["n"].sum() == len(said)
    assert confusion.query("true == predicted")["n"].sum() == pytest.approx(accuracy * len(said))
    settings = found.tables["identity_settings"]
    assert set(settings["method"]) == set(METHOD_NAMES) - {"majority"} and settings["fold"].nunique() == 3
    after = found.tables["reliability"].query("method == 'classifier' and when == 'after'")
    error = np.average((after["confidence"] - after["accuracy"]).abs(), weights=after["n"])
    assert error == pytest.approx(found.finding.calibration["classifier"].ece_after)


def test_labels_of_a_fold_have_no_part_in_what_is_said_of_it(small):
    plan = design(small)
    subset_S = plan.fold_S == 0
    label_S = plan.label_S.copy()
    label_S[subset_S] = np.random.default_rng(0).permutation(label_S[subset_S])
    assert (label_S != plan.label_S).any()
    outcome, other = (identity.cross_validated(small, one) for one in (plan, replace(plan, label_S=label_S)))
    for name, predicted_S in outcome.predicted.items():
        np.testing.assert_array_equal(predicted_S[subset_S], other.predicted[name][subset_S], err_msg=name)
        np.testing.assert_array_equal(outcome.temperatures["joint"][subset_S], other.temperatures["joint"][subset_S])


def test_random_labels_are_told_no_better_than_chance():
    matrix = curved_profiles(noise=0.5, seed=2)
    label_S = np.random.default_rng(1).choice(["a", "b"], matrix.n_samples)
    found = measure_identity(subject(scored(matrix, label=label_S, replicate=None), QUICK))
    interval = found.finding.methods["classifier"].balanced_accuracy
    assert interval.low < 0.5
    sentence = sentence_of(found)
    assert sentence.standing == "bad"


def test_the_same_with_one_worker_and_two(small):
    found = measure_identity(small)
    with make_executor(2) as workers:
        again = measure_identity(replace(small, workers=workers))
    assert again.finding == found.finding
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_without_labels_or_with_one_nothing_is_measured():
    matrix = curved_profiles(n_samples=60)
    for samples in ({"label": None}, {"label": "only"}):
        found = measure_identity(subject(scored(matrix, **samples), QUICK))
        assert found.finding is None
        assert found.left_out["identity"] in sentence_of(found).text


def test_rare_labels_are_named_and_left_out():
    matrix = curved_profiles(n_samples=100, n_labels=2)
    label = matrix.samples["label"].to_numpy().copy()
    whole = subject(matrix, QUICK)
    rare = np.flatnonzero(whole.part_S != "validation")[:2]
    label[rare] = "rare"
    label[np.flatnonzero(whole.part_S == "train")[-1]] = None
    plan = design(replace(whole, samples=matrix.samples.assign(label=label)))
    assert plan.labels == ("type 0", "type 1")
    assert "rare" in plan.left_out["identity.labels"]
    assert not set(rare) & set(plan.scored) and len(plan.scored) == (whole.part_S != "validation").sum() - 3


def test_a_label_in_one_group_is_not_said_to_be_told():
    matrix = curved_profiles(n_samples=100, n_labels=2)
    whole = subject(matrix, QUICK)
    own = matrix.samples["group"].to_numpy() == matrix.samples["group"].to_numpy()[whole.part_S == "train"][0]
    label = np.where(own, "lonely", matrix.samples["label"])
    plan = design(replace(whole, samples=matrix.samples.assign(label=label)))
    assert "lonely" in plan.left_out["identity.labels"]
    both = np.where(own, "lonely", "others")
    assert isinstance(design(replace(whole, samples=matrix.samples.assign(label=both))), str), "a reason, no plan"


def test_few_groups_make_few_folds_and_one_group_is_said():
    samples = curved_profiles(n_samples=60, n_groups=4).samples
    assert folds_of(samples, 5, 0)[1:] == (4, "group")
    assert folds_of(samples.assign(group="one"), 5, 0)[1:] == (5, "replicate set")
    whole = subject(curved_profiles(n_samples=60, n_groups=12), QUICK)
    one = replace(whole, samples=whole.samples.assign(group="one"))
    plan = design(one)
    assert plan.by == "replicate set" and "identity.folds" in plan.cautions
    few = replace(whole, samples=whole.samples.assign(group=np.where(np.arange(60) // 2 % 2, "x", "y")))
    assert design(few).n_folds == 2 and "identity.folds" in design(few).cautions


def test_a_label_that_a_fold_takes_away_counts_as_errors(small, monkeypatch):
    plan = design(small)
    label_S = np.where(plan.fold_S == 0, 0, 1)
    monkeypatch.setattr(identity, "design", lambda subject: replace(plan, label_S=label_S))
    found = measure_identity(small)
    assert found.finding.n_unseen == len(label_S)
    assert all(one.accuracy.value == 0 for one in found.finding.methods.values())
    assert "identity.unseen" in found.cautions
    assert found.finding.calibration is None


def test_all_perfect_is_said_as_a_tie():
    matrix = curved_profiles(n_samples=100, n_labels=2, noise=0.01)
    values = matrix.values + 20 * (matrix.samples["label"] == "type 1").to_numpy()[:, None].astype(np.float32)
    found = measure_identity(subject(replace(matrix, values=values), {**QUICK, "epochs": 40}))
    sentence = sentence_of(found)
    assert sentence.standing == "open"


@pytest.mark.parametrize(("low", "high", "standing"), [(0.01, 0.1, "good"), (-0.1, -0.01, "bad"), (-0.1, 0.1, "open")])
def test_the_sentence_follows_the_differences(curved, low, high, standing):
    _, found = curved
    difference = {"value": (low + high) / 2, "low": low, "high": high}
    other = changed(found.finding, differences={"classifier": dict.fromkeys(RIVALS, difference)})
    sentence = sentence_of(replace(found, finding=other))
    assert sentence.standing == standing and all(METHOD_NAMES[rival] in sentence.text for rival in RIVALS)


@pytest.mark.parametrize("n_labels", [2, 12, 60])
def test_the_confusion_matrix_is_drawn_for_few_and_many(tmp_path, n_labels):
    names = [f"type {number:02d}" for number in range(n_labels)]
    rows = [(name, name, 9) for name in names] + [(names[0], names[1], 1)]
    table = pd.DataFrame(rows, columns=["true", "predicted", "n"])
    picture = draw(tmp_path, "confusion", "", confusion_figure(table))
    assert all(name in picture.svg for name in names)
    assert (">90</text>" in picture.svg) == (n_labels <= 12)


def test_the_sections_show_what_was_measured(curved, tmp_path):
    _, found = curved
    makers = (
        say.identity_section,
        say.confusion_section,
        say.calibration_section,
    )
    scores, confusion, calibration = (make(found.finding, some_evidence(found), tmp_path) for make in makers)
    assert [row[0] for row in scores.table.rows] == list(METHOD_NAMES.values())
    assert re.findall(r"\d+", scores.n)[:2] == ["140", "4"] and "chance 0.25" in scores.picture.svg
    wrong = round((1 - found.finding.methods["classifier"].accuracy.value) * 140)
    assert re.findall(r"\d+", confusion.claim)[:2] == [str(wrong), "140"]
    assert f"{100 * found.finding.calibration['classifier'].ece_after:.1f}%" in calibration.claim
    assert all(section.baseline and section.n for section in (scores, confusion, calibration))


def test_without_labelled_validation_profiles_nothing_is_calibrated(small):
    label = small.samples["label"].where(small.part_S != "validation", None)
    found = measure_identity(replace(small, samples=small.samples.assign(label=label)))
    assert found.finding.calibration is None and "identity.calibration" in found.left_out
