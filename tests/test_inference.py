"""The network in use, without torch, is the network that was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.model.architecture import Architecture
from cic.model.autoencoder import Autoencoder, differentiable, frozen
from cic.model.inference import ROWS, TrainedNetwork, shapes

architectures = st.builds(
    Architecture,
    n_inputs=st.integers(4, 12),
    bottleneck_width=st.integers(1, 4),
    depth=st.integers(0, 3),
    hidden_width=st.integers(2, 24),
    activation=st.sampled_from(["elu", "gelu"]),
    refinements=st.integers(0, 2),
    curvature=st.integers(0, 14),
    n_labels=st.integers(0, 3),
)


def drawn(architecture: Architecture, seed: int) -> Autoencoder:
    """Give a network whose layers all have weights, as training leaves them."""
    draw = torch.Generator().manual_seed(seed)
    network = Autoencoder(architecture)
    with torch.no_grad():
        for value in network.parameters():
            value.normal_(0, 1 / max(value.shape[-1], 1) ** 0.5, generator=draw)
        network.code_scale_W.uniform_(0.5, 2, generator=draw)
    return network.eval()


@settings(deadline=None, max_examples=60)
@given(architecture=architectures, seed=st.integers(0, 1000), n=st.sampled_from([0, 1, 5, ROWS + 3]))
def test_it_computes_what_the_trained_one_does(architecture: Architecture, seed: int, n: int) -> None:
    network = drawn(architecture, seed)
    used = frozen(network)
    z_BK = np.random.default_rng(seed).normal(size=(n, architecture.n_inputs)).astype(np.float32)
    with torch.inference_mode():
        code_BW = network.encode(torch.from_numpy(z_BK)) if n else torch.zeros((0, architecture.bottleneck_width))
        made_BK = network.decode(code_BW)
        near = {"rtol": 1e-3, "atol": 1e-3}  # a refinement solves a small system, in float32
        np.testing.assert_allclose(used.encode(z_BK), code_BW.numpy(), **near)
        np.testing.assert_allclose(used.decode(code_BW.numpy()), made_BK.numpy(), rtol=1e-4, atol=1e-5)
        assert used.encode(z_BK).dtype == used.decode(code_BW.numpy()).dtype == np.float32
        if architecture.n_labels:
            expected_BL = torch.softmax(network.label_logits(code_BW), dim=1).numpy()
            np.testing.assert_allclose(used.probabilities(code_BW.numpy()), expected_BL, rtol=1e-4, atol=1e-6)
        again = differentiable(used)
        assert all(torch.equal(value, again.state_dict()[name]) for name, value in network.state_dict().items())


@settings(deadline=None)
@given(architecture=architectures, seed=st.integers(0, 1000))
def test_first_outputs_tell_how_a_step_bends_where_the_others_are_silent(architecture: Architecture, seed: int) -> None:
    network = frozen(drawn(architecture, seed))
    first = architecture.curvature or architecture.n_inputs
    silent = {name: value.copy() for name, value in network.weights.items()}
    for name in ("decoder_linear.weight", "decoder_last.weight", "decoder_last.bias"):
        if name in silent:
            silent[name][first:] = 0
    z_BK = np.random.default_rng(seed).normal(size=(3, architecture.n_inputs)).astype(np.float32)
    by_all = TrainedNetwork(architecture.model_copy(update={"curvature": 0}), silent).encode(z_BK)
    np.testing.assert_allclose(TrainedNetwork(architecture, silent).encode(z_BK), by_all, rtol=1e-3, atol=1e-3)


@given(architecture=architectures)
def test_it_names_every_weight_of_the_trained_one(architecture: Architecture) -> None:
    expected = {name: tuple(value.shape) for name, value in Autoencoder(architecture).state_dict().items()}
    assert shapes(architecture) == expected


def test_weights_of_another_shape_are_refused() -> None:
    network = frozen(drawn(Architecture(n_inputs=6, bottleneck_width=2, depth=1, hidden_width=8), 0))
    odd = network.weights | {"encoder_linear.weight": np.zeros((2, 5), dtype=np.float32)}
    with pytest.raises(ValueError, match=r"encoder_linear\.weight are \(2, 5\) where \(2, 6\)"):
        TrainedNetwork(network.architecture, odd)
    with pytest.raises(ValueError, match=r"encoder_last\.bias are None"):
        TrainedNetwork(network.architecture, {k: v for k, v in network.weights.items() if k != "encoder_last.bias"})


def test_a_decoder_that_does_not_answer_leaves_the_code() -> None:
    network = frozen(drawn(Architecture(n_inputs=6, bottleneck_width=2, depth=1, hidden_width=8), 0))
    silent = {name: np.zeros_like(value) if "decoder" in name else value for name, value in network.weights.items()}
    z_BK = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    once = TrainedNetwork(network.architecture.model_copy(update={"refinements": 0}), silent)
    np.testing.assert_array_equal(TrainedNetwork(network.architecture, silent).encode(z_BK), once.encode(z_BK))
