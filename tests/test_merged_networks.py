"""Networks of several seeds made into one: on one code, with the features of all."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluated import curved_profiles, params, trained
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.model.architecture import Architecture
from cic.model.autoencoder import Autoencoder, frozen
from cic.model.bundle import Bundle
from cic.model.bundle_files import load_bundle, save_bundle
from cic.model.fold import Fold
from cic.model.merged_fit import fit_merged
from cic.model.merging import merged
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.model.trial import Fitted, NotFitted, fit_network
from cic.seeds import derive_seed
from cic.stages.fit import fit_all
from cic.workers.workers import InThisProcess

HYPER = Hyperparameters(depth=1, bottleneck_width=3, hidden_width=16)
CONFIG = params(training={"epochs": 30})


@pytest.fixture(scope="module")
def fold() -> Fold:
    matrix = curved_profiles()
    return prepare(matrix.select(np.arange(160) < 120), matrix.select(np.arange(160) >= 120), CONFIG, 0).fold


@pytest.fixture(scope="module")
def members(fold: Fold) -> list[Fitted]:
    return [fit_network(fold, HYPER, CONFIG.training, seed) for seed in (1, 2, 3)]


def drawn(architecture: Architecture, count: int, seed: int) -> list[Autoencoder]:
    """Networks of random weights, whose codes are affine maps of each other as far as their hidden layers are weak."""
    torch.manual_seed(seed)
    made = [Autoencoder(architecture) for _ in range(count)]
    scale_W = torch.rand(architecture.bottleneck_width) + 0.5
    for network in made:
        network.code_scale_W.copy_(scale_W)
    return made


@settings(max_examples=15, deadline=None)
@given(
    depth=st.integers(1, 3),
    width=st.integers(1, 5),
    hidden=st.sampled_from([1, 7, 24]),
    labels=st.sampled_from([0, 3]),
    count=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_the_merged_network_has_the_features_of_its_members_on_one_code(
    depth: int, width: int, hidden: int, labels: int, count: int, seed: int
) -> None:
    shape = Architecture(n_inputs=9, bottleneck_width=width, depth=depth, hidden_width=hidden, n_labels=labels)
    networks = drawn(shape, count, seed)
    z_SK = torch.randn(60, 9)
    one = merged(networks, z_SK)
    assert one.architecture == shape.model_copy(update={"members": count, "hidden_width": count * hidden})
    with torch.no_grad():
        codes = [network.encode_once(z_SK) for network in networks]

        def mapped(from_SW: torch.Tensor, to_SW: torch.Tensor, what_SW: torch.Tensor) -> torch.Tensor:
            with_one = [np.column_stack([each.numpy(), np.ones(60)]) for each in (from_SW, what_SW)]
            solved, *_ = np.linalg.lstsq(with_one[0].astype(np.float64), to_SW.numpy().astype(np.float64), rcond=None)
            return torch.from_numpy((with_one[1] @ solved).astype(np.float32))

        mean_SW = torch.stack([mapped(code_SW, codes[0], code_SW) for code_SW in codes]).mean(dim=0)
        code_SW = one.encode_once(z_SK)
        torch.testing.assert_close(code_SW, mean_SW, rtol=1e-3, atol=1e-3)
        own = [mapped(codes[0], own_SW, code_SW) for own_SW in codes]
        parts = [network.decoder_hidden(own_SW) for network, own_SW in zip(networks, own, strict=True)]
        torch.testing.assert_close(one.decoder_hidden(code_SW), torch.cat(parts, dim=1), rtol=1e-3, atol=1e-3)
        if labels:
            logits = [network.label_logits(own_SW) for network, own_SW in zip(networks, own, strict=True)]
            mean_SL = torch.stack(logits).mean(dim=0)
            torch.testing.assert_close(one.label_logits(code_SW), mean_SL, rtol=1e-3, atol=1e-3)


def test_the_merged_network_misses_less_than_any_of_its_members(fold: Fold, members: list[Fitted]) -> None:
    found = [fit_merged(members[:count], fold, HYPER, CONFIG.training, 9) for count in (1, 2, 3)]
    errors = [one.validation_error for one in found if isinstance(one, Fitted)]
    assert len(errors) == 3 and all(more > fewer for more, fewer in pairwise(errors))
    assert errors[2] < 0.95 * min(one.validation_error for one in members)
    again = fit_merged(members, fold, HYPER, CONFIG.training, 9)
    assert isinstance(again, Fitted) and again.curve == found[2].curve  # type: ignore[union-attr]


def test_it_is_a_bundle_like_any_other(fold: Fold, members: list[Fitted], tmp_path: Path) -> None:
    bundle, _, _ = trained(curved_profiles())
    one = fit_merged(members, fold, HYPER, CONFIG.training, 9)
    assert isinstance(one, Fitted)
    network = frozen(one.network)
    z_SK = fold.z_validation_SK
    with torch.no_grad():
        np.testing.assert_allclose(network.encode(z_SK), one.network.encode(torch.from_numpy(z_SK)), atol=1e-4)
    save_bundle(tmp_path, Bundle(bundle.preprocessor, bundle.basis, network, (), bundle.about))
    np.testing.assert_array_equal(load_bundle(tmp_path).network.encode(z_SK), network.encode(z_SK))


def test_the_fit_ends_with_it(fold: Fold, monkeypatch: pytest.MonkeyPatch) -> None:
    config = params(training={"epochs": 10}, fit={"seeds": 2})
    fitted, failed = fit_all(fold, HYPER, config, "cpu", InThisProcess())
    assert [one.network.architecture.members for one in fitted] == [1, 1, 2] and not failed
    assert fitted[-1].seed == derive_seed(config.seed, "fit", "merged")
    linear = HYPER.model_copy(update={"depth": 0})
    assert len(fit_all(fold, linear, config, "cpu", InThisProcess())[0]) == 2, "PCA is PCA from any seed"
    one_seed = params(training={"epochs": 10}, fit={"seeds": 1})
    assert len(fit_all(fold, HYPER, one_seed, "cpu", InThisProcess())[0]) == 1

    def broken(*given: object) -> Autoencoder:
        raise RuntimeError("no map from one code to the other")

    monkeypatch.setattr("cic.model.merged_fit.merged", broken)
    fitted, failed = fit_all(fold, HYPER, config, "cpu", InThisProcess())
    assert len(fitted) == 2 and isinstance(failed[0], NotFitted) and "no map" in failed[0].reason
