"""The command line as scripts see it: its surface, its answers to mistakes, and models put to use."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import Result
from store_parts import log_bundle, new_store
from typer.main import get_command
from typer.testing import CliRunner

from cic import __version__ as cic_version
from cic.cli import app
from cic.config import Params, parse_params
from cic.data.synthetic import Recipe, simulate
from cic.errors import CicError, DataError, ModelError, UnfamiliarError
from cic.folders import read_parts
from cic.model.bundle_files import load_bundle
from cic.model.familiarity import COLUMNS, TYPE_COLUMNS
from cic.model.reference import Reference
from cic.pipeline import run_stage, workspace
from cic.registry.gate import Decision
from cic.registry.registry import promote
from cic.settings import Settings
from cic.tracking.store import connect

SURFACE = Path(__file__).parent / "cli_surface.txt"
RECIPE = Recipe(samples=72, genes=80, cell_types=3, studies=9, programs=6, replicate_pairs=8, seed=2)


# the surface


def commands(command: Any, path: tuple[str, ...] = ("cic",)) -> Iterator[tuple[str, Any]]:
    """Give every verb; of which classes they are differs between releases of Typer."""
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from commands(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


def described(parameter: Any) -> str:
    name = ", ".join((*parameter.opts, *parameter.secondary_opts)) + (" ..." if parameter.multiple else "")
    return f"  {name}: " + ("required" if parameter.required else str(parameter.default))


def surface() -> str:
    """Every verb with its arguments, options and defaults, as text."""
    lines = []
    for path, command in commands(get_command(app)):
        lines += [path, *(described(one) for one in command.params if one.name != "help")]
    return "\n".join(lines) + "\n"


def test_the_surface_is_frozen() -> None:
    kept, now = SURFACE.read_text(), surface()
    changed = "\n".join(difflib.unified_diff(kept.splitlines(), now.splitlines(), "before", "now", lineterm=""))
    assert now == kept, (
        f"the command line has changed, which scripts notice:\n{changed}\n"
        f"if that is meant, say so in CHANGELOG.md and run: python {Path(__file__).parent.name}/{Path(__file__).name}"
    )


def test_every_verb_says_what_it_does_and_every_option_what_it_is_for() -> None:
    verbs = dict(commands(get_command(app)))
    assert len(verbs) > 20
    for path, command in verbs.items():
        assert command.help, path
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{path}: {parameter.name}"


def test_every_option_says_what_it_is_if_left_out() -> None:
    for path, command in commands(get_command(app)):
        for one in command.params:
            if one.required or one.name == "help" or getattr(one, "is_flag", False):
                continue
            said = "default" in one.help.lower() or isinstance(getattr(one, "show_default", None), str)
            assert one.default is not None or said, f"{path}: {one.name}"


def test_the_sizes_that_help_tells_are_those_of_the_recipe() -> None:
    (simulated,) = (command for path, command in commands(get_command(app)) if path == "cic data simulate")
    shown = {one.name: one.show_default for one in simulated.params if isinstance(one.show_default, str)}
    assert shown.pop("molecules"), "of single cells, which are another recipe"
    assert len(shown) == 7
    assert {name: int(text.split(",")[0]) for name, text in shown.items()} == {
        name: getattr(Recipe(), name) for name in shown
    }


def test_the_version_is_told() -> None:
    assert use("--version").output == f"cic {cic_version}\n"


# mistakes


def cic(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a user in `folder` would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIC_")}
    environment |= {"COLUMNS": "200", "CIC_PROJECT": str(folder)}
    program = "from cic.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("params", "arguments", "code", "told"),
    [
        ("seed: 1\nsearch: {trails: 3}\n", ("params",), 2, "did you mean `trials`"),
        ("seed: 1\n", ("params", "-S", "search.trials=0"), 2, "where: --set, on top of params.yaml"),
        ("seed: 1\nsearch: {trials: none}\n", ("params",), 2, "search.trials"),
        (None, ("params",), 2, "params.yaml"),
        ("seed: 1\n", ("params", "-S", "search.trails=3"), 2, "did you mean `trials`"),
        ("seed: 1\n", ("params", "-S", "search.trials"), 2, "search.trials"),
        ("seed: 1\n", ("fit",), 3, "run `cic ingest` first"),
        ("seed: 1\n", ("ingest",), 3, "data/raw/synthetic"),
        ("seed: 1\n", ("data", "check", "gone.csv", "--unit", "log2", "--samples-in", "rows"), 3, "gone.csv"),
        ("seed: 1\n", ("encode", "gone.csv", "-o", "codes.csv", "-m", "no/bundle"), 4, "no/bundle"),
        ("seed: 1\n", ("registry", "promote", "7"), 2, "no version, alias or run"),
    ],
)
def test_a_mistake_ends_in_its_message_and_exit_code(
    tmp_path: Path, params: str | None, arguments: tuple[str, ...], code: int, told: str
) -> None:
    if params is not None:
        (tmp_path / "params.yaml").write_text(params)
    done = cic(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert "error: " in done.stderr and told in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "build").exists() and not (tmp_path / "codes.csv").exists()


def test_wrong_usage_is_told_too(tmp_path: Path) -> None:
    done = cic(tmp_path, "fit", "--no-such-option")
    assert done.returncode == 2
    assert "No such option" in done.stderr and "Traceback" not in done.stderr


# a model in use


def stages_run(folder: Path, params: Params) -> dict[str, Path]:
    """Run the stages up to fit on simulated profiles; give their folders."""
    folders = workspace(folder / "build")
    settings = Settings(project=folder, home=folder / "home", device="cpu")
    for name in ("ingest", "split", "search", "fit"):
        run_stage(name, params, folders, settings)
    return folders


def params_of(data: Path, width: int) -> Params:
    return parse_params(
        {
            "seed": 5,
            "data": {"file": str(data), "label": "cell_type", "group": "study", "replicate": "replicate_of"},
            "training": {"epochs": 6, "rank": 30},
            "search": {"trials": 2, "round_size": 2, "workers": 1, "bottleneck_width": [width], "depth": [0, 1],
                       "hidden_width": [16], "finalists": 1, "repeats": 2},
            "fit": {"seeds": 1, "classifier": True},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A folder with two bundles, `two` and `three` numbers wide, and `test.csv`, profiles that neither has seen."""
    root = tmp_path_factory.mktemp("models")
    simulate(RECIPE, root / "profiles.parquet")
    for name, width in (("two", 2), ("three", 3)):
        new_store(root / name / "home", template)
        folders = stages_run(root / name, params_of(root / "profiles.parquet", width))
        (folders["fit"] / "bundle").rename(root / f"{name}.bundle")
    matrix, part_S = read_parts(folders)
    test = matrix.select(part_S == "test")
    pd.DataFrame(test.values, test.samples.index, list(test.genes)).to_csv(root / "test.csv")
    return root


def use(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "200"})


def refusal(*arguments: str | Path) -> CicError:
    error = use(*arguments).exception
    assert isinstance(error, CicError), error
    return error


def test_encode_then_decode_is_the_reconstruction(made: Path, tmp_path: Path) -> None:
    bundle = load_bundle(made / "two.bundle")
    test = pd.read_csv(made / "test.csv", index_col=0)
    codes_file, back_file = tmp_path / "codes.parquet", tmp_path / "back.csv.gz"
    assert use("encode", made / "test.csv", "-o", codes_file, "-m", made / "two.bundle").exit_code == 0
    codes = pd.read_parquet(codes_file)
    beside = [*COLUMNS, *TYPE_COLUMNS, "model"]
    assert list(codes.columns) == ["code_1", "code_2", *beside] and list(codes.index) == list(test.index)
    values_SG = bundle.align(test, "test.csv")
    np.testing.assert_allclose(codes[["code_1", "code_2"]], bundle.encode(values_SG), rtol=1e-5)
    with pytest.raises(ModelError, match="align"):
        bundle.encode(test.iloc[:, ::-1])  # its columns would be taken for others
    assert len(repr(bundle)) < 120
    assert use("decode", codes_file, "-o", back_file, "-m", made / "two.bundle").exit_code == 0
    back = pd.read_csv(back_file, index_col="sample_id")
    assert list(back.columns) == list(bundle.genes)
    np.testing.assert_allclose(back, bundle.reconstruct(values_SG), rtol=1e-4, atol=1e-4)


def test_a_model_that_is_not_named_is_the_champion_of_the_data_that_the_parameters_name(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIC_MLFLOW_URI", uri)
    matrix, _ = read_parts(workspace(made / "two" / "build"))
    for name, model in (("two", "cic-mine"), ("three", "cic-synthetic")):
        log_bundle(uri, made / f"{name}.bundle", matrix, name=model)
        promote(uri, model, "1", Decision(True, "promoted", ("so",), {"champion": None}))
    for params, stamp in (
        ("data: {file: data/raw/mine}", "cic-mine/1"),
        ("data: {file: data/raw/synthetic}", "cic-synthetic/1"),
        ("data: {file: data/raw/mine}\nregistry: {name: cic-synthetic}", "cic-synthetic/1"),
    ):
        Path("params.yaml").write_text(f"seed: 1\n{params}\n")
        for verb, given, out in (("encode", made / "test.csv", "codes.csv"), ("decode", "codes.csv", "back.csv"),
                                 ("classify", made / "test.csv", "types.csv")):  # fmt: skip
            done = use(verb, given, "-o", out)
            assert done.exit_code == 0, done.exception
        assert {*pd.read_csv("codes.csv")["model"], *pd.read_csv("types.csv")["model"]} == {stamp}
    Path("params.yaml").write_text("seed: 1\ndata: {file: data/raw/other}\n")
    assert "cic-other" in str(refusal("encode", made / "test.csv", "-o", "codes.csv"))


def test_genes_are_found_by_name_in_any_order(made: Path, tmp_path: Path) -> None:
    test = pd.read_csv(made / "test.csv", index_col=0)
    (test[test.columns[::-1]].assign(EXTRA=1.0)).to_csv(tmp_path / "shuffled.csv")
    for source, out in ((made / "test.csv", "a.csv"), (tmp_path / "shuffled.csv", "b.csv")):
        assert use("encode", source, "-o", tmp_path / out, "-m", made / "two.bundle").exit_code == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_classify_gives_types_with_probabilities(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "types.tsv"
    assert use("classify", made / "test.csv", "-o", out, "-m", made / "two.bundle").exit_code == 0
    types = pd.read_csv(out, sep="\t", index_col="sample_id")
    chances = types.filter(like="p(")
    assert list(chances.columns) == [f"p({label})" for label in load_bundle(made / "two.bundle").labels]
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    assert list("p(" + types["likeliest"] + ")") == list(chances.idxmax(axis=1))
    assert list(types["cell_type"]) == list(types["likeliest"].where(types["familiar"], "unknown"))
    assert list(types.columns[:12]) == [*TYPE_COLUMNS, *COLUMNS]


def test_the_reference_of_a_bundle_is_of_the_validation_part(made: Path) -> None:
    bundle = load_bundle(made / "two.bundle")
    matrix, part_S = read_parts(workspace(made / "two" / "build"))
    expected = Reference.of(bundle, matrix.values[part_S == "validation"])
    assert bundle.reference is not None and expected is not None
    np.testing.assert_array_equal(bundle.reference.error_P, expected.error_P)
    np.testing.assert_array_equal(bundle.reference.correlation_P, expected.correlation_P)


@pytest.mark.parametrize("verb", ["encode", "classify"])
def test_profiles_from_elsewhere_are_written_and_end_in_an_exit_code_of_their_own(
    made: Path, tmp_path: Path, verb: str
) -> None:
    test = pd.read_csv(made / "test.csv", index_col=0)
    foreign = pd.DataFrame(test.to_numpy()[:, ::-1], test.index, test.columns)
    foreign.to_csv(tmp_path / "foreign.csv")
    asked = (verb, tmp_path / "foreign.csv", "-o", tmp_path / "out.csv", "-m", made / "two.bundle")
    error = refusal(*asked)
    assert isinstance(error, UnfamiliarError) and error.exit_code == 7
    assert f"{len(test)} of {len(test)} profiles are unlike those" in str(error) and "foreign.csv" in str(error)
    table = pd.read_csv(tmp_path / "out.csv", index_col="sample_id")
    assert list(table.index) == list(test.index) and not table["familiar"].any()
    if verb == "classify":
        assert set(table["cell_type"]) == {"unknown"}
    done = use(*asked, "--allow-foreign")
    assert done.exit_code == 0 and "profiles are unlike those" in done.stderr


def test_a_few_foreign_profiles_are_named_and_the_exit_code_stays(made: Path, tmp_path: Path) -> None:
    test = pd.read_csv(made / "test.csv", index_col=0)
    test.iloc[1] = test.iloc[1].to_numpy()[::-1]
    test.to_csv(tmp_path / "mixed.csv")
    done = use("encode", tmp_path / "mixed.csv", "-o", tmp_path / "codes.csv", "-m", made / "two.bundle")
    assert done.exit_code == 0
    assert f"of {len(test)} profiles are unlike those that the model was tried on: {test.index[1]} (" in done.stderr
    codes = pd.read_csv(tmp_path / "codes.csv", index_col="sample_id")
    assert not codes["familiar"].iloc[1]
    assert use("decode", tmp_path / "codes.csv", "-o", tmp_path / "b.csv", "-m", made / "two.bundle").exit_code == 0


def test_values_on_another_scale_are_warned_of(made: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    test = pd.read_csv(made / "test.csv", index_col=0)
    (test * np.log(2)).to_csv(tmp_path / "natural.csv")
    asked = ("encode", tmp_path / "natural.csv", "-o", tmp_path / "codes.csv", "-m", made / "two.bundle")
    assert isinstance(use(*asked).exception, UnfamiliarError)
    assert "natural logarithms" in caplog.text and "natural.csv" in caplog.text


def test_a_profile_without_all_genes_is_told_by_name_and_refused_where_too_little_is_left(
    made: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    test = pd.read_csv(made / "test.csv", index_col=0)
    lost = test.columns[3]
    test.drop(columns=lost).to_csv(tmp_path / "partial.csv")
    for verb in ("encode", "classify"):
        asked = (verb, tmp_path / "partial.csv", "-o", tmp_path / "out.csv", "-m", made / "two.bundle")
        error = refusal(*asked, "--least-coverage", "1")
        assert isinstance(error, ModelError) and lost in str(error) and "--gene-map" in str(error)
        assert not (tmp_path / "out.csv").exists()
        assert use(*asked).exit_code == 0 and lost in caplog.text
        assert 0.5 < pd.read_csv(tmp_path / "out.csv")["coverage"].iloc[0] < 1
        (tmp_path / "out.csv").unlink()


def test_codes_of_another_model_are_refused(made: Path, tmp_path: Path) -> None:
    assert use("encode", made / "test.csv", "-o", tmp_path / "codes.csv", "-m", made / "three.bundle").exit_code == 0
    decode = ("decode", tmp_path / "codes.csv", "-o", tmp_path / "back.csv", "-m", made / "two.bundle")
    error = refusal(*decode)
    assert isinstance(error, ModelError) and "the codes were made by bundle:" in str(error)
    assert use("encode", made / "test.csv", "-o", tmp_path / "codes.csv", "-m", made / "two.bundle").exit_code == 0
    codes = pd.read_csv(tmp_path / "codes.csv")
    codes.drop(columns="code_1").to_csv(tmp_path / "codes.csv", index=False)
    error = refusal(*decode)
    assert isinstance(error, DataError) and "code_1" in str(error)
    assert not (tmp_path / "back.csv").exists()


def test_params_shows_overrides_and_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("seed: 1\n")
    shown = yaml.safe_load(use("params", "-S", "search.trials=3", "-S", "search.depth=[0, 2]").output)
    assert parse_params(shown) == parse_params({"seed": 1, "search": {"trials": 3, "depth": [0, 2]}})


def test_params_explain_cuts_no_name_and_says_what_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("seed: 1\n")
    lines = CliRunner().invoke(app, ["params", "--explain"], env={"COLUMNS": "40"}).output.splitlines()
    assert len(lines) % 3 == 0
    told = {head.split(":")[0]: (head, meaning, rule) for head, meaning, rule in zip(*[iter(lines)] * 3, strict=True)}
    known = yaml.safe_load(use("params").output)
    assert set(told) == {
        f"{section}.{name}" if isinstance(content, dict) else section
        for section, content in known.items()
        for name in (content if isinstance(content, dict) else [section])
    }
    assert told["split.near_identical"][0] == "split.near_identical: 0.995"
    widths = "a list of one or more whole numbers, each at least 1; default [8, 16, 30]"
    assert told["search.bottleneck_width"][2].strip() == widths
    assert told["evaluate.measures"][2].strip().startswith("a list of counts, genes, ")
    assert told["preprocess.scale"][2].strip() == "one of none, unit_variance; default none"
    assert told["search.width"][0] == "search.width: null" and "or null" in told["search.width"][2]
    assert not [line for line in lines if "None" in line or ("(" in line.partition(": ")[2] and line[0] != " ")]


def test_the_project_is_found_from_elsewhere_and_paths_keep_their_meaning(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "sub").mkdir(parents=True)
    elsewhere.mkdir()
    (project / "params.yaml").write_text("seed: 41\n")
    (elsewhere / "own.yaml").write_text("seed: 42\n")

    def shown(folder: Path, *more: str, given: bool = True) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CIC_")}
        environment |= {"CIC_PROJECT": str(project)} if given else {}
        done = subprocess.run(
            [sys.executable, "-c", "from cic.cli import main; main()", "params", *more],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[0]

    assert shown(elsewhere) == "seed: 41"
    assert shown(elsewhere, "--params", "own.yaml") == "seed: 42"
    assert shown(project / "sub", given=False) == "seed: 41"


def test_the_run_of_a_search_tells_its_own_parameters_from_those_of_the_training(made: Path) -> None:
    study = json.loads((made / "two" / "build" / "search" / "study.json").read_text())
    logged = connect(f"sqlite:///{made / 'two' / 'home' / 'mlflow.db'}").get_run(study["search_run_id"]).data.params
    assert (logged["search.rank"], logged["training.rank"]) == ("0", "30")


if __name__ == "__main__":
    SURFACE.write_text(surface())
