"""A code that is turned: the same reconstructions and answers by numbers that are simpler."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from evaluated import curved_profiles, params

from cic.model.autoencoder import frozen
from cic.model.prepare import Prepared, prepare
from cic.model.recurrence import recurrence
from cic.model.rotation import Turn, turn_of, turned, turned_best, varimax
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network

CONFIG = params(training={"epochs": 8, "label_weight": 0.3})


@pytest.fixture(scope="module")
def ready() -> Prepared:
    matrix = curved_profiles()
    return prepare(matrix.select(np.arange(160) < 120), matrix.select(np.arange(160) >= 120), CONFIG, 0)


def orthogonal(width: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_is_made_of_profiles_and_told_of_them_stays(ready, depth):
    hyper = Hyperparameters(depth=depth, bottleneck_width=4, hidden_width=16)
    network = frozen(fit_network(ready.fold, hyper, CONFIG.training, 1).network)
    z_SK, turn_WV = ready.fold.z_validation_SK, orthogonal(4, depth)
    other = turned(network, turn_WV)
    code_SW, code_SV = network.encode(z_SK), other.encode(z_SK)
    size = np.abs(z_SK).max()
    np.testing.assert_allclose(code_SV, code_SW @ turn_WV, atol=1e-5 * size)
    np.testing.assert_allclose(other.decode(code_SV), network.decode(code_SW), atol=1e-5 * size)
    np.testing.assert_allclose(other.probabilities(code_SV), network.probabilities(code_SW), atol=1e-4)
    assert np.abs(code_SV - code_SW).max() > 0.1 * np.abs(code_SW).max()


def test_the_turn_is_taken_by_which_numbers_recur_best(ready):
    hyper = Hyperparameters(depth=1, bottleneck_width=4, hidden_width=16)
    first, second = (frozen(fit_network(ready.fold, hyper, CONFIG.training, seed).network) for seed in (1, 2))
    train_SK, held_SK = ready.fold.z_train_SK, ready.fold.z_validation_SK

    def recurs(kind):
        codes = []
        for network in (first, second):
            code_SW = network.encode(train_SK)
            effect_GW = ready.basis.components_GK @ network.jacobian(code_SW).mean(axis=0)
            codes.append(network.encode(held_SK) @ turn_of(kind, effect_GW, code_SW))
        return np.median(recurrence(*codes, signed=False))

    network, kind = turned_best((first, second), ready.basis, train_SK, held_SK)
    assert recurs(kind) > max(recurs(other) for other in get_args(Turn)) - 1e-3
    np.testing.assert_allclose(network.decode(network.encode(held_SK)), first.decode(first.encode(held_SK)), atol=1e-4)
    again, _ = turned_best((first, second), ready.basis, train_SK, held_SK)
    assert all((again.weights[name] == value).all() for name, value in network.weights.items())
    # a second code that is the first, but turned: what undoes that recurs best
    mixed = turned(first, orthogonal(4, 1))
    assert turned_best((first, mixed), ready.basis, train_SK, held_SK)[1] != "none"


def test_what_nothing_is_told_of_stays_as_it_was_trained(ready):
    hyper = Hyperparameters(depth=0, bottleneck_width=4)
    pca = frozen(fit_network(ready.fold, hyper, CONFIG.training, 1).network)
    train_SK, held_SK = ready.fold.z_train_SK, ready.fold.z_validation_SK
    alone, kind = turned_best((pca,), ready.basis, train_SK, held_SK)
    assert alone is pca and kind == "none"
    same, kind = turned_best((pca, pca), ready.basis, train_SK, held_SK)
    assert kind == "none"
    np.testing.assert_array_equal(same.encode(held_SK), pca.encode(held_SK))


@pytest.mark.parametrize("signed", [True, False])
def test_what_recurs_is_matched_one_to_one(signed):
    draw = np.random.default_rng(0)
    one_SF = draw.normal(size=(200, 4))
    one_SF[:, 3] = 1.0
    other_SH = np.column_stack([-one_SF[:, 2], one_SF[:, 0] + 0.1 * draw.normal(size=200)])
    found_F = recurrence(one_SF, other_SH, signed=signed)
    assert found_F[0] > 0.99 and found_F[3] == 0
    assert found_F[2] == pytest.approx(0 if signed else 1, abs=0.2)


def test_varimax_finds_numbers_that_each_move_their_own_genes():
    draw = np.random.default_rng(0)
    own_GW = np.zeros((400, 5))
    own_GW[np.arange(400), draw.integers(5, size=400)] = draw.gamma(2.0, size=400)
    own_GW *= [5, 4, 3, 2, 1]
    found_GV = own_GW @ orthogonal(5, 1) @ varimax(own_GW @ orthogonal(5, 1))
    np.testing.assert_allclose(found_GV, own_GW, atol=0.1)


def test_a_code_of_one_number_is_turned_up_at_most():
    assert varimax(np.array([[1.0], [-3.0]])).tolist() == [[-1.0]]
