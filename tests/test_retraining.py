"""Retraining in the basis of all profiles is training over genes, and forgets what was left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluated import curved_profiles, params, subject
from sklearn.decomposition import PCA

from cic.evaluation.retrainings.retraining import coordinates, retrain, retrain_all
from cic.model.prepare import left_out_units, prepare
from cic.model.trial import fit_network
from cic.workers.processes import LocalProcesses
from cic.workers.workers import InThisProcess


@pytest.fixture(scope="module")
def curved():
    return subject(curved_profiles(), {"rank": 0, "epochs": 20})


def spec_of(curved, name="all"):
    return curved.retraining(name, curved.part_S == "train", curved.part_S == "validation")


def test_distances_are_those_of_genes(curved):
    x_SG = curved.x_SG
    y_SY = curved.coordinates.y_SY
    np.testing.assert_allclose(y_SY @ y_SY.T, x_SG @ x_SG.T, atol=2e-3 * np.square(x_SG).sum(axis=1).max())
    assert not curved.coordinates.outside_S.any()


def test_errors_are_those_of_training_over_genes(curved):
    found = retrain(spec_of(curved))
    train_S = curved.part_S == "train"
    x_SG = curved.x_SG.astype(float)
    pca = PCA(found.code_SW.shape[1], svd_solver="full").fit(x_SG[train_S])
    by_hand_S = np.square(x_SG - pca.inverse_transform(pca.transform(x_SG))).sum(axis=1)
    np.testing.assert_allclose(found.pca_error_S, by_hand_S, rtol=2e-3)
    mean_S = np.square(x_SG - x_SG[train_S].mean(axis=0)).sum(axis=1)
    np.testing.assert_allclose(found.mean_error_S, mean_S, rtol=1e-3)


def test_the_basis_is_never_narrower_than_the_code(curved):
    for rank, expected in ((2, 3), (8, 8), (0, 0)):
        evaluate = curved.params.evaluate.model_copy(update={"rank": rank})
        assert spec_of(replace(curved, params=curved.params.model_copy(update={"evaluate": evaluate}))).rank == expected


def test_the_same_training_as_through_the_stages(curved):
    matrix = curved_profiles()
    train, validation = (matrix.select(curved.part_S == name) for name in ("train", "validation"))
    prepared = prepare(train, validation, params(), 0)
    validation_S = curved.part_S == "validation"
    through_stages, again = [], []
    for seed in range(32):  # axes may point the other way, to which the weights that are drawn are others
        spec = replace(spec_of(curved), seed=seed)
        through_stages.append(fit_network(prepared.fold, spec.hyper, spec.training, spec.seed).validation_error)
        found = retrain(spec)
        again.append(found.error_S[validation_S].sum() / found.mean_error_S[validation_S].sum())
    assert np.mean(again) == pytest.approx(np.mean(through_stages), rel=0.05)
    assert max(again) < found.pca_error_S[validation_S].sum() / found.mean_error_S[validation_S].sum()


def test_what_is_left_out_has_no_influence(curved):
    spec = spec_of(curved)
    out_S = curved.part_S == "test"
    turned_SY = spec.coordinates.y_SY.copy()
    turned_SY[out_S] *= -3
    other = retrain(replace(spec, coordinates=replace(spec.coordinates, y_SY=turned_SY)))
    here = retrain(spec)
    np.testing.assert_array_equal(other.code_SW[~out_S], here.code_SW[~out_S])
    np.testing.assert_array_equal(other.error_S[~out_S], here.error_S[~out_S])


def test_what_is_left_out_has_no_influence_where_the_basis_is_truncated(curved, monkeypatch):
    """Above what an exact basis takes; turned around over genes, before any basis is found."""
    monkeypatch.setattr("cic.model.basis.EXACT_UP_TO", 24)
    out_S = curved.part_S == "test"
    x_SG = curved.x_SG.copy(order="K")
    x_SG[out_S] = 2 - 3 * x_SG[out_S][:, ::-1]
    here, other = (retrain(spec_of(replace(curved, x_SG=one_SG))) for one_SG in (curved.x_SG, x_SG))
    np.testing.assert_array_equal(other.code_SW[~out_S], here.code_SW[~out_S])
    np.testing.assert_array_equal(other.error_S[~out_S], here.error_S[~out_S])
    assert not np.allclose(other.error_S[out_S], here.error_S[out_S])


def test_left_out_units_are_counted_over_the_training_profiles(curved):
    """Where all profiles have enough groups and the training ones too few, replicates are left out, as in fit."""
    train_S = curved.part_S == "train"
    specimen_S = np.arange(len(train_S)) // 2
    group_S = np.where(train_S, specimen_S % 3, 3 + specimen_S % 5).astype(str)
    few = replace(curved, samples=curved.samples.assign(group=group_S))
    unit_S = spec_of(few).unit_S
    np.testing.assert_array_equal(unit_S[train_S], left_out_units(few.samples[train_S]))
    assert len(np.unique(unit_S[train_S])) > 3 and len(np.unique(left_out_units(few.samples)[train_S])) == 3


def test_workers_and_order_do_not_change_the_outcome(curved):
    specs = [spec_of(curved, name) for name in ("a", "b", "c")]
    here = retrain_all(specs, InThisProcess(), "test")
    workers = LocalProcesses(2, [retrain])
    try:
        there = retrain_all(specs[::-1], workers, "test")[::-1]
    finally:
        workers.stop()
    assert [one.name for one in here] == [one.name for one in there] == ["a", "b", "c"]
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.code_SW, other.code_SW)
    assert not np.array_equal(here[0].code_SW, here[1].code_SW)
    alone = retrain(specs[0])  # with a basis of its own, which the others share
    np.testing.assert_array_equal(alone.code_SW, here[0].code_SW)
    np.testing.assert_array_equal(alone.error_S, there[0].error_S)


def test_a_joint_classifier_gives_logits(curved):
    label_S = np.array([int(name[-1]) for name in curved.column("label")])
    train_S, validation_S = curved.part_S == "train", curved.part_S == "validation"
    spec = curved.retraining("joint", train_S, validation_S, label_S=label_S, label_weight=0.1)
    found = retrain(spec)
    assert found.logit_SL.shape == (len(label_S), label_S.max() + 1)
    assert (found.logit_SL.argmax(axis=1) == label_S)[train_S].mean() > 0.7


def test_more_profiles_than_a_basis_takes_keep_their_norm(monkeypatch):
    monkeypatch.setattr("cic.model.basis.EXACT_UP_TO", 20)
    x_SG = np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32)
    found = coordinates(x_SG, 1)
    norm_S = np.square(found.y_SY, dtype=float).sum(axis=1) + found.outside_S
    np.testing.assert_allclose(norm_S, np.square(x_SG).sum(axis=1), rtol=1e-4)
    assert found.outside_S.min() > 0
