"""The sample basis: what it keeps, and that training in it is training on genes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cic.errors import DataError
from cic.model import basis as basis_module
from cic.model.architecture import Architecture
from cic.model.autoencoder import Autoencoder, composed
from cic.model.basis import SampleBasis, squared_norms

SHAPES = st.tuples(st.integers(3, 12), st.integers(3, 40), st.integers(0, 2**20))


def centred(n_samples: int, n_genes: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    x_SG = draw.normal(size=(n_samples, n_genes)) * np.geomspace(3, 0.3, n_genes)
    return (x_SG - x_SG.mean(axis=0)).astype(np.float32)


@given(SHAPES)
@settings(max_examples=40, deadline=None)
def test_full_rank_reproduces_the_training_profiles(shape: tuple[int, int, int]) -> None:
    x_SG = centred(*shape)
    basis = SampleBasis.fit(x_SG)
    z_SK, outside_S = basis.project(x_SG)
    np.testing.assert_allclose(basis.lift(z_SK), x_SG, atol=1e-4)
    np.testing.assert_allclose(outside_S, 0, atol=1e-3)
    assert basis.left_out == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(basis.components_GK.T @ basis.components_GK, np.eye(basis.rank), atol=1e-5)
    assert np.mean(z_SK[:, 0] ** 2) == pytest.approx(1, rel=1e-4)


@given(SHAPES, st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_error_in_the_basis_and_outside_add_up_to_the_error_over_genes(shape: tuple[int, int, int], rank: int) -> None:
    basis = SampleBasis.fit(centred(*shape), rank)
    held_out_SG = np.random.default_rng(shape[2] + 1).normal(size=(5, shape[1])).astype(np.float32)
    z_SK, outside_S = basis.project(held_out_SG)
    guess_SK = z_SK + np.random.default_rng(3).normal(size=z_SK.shape).astype(np.float32)
    in_basis_S = squared_norms(guess_SK - z_SK) * basis.scale**2 + outside_S
    over_genes_S = squared_norms(basis.lift(guess_SK) - held_out_SG)
    np.testing.assert_allclose(in_basis_S, over_genes_S, rtol=1e-4)


def test_rank_says_what_it_leaves_out() -> None:
    x_SG = centred(10, 30, 0)
    singular = np.linalg.svd(x_SG.astype(np.float64), compute_uv=False)
    basis = SampleBasis.fit(x_SG, rank=4)
    np.testing.assert_allclose(basis.singular_values_K, singular[:4], rtol=1e-5)
    assert basis.left_out == pytest.approx(np.sum(singular[4:] ** 2) / np.sum(singular**2), rel=1e-4)


@pytest.mark.parametrize("gram_up_to", [50, 400])
def test_streamed_basis_agrees_with_the_exact_one(gram_up_to: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x_SG = centred(300, 400, 5) * np.geomspace(40, 0.1, 400).astype(np.float32)
    exact = SampleBasis.fit(x_SG, rank=6)
    monkeypatch.setattr(basis_module, "EXACT_UP_TO", 50)
    monkeypatch.setattr(basis_module, "GRAM_UP_TO", gram_up_to)
    streamed = SampleBasis.fit(x_SG, rank=6, seed=1)
    np.testing.assert_allclose(streamed.singular_values_K, exact.singular_values_K, rtol=1e-3)
    assert np.abs(np.sum(streamed.components_GK * exact.components_GK, axis=0)).min() > 0.99


def test_profiles_that_do_not_differ_are_an_error() -> None:
    with pytest.raises(DataError, match="do not differ"):
        SampleBasis.fit(np.zeros((4, 6), dtype=np.float32))


def network_and_basis(depth: int, seed: int) -> tuple[Autoencoder, SampleBasis, np.ndarray]:
    x_SG = centred(14, 60, seed)
    basis = SampleBasis.fit(x_SG)
    z_SK, _ = basis.project(x_SG)
    network = Autoencoder(
        Architecture(n_inputs=basis.rank, bottleneck_width=3, depth=depth, hidden_width=16, refinements=0)
    )
    generator = torch.Generator().manual_seed(seed)
    network.initialise(torch.from_numpy(z_SK).square().mean(0).sqrt(), 0.5, generator)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return network, basis, x_SG


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("refinements", [0, 1])
def test_composed_model_predicts_on_genes_what_the_basis_model_does(depth: int, refinements: int) -> None:
    network, basis, x_SG = network_and_basis(depth, 3)
    network.architecture = network.architecture.model_copy(update={"refinements": refinements})
    over_genes = composed(network, torch.from_numpy(basis.components_GK))
    z_SK, _ = basis.project(x_SG)
    with torch.no_grad():
        expected_SG = basis.lift(network(torch.from_numpy(z_SK)).numpy())
        got_SG = over_genes(torch.from_numpy(x_SG / np.float32(basis.scale))).numpy() * basis.scale
    np.testing.assert_allclose(got_SG, expected_SG, atol=2e-4)


@given(st.integers(0, 2), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_gradient_descent_takes_the_same_path_in_the_basis_and_over_genes(depth: int, seed: int) -> None:
    network, basis, x_SG = network_and_basis(depth, seed)
    components_GK = torch.from_numpy(basis.components_GK)
    over_genes = composed(network, components_GK)
    z_SK = torch.from_numpy(basis.project(x_SG)[0])
    inputs_SG = torch.from_numpy(x_SG / np.float32(basis.scale))
    paths = []
    for model, inputs in ((network, z_SK), (over_genes, inputs_SG)):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
        path = []
        for _ in range(25):
            loss = nn.functional.mse_loss(model(inputs), inputs, reduction="sum") / len(inputs)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            path.append(loss.item())
        paths.append(path)
    assert paths[0][-1] < paths[0][0]
    np.testing.assert_allclose(paths[0], paths[1], rtol=2e-3)
    again = composed(network, components_GK)
    for ours, theirs in zip(again.parameters(), over_genes.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=2e-2)
