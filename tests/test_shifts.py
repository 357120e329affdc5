"""Shifts that profiles of a group share: estimated beside the features, and left away in use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.config import Training
from cic.model.fold import Fold, pca_error
from cic.model.output_weights import ridge_weights
from cic.model.prepare import shifting_groups
from cic.model.shifts import FEWEST, MOST, shift_columns
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
@settings(max_examples=30, deadline=None)
def test_groups_of_enough_profiles_have_a_column(units: list[int]) -> None:
    unit_S = np.array(units)
    shift_SU = shift_columns(unit_S, torch.zeros(())).numpy()
    large = [unit for unit in np.unique(unit_S) if (unit_S == unit).sum() >= FEWEST]
    np.testing.assert_array_equal(shift_SU, unit_S[:, None] == np.array(large, dtype=np.int64))


def test_studies_shift_profiles_and_replicate_sets_do_not() -> None:
    samples = pd.DataFrame(
        {"group": np.repeat([f"study {number}" for number in range(6)], 5), "replicate": np.repeat(np.arange(10), 3)}
    ).astype(str)
    assert shifting_groups(samples.drop(columns="group")) is None
    assert shifting_groups(samples[:20].assign(replicate=None)) is None, "four studies are left out by replicate sets"
    apart = samples.drop(columns="replicate")
    assert len(np.unique(shifting_groups(apart))) == 6
    assert shift_columns(None, torch.zeros(30, 4)).shape == (30, 0)


def test_of_very_many_groups_the_largest_have_one() -> None:
    unit_S = np.repeat(np.arange(MOST + 10), np.arange(MOST + 10)[::-1] + FEWEST)
    shift_SU = shift_columns(unit_S, torch.zeros(()))
    assert shift_SU.shape[1] == MOST and shift_SU[: len(unit_S) - 300].any(dim=1).all()


@given(st.integers(12, 40), st.integers(1, 6), st.floats(0.1, 10), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_weights_are_those_of_a_regression_on_correlated_profiles(n: int, f: int, penalty: float, seed: int) -> None:
    """A random intercept is a covariance between profiles of one group: generalised least squares, with a ridge."""
    draw = np.random.default_rng(seed)
    feature_SF, z_SK, unit_S = draw.normal(size=(n, f)), draw.normal(size=(n, 3)), draw.integers(0, 3, size=n)
    shift_SU = shift_columns(unit_S, torch.zeros((), dtype=torch.float64))
    within_SS = np.eye(n) + (shift_SU @ shift_SU.T).numpy() / penalty
    solved_SX = np.linalg.solve(within_SS, np.concatenate([feature_SF, z_SK], axis=1))
    expected_FK = np.linalg.solve(feature_SF.T @ solved_SX[:, :f] + np.eye(f), feature_SF.T @ solved_SX[:, f:])
    penalty_D = torch.tensor([1.0] * f + [penalty] * shift_SU.shape[1], dtype=torch.float64)
    told = torch.from_numpy(feature_SF)
    found_FK = ridge_weights(lambda _: told, torch.from_numpy(z_SK), shift_SU, penalty_D)
    np.testing.assert_allclose(found_FK, expected_FK, rtol=1e-6, atol=1e-8)


def test_groups_never_seen_are_reproduced_better() -> None:
    draw = np.random.default_rng(8)
    angle_S, unit_S = draw.uniform(0, 2 * np.pi, size=240), np.repeat(np.arange(12), 20)
    waves_SK = np.concatenate([wave(angle_S[:, None] * np.arange(1, 4)) for wave in (np.cos, np.sin)], axis=1)
    signal_SK = np.concatenate([waves_SK * [1.4, 0.9, 0.7, 1.3, 0.8, 0.6], np.zeros((240, 24))], axis=1)
    shift_UK = 0.5 * draw.normal(size=(12, 30))
    z_SK = (signal_SK + shift_UK[unit_S] + 0.05 * draw.normal(size=(240, 30))).astype(np.float32)
    z_SK -= z_SK[:160].mean(axis=0)
    z_SK = z_SK[:, np.argsort(-z_SK[:160].var(axis=0))]
    norms_S = np.square(z_SK[160:], dtype=np.float64).sum(axis=1)
    fold = Fold(z_SK[:160], z_SK[160:], unit_S[:160], np.zeros(80), norms_S, shift_train_S=unit_S[:160])
    hyper, training = Hyperparameters(depth=1, bottleneck_width=3, hidden_width=32), Training(epochs=40)
    errors = [
        np.mean([fit_network(each, hyper, training, seed).validation_error for seed in (1, 2)])
        for each in (fold, replace(fold, shift_train_S=None))
    ]
    assert errors[0] < 0.97 * errors[1] < pca_error(fold, 3)
