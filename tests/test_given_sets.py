"""Features drawn towards given gene sets: where other genes agree, and what is told and tested of it afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from evaluated import params
from safetensors import safe_open
from sklearn.linear_model import Lasso

from cic.config import Params, parse_params
from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.digests import gene_sets_digest
from cic.errors import ConfigError, DataError
from cic.evaluation.gene_sets.gene_sets import match, read_gmt
from cic.folders import write_json
from cic.model.autoencoder import frozen
from cic.model.basis import SampleBasis
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.dictionary import learned, told_by
from cic.model.drawing import LEAST, GenesInSets, agreed, drawn, membership, non_negative_lasso
from cic.model.feature_fit import fit_features
from cic.model.features import Features
from cic.model.training import Fold, Hyperparameters, new_network
from cic.settings import Settings
from cic.stage_list import STAGES, inventory
from cic.stages.fit import fit
from cic.stages.foreseen import foresee
from cic.stages.given_sets import given_sets, told_of
from cic.using.explained import explained
from cic.verification.reproduce import bring_gene_sets

PROGRAMS, GENES, PROFILES = 12, 720, 150


def planted(seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Give profiles of genes that each rise with one program or two, and the genes of each program."""
    draw = np.random.default_rng(seed)
    activity_SP = np.maximum(draw.normal(size=(PROFILES, PROGRAMS)) - 0.5, 0)
    effect_PG = np.zeros((PROGRAMS, GENES))
    for gene in range(GENES):
        own = draw.choice(PROGRAMS, draw.integers(1, 3), replace=False)
        effect_PG[own, gene] = draw.uniform(0.5, 2, len(own))
    x_SG = activity_SP @ effect_PG + 0.3 * draw.normal(size=(PROFILES, GENES))
    return x_SG.astype(np.float32), [np.flatnonzero(effect_G) for effect_G in effect_PG]


def half_wrong(members: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    kept = draw.permutation(members)[: len(members) // 2]
    return np.union1d(kept, draw.choice(np.setdiff1d(np.arange(GENES), members), len(members) // 2, replace=False))


def random_sets(members: list[np.ndarray], seed: int) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [np.sort(draw.choice(GENES, len(one), replace=False)) for one in members]


def rows(x_SG: np.ndarray) -> np.ndarray:
    centred_SG = x_SG - x_SG.mean(axis=0)
    return np.ascontiguousarray((centred_SG / np.linalg.norm(centred_SG, axis=0)).T)


def halves(row_GR: np.ndarray, sets: list[np.ndarray]) -> list[GenesInSets]:
    parts = (np.arange(start, GENES, 2) for start in (0, 1))
    return [GenesInSets(row_GR[part], membership(sets, part, GENES)) for part in parts]


def of_pca(given: dict[str, np.ndarray] | None) -> tuple[Features, SampleBasis, np.ndarray]:
    x_SG, _ = planted()
    basis = SampleBasis.fit(x_SG[:100] - x_SG[:100].mean(axis=0))
    z_SK, _ = basis.project(x_SG - x_SG[:100].mean(axis=0))
    fold = Fold(z_SK[:100], z_SK[100:], np.arange(100), np.zeros(1), np.zeros(1))
    network = frozen(new_network(fold, Hyperparameters(depth=0, bottleneck_width=12), params().training, 1))
    found = fit_features([network], basis, z_SK[:100], z_SK[100:], "auto", given=given)
    assert found is not None
    return found, basis, network.decode(network.encode(z_SK))


@pytest.fixture(scope="module")
def sets() -> dict[str, np.ndarray]:
    """Half of the programs, every other one half wrong, and as many random sets."""
    draw, (_, members) = np.random.default_rng(1), planted()
    given = {f"true {at}": members[at] for at in range(0, 6, 2)}
    given |= {f"half wrong {at}": half_wrong(members[at], draw) for at in range(1, 6, 2)}
    return given | {f"random {at}": one for at, one in enumerate(random_sets(members[:6], 2))}


@pytest.fixture(scope="module")
def found(sets) -> Features:
    return of_pca(sets)[0]


def test_membership_is_among_the_genes_asked_for():
    found = membership([np.array([1, 4]), np.array([0, 2]), np.array([4])], np.array([4, 1, 3]), 5).toarray()
    assert found.tolist() == [[1, 0, 1], [1, 0, 0], [0, 0, 0]]


def test_what_sets_say_of_loadings_is_the_lasso_that_is_never_negative():
    x_SG, members = planted()
    own, _ = halves(rows(x_SG), members)
    draw = np.random.default_rng(3)
    loading_GF = np.column_stack([own.within_GP[:, [0, 3]].sum(axis=1), own.within_GP[:, [5]].toarray()[:, 0]])
    loading_GF = 0.3 * loading_GF + draw.normal(0, 0.05, loading_GF.shape)
    by_PF = non_negative_lasso(type(own.within_GP)(loading_GF), own.within_GP)
    size_P = np.sqrt(own.within_GP.toarray().sum(axis=0))
    lasso = Lasso(alpha=LEAST / len(loading_GF), positive=True, fit_intercept=False, tol=1e-5)
    for atom, loading_G in enumerate(loading_GF.T):
        fitted = lasso.fit(own.within_GP.toarray() / size_P, loading_G)
        np.testing.assert_allclose(by_PF[:, atom], fitted.coef_ / size_P, atol=2e-3)
    assert (by_PF[[0, 3], 0] > 0.2).all() and by_PF[5, 1] > 0.2


def test_of_random_sets_other_genes_seldom_agree_and_of_true_ones_they_do():
    x_SG, members = planted()
    own, _ = halves(rows(x_SG), members)
    atom_GN, _ = told_by(own.row_GR, learned(own.row_GR, 24, 2), 1)
    follows_GF = type(own.within_GP)((atom_GN == np.arange(24)).astype(np.float32))
    asked_PF = np.ones((len(members), 24), dtype=bool)
    assert agreed(asked_PF, follows_GF, own.within_GP).any(axis=1).sum() >= 10
    chance = [
        agreed(asked_PF, follows_GF, membership(random_sets(members, seed), np.arange(0, GENES, 2), GENES)).any()
        for seed in range(60)
    ]
    assert np.mean(chance) <= 0.1


def test_weight_0_is_the_data_alone_and_a_large_one_what_was_said():
    draw = np.random.default_rng(0)
    atom_FR = np.linalg.qr(draw.normal(size=(9, 6)))[0].T.astype(np.float32)
    row_GR = (2 * atom_FR[[0, 4]] - 3 * atom_FR[[5, 1]]).astype(np.float32)
    said_GF = np.zeros((2, 6), np.float32)
    said_GF[:, 2] = 1
    for with_sets, alone in zip(told_by(row_GR, atom_FR, 2, said_GF, 0.0), told_by(row_GR, atom_FR, 2), strict=True):
        np.testing.assert_array_equal(with_sets, alone)
    chosen_GN, loading_GN = told_by(row_GR, atom_FR, 2, said_GF, 1e4)
    assert (chosen_GN[:, 0] == 2).all()
    np.testing.assert_allclose(loading_GN[:, 0], 1, rtol=1e-2)


def test_atoms_that_nothing_draws_stay_to_the_bit_and_others_come_nearer_to_their_genes():
    x_SG, members = planted()
    row_GR = rows(x_SG)
    own, other = halves(row_GR, members[:3])
    atom_FR = learned(own.row_GR, 24, 2)
    moved_FR, by_PF = drawn(atom_FR, own, other, 2)
    still_F = ~by_PF.any(axis=0)
    np.testing.assert_array_equal(moved_FR[still_F], atom_FR[still_F])
    assert by_PF.any(axis=1).all() and still_F.sum() >= 12
    assert (moved_FR[~still_F] != atom_FR[~still_F]).any(axis=1).all()
    np.testing.assert_allclose(np.linalg.norm(moved_FR, axis=1), 1, rtol=1e-5)
    for number, row in enumerate(by_PF):
        best, genes = np.abs(row).argmax(), np.intersect1d(members[number], np.arange(1, GENES, 2))
        assert np.sign(row[best]) * (row_GR[genes] @ moved_FR[best]).mean() > 0.2, "genes that drew nothing follow it"


def test_features_are_drawn_towards_true_sets_and_hardly_ever_towards_random_ones(found, sets):
    by_set = {name: 0.0 for name in sets}
    for feature in range(len(found)):
        for name, by in found.drawn_towards(feature).items():
            by_set[name] += abs(by)
            up = found.loading_GF()[sets[name], feature].mean() - found.loading_GF()[:, feature].mean()
            assert up * by > 0, "the sign is that of its genes"
    assert all(by > 0 for name, by in by_set.items() if name.startswith("true"))
    assert sum(by > 0 for name, by in by_set.items() if name.startswith("half wrong")) >= 2
    random = sum(by for name, by in by_set.items() if name.startswith("random"))
    assert random < 0.02 * sum(by_set.values())


def test_random_sets_leave_every_feature_as_it_is_to_the_bit():
    alone, _, _ = of_pca(None)
    assert not [name for name in alone.arrays() if "given" in name or "drawn" in name] and not alone.given
    _, members = planted()
    among, _, _ = of_pca({f"random {at}": one for at, one in enumerate(random_sets(members, 4))})
    assert len(among.given) == PROGRAMS and not len(among.drawn_by_D)
    for name, value in alone.arrays().items():
        np.testing.assert_array_equal(among.arrays()[name], value)


def test_a_set_is_known_by_name_or_by_most_of_its_genes():
    given = np.arange(10, dtype=np.int32)
    one = replace(
        Features(np.ones((3, 1)), np.zeros(1), np.zeros((30, 1), np.int32), np.ones((30, 1)), np.ones(1), np.ones(1)),
        given=("GIVEN", "LARGE"), given_M=np.concatenate([given, np.arange(10, 30)]).astype(np.int32),
        given_end_P=np.array([10, 30], np.int32),
    )  # fmt: skip
    members = [np.array([29]), np.arange(5, 15), np.arange(4, 14), np.arange(10, 13), np.arange(0, 30, 2)[:9]]
    names = ["GIVEN", "half of each", "more than half", "part of a large one", "a little more of one"]
    assert one.knows(names, members).tolist() == [True, False, True, True, True]
    assert one.knows([], []).tolist() == []
    assert not replace(one, given=(), given_M=given[:0], given_end_P=given[:0]).knows(names, members).any()


def samples_of(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame(index=pd.Index(ids, name="sample_id"))


def write(file: Path, sets: dict[str, list[str]]) -> None:
    file.write_text("".join(f"{name}\tx\t" + "\t".join(genes) + "\n" for name, genes in sets.items()))


def asking(place: Path) -> Params:
    return parse_params({"seed": 1, "fit": {"gene_sets": str(place)}})


def test_sets_are_read_as_the_evaluation_reads_them_and_faults_are_named(tmp_path):
    genes = [f"g{at}" for at in range(60)]
    assert given_sets(None, genes) == {}
    with pytest.raises(DataError, match=r"(?s)no gene sets.*fit.gene_sets"):
        given_sets(str(tmp_path), genes)
    write(tmp_path / "empty.gmt", {})
    with pytest.raises(DataError, match=r"(?s)no gene sets.*fit.gene_sets.*empty"):
        given_sets(str(tmp_path / "empty.gmt"), genes)
    (tmp_path / "folder.gmt").mkdir()
    write(tmp_path / "a.gmt", {"ONE": genes[:12], "SMALL": genes[:3]})
    assert gene_sets_digest(tmp_path) and foresee(asking(tmp_path), {}) is None
    found = given_sets(str(tmp_path), genes)
    assert {name: members.tolist() for name, members in found.items()} == {"ONE": list(range(12))}
    assert match(read_gmt(tmp_path / "a.gmt"), genes).names == ("ONE",)
    with pytest.raises(DataError, match="no gene set has"):
        given_sets(str(tmp_path / "a.gmt"), [f"h{at}" for at in range(60)])
    write(tmp_path / "b.gmt", {"ONE": genes[20:40]})
    with pytest.raises(DataError, match="ONE is in a and in b"):
        given_sets(str(tmp_path), genes)
    for damaged in (tmp_path, tmp_path / "none.gmt"):
        with pytest.raises(DataError, match=r"fit\.gene_sets"):
            foresee(asking(damaged), {})
    with pytest.raises(ConfigError, match=r"fit\.gene_sets"):
        parse_params({"seed": 1, "fit": {"gene_sets": "sets", "features": 0}})


def test_who_makes_a_version_again_has_the_sets_of_then(tmp_path):
    project, tree = tmp_path / "project", tmp_path / "tree"
    (project / "sets").mkdir(parents=True)
    write(project / "sets" / "a.gmt", {"ONE": ["g1"]})
    then = told_of(str(project / "sets"))
    wanted = SimpleNamespace(params={"fit": {"gene_sets": "sets"}}, bundle=SimpleNamespace(about={"gene_sets": then}))
    bring_gene_sets(wanted, project, tree)
    assert gene_sets_digest(tree / "sets") == then["digest"]
    for name in ("a.gmt", "another.gmt"):  # what the commit has there may be another
        write(tree / "sets" / name, {"ONE": ["g3"]})
    bring_gene_sets(wanted, project, tree)
    assert gene_sets_digest(tree / "sets") == then["digest"]
    write(tree / "sets" / "a.gmt", {"ONE": ["g3"]})
    write(project / "sets" / "a.gmt", {"ONE": ["g2"]})
    for changed in (project, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="not what they were"):
            bring_gene_sets(wanted, changed, tree)
    bring_gene_sets(SimpleNamespace(params={"fit": {}}), project, tree)


def test_the_stage_draws_features_keeps_what_was_given_and_names_it_as_such(tmp_path):
    x_SG, members = planted()
    genes = [f"g{at}" for at in range(GENES)]
    ids = [f"s{at}" for at in range(PROFILES)]
    folders = {name: tmp_path / name for name in ("ingest", "split", "search", "fit", "alone")}
    for folder in folders.values():
        folder.mkdir()
    write_matrix(
        folders["ingest"] / "matrix.parquet", ExpressionMatrix(x_SG + 5, tuple(genes), samples_of(ids), "log2")
    )
    parts = np.where(np.arange(PROFILES) < 100, "train", "validation")
    pd.DataFrame({"sample_id": ids, "part": parts}).to_csv(folders["split"] / "split.csv", index=False)
    hyper = Hyperparameters(depth=0, bottleneck_width=12).model_dump()
    write_json(
        folders["search"] / "choice.json", {"hyperparameters": hyper, "transform": "log2", "within_sample": "none"}
    )
    sets = {f"PROGRAM_{at}": [genes[gene] for gene in one] for at, one in enumerate(members)}
    write(tmp_path / "given.gmt", dict(list(sets.items())[:6]))
    settings = Settings(project=tmp_path, home=tmp_path / "home", device="cpu")
    drawing, without = (
        parse_params({"seed": 5, "search": {"workers": 1}, "fit": {"seeds": 1, "gene_sets": place}})
        for place in (str(tmp_path / "given.gmt"), None)
    )
    fit(drawing, folders, folders["fit"], settings)
    made, digest = load_bundle(folders["fit"] / "bundle"), gene_sets_digest(tmp_path / "given.gmt")
    assert made.about["gene_sets"] == {"files": ["given.gmt"], "digest": digest}
    features = made.features
    assert features.given == tuple(sets)[:6] and len(np.unique(features.drawn_set_D)) >= 4
    save_bundle(tmp_path / "again", made)
    assert bundle_digest(tmp_path / "again") == made.digest

    told = explained(made, 3, sets, None)
    assert {name for one in told for name in one.drawn} == {features.given[at] for at in features.drawn_set_D}
    tested = {name for one in told for name in one.sets}
    assert tested and not tested & set(features.given), "what went in is no finding"

    # without sets a bundle is what it was before there were any
    fit(without, folders, folders["alone"], settings)
    with safe_open(folders["alone"] / "bundle" / "model.safetensors", framework="numpy") as file:
        assert not [name for name in file.keys() if "given" in name or "drawn" in name]  # noqa: SIM118
    assert "given_sets" not in json.loads((folders["alone"] / "bundle" / "model.json").read_text())
    assert not load_bundle(folders["alone"] / "bundle").features.given

    assert "given_sets" in STAGES["fit"].outside
    assert [inventory(one, settings)["given_sets"] for one in (drawing, without)] == [digest, None]
