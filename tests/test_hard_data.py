"""Training on what no data should be: it ends, and never worse than PCA."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.config import Training
from cic.model.definite import cholesky
from cic.model.fold import Fold
from cic.model.left_out import groups_by_size, left_out_error
from cic.model.training import Hyperparameters, new_network, train
from cic.model.trial import TrialSpec, fit_network, run_trial

QUICK = Training(epochs=15, validate_every=5)


def matrices(draw: np.random.Generator, n: int, rank: int, scale: float) -> torch.Tensor:
    root = draw.normal(size=(n, rank)) * scale
    return torch.from_numpy((root @ root.T).astype(np.float32))


@given(st.integers(1, 30), st.integers(1, 40), st.integers(-18, 18), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_any_covariance_has_a_factor(n: int, rank: int, exponent: int, seed: int) -> None:
    matrix = matrices(np.random.default_rng(seed), n, rank, 10.0 ** (exponent / 2))
    factor = cholesky(matrix)
    assert torch.isfinite(factor).all()
    scale = float(matrix.diagonal().max())
    assert float((factor @ factor.T - matrix).abs().max()) <= 1e-3 * scale


def test_an_indefinite_matrix_gets_the_factor_of_a_definite_one_near_it() -> None:
    matrix = torch.diag(torch.tensor([3.0, 2.0, -0.5]))
    factor = cholesky(torch.stack([matrix, torch.eye(3)]))
    torch.testing.assert_close(factor[1] @ factor[1].T, torch.eye(3), rtol=1e-3, atol=1e-3)
    near = factor[0] @ factor[0].T
    torch.testing.assert_close(near, torch.diag(torch.tensor([3.0, 2.0, 0.0])), rtol=1e-3, atol=1e-3)


def test_a_matrix_with_nan_has_no_factor() -> None:
    assert cholesky(torch.tensor([[1.0, 0.0], [0.0, torch.nan]])).isnan().all()


HARD: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": lambda x_BF: np.ones_like(x_BF),
    "zero": lambda x_BF: np.zeros_like(x_BF),
    "repeated": lambda x_BF: np.repeat(x_BF[:, :1], x_BF.shape[1], axis=1),
    "huge": lambda x_BF: 1e12 * x_BF,
    "tiny": lambda x_BF: 1e-20 * x_BF,
    "rank 1": lambda x_BF: np.outer(x_BF[:, 0], x_BF[0]),
    "one huge": lambda x_BF: x_BF * np.where(np.arange(x_BF.shape[1]) == 0, 1e15, 1),
}


@pytest.mark.parametrize("kind", HARD)
@given(
    shape=st.tuples(st.integers(4, 25), st.integers(1, 40)),
    ridge=st.sampled_from([1e-30, 1e-8, 1.0, 1e8, 1e30]),
    units=st.integers(2, 25),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=15, deadline=None)
def test_the_left_out_error_is_finite_whatever_the_features(
    kind: str, shape: tuple[int, int], ridge: float, units: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    feature_BF = torch.from_numpy(HARD[kind](draw.normal(size=shape)).astype(np.float32)).requires_grad_()
    target_BT = torch.from_numpy(draw.normal(size=(shape[0], 3)).astype(np.float32))
    ridge_F = torch.full((shape[1],), ridge)
    unit_B = torch.from_numpy(draw.integers(0, units, size=shape[0]))
    error = left_out_error(feature_BF, target_BT, ridge_F, groups_by_size(unit_B))
    if float((feature_BF.detach().abs().amax() * ridge**-0.5).square()) * shape[0] < 1e37:  # else it is beyond float32
        assert math.isfinite(error.item()) and error.item() >= 0


def fold_of(z_SK: np.ndarray) -> Fold:
    z_SK = z_SK.astype(np.float32)
    n = len(z_SK) * 3 // 4
    norms_S = np.square(z_SK[n:], dtype=np.float64).sum(axis=1) + 0.1
    return Fold(z_SK[:n], z_SK[n:], np.arange(n), np.full(len(norms_S), 0.1), norms_S)


@given(
    kind=st.sampled_from(sorted(HARD)),
    n_samples=st.integers(8, 40),
    depth=st.integers(1, 2),
    rate=st.floats(0.005, 0.5),
    decay=st.sampled_from([0.0, 1.0, 10.0]),
    noise=st.sampled_from([0.0, 0.6]),
    scale=st.sampled_from([0.02, 12.5]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_a_trial_ends_and_is_no_worse_than_pca(
    kind: str, n_samples: int, depth: int, rate: float, decay: float, noise: float, scale: float, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    fold = fold_of(HARD[kind](draw.normal(size=(n_samples, 12))))
    hyper = Hyperparameters(
        depth=depth, bottleneck_width=2, hidden_width=64, learning_rate=rate, weight_decay=decay, input_noise=noise,
        feature_scale=scale,
    )  # fmt: skip
    result = run_trial(TrialSpec(0, hyper, seed, QUICK, (fold,)))
    assert result.state in ("complete", "failed") and (result.reason or result.error is not None)
    if result.state == "complete":
        assert result.error is not None and math.isfinite(result.error)
        assert result.error_ratio_to_pca is not None and result.error_ratio_to_pca <= 1


def test_steps_that_blow_up_are_undone() -> None:
    draw = np.random.default_rng(3)
    angle_S = draw.uniform(0, 2 * np.pi, 80)
    fold = fold_of(np.stack([np.cos(angle_S), np.sin(angle_S), np.cos(2 * angle_S), np.sin(3 * angle_S)], axis=1))
    hyper = Hyperparameters(depth=1, bottleneck_width=1, hidden_width=32, learning_rate=30.0)
    results = list(train(new_network(fold, hyper, QUICK, 1), fold, hyper, QUICK.model_copy(update={"epochs": 60}), 1))
    assert results[-1].epoch == 60 and all(math.isfinite(each.train_error) for each in results)
    fitted = fit_network(fold, hyper, QUICK, 1)
    assert math.isfinite(fitted.validation_error)


def test_features_that_tell_nothing_leave_the_code_where_it_is() -> None:
    fold = fold_of(np.random.default_rng(0).normal(size=(20, 6)))
    network = new_network(fold, Hyperparameters(depth=1, bottleneck_width=2, hidden_width=8), QUICK, 1)
    with torch.no_grad():
        network.set_output_weights(torch.zeros(8 + 2 + 1, 6))
        z_SK = torch.from_numpy(fold.z_validation_SK)
        torch.testing.assert_close(network.encode(z_SK), network.encode_once(z_SK))


def test_one_profile_that_is_no_number_fails_the_trial_alone() -> None:
    fold = fold_of(np.random.default_rng(0).normal(size=(20, 6)))
    broken = replace(fold, z_train_SK=np.where(np.arange(15)[:, None] == 3, np.nan, fold.z_train_SK))
    result = run_trial(TrialSpec(0, Hyperparameters(depth=1, bottleneck_width=2), 1, QUICK, (broken,)))
    assert result.state == "failed" and result.reason
