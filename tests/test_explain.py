"""What a model's features are: told from the bundle, and beside codes at every door."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, trained
from typer.testing import CliRunner

from cic.cli import app
from cic.errors import DataError, ModelError
from cic.evaluation.axes.recovery import correlations
from cic.evaluation.axes.set_links import set_expression
from cic.model.basis import SampleBasis
from cic.model.bundle_files import save_bundle
from cic.model.feature_fit import fit_features
from cic.model.named_sets import moved, rich_in, set_r
from cic.seeds import generator
from cic.using import Model
from cic.using.explained import as_table


@pytest.fixture(scope="module")
def model() -> Model:
    matrix = curved_profiles()
    bundle, part, _ = trained(matrix, depth=0)
    part_S = part.to_numpy()
    train, held = (bundle.project(matrix.values[part_S == name])[0] for name in ("train", "validation"))
    labels = matrix.samples["label"][part_S == "train"]
    features = fit_features([bundle.network], bundle.basis, train, held, 12, labels)
    return Model(replace(bundle, features=features, digest="d" * 64), "cic/1")


@pytest.fixture
def frame() -> pd.DataFrame:
    matrix = curved_profiles()
    return pd.DataFrame(matrix.values[:20], matrix.samples.index[:20], list(matrix.genes))


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "bundle"
    save_bundle(folder, model.bundle)
    return folder


def test_activities_stand_beside_codes_where_they_are_asked_for(model, frame):
    plain, beside = model.encode(frame), model.encode(frame, features=True)
    columns = model.bundle.features.columns
    pd.testing.assert_frame_equal(beside.drop(columns=columns), plain)
    z_SK = model.bundle.project(frame.to_numpy())[0]
    activity_SF = model.bundle.activities(z_SK, plain[model.bundle.code_columns].to_numpy())
    np.testing.assert_array_equal(beside[columns].to_numpy(), activity_SF)


def test_an_anndata_has_them_as_an_array(model, frame):
    adata = anndata.AnnData(frame.to_numpy(), pd.DataFrame(index=frame.index), pd.DataFrame(index=frame.columns))
    table = model.encode(adata, features=True)
    columns = model.bundle.features.columns
    np.testing.assert_array_equal(adata.obsm["X_cic_features"], table[columns].to_numpy())
    assert list(adata.uns["cic"]["features"]) == columns
    assert not [name for name in adata.obs if "feature" in name]


def test_without_features_there_is_nothing_to_ask_for(model, frame):
    bare = Model(replace(model.bundle, features=None), "cic/1")
    for asked in (lambda: bare.encode(frame, features=True), bare.explain):
        with pytest.raises(ModelError, match="no features") as error:
            asked()
        assert "none recurs" in str(error.value), "which it may be by `fit.features: auto` too"
        assert "a number so many whether they do or not" in str(error.value)


def test_genes_and_types_of_a_feature_are_those_of_the_bundle(model):
    features, found = model.bundle.features, model.explain(genes=3)
    loading_GF, genes = features.loading_GF(), model.bundle.genes
    assert [one.feature for one in found] == features.columns
    for number, one in enumerate(found):
        for gene, change in (one.up | one.down).items():
            assert change == pytest.approx(loading_GF[genes.index(gene), number], rel=1e-3)
        assert len(one.up) <= 3 and all(change > 0 for change in one.up.values())
        assert all(change < 0 for change in one.down.values())
        assert next(iter(one.types)) == features.types[features.activity_TF[:, number].argmax()]
        assert not one.sets
    # what moves most is first
    moved = [sum(change**2 for change in (one.up | one.down).values()) for one in model.explain(genes=1000)]
    assert moved[0] > np.median(moved)


def test_types_are_told_of_other_profiles_where_these_are_given(model, frame):
    codes = model.encode(frame, features=True)
    labels = pd.Series(np.repeat(["a", "b"], 10), frame.index)
    found = model.explain(codes=codes, labels=labels)
    activity_SF = codes[model.bundle.features.columns].to_numpy()
    for number, one in enumerate(found):
        mean_A = activity_SF[:, number].reshape(2, 10).mean(axis=1)
        assert one.types == {
            name: pytest.approx(mean, rel=1e-3) for name, mean in zip("ab", mean_A, strict=True) if mean > 0
        }
    with pytest.raises(DataError, match="s3 has no label"):
        model.explain(codes=codes, labels=labels.drop("s3"))
    with pytest.raises(DataError, match="s3 has more than one label"):
        model.explain(codes=codes, labels=pd.concat([labels, labels[["s3"]]]))
    with pytest.raises(DataError, match=r"there is no column feature_1(.|\n)*--features"):
        model.explain(codes=model.encode(frame), labels=labels)
    with pytest.raises(DataError, match="both or neither"):
        model.explain(codes=codes)
    with pytest.raises(ModelError, match="made by cic/2"):
        model.explain(codes=codes.assign(model="cic/2"), labels=labels)


def test_sets_are_found_that_moved_genes_are_rich_in_and_others_are_not():
    draw = np.random.default_rng(0)
    moved_GF = np.zeros((1000, 20), dtype=bool)
    for number in range(20):
        moved_GF[draw.choice(1000, 60, replace=False), number] = True
    mine = np.concatenate([np.flatnonzero(moved_GF[:, 3])[:20], draw.choice(1000, 20)])
    rate_PF = rich_in(moved_GF, [mine, *(draw.choice(1000, 40, replace=False) for _ in range(50))])
    assert rate_PF[0, 3] < 1e-6 and (rate_PF[1:] <= 0.05).sum() <= 2
    assert rich_in(moved_GF, []).shape == (0, 20)


@pytest.fixture(scope="module")
def rich(model) -> dict[str, list[str]]:
    """Sets of the genes that the first features move, which these are rich in."""
    return {f"of {number}": [*(one.up | one.down)] for number, one in enumerate(model.explain(genes=1000)[:6], 1)}


def test_a_set_that_the_profiles_do_not_bear_out_names_no_feature(model, rich):
    features, genes = model.bundle.features, list(model.bundle.genes)
    members = [np.array([genes.index(gene) for gene in one]) for one in rich.values()]
    r_PF = set_r(features.slope_FK, features.variance_K, model.bundle.basis, members)
    rate_PF = rich_in(moved(features.loading_GF()), members)
    told = [{*one.sets} for one in model.explain(gene_sets=rich)]
    for at, name in enumerate(rich):
        for number in range(len(features)):
            assert (name in told[number]) == (rate_PF[at, number] <= 0.05 and abs(r_PF[at, number]) >= 0.6)
    assert sum(map(len, told)) > 0 and ((rate_PF <= 0.05) & (np.abs(r_PF) < 0.6)).any(), "both occur"


def test_the_profiles_are_asked_without_being_there(model, rich):
    matrix, genes = curved_profiles(), list(model.bundle.genes)
    part_S = trained(matrix, depth=0)[1].to_numpy()
    z_SK = model.bundle.project(matrix.values[part_S == "train"])[0]
    x_SG = model.bundle.basis.lift(z_SK)
    members = [np.array([genes.index(gene) for gene in one]) for one in rich.values()]
    set_PS = set_expression(x_SG, members, x_SG.std(axis=0))
    activity_SF = model.bundle.activities(z_SK, model.bundle.network.encode(z_SK))
    features = model.bundle.features
    r_PF = set_r(features.slope_FK, features.variance_K, model.bundle.basis, members)
    np.testing.assert_allclose(r_PF, correlations(set_PS.T, activity_SF), atol=1e-3)


def test_what_a_basis_leaves_out_makes_no_set_closer():
    draw = generator(1, "sets")
    x_SG = draw.normal(size=(400, 300)).astype(np.float32)
    x_SG[:, :20] += 1.5 * draw.normal(size=(400, 1))
    x_SG -= x_SG.mean(axis=0)
    members = [draw.choice(300, 12, replace=False) for _ in range(60)]
    basis = SampleBasis.fit(x_SG, rank=8)
    z_SK = basis.project(x_SG)[0] * basis.scale
    unit_SK = z_SK / z_SK.std(axis=0)
    r_PK = set_r(unit_SK.T @ z_SK / len(z_SK), z_SK.var(axis=0), basis, members)
    measured_PK = correlations(set_expression(x_SG, members, x_SG.std(axis=0)).T, unit_SK)
    assert basis.left_out > 0.7
    np.testing.assert_allclose(r_PK, measured_PK, atol=0.1)


def test_of_an_older_model_genes_alone_name_features(model, rich, caplog):
    none = np.empty((0, 0), np.float32)
    older = Model(replace(model.bundle, features=replace(model.bundle.features, slope_FK=none)), "cic/1")
    alone, both = (sum(len(one.sets) for one in one.explain(gene_sets=rich)) for one in (older, model))
    assert alone > both and "genes alone" in caplog.text


def test_a_table_says_in_text_what_the_records_say(model):
    found = model.explain(genes=2)
    table = as_table(found)
    assert len(table) == len(found) and table["up"][0] == ", ".join(f"{g} {x:.2g}" for g, x in found[0].up.items())


def test_the_verb_writes_what_python_is_told(model, saved, tmp_path):
    genes = model.bundle.genes
    moved = [*model.explain(genes=90)[0].up]
    lines = ["MINE\tx\t" + "\t".join(moved), "OTHER\tx\t" + "\t".join(gene for gene in genes if gene not in moved)]
    (tmp_path / "sets.gmt").write_text("\n".join(lines) + "\n")
    place, sets = tmp_path / "out" / "features.json", str(tmp_path / "sets.gmt")
    done = CliRunner().invoke(app, ["explain", "-m", str(saved), "-o", str(place), "--gene-sets", sets, "--genes", "4"])
    assert done.exit_code == 0 and f"{len(model.bundle.features)} features" in done.output, done.output
    told = json.loads(place.read_text())
    gene_sets = {"MINE": moved, "OTHER": [gene for gene in genes if gene not in moved]}
    assert told == [vars(one) for one in model.explain(genes=4, gene_sets=gene_sets)]
    assert "MINE" in told[0]["sets"]
    shown = CliRunner().invoke(app, ["explain", "-m", str(saved)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0 and "type 0" in shown.output
    assert any(", ".join(one.types) in shown.output for one in model.explain() if len(one.types) > 1), "one ends where"
    narrow = CliRunner().invoke(app, ["explain", "-m", str(saved)], env={"COLUMNS": "80"}).output
    assert "…" not in narrow, "names are whole"
    assert "cell types" in narrow and "gene sets" not in narrow, "what is empty takes no room"


def test_the_verb_tells_types_of_codes_in_a_file(model, saved, frame, tmp_path):
    profiles, codes, labels = (tmp_path / name for name in ("profiles.csv", "codes.csv", "labels.csv"))
    frame.rename_axis("sample_id").to_csv(profiles)
    line = ["encode", str(profiles), "-m", str(saved), "--features", "-o", str(codes), "--allow-foreign"]
    assert CliRunner().invoke(app, line).exit_code == 0
    table = pd.read_csv(codes, index_col=0, comment="#")
    assert set(model.bundle.features.columns) < set(table.columns)
    pd.DataFrame({"kind": np.repeat(["a", "b"], 10)}, frame.index).rename_axis("sample_id").to_csv(labels)
    asked = ["explain", "-m", str(saved), "--codes", str(codes), "--labels", str(labels), "-o", str(tmp_path / "f.csv")]
    done = CliRunner().invoke(app, [*asked, "--label", "kind"])
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "f.csv")["types"].str.contains("a ").any()
    assert "no column `label`" in str(CliRunner().invoke(app, asked).exception)
    for wrong in (asked[:5], ["explain", "-m", str(saved), "-o", "f.xlsx"]):
        assert CliRunner().invoke(app, wrong).exit_code == 2
    nowhere = CliRunner().invoke(app, ["explain", "-m", str(saved), "--gene-sets", str(tmp_path / "none")])
    assert "no gene sets" in str(nowhere.exception)
