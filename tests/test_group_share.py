"""What of a code tells groups apart: measured in closed form, and made small by training only where that is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from evaluated import curved_profiles, params
from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st

from cic.data.matrix import ExpressionMatrix
from cic.errors import ConfigError
from cic.model.group_share import group_share, kin_of
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network

HYPER = Hyperparameters(depth=1, bottleneck_width=4, hidden_width=32)


def share(code_SW: np.ndarray, group_S: np.ndarray, label_S: np.ndarray | None = None) -> float:
    code = torch.from_numpy(code_SW)
    kin = kin_of(group_S, label_S, code)
    assert kin is not None
    return float(group_share(code, kin))


# the measure


@settings(max_examples=20, deadline=None)
@for_any(seed=st.integers(0, 1000), width=st.integers(1, 5), n_groups=st.integers(2, 6))
def test_the_share_is_that_of_groups_whatever_the_code_is_turned_to(seed: int, width: int, n_groups: int) -> None:
    draw = np.random.default_rng(seed)
    group_S, code_SW = draw.integers(n_groups, size=200), draw.normal(size=(200, width))
    by_chance = share(code_SW, group_S)
    assert 0 <= by_chance < 3 * n_groups / 200
    turn_WW = np.linalg.qr(draw.normal(size=(width, width)))[0]
    assert share(7 * code_SW @ turn_WW, group_S) == pytest.approx(by_chance, rel=1e-2)
    apart_SW = code_SW + 3 * draw.normal(size=(n_groups, width))[group_S]
    assert share(apart_SW, group_S) > by_chance
    if width == 1:  # the correlation ratio
        mean_S1 = pd.DataFrame(apart_SW).groupby(group_S).transform("mean").to_numpy()
        assert share(apart_SW, group_S) == pytest.approx(mean_S1.var() / apart_SW.var(), rel=2e-3)


def test_groups_of_other_cells_are_not_told_by_them() -> None:
    draw = np.random.default_rng(0)
    label_S = np.repeat([0, 1, 2], 100)
    group_S = (draw.random(300) < np.array([0.1, 0.5, 0.9])[label_S]).astype(np.int64)
    code_SW = 5.0 * label_S[:, None] + draw.normal(size=(300, 2))
    assert share(code_SW, group_S) > 0.1
    assert share(code_SW, group_S, label_S) < 0.02


def test_its_gradient_is_right() -> None:
    draw = np.random.default_rng(1)
    code = torch.from_numpy(draw.normal(size=(12, 3))).requires_grad_()
    kin = kin_of(np.arange(12) % 3, np.arange(12) % 2, code.detach())
    assert kin is not None
    assert torch.autograd.gradcheck(lambda each: group_share(each, kin), code)


# trained by


def shifted_studies() -> ExpressionMatrix:
    """Profiles of eight studies, each with a shift of its own."""
    matrix = curved_profiles(n_groups=8)
    shift_TG = np.random.default_rng(5).normal(0, 0.5, size=(8, matrix.n_genes))
    number_S = matrix.samples["group"].str.removeprefix("study ").astype(int).to_numpy()
    return replace(matrix, values=(matrix.values + shift_TG[number_S]).astype(np.float32))


def test_the_penalty_hides_the_group_and_costs_error() -> None:
    matrix = shifted_studies()
    train, validation = matrix.select(np.arange(160) < 120), matrix.select(np.arange(160) >= 120)
    found = {}
    for penalty in (0.0, 1.0):
        config = params(training={"epochs": 30, "group_penalty": penalty})
        fold = prepare(train, validation, config, 0).fold
        fitted = fit_network(fold, HYPER, config.training, 5)
        code_SW = fitted.network.encode(torch.from_numpy(fold.z_train_SK)).detach().double().numpy()
        groups_S, labels_S = (pd.factorize(train.samples[role])[0].astype(np.int64) for role in ("group", "label"))
        found[penalty] = share(code_SW, groups_S, labels_S), fitted.validation_error
    assert found[1.0][0] < 0.6 * found[0.0][0]
    assert found[1.0][1] > found[0.0][1]


def test_without_groups_the_penalty_is_refused() -> None:
    matrix = curved_profiles()
    config = params(training={"group_penalty": 0.1})
    for samples, told in (
        (matrix.samples.drop(columns="group"), "the data name no group"),
        (matrix.samples.assign(group="one"), "the training profiles are of one group"),
    ):
        one = replace(matrix, samples=samples)
        with pytest.raises(ConfigError, match=rf"{told}(.|\n)*training.group_penalty(.|\n)*data.group"):
            prepare(one.select(np.arange(160) < 120), one.select(np.arange(160) >= 120), config, 0)
