"""A code that is turned: the same reconstructions and answers by numbers that are simpler."""

from __future__ import annotations

import numpy as np
import pytest
from evaluated import curved_profiles, params

from cic.model.autoencoder import frozen
from cic.model.prepare import Prepared, prepare
from cic.model.rotation import turned, turned_to_genes, varimax
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


def test_numbers_of_a_turned_code_move_fewer_genes_and_the_same_again(ready):
    hyper = Hyperparameters(depth=1, bottleneck_width=4, hidden_width=16)
    network = frozen(fit_network(ready.fold, hyper, CONFIG.training, 1).network)
    z_SK = ready.fold.z_train_SK
    simple = turned_to_genes(network, ready.basis, z_SK)
    np.testing.assert_allclose(simple.decode(simple.encode(z_SK)), network.decode(network.encode(z_SK)), atol=1e-4)

    def criterion(one):
        effect_GW = ready.basis.components_GK @ one.jacobian(one.encode(z_SK)).mean(axis=0)
        return np.square(effect_GW).var(axis=0).sum()

    assert criterion(simple) > 1.05 * criterion(network)
    again = turned_to_genes(network, ready.basis, z_SK)
    assert all((again.weights[name] == value).all() for name, value in simple.weights.items())


def test_varimax_finds_numbers_that_each_move_their_own_genes():
    draw = np.random.default_rng(0)
    own_GW = np.zeros((400, 5))
    own_GW[np.arange(400), draw.integers(5, size=400)] = draw.gamma(2.0, size=400)
    own_GW *= [5, 4, 3, 2, 1]
    found_GV = own_GW @ orthogonal(5, 1) @ varimax(own_GW @ orthogonal(5, 1))
    np.testing.assert_allclose(found_GV, own_GW, atol=0.1)


def test_a_code_of_one_number_is_turned_up_at_most():
    assert varimax(np.array([[1.0], [-3.0]])).tolist() == [[-1.0]]
