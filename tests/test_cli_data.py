"""`cic data` in a project as a clone has it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner
from versioned import commit, git, make_project

from cic.cli.data import app
from cic.config import Data, load_params
from cic.data.matrix import read_matrix
from cic.errors import ConfigError, DataError
from cic.manifest import sha256_of
from cic.versioning.pointers import check_pointer, md5_of

RAW = Path("data/raw")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a table of 6 x 4 counts, genes in rows, and one about its samples."""
    folder = make_project(tmp_path / "project")
    draw = np.random.default_rng(0)
    samples = [f"s{number}" for number in range(6)]
    counts = pd.DataFrame(draw.integers(1, 99, (4, 6)), index=[f"G{number}" for number in range(4)], columns=samples)
    counts.to_csv(tmp_path / "counts.tsv.gz", sep="\t")
    about = {"sample_id": samples, "tissue": list("aabbab"), "donor": ["1", "1", "2", "2", "3", "3"]}
    pd.DataFrame(about).to_csv(tmp_path / "samples.csv", index=False)
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


def import_counts(*more: str, name: str = "mine") -> Result:
    file, labels = "../counts.tsv.gz", "../samples.csv"
    return run("import", file, "--name", name, "--unit", "counts", "--samples-in", "columns", "--labels", labels, *more)


def test_import_validates_converts_and_puts_under_dvc(project: Path) -> None:
    result = import_counts("--push")
    assert result.exit_code == 0, result.output
    matrix = read_matrix(RAW / "mine")
    assert matrix.values.shape == (6, 4)
    assert list(matrix.samples["donor"]) == ["1", "1", "2", "2", "3", "3"]
    pointer = yaml.safe_load((RAW / "mine.dvc").read_text())
    assert pointer["meta"]["cic"] == {
        "unit": "counts", "samples": 6, "genes": 4, "from": ["counts.tsv.gz", "samples.csv"],
    }  # fmt: skip
    assert [file for file in Path(".cic/dvc-remote").rglob("*") if file.is_file()]
    assert git(project, "status", "--porcelain", "-uall").split() == ["??", "data/raw/mine.dvc"]
    for told in ("file: data/raw/mine", "tissue", "donor", "git add data/raw/mine.dvc"):
        assert told in result.output
    commit(project, "data")
    assert check_pointer(RAW / "mine").state == "committed"


def test_a_data_set_tells_where_it_came_from(project: Path, tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("id,A,A,B\ns1,1,3,0\ns2,2,4,6\n")
    arguments = ("import", "../twice.csv", "--name", "twice", "--unit", "counts", "--samples-in", "rows")
    assert run(*arguments, "--duplicate-genes", "sum").exit_code == 0
    known = json.loads((RAW / "twice" / "provenance.json").read_text())
    assert known == {
        "sources": [{"file": "twice.csv", "bytes": 27, "sha256": sha256_of(tmp_path / "twice.csv")}],
        "declared": {
            "unit": "counts", "samples_in": "rows", "genes_to": "symbol", "least_mapped": 0.5,
            "duplicate_genes": "sum", "missing": "error",
        },
        "told": ["1 repeated genes are merged by sum"],
        "unit": "counts", "n_samples": 2, "n_genes": 2,
    }  # fmt: skip
    assert (RAW / "twice" / "genes.csv").read_text() == "gene,samples_not_0\nA,2\nB,1\n"
    assert (RAW / "twice" / "samples.csv").read_text() == "sample_id\ns1\ns2\n"


def test_import_again_changes_nothing_and_other_content_needs_replace(project: Path, tmp_path: Path) -> None:
    import_counts()
    commit(project, "data")
    before = (RAW / "mine").stat().st_mtime_ns
    assert "unchanged" in import_counts().output
    assert (RAW / "mine").stat().st_mtime_ns == before
    assert git(project, "status", "--porcelain") == ""
    table = pd.read_csv(tmp_path / "counts.tsv.gz", sep="\t", index_col=0)
    (table + 1).to_csv(tmp_path / "counts.tsv.gz", sep="\t")
    refused = import_counts()
    assert isinstance(refused.exception, ConfigError)
    assert check_pointer(RAW / "mine").state == "committed"
    assert import_counts("--replace").exit_code == 0
    assert git(project, "status", "--porcelain").split() == ["M", "data/raw/mine.dvc"]
    assert read_matrix(RAW / "mine").values.sum() == (table + 1).to_numpy().sum()


def test_import_names_the_columns_it_found_and_use_writes_them(project: Path) -> None:
    told = import_counts().output
    for line in ("label: tissue ", "group: donor ", "replicate: null "):
        assert line in told
    assert "warning: there are more samples" in told, "what `cic data check` warns of"
    text = "# mine\nseed: 1\n\ndata:\n  file: other.parquet  # before\n  proportions: [a]\n\nsplit:\n  test: 0.2\n"
    Path("params.yaml").write_text(text)
    assert import_counts("--use").exit_code == 0
    after = Path("params.yaml").read_text()
    assert after.startswith("# mine\nseed: 1\n\ndata:\n") and after.endswith("\n\nsplit:\n  test: 0.2\n")
    assert load_params().data == Data(file="data/raw/mine", label="tissue", group="donor")
    assert import_counts("--use").exit_code == 0 and Path("params.yaml").read_text() == after


def test_import_with_use_and_nothing_to_write_to_imports_nothing(project: Path) -> None:
    assert isinstance(import_counts("--use").exception, ConfigError)
    assert not (RAW / "mine").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--unit", "log2", "--samples-in", "columns"), "contradicts the unit `log2`"),
        (("--unit", "counts", "--samples-in", "rows", "--labels", "../samples.csv"), "turn --samples-in round"),
        (("--unit", "counts", "--samples-in", "both"), "rows or columns"),
        (("--unit", "reads", "--samples-in", "columns"), "counts"),
        (("--unit", "counts", "--samples-in", "columns", "--name", "../mine"), "cannot be a name"),
    ],
)
def test_wrong_input_is_one_error_and_writes_nothing(project: Path, arguments: tuple[str, ...], expected: str) -> None:
    result = run("import", "../counts.tsv.gz", "--name", "mine", *arguments)
    assert isinstance(result.exception, DataError)
    assert expected in str(result.exception)
    assert not RAW.exists()
    assert git(project, "status", "--porcelain") == ""


def test_repeated_genes_need_a_rule(project: Path, tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("id,A,A,B\ns1,1,3,5\ns2,2,4,6\n")
    arguments = ("import", "../twice.csv", "--name", "twice", "--unit", "counts", "--samples-in", "rows")
    assert "--duplicate-genes" in str(run(*arguments).exception)
    assert run(*arguments, "--duplicate-genes", "sum").exit_code == 0
    np.testing.assert_array_equal(read_matrix(RAW / "twice").values, [[4, 5], [6, 6]])


def test_import_outside_a_project_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("id,A,B\ns1,1,3\ns2,2,4\n")
    result = run("import", "a.csv", "--name", "a", "--unit", "counts", "--samples-in", "rows")
    assert "no DVC repository" in str(result.exception)
    assert not (tmp_path / "data").exists()


def test_check_shows_facts_and_warnings(project: Path) -> None:
    import_counts()
    shown = run("check", "data/raw/mine")
    for told in ("6 x 4", "counts", "donor", "more samples (6) than genes (4)"):
        assert told in shown.output
    Path("params.yaml").write_text("seed: 1\ndata: {file: data/raw/mine, label: tissue, group: donor}\n")
    shown = run("check")
    assert "2, of 3 to 3 samples" in shown.output
    assert "Cramér's V" in shown.output
    table = dict(re.findall(r"│ (\w+) +│ \d +│ \d +│ (\w*) ", shown.output))
    assert table["tissue"] == "label" and table["donor"] == "group"


def test_check_writes_a_page_and_its_exit_code_says_whether_a_run_would_be_stopped(project: Path) -> None:
    import_counts()
    stopped = run("check", "data/raw/mine", "--page", "checks.html")
    assert stopped.exit_code == 3
    assert "stops a run: there are 6 profiles" in stopped.output and "cannot be trained on" in stopped.output
    assert "there are 6 profiles" in Path("checks.html").read_text()
    run(*SMALL)
    passed = run("check", "data/raw/synthetic")
    assert passed.exit_code == 0 and "can be trained on" in passed.output


def test_check_looks_at_a_file_before_it_is_imported(project: Path) -> None:
    assert isinstance(run("check", "../counts.tsv.gz").exception, DataError)
    shown = run("check", "../counts.tsv.gz", "--unit", "counts", "--samples-in", "columns")
    assert "6 x 4" in shown.output
    assert not RAW.exists()
    wrong = run("check", "../counts.tsv.gz", "--unit", "log_ratio", "--samples-in", "columns")
    assert isinstance(wrong.exception, DataError) and wrong.exception.exit_code == 3


def test_counts_of_which_most_are_zero_are_taken_for_single_cells(project: Path, tmp_path: Path) -> None:
    import_counts()
    assert "single cells" not in run("check", "data/raw/mine").output
    names = [f"g{number}" for number in range(40)]
    cells = pd.DataFrame(np.eye(8, 40, dtype=int) * 3, [f"c{number}" for number in range(8)], names)
    cells.to_csv(tmp_path / "cells.csv", index_label="cell")
    shown = run("check", str(tmp_path / "cells.csv"), "--unit", "counts", "--samples-in", "rows")
    assert "single cells" in shown.output and "preprocess.transform: auto" in shown.output


SMALL = ("simulate", "--samples", "60", "--genes", "80", "--cell-types", "4", "--programs", "6")


def test_simulate_makes_data_once_and_git_sees_nothing(project: Path) -> None:
    result = run(*SMALL)
    assert result.exit_code == 0, result.output
    assert read_matrix(RAW / "synthetic").values.shape == (60, 80)
    assert (RAW / "synthetic" / "programs.gmt").exists() and (RAW / "synthetic" / "truth.parquet").exists()
    assert check_pointer(RAW / "synthetic").state == "simulated"
    assert git(project, "status", "--porcelain") == ""
    made = (RAW / "synthetic").stat().st_mtime_ns
    assert "already" in run(*SMALL).output
    assert (RAW / "synthetic").stat().st_mtime_ns == made
    assert run(*SMALL, "--seed", "5").exit_code == 0
    assert (RAW / "synthetic").stat().st_mtime_ns != made
    assert check_pointer(RAW / "synthetic").meta["seed"] == 5


def test_simulate_mends_what_was_edited_or_lost(project: Path) -> None:
    run(*SMALL)
    profiles = RAW / "synthetic" / "profiles.parquet"
    good = profiles.read_bytes()
    profiles.write_bytes(b"edited")
    run(*SMALL)
    assert profiles.read_bytes() == good
    (RAW / "synthetic" / "truth.parquet").unlink()
    run(*SMALL)
    assert (RAW / "synthetic" / "truth.parquet").exists()


def test_simulate_does_not_take_the_place_of_imported_data(project: Path) -> None:
    import_counts()
    result = run("simulate", "--name", "mine", "--samples", "60", "--genes", "80")
    assert isinstance(result.exception, ConfigError)
    assert read_matrix(RAW / "mine").unit == "counts"


def test_import_takes_the_place_of_simulated_data_only_when_told(project: Path) -> None:
    run(*SMALL)
    assert isinstance(import_counts(name="synthetic").exception, ConfigError)
    assert import_counts("--replace", name="synthetic").exit_code == 0
    assert sorted(file.name for file in RAW.iterdir() if file.name != ".gitignore") == ["synthetic", "synthetic.dvc"]
    commit(project, "data")
    assert check_pointer(RAW / "synthetic").state == "committed"


def test_an_import_that_was_cut_short_is_completed_by_the_next(project: Path, tmp_path: Path) -> None:
    import_counts()
    good = md5_of(RAW / "mine")
    table = pd.read_csv(tmp_path / "counts.tsv.gz", sep="\t", index_col=0)
    (table + 1).to_csv(tmp_path / "counts.tsv.gz", sep="\t")
    old_pointer = (RAW / "mine.dvc").read_bytes()
    import_counts("--replace")
    assert md5_of(RAW / "mine") != good
    (RAW / "mine.dvc").write_bytes(old_pointer)  # as if stopped before DVC had its turn
    assert import_counts().exit_code == 0
    commit(project, "data")
    assert check_pointer(RAW / "mine").state == "committed"


def test_a_recipe_that_cannot_be_made_is_told(project: Path) -> None:
    result = run("simulate", "--samples", "5")
    assert isinstance(result.exception, ConfigError)
    assert "samples" in str(result.exception)
    assert not RAW.exists()
