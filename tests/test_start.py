"""Starting from a model of other profiles: what is lent counts by its weight, helps where profiles are few, no leak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from evaluated import params
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.config import Params, parse_params
from cic.data.matrix import ExpressionMatrix, fingerprints, write_matrix
from cic.errors import CicError, ConfigError, DataError
from cic.folders import Folders, read_json
from cic.manifest import read_manifest
from cic.model.autoencoder import frozen
from cic.model.basis import SampleBasis
from cic.model.bundle import Bundle
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.fold import pca_error
from cic.model.output_weights import ridge_weights
from cic.model.prepare import Prepared, prepare
from cic.model.reference import Reference
from cic.model.start import SHARES, Start, check_start
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.pipeline import run_stage, workspace
from cic.settings import Settings
from cic.stage_list import inventory, stage_key
from cic.using.starting import bring_start

GENES = 400
CONFIG = params(training={"epochs": 30})
HYPER = Hyperparameters(depth=1, bottleneck_width=3, hidden_width=48)


def surface(n_samples: int, seed: int, centre: float = 0.0) -> ExpressionMatrix:
    """Profiles of a curved surface of three dimensions, which all seeds share, with noise; `centre` says from where."""
    fixed, draw = np.random.default_rng(0), np.random.default_rng(seed)
    state_S3 = centre + draw.normal(size=(n_samples, 3))
    clean_SG = np.tanh(state_S3 @ fixed.normal(size=(3, 12))) @ fixed.normal(size=(12, GENES))
    values_SG = (8 + clean_SG + 0.4 * draw.normal(size=clean_SG.shape)).astype(np.float32)
    index = pd.Index([f"{seed}-{number}" for number in range(n_samples)], name="sample_id")
    names = tuple(f"GENE{number}" for number in range(GENES))
    return ExpressionMatrix(values_SG, names, pd.DataFrame(index=index), "log2")


@pytest.fixture(scope="module")
def other() -> Bundle:
    """A model of 160 profiles of the surface, with what it lends."""
    matrix = surface(200, 1, centre=0.5)
    train, held_out = matrix.select(np.arange(160)), matrix.select(np.arange(160, 200))
    ready = prepare(train, held_out, CONFIG, 0)
    network = frozen(fit_network(ready.fold, HYPER, CONFIG.training, 1).network)
    bundle = Bundle(ready.preprocessor, ready.basis, network, (), {"trained_on": fingerprints(matrix.values)})
    return replace(
        bundle, reference=Reference.of(bundle, held_out.values, z_train_SK=ready.fold.own_train_SK), digest="d"
    )


def ready_from(bundle: Bundle, share: float, seed: int, n_train: int = 16) -> Prepared:
    matrix = surface(n_train + 60, seed)
    train, held_out = matrix.select(np.arange(n_train)), matrix.select(np.arange(n_train, n_train + 60))
    return prepare(train, held_out, CONFIG, 0, start=Start(bundle, share))


def test_few_profiles_are_served_by_what_many_others_taught(other: Bundle) -> None:
    ratios = []
    for seed in (2, 3, 4):
        nothing, started = (ready_from(other, share, seed).fold for share in (0.0, 1.0))
        errors = [fit_network(fold, HYPER, CONFIG.training, 5).validation_error for fold in (nothing, started)]
        assert pca_error(nothing, 3) == pytest.approx(pca_error(started, 3), rel=1e-5), (
            "PCA is that of the own profiles"
        )
        ratios.append(errors[1] / errors[0])
    assert max(ratios) < 0.95, ratios


def test_a_share_of_nothing_changes_nothing(other: Bundle) -> None:
    matrix = surface(40, 2)
    train, held_out = matrix.select(np.arange(30)), matrix.select(np.arange(30, 40))
    plain, none = (prepare(train, held_out, CONFIG, 0, start=one) for one in (None, Start(other, 0.0)))
    np.testing.assert_array_equal(plain.fold.z_train_SK, none.fold.z_train_SK)
    assert none.fold.n_lent == 0 and none.fold.root_weight_train_S is None


def test_what_is_lent_comes_behind_and_counts_by_its_share(other: Bundle) -> None:
    ready = ready_from(other, 0.5, 2)
    fold, n_lent = ready.fold, len(other.reference.code_RW)
    assert (fold.n_lent, len(fold.own_train_SK)) == (n_lent, 16)
    weights_S = np.square(fold.root_weight_train_S)
    assert weights_S[16:].sum() == pytest.approx(0.5 * weights_S[:16].sum(), rel=1e-5)
    assert len(set(fold.unit_train_S)) == 16 + n_lent
    made_RG = ready.preprocessor.inverse(ready.basis.lift(fold.z_train_SK[16:]))
    np.testing.assert_allclose(made_RG, other.decode(other.reference.code_RW), atol=2e-2)


def test_many_profiles_that_pass_by_are_joined_alike(other: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    few = ready_from(other, 1.0, 2).fold
    monkeypatch.setattr("cic.data.sparse.FEW", 10)
    many = ready_from(other, 1.0, 2).fold
    np.testing.assert_allclose(np.abs(few.z_train_SK), np.abs(many.z_train_SK), atol=1e-3)


def test_the_basis_grows_behind_the_components_of_the_profiles() -> None:
    draw = np.random.default_rng(4)
    x_SG, more_RG = (draw.normal(size=(n, 50)).astype(np.float32) for n in (10, 6))
    basis = SampleBasis.fit(x_SG)
    wider = basis.extended(np.concatenate([more_RG, x_SG[:3]]), 0.25)
    assert wider.rank == basis.rank + 6 and wider.scale == basis.scale
    np.testing.assert_array_equal(wider.components_GK[:, : basis.rank], basis.components_GK)
    np.testing.assert_allclose(wider.components_GK.T @ wider.components_GK, np.eye(wider.rank), atol=1e-5)
    np.testing.assert_allclose(wider.project(more_RG)[1], 0, atol=1e-3)
    assert (wider.singular_values_K > 0).all()


@given(st.integers(2, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_weight_of_two_is_a_profile_twice(rows: int, features: int, lent: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    z_SK, penalty_F = torch.from_numpy(draw.normal(size=(rows + lent, features))), torch.ones(features).double()
    root_S = torch.ones(rows + lent).double()
    root_S[rows:] = 2**0.5
    none_SU = z_SK.new_zeros(rows + 2 * lent, 0)
    weighted = ridge_weights(torch.tanh, z_SK, none_SU[: rows + lent], penalty_F, root_S)
    twice = ridge_weights(torch.tanh, torch.cat([z_SK, z_SK[rows:]]), none_SU, penalty_F)
    np.testing.assert_allclose(weighted, twice, rtol=1e-8, atol=1e-10)


def test_genes_that_the_other_model_does_not_know_are_at_their_mean(other: Bundle) -> None:
    matrix = surface(30, 2)
    renamed = replace(matrix, genes=(*matrix.genes[:-20], *(f"NEW{number}" for number in range(20))))
    ready = prepare(
        renamed.select(np.arange(20)), renamed.select(np.arange(20, 30)), CONFIG, 0, start=Start(other, 1.0)
    )
    made_RG = ready.basis.lift(ready.fold.z_train_SK[20:])
    assert np.abs(made_RG[:, -20:]).max() < 0.1 < np.abs(made_RG[:, :-20]).max()
    assert Start(other, 1.0).told("x", renamed.genes)["shared_genes"] == GENES - 20


def refused(other: Bundle, matrix: ExpressionMatrix, transform: str = "log2", within: str = "none") -> CicError:
    with pytest.raises(CicError) as caught:
        check_start(other, matrix, transform, within)
    assert "training.start_from" in str(caught.value)
    return caught.value


def test_what_cannot_be_started_from_is_refused_with_the_figure(other: Bundle) -> None:
    matrix = surface(30, 2)
    check_start(other, matrix, "log2", "none")
    few = replace(matrix, genes=(*matrix.genes[:40], *(f"ENSG{number:011}" for number in range(GENES - 40))))
    told = refused(other, few)
    assert isinstance(told, ConfigError) and "40 of the 400 genes" in str(told) and "--gene-map" in str(told)
    assert "`tpm`" in str(refused(other, replace(matrix, values=np.abs(matrix.values), unit="tpm")))
    assert "within_sample rank" in str(refused(other, matrix, within="rank"))
    assert "no codes" in str(refused(replace(other, reference=None), matrix))


def test_a_model_that_knows_the_profiles_is_refused(other: Bundle) -> None:
    """Also where genes stand in another order, or values were rounded on their way."""
    seen, fresh = surface(200, 1, centre=0.5), surface(30, 2)
    order = np.random.default_rng(3).permutation(GENES)
    for values_SG in (seen.values, np.round(seen.values, 2)):
        mixed = ExpressionMatrix(
            np.concatenate([fresh.values, values_SG[150:152]])[:, order], tuple(np.array(fresh.genes)[order]),
            pd.DataFrame(index=[f"s{number}" for number in range(32)]), "log2",
        )  # fmt: skip
        told = refused(other, mixed)
        assert isinstance(told, DataError) and "2 of the 32 profiles, such as s30" in str(told)


def test_a_model_that_started_from_one_that_knows_the_profiles_is_refused(other: Bundle) -> None:
    """It was trained on them by what it was lent; of their genes it knows a part only."""
    wide = surface(30, 2)
    matrix = ExpressionMatrix(
        np.column_stack([wide.values, wide.values[:, :3]]), (*wide.genes, "MORE1", "MORE2", "MORE3"), wide.samples,
        "log2",
    )  # fmt: skip
    known = {**other.about, "trained_on": [*other.about["trained_on"], *fingerprints(matrix.values[:2])]}
    told = refused(replace(other, about=known), matrix)
    assert isinstance(told, DataError) and "2 of the 30 profiles" in str(told)


@pytest.mark.parametrize("reference", ["models:/cic@champion", "models:/cic", "models:/cic/latest"])
def test_a_model_that_moves_is_no_start(reference: str) -> None:
    with pytest.raises(ConfigError, match=r"training.start_from"):
        parse_params({"seed": 1, "training": {"start_from": reference}})


def test_what_it_does_not_go_with_is_said() -> None:
    for more in ({"training": {"start_from": "x", "group_penalty": 0.1}},
                 {"training": {"start_from": "x"}, "search": {"depth": [0]}}):  # fmt: skip
        with pytest.raises(ConfigError, match="start_from"):
            parse_params({"seed": 1, **more})


def ran(folder: Path, lent: Path) -> tuple[Params, Folders, Settings]:
    """Run the stages up to `fit` on few profiles, starting from the bundle in `lent`."""
    folder.mkdir()
    write_matrix(folder / "profiles.parquet", surface(50, 2))
    config = parse_params(
        {
            "seed": 5,
            "data": {"file": str(folder / "profiles.parquet")},
            "training": {"epochs": 10, "start_from": str(lent)},
            "search": {"trials": 2, "round_size": 2, "workers": 1, "bottleneck_width": [3], "depth": [0, 1],
                       "hidden_width": [32], "finalists": 1, "repeats": 2},
            "fit": {"seeds": 1},
        }
    )  # fmt: skip
    folders, given = workspace(folder / "build"), Settings(project=folder, home=folder / "home", device="cpu")
    bring_start(config, given)
    for stage in ("ingest", "split", "search", "fit"):
        run_stage(stage, config, folders, given)
    return config, folders, given


def test_stages_start_from_a_bundle_and_say_so(other: Bundle, tmp_path: Path) -> None:
    lent = tmp_path / "lent"
    save_bundle(lent, other)
    config, folders, given = ran(tmp_path / "project", lent)
    again = {**folders, "fit": tmp_path / "again"}
    run_stage("fit", config, again, given)
    assert bundle_digest(folders["fit"] / "bundle") == bundle_digest(again["fit"] / "bundle")
    share = read_json(folders["search"] / "choice.json")["start_share"]
    assert share in SHARES and share > 0
    made = load_bundle(folders["fit"] / "bundle")
    told = {"model": str(lent), "digest": bundle_digest(lent), "share": share, "profiles": 160, "shared_genes": GENES}
    assert made.about["started_from"] == told
    assert set(other.about["trained_on"]) < set(made.about["trained_on"]), "the gate leaves these out too"
    assert len(made.reference.code_RW) == 35, "codes of the own training profiles alone"
    assert read_manifest(folders["search"]).origin["start"] == bundle_digest(lent)

    found = inventory(config, given)
    keys = {name: stage_key(name, config, folders, found, "") for name in ("split", "search", "fit")}
    save_bundle(lent, replace(other, labels=("another",)))
    bring_start(config, given)
    changed = inventory(config, given)
    others = {name: stage_key(name, config, folders, changed, "") for name in keys}
    assert {name for name in keys if keys[name] != others[name]} == {"search", "fit"}
