"""Decoders that are silent on later components, where what they foretell of these is worse than nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cic.config import Training
from cic.model.fold import Fold
from cic.model.training import Hyperparameters
from cic.model.trial import Fitted, fit_network
from cic.model.trimming import trimmed

HYPER = Hyperparameters(depth=1, bottleneck_width=2, hidden_width=16)


@pytest.fixture(scope="module")
def fold() -> Fold:
    """Profiles on a curve that shows itself in every coordinate, the later the less."""
    draw = np.random.default_rng(4)
    state_S3 = draw.uniform(-2, 2, size=(200, 3))
    z_SK = np.sin(state_S3 @ draw.normal(size=(3, 150))) * 0.97 ** np.arange(150)
    z_SK = (z_SK - z_SK[:140].mean(axis=0)).astype(np.float32)
    return Fold(z_SK[:140], z_SK[140:], np.arange(140), np.full(60, 0.1), np.square(z_SK[140:]).sum(axis=1) + 0.1)


@pytest.fixture(scope="module")
def fitted(fold: Fold) -> Fitted:
    return fit_network(fold, HYPER, Training(epochs=20), 1)


def error(one: Fitted, fold: Fold) -> float:
    z_SK = torch.from_numpy(fold.z_validation_SK)
    with torch.no_grad():
        inside = float((one.network(z_SK) - z_SK).square().sum(dtype=torch.float64))
    return (inside + fold.outside_validation_S.sum()) / fold.total_validation_S.sum()


def test_what_is_foretold_rightly_stays(fold: Fold, fitted: Fitted) -> None:
    assert trimmed(fitted, fold) is fitted


def test_nonsense_of_later_components_is_silenced_and_nothing_else(fold: Fold, fitted: Fitted) -> None:
    wrong = fit_network(fold, HYPER, Training(epochs=20), 1)
    with torch.no_grad():
        wrong.network.decoder_last.weight[64:] += torch.randn(86, 16, generator=torch.Generator().manual_seed(1))
    wrong = replace(wrong, validation_error=error(wrong, fold))
    kept = trimmed(wrong, fold)
    assert kept.validation_error == pytest.approx(error(kept, fold), rel=1e-5)
    assert kept.validation_error < 0.9 * wrong.validation_error
    for name in ("decoder_last.weight", "decoder_linear.weight", "decoder_last.bias"):
        weight, before = kept.network.state_dict()[name], fitted.network.state_dict()[name]
        assert (weight[64:] == 0).all()
        torch.testing.assert_close(weight[:64], before[:64])
    linear = fit_network(fold, HYPER.model_copy(update={"depth": 0}), Training(epochs=1), 1)
    assert trimmed(linear, fold) is linear
