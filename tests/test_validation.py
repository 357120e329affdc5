"""External validation: what is measured on a file from elsewhere, what is left out of it, and that the gate can ask."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_profiles
from store_parts import errors_of, log_bundle, new_store, tiny_bundle
from typer.testing import CliRunner

import cic
from cic.cli import app
from cic.config import Evaluate, Registry, ValidationFile, parse_params
from cic.data.dataset import write_dataset
from cic.data.matrix import ExpressionMatrix
from cic.data.role_columns import role_columns
from cic.errors import ConfigError, DataError, ModelError
from cic.evaluation.drawing.drawing import picture
from cic.evaluation.statistics.intervals import resampling
from cic.model.bundle_files import load_bundle, save_bundle
from cic.model.familiarity import UNKNOWN
from cic.model.reference import Reference
from cic.registry.evidence import decide
from cic.registry.gate import Decision
from cic.registry.registry import promote
from cic.tracking.store import connect
from cic.using import Model
from cic.validation import draw
from cic.validation.cell_types import cell_types
from cic.validation.found import Validation
from cic.validation.measure import Validated, measure
from cic.validation.page import render
from cic.validation.profiles import read_profiles
from cic.validation.sentences import ORDER, conclusions
from flows.validate import validation_told

QUICK = Evaluate(bootstrap=100)
FIRST = np.arange(60) % 2 == 0


def another_study(matrix: ExpressionMatrix) -> ExpressionMatrix:
    """The profiles that were not trained on, as another laboratory sees them: shifted by gene, its own noise."""
    own = matrix.select(~FIRST)
    draw_G = np.random.default_rng(4).normal(0, 0.4, own.n_genes)
    noise_SG = np.random.default_rng(5).normal(0, 0.2, own.values.shape)
    samples = own.samples.set_axis(pd.Index([f"other{n}" for n in range(30)], name="sample_id"))
    return replace(own, values=(own.values + draw_G + noise_SG).astype(np.float32), samples=samples)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Trained on every other of the tiny profiles."""
    matrix = tiny_profiles()
    folder = tiny_bundle(tmp_path_factory.mktemp("model") / "bundle", matrix.select(FIRST), 4, labelled=True)
    bundle = load_bundle(folder)
    save_bundle(folder, replace(bundle, reference=Reference.of(bundle, matrix.values[~FIRST])))
    return cic.load(folder)


@pytest.fixture(scope="module")
def other() -> ExpressionMatrix:
    return another_study(tiny_profiles())


@pytest.fixture(scope="module")
def made(model: Model, other: ExpressionMatrix) -> Validated:
    return measure(model, other, "other", "0" * 64, QUICK, 1)


def measured(model: Model, matrix: ExpressionMatrix) -> Validated:
    return measure(model, matrix, "other", "0" * 64, QUICK, 1)


# what is measured


def test_errors_are_those_of_the_bundle_beside_pca_of_its_own_basis(
    model: Model, other: ExpressionMatrix, made: Validated
) -> None:
    bundle, found = model.bundle, made.found
    np.testing.assert_allclose(made.profiles["squared_error_model"], bundle.squared_errors(other.values), rtol=1e-4)
    z_SK, outside_S = bundle.project(other.values)
    pca_S = np.square(z_SK[:, 4:].astype(float)).sum(axis=1) * bundle.basis.scale**2 + outside_S
    np.testing.assert_allclose(made.profiles["squared_error_pca"], pca_S, rtol=1e-4)
    ratio = made.profiles["squared_error_model"].sum() / made.profiles["squared_error_pca"].sum()
    assert found.reconstruction.ratio_to_pca.value == pytest.approx(ratio)
    assert (found.interval.by, found.interval.units) == ("group", 6)
    assert found.about.measured == 30 and found.genes.coverage == 1.0
    assert found.shift is not None and found.shift.foreign and found.shift.median_error_ratio > 2
    assert Validation.model_validate_json(found.model_dump_json()) == found


def test_cell_types_are_scored_by_the_likeliest_and_unknown_is_an_answer(made: Validated) -> None:
    types, told = made.found.cell_types, made.profiles
    assert types is not None and types.profiles == 30 and types.chance == pytest.approx(1 / 3)
    assert types.accuracy.value == pytest.approx((told["likeliest"] == told["label"]).mean())
    assert types.answered.value == pytest.approx((told["cell_type"] != UNKNOWN).mean())
    assert types.calibration.too_sure.value == pytest.approx(told["probability"].mean() - types.accuracy.value)
    assert made.confusions["n"].sum() == 30 and made.reliability["n"].sum() == 30
    assert list(made.types["label"]) == ["blood", "brain", "liver"] and made.types["n"].sum() == 30


def test_of_one_known_type_nothing_is_said_of_telling_types_apart(model: Model, other: ExpressionMatrix) -> None:
    found = measured(model, other.select((other.samples["label"] == "brain").to_numpy()))
    assert found.found.cell_types is not None and found.found.cell_types.types == 1
    (told,) = [one.sentence for one in conclusions(found.found, found.types) if one.topic == "types"]
    assert told.standing == "open" and "one type" in told.claim and "chance" not in told.text


def test_types_that_the_model_does_not_know_should_come_out_unknown(model: Model, other: ExpressionMatrix) -> None:
    labels = other.samples["label"].where(other.samples["label"] != "brain", "cerebellum")
    far_SG = other.values + 6 * (labels == "cerebellum").to_numpy()[:, None] * (np.arange(200) % 2)
    far = replace(other, values=far_SG.astype(np.float32), samples=other.samples.assign(label=labels))
    found = measured(model, far)
    unknowns, types = found.found.unknowns, found.found.cell_types
    assert unknowns is not None and (unknowns.profiles, unknowns.types) == (10, ("cerebellum",))
    assert unknowns.found.value == 1 and unknowns.found.low is not None
    assert types is not None and types.profiles == 20 and types.types == 2
    row = found.types.set_index("label").loc["cerebellum"]
    assert not row["known"] and np.isnan(row["right"]) and row["unknown"] == 1
    assert "not among its types" in render(found, "log2")


def test_sets_of_answers_are_held_against_what_was_asked() -> None:
    samples = pd.DataFrame(
        {"label": ["a", "b"] * 10, "likeliest": "a", "cell_type": "a", "probability": 0.9, "types": ["a|b", "a"] * 10},
        index=[f"s{n}" for n in range(20)],
    )
    found = cell_types(samples, resampling(samples, 100, 0.95, 1), 0.1, 1)
    assert found.conformal is not None and found.conformal.asked == pytest.approx(0.9)
    assert (found.conformal.coverage.value, found.conformal.size.value) == (0.5, 1.5)


def test_without_labels_the_rest_is_measured(model: Model, other: ExpressionMatrix) -> None:
    found = measured(model, replace(other, samples=other.samples[[]]))
    assert found.found.cell_types is None and found.found.unknowns is None and found.types.empty
    assert found.found.interval.by == "profile"
    page = render(found, "log2")
    assert 'id="reconstruction"' in page and 'id="types"' not in page


def test_a_model_without_classifier_and_reference_says_so(
    tmp_path: Path, tiny: ExpressionMatrix, other: ExpressionMatrix
) -> None:
    found = measured(cic.load(tiny_bundle(tmp_path / "plain", tiny.select(FIRST), 2)), other)
    assert found.found.cell_types is None and found.found.shift is None
    assert "Nothing is known of whether these profiles are like" in render(found, "log2")
    assert found.types["right"].isna().all() and found.types["ratio_to_pca"].notna().all()
    page = render(found, "log2")
    assert "not among its types" not in page and "told rightly" not in page
    assert "This model has no classifier" in page


# what the model has seen


def test_profiles_that_it_was_trained_on_and_their_copies_do_not_count(
    model: Model, tiny: ExpressionMatrix, other: ExpressionMatrix
) -> None:
    copies = tiny.select(FIRST)
    rounded_SG = np.where(np.arange(30)[:, None] < 10, np.round(copies.values, 2), copies.values)
    both = replace(
        other,
        values=np.concatenate([rounded_SG, other.values]).astype(np.float32),
        samples=pd.concat([copies.samples, other.samples]),
    )
    found = measured(model, both)
    assert (found.found.seen.trained_on, found.found.seen.nearly_trained_on) == (20, 10)
    assert set(found.found.seen.samples) == set(copies.samples.index)
    assert list(found.profiles.index) == list(other.samples.index)
    assert found.found.reconstruction == measured(model, other).found.reconstruction
    with pytest.raises(DataError, match="trained on all 30 profiles"):
        measured(model, copies)


def test_where_the_span_holds_everything_nothing_is_called_a_copy(tmp_path: Path, tiny: ExpressionMatrix) -> None:
    few = replace(tiny, values=tiny.values[:, :40], genes=tiny.genes[:40])
    found = measured(cic.load(tiny_bundle(tmp_path / "few", few.select(FIRST), 2)), few.select(~FIRST))
    assert found.found.seen.nearly_trained_on == 0


# the page and the sentences


def test_the_page_says_first_where_the_model_loses_and_escapes_what_it_shows(
    model: Model, other: ExpressionMatrix, made: Validated
) -> None:
    told = [one.sentence.standing for one in conclusions(made.found, made.types)]
    assert told == sorted(told, key=ORDER.index) and told[0] == "bad"
    odd = other.samples["label"].where(other.samples["label"] != "brain", "<b>brain</b>")
    page = render(measured(model, replace(other, samples=other.samples.assign(label=odd))), "log2")
    assert "<b>brain" not in page and "&lt;b&gt;brain" in page
    assert page.count("<svg") >= 5 and not re.search(r"""(src|href)=["'](?!#)""", page)
    assert page.index("As a whole the profiles are shifted") < page.index("more of these profiles than the mean")
    assert validation_told(made, Path("there")).splitlines()[4].startswith("| **against it** |")


def test_of_few_groups_nothing_is_said_for_the_model(model: Model, other: ExpressionMatrix) -> None:
    three = other.samples["group"].str.replace(r"\d", lambda found: str(int(found[0]) % 3), regex=True)
    found = measured(model, replace(other, samples=other.samples[["label"]].assign(group=three)))
    assert found.found.cautions and found.found.interval.by == "profile"
    good = {one.topic for one in conclusions(found.found, found.types) if one.sentence.standing == "good"}
    assert good <= {"profiles", "shift"} and found.found.cautions[0] in render(found, "log2")


def test_many_types_get_numbers_in_place_of_names() -> None:
    names = [f"type {n:02}" for n in range(30)]
    pairs = pd.DataFrame({"true": names, "predicted": [*names[1:], UNKNOWN], "n": 2})
    assert "type 03 · 4" in picture("confusions", "", draw.confusions(pairs)).svg


# from a file


def test_a_file_is_read_as_declared_and_its_labels_are_replaced(
    tmp_path: Path, model: Model, other: ExpressionMatrix
) -> None:
    file, about, words = tmp_path / "theirs.tsv", tmp_path / "about.csv", tmp_path / "words.csv"
    pd.DataFrame(other.values.T, list(other.genes), other.samples.index).to_csv(file, sep="\t")
    columns = other.samples.assign(tissue=other.samples["label"].str.upper(), lab=other.samples["group"])
    columns[["tissue", "lab"]].to_csv(about)
    words.write_text("from,to\nBRAIN,brain\nLIVER,liver\n")
    reading = {"samples_in": "columns", "labels": about}
    named = {"label": "tissue", "group": "lab"}
    matrix = read_profiles(file, model.bundle, reading, named, words)
    assert set(matrix.samples["label"]) == {"brain", "liver", "BLOOD"} and list(matrix.samples) == ["label", "group"]
    np.testing.assert_allclose(matrix.values, other.values, rtol=1e-5)
    with pytest.raises(DataError, match="no column `organ`"):
        read_profiles(file, model.bundle, reading, {"label": "organ"}, None)
    with pytest.raises(DataError, match="no labels to replace"):
        read_profiles(file, model.bundle, {"samples_in": "columns"}, {}, words)
    words.write_text("from,to\nKIDNEY,kidney\n")
    with pytest.raises(DataError, match="no profile is labelled `KIDNEY`"):
        read_profiles(file, model.bundle, reading, named, words)


def test_an_empty_cell_plays_no_role() -> None:
    samples = pd.DataFrame({"label": ["a", "", None], "study": [1, 2, 2]})
    found = role_columns(samples, {"group": "study"}, "here")
    assert list(found["label"].isna()) == [False, True, True] and list(found["group"]) == ["1", "2", "2"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, model: Model, other: ExpressionMatrix, template: Path) -> Path:
    """A project with a champion, and a data set from elsewhere."""
    folder, matrix = tmp_path_factory.mktemp("project"), tiny_profiles()
    uri = new_store(folder, template)
    save_bundle(folder / "bundle", model.bundle)
    log_bundle(uri, folder / "bundle", matrix.select(~FIRST))
    (folder / "params.yaml").write_text("seed: 1\nregistry: {name: cic}\nevaluate: {bootstrap: 100}\n")
    write_dataset(folder / "data" / "other", other, {})
    return folder


def test_a_registered_version_keeps_it_and_wrong_files_leave_nothing(
    project: Path, made: Validated, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{project / 'mlflow.db'}"
    monkeypatch.chdir(project)
    monkeypatch.setenv("CIC_PROJECT", str(project))
    monkeypatch.setenv("CIC_MLFLOW_URI", uri)
    told = CliRunner().invoke(app, ["validate", "data/other", "-m", "models:/cic/1", "-o", "out", "--name", "an other"])
    assert told.exit_code == 0, told.output
    kept = Validation.model_validate_json((project / "out" / "validation.json").read_text())
    ratio = made.found.reconstruction.ratio_to_pca
    assert kept.reconstruction.ratio_to_pca.value == ratio.value and kept.about.model == "cic/1"
    assert len(pd.read_csv(project / "out" / "profiles.csv")) == 30
    client = connect(uri)
    version = client.get_model_version("cic", "1")
    run = client.get_run(version.run_id)
    assert run.data.tags["cic.validation.an-other"] == kept.about.sha256
    assert run.data.metrics["validation.an-other.error_over_pca"] == kept.reconstruction.ratio_to_pca.value
    assert "of that of PCA" in version.tags["cic.validation.an-other"]
    files = [one.path for one in client.list_artifacts(version.run_id, "validation/an-other")]
    assert "validation/an-other/validation.html" in files and len(files) == 4
    assert (
        "validated: On 30 profiles of an-other" in CliRunner().invoke(app, ["registry", "list", "--name", "cic"]).output
    )
    pd.DataFrame({"NOBODY": [1.0, 2.0], "KNOWS": [2.0, 1.0]}, ["a", "b"]).to_csv("none.csv")
    wrong = CliRunner().invoke(app, ["validate", "none.csv", "-m", "models:/cic/1", "-o", "nothing"])
    assert isinstance(wrong.exception, ModelError) and not (project / "nothing").exists()


# the gate


def test_the_gate_asks_data_sets_from_elsewhere_too(
    project: Path, tiny: ExpressionMatrix, other: ExpressionMatrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, held_out = f"sqlite:///{project / 'mlflow.db'}", tiny.select(~FIRST)
    narrow = tiny_bundle(project / "narrow", tiny.select(FIRST), 2)
    version = log_bundle(uri, narrow, held_out).version
    monkeypatch.chdir(project)

    def decided(bundle: Path = narrow, **entry: object) -> Decision:
        asked = ValidationFile.model_validate({"name": "other", "file": "data/other", **entry})
        gate = Registry(name="cic", min_profiles=10, bootstrap=100, validation=(asked,))
        return decide(uri, "cic", bundle, held_out, errors_of(bundle, held_out) * 1.5, True, (), gate, 1)

    refused = decided()
    assert refused.outcome == "refused" and refused.reasons[0].startswith("on other: it is no better than PCA")
    figures = refused.figures["validation"]["other"]
    assert figures["pca"]["value"] == pytest.approx(1) and figures["pca"]["n"] == 30 and figures["look"] == 1
    assert len(figures["file"]) == 16 and figures["held_out"] != refused.figures["held_out"]
    passed = decided(max_ratio_to_pca=1.1)
    assert passed.promote and any(reason.startswith("on other: its error is") for reason in passed.reasons)
    assert not any("on other: the leakage audit" in reason for reason in passed.reasons)
    with pytest.raises(DataError, match=r"no such file(.|\n)*registry.validation, other"):
        decided(file="data/gone")
    with pytest.raises(DataError, match="no column `donor`"):
        decided(group="donor")
    genes = tuple(f"OTHER{n}" for n in range(other.n_genes))
    write_dataset(project / "data" / "genes", replace(other, genes=genes), {})
    assert "on other: it cannot be applied" in decided(file="data/genes").reasons[0]
    write_dataset(project / "data" / "linear", replace(other, values=np.abs(other.values), unit="intensity"), {})
    assert "in `intensity`, the model takes `log2`" in decided(file="data/linear").reasons[0]

    record = promote(uri, "cic", version, passed)
    assert record is not None and record.figures["validation"] == passed.figures["validation"]
    wide = tiny_bundle(project / "wide", tiny.select(FIRST), 6)
    after = decided(bundle=wide, max_ratio_to_pca=1.1, max_ratio_to_champion=1.5)
    figures = after.figures["validation"]["other"]
    assert figures["look"] == 2 and figures["confidence"] > 0.99, "the same profiles have decided before"
    assert figures["against_champion"]["value"] < 1


def test_what_the_parameters_ask_is_checked() -> None:
    entry = {"name": "gtex", "file": "data/raw/gtex"}
    found = parse_params({"seed": 1, "registry": {"validation": [entry]}}).registry.validation
    assert found == (ValidationFile(name="gtex", file="data/raw/gtex"),)
    for wrong in ([entry, entry], [{"name": "gtex"}], [{**entry, "max_ratio": 1}], [{**entry, "name": "a b"}]):
        with pytest.raises(ConfigError):
            parse_params({"seed": 1, "registry": {"validation": wrong}})
