"""Features: found, kept in the bundle, read off profiles and their codes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, params, trained

from cic.errors import ModelError
from cic.model.autoencoder import frozen
from cic.model.basis import SampleBasis
from cic.model.bundle import Bundle
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.dictionary import learned, told_by
from cic.model.feature_fit import OWN, fit_features
from cic.model.features import Features
from cic.model.fold import Fold
from cic.model.prepare import prepare
from cic.model.told_genes import FOLLOWED
from cic.model.training import Hyperparameters, new_network
from cic.model.trial import fit_network


def planted(n_programs: int = 12, n_genes: int = 600, n_samples: int = 150, seed: int = 0):
    """Activities of programs, and profiles of genes that each follow one or two of them, up or down."""
    draw = np.random.default_rng(seed)
    activity_SP = np.maximum(draw.normal(size=(n_samples, n_programs)) - 0.5, 0)
    effect_PG = np.zeros((n_programs, n_genes))
    for gene in range(n_genes):
        own = draw.choice(n_programs, draw.integers(1, 3), replace=False)
        effect_PG[own, gene] = draw.choice([-1, 1], len(own)) * draw.uniform(0.5, 2, len(own))
    return activity_SP, activity_SP @ effect_PG + 0.05 * draw.normal(size=(n_samples, n_genes)), effect_PG


def of_pca(x_SG: np.ndarray, width: int, wanted: int | str = "auto", labels: pd.Series | None = None, own: int = OWN):
    """Fit features of PCA's code on two thirds of the profiles."""
    n_train = 2 * len(x_SG) // 3
    mean_G = x_SG[:n_train].mean(axis=0)
    basis = SampleBasis.fit((x_SG[:n_train] - mean_G).astype(np.float32))
    z_SK, _ = basis.project((x_SG - mean_G).astype(np.float32))
    config = params()
    hyper = Hyperparameters(depth=0, bottleneck_width=width)
    fold = Fold(z_SK[:n_train], z_SK[n_train:], np.arange(n_train), np.zeros(1), np.zeros(1))
    network = frozen(new_network(fold, hyper, config.training, 1))
    found = fit_features([network], basis, z_SK[:n_train], z_SK[n_train:], wanted, labels, own=own)
    return found, None if found is None else found.activities(z_SK, network.decode(network.encode(z_SK))), n_train


def correlations(one_SF: np.ndarray, other_SF: np.ndarray) -> np.ndarray:
    n = one_SF.shape[1]
    return np.corrcoef(one_SF.T, other_SF.T)[:n, n:]


@pytest.fixture(scope="module")
def fitted() -> tuple[Bundle, np.ndarray]:
    """A deep model with features, and all profiles."""
    matrix = curved_profiles()
    bundle, part, _ = trained(matrix)
    values_SG, part_S = matrix.values, part.to_numpy()
    train, held = (bundle.project(values_SG[part_S == name])[0] for name in ("train", "validation"))
    labels = matrix.samples["label"][part_S == "train"]
    features = fit_features([bundle.network], bundle.basis, train, held, 10, labels, own=[4])
    return replace(bundle, features=features), values_SG


def test_atoms_are_the_programs_that_genes_follow():
    activity_SP, x_SG, _ = planted()
    centred_SG = x_SG - x_SG.mean(axis=0)
    atom_FS = learned((centred_SG / np.linalg.norm(centred_SG, axis=0)).T.astype(np.float32), 24, 2)
    r_PF = np.abs(correlations(activity_SP, atom_FS.T))
    assert (r_PF.max(axis=1) > 0.95).all()


def test_each_gene_is_told_by_different_atoms_and_best_by_those_that_made_it():
    draw = np.random.default_rng(0)
    atom_FR = np.linalg.qr(draw.normal(size=(9, 6)))[0].T.astype(np.float32)
    row_GR = (2 * atom_FR[[0, 4]] - 3 * atom_FR[[5, 1]]).astype(np.float32)
    chosen_GN, loading_GN = told_by(row_GR, atom_FR, 2)
    assert chosen_GN.tolist() == [[5, 0], [1, 4]]
    np.testing.assert_allclose(loading_GN, [[-3, 2], [-3, 2]], rtol=1e-3)
    nothing_GN, zero_GN = told_by(np.zeros((1, 9), np.float32), atom_FR, 3)
    assert len(set(nothing_GN[0])) == 3 and not zero_GN.any()


def test_features_of_held_out_profiles_follow_the_programs_and_their_genes():
    activity_SP, x_SG, effect_PG = planted()
    found, activity_SF, n_train = of_pca(x_SG, 12)
    r_PF = correlations(activity_SP[n_train:], activity_SF[n_train:])
    assert np.median(r_PF.max(axis=1)) > 0.9
    best_P, loading_GF = r_PF.argmax(axis=1), found.loading_GF()
    r_P = [np.corrcoef(effect_PG[program], loading_GF[:, best])[0, 1] for program, best in enumerate(best_P)]
    assert np.median(r_P) > 0.75


def test_what_recurs_is_kept_and_of_noise_next_to_nothing_does():
    _, x_SG, _ = planted()
    found, _, _ = of_pca(x_SG, 12)
    assert (found.recurrence_F >= 0.8).all() and 12 <= len(found) < 96
    of_noise, _, _ = of_pca(np.random.default_rng(1).normal(size=(300, 400)), 24)
    assert of_noise is None or len(of_noise) < 5


@pytest.mark.parametrize("n_samples", [15, 18, 40, 63])
def test_of_noise_nothing_recurs_in_few_profiles_either(n_samples):
    width = n_samples // 3
    of_noise, _, _ = of_pca(np.random.default_rng(1).normal(size=(n_samples, 400)), width)
    assert of_noise is None or len(of_noise) < 0.1 * 8 * width


def activities(bundle: Bundle, values_SG: np.ndarray) -> np.ndarray:
    return bundle.activities(bundle.project(values_SG)[0], bundle.encode(values_SG))


def test_activities_are_of_profiles_one_by_one_and_never_negative(fitted):
    bundle, values_SG = fitted
    activity_SF = activities(bundle, values_SG)
    assert activity_SF.dtype == np.float32 and activity_SF.shape == (len(values_SG), len(bundle.features))
    assert (activity_SF >= 0).all() and (activity_SF.max(axis=0) > 0).all() and (activity_SF == 0).any(axis=0).all()
    np.testing.assert_allclose(activities(bundle, values_SG[5:6]), activity_SF[5:6], atol=1e-4)


def test_leading_coordinates_are_the_profiles_own_and_the_others_of_what_the_code_decodes_to(fitted):
    bundle, values_SG = fitted
    z_SK, code_SW, n_own = bundle.project(values_SG)[0], bundle.encode(values_SG), bundle.features.n_own
    assert n_own == 4 * bundle.architecture.bottleneck_width < z_SK.shape[1]
    activity_SF = bundle.activities(z_SK, code_SW)
    other_SK = np.concatenate([z_SK[:, :n_own], z_SK[:, n_own:] + 1], axis=1)
    np.testing.assert_array_equal(bundle.activities(other_SK, code_SW), activity_SF)
    assert not np.allclose(bundle.activities(z_SK + np.float32(1), code_SW), activity_SF)
    before = replace(bundle, features=replace(bundle.features, n_own=0))
    np.testing.assert_array_equal(before.activities(z_SK, code_SW), before.activities(0 * z_SK, code_SW))


def test_a_program_that_the_code_has_no_room_for_has_a_feature():
    activity_SP, x_SG, _ = planted()
    (of_code, alone_SF, n_train), (_, activity_SF, _) = (of_pca(x_SG, 4, 48, own=own) for own in ([0], [4]))
    alone_P, own_P = (
        np.abs(correlations(activity_SP[n_train:], one[n_train:])).max(axis=1) for one in (alone_SF, activity_SF)
    )
    assert of_code.n_own == 0 and np.median(alone_P) < 0.8 < 0.9 < np.median(own_P)


def test_as_many_coordinates_are_a_profiles_own_as_let_features_recur_best():
    _, x_SG, _ = planted()
    noisy_SG = x_SG + 6 * np.random.default_rng(5).normal(size=x_SG.shape)
    for profiles_SG in (x_SG, noisy_SG):
        by_times = {times: of_pca(profiles_SG, 4, 24, own=[times])[0].recurrence_F.mean() for times in OWN}
        assert of_pca(profiles_SG, 4, 24)[0].n_own == 4 * max(OWN, key=lambda times: by_times[times])


def test_a_gene_is_as_much_higher_as_its_loading_says_and_many_genes_follow_nothing():
    _, x_SG, _ = planted()
    x_SG[:, :100] = np.random.default_rng(3).normal(size=(len(x_SG), 100))
    found, activity_SF, n_train = of_pca(x_SG, 12)
    loading_GF, centred_SF = found.loading_GF(), activity_SF[:n_train] - activity_SF[:n_train].mean(axis=0)
    slope_GF = (x_SG[:n_train] - x_SG[:n_train].mean(axis=0)).T @ centred_SF / np.square(centred_SF).sum(axis=0)
    follows_GF = loading_GF != 0
    assert np.median((loading_GF / slope_GF)[follows_GF]) == pytest.approx(1, abs=0.2)
    assert (np.sign(loading_GF) == np.sign(slope_GF))[follows_GF].mean() > 0.95
    assert follows_GF.sum(axis=1).max() == FOLLOWED and follows_GF[:100].mean() < follows_GF[100:].mean() / 3


def test_types_are_told_by_their_mean_activity(fitted):
    features = fitted[0].features
    assert features.types == ("type 0", "type 1", "type 2", "type 3")
    assert features.activity_TF.shape == (4, len(features))
    assert (features.active_F > 0).all() and (features.active_F <= 1).all()


def test_the_bundle_keeps_its_features_to_the_bit(tmp_path, fitted):
    bundle, values_SG = fitted
    save_bundle(tmp_path / "with", bundle)
    back = load_bundle(tmp_path / "with")
    np.testing.assert_array_equal(activities(back, values_SG), activities(bundle, values_SG))
    assert back.features.types == bundle.features.types and back.features.n_own == bundle.features.n_own
    for name, kept in bundle.features.arrays().items():
        np.testing.assert_array_equal(back.features.arrays()[name], kept)
    save_bundle(tmp_path / "without", replace(bundle, features=None))
    assert bundle_digest(tmp_path / "with") != bundle_digest(tmp_path / "without")
    with pytest.raises(ModelError, match="no features"):
        load_bundle(tmp_path / "without").activities(np.zeros((1, 3)), np.zeros((1, 3)))


def test_features_of_formats_before_8_are_of_the_code_alone(tmp_path, fitted):
    save_bundle(tmp_path, fitted[0])
    described = json.loads((tmp_path / "model.json").read_text())
    del described["own_coordinates"]
    (tmp_path / "model.json").write_text(json.dumps(described | {"format": 7}))
    assert load_bundle(tmp_path).features.n_own == 0


@pytest.mark.parametrize("number", [4, 5])
def test_bundles_of_formats_before_are_read_as_they_were_meant(tmp_path, fitted, number):
    bundle = replace(fitted[0], features=None, preprocessor=replace(fitted[0].preprocessor, onto="sqrt", unit="counts"))
    save_bundle(tmp_path, bundle)
    described = json.loads((tmp_path / "model.json").read_text())
    del described["feature_types"]
    (tmp_path / "model.json").write_text(json.dumps(described | {"format": number}))
    back = load_bundle(tmp_path)
    assert back.features is None and back.preprocessor.onto == "sqrt"


def test_the_same_again_is_the_same_to_the_bit_and_another_training_tells_what_recurs():
    matrix = curved_profiles()
    config = params(training={"epochs": 5})
    ready = prepare(matrix.select(np.arange(160) < 120), matrix.select(np.arange(160) >= 120), config, 0)
    hyper = Hyperparameters(depth=1, bottleneck_width=3, hidden_width=16)
    networks = [frozen(fit_network(ready.fold, hyper, config.training, seed).network) for seed in (1, 2)]
    held = (ready.basis, ready.fold.z_train_SK, ready.fold.z_validation_SK)
    one, again, alone = (fit_features(used, *held, 8) for used in (networks, networks, networks[:1]))
    assert isinstance(one, Features) and isinstance(alone, Features)
    for name, value in one.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], value)
    assert sorted(alone.recurrence_F) != sorted(one.recurrence_F) and len(one) <= 8 and not one.types


@pytest.mark.parametrize("width", [1, 2])
def test_narrow_codes_and_genes_that_are_all_alike_have_features_too(width):
    _, x_SG, _ = planted()
    alike_SG = x_SG[:, :1] * np.linspace(1, 2, 40)
    for profiles_SG in (x_SG, alike_SG):
        found, activity_SF, _ = of_pca(profiles_SG, width)
        assert len(found) and np.isfinite(activity_SF).all() and np.isfinite(found.loading_GN).all()


def test_none_are_fitted_where_none_are_wanted_or_genes_are_few():
    assert of_pca(planted()[1], 12, 0)[0] is None
    assert of_pca(planted()[1][:, :18], 3, 8)[0] is None  # 9 genes in each half


def test_of_many_profiles_a_part_is_enough(monkeypatch):
    monkeypatch.setattr("cic.model.feature_fit.MOST_PROFILES", 50)
    activity_SP, x_SG, _ = planted()
    labels = pd.Series(["a", None] * 50)
    found, activity_SF, n_train = of_pca(x_SG, 12, 20, labels)
    assert found.types == ("a",)
    assert np.median(correlations(activity_SP[n_train:], activity_SF[n_train:]).max(axis=1)) > 0.8
