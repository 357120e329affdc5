"""`cic data merge` in a project as a clone has it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner
from versioned import commit, git, make_project

from cic.cli.data import app
from cic.config import Split, load_params
from cic.data.audit import audit_split
from cic.data.corrected import CORRECTION
from cic.data.dataset import read_provenance
from cic.data.matrix import read_matrix
from cic.data.roles import with_roles
from cic.data.split import split_samples
from cic.errors import ConfigError, DataError
from cic.versioning.pointers import check_pointer, md5_of

RAW = Path("data/raw")
GENES = [f"GENE{number}" for number in range(150)]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with imported sets: `one` and `two` in TPM by the same names of samples, `three` on log2 scale."""
    folder = make_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    draw = np.random.default_rng(0)
    for name, unit, tissue, n in (
        ("one", "tpm", "tissue", 12),
        ("two", "tpm", "label", 9),
        ("three", "log2", "part", 9),
    ):
        ids = [f"s{number}" for number in range(n)] if unit == "tpm" else [f"t{number}" for number in range(n)]
        words = ["Brain", "liver", "skin"] if name == "one" else ["brain", "liver", "skin"]
        log2_SG = draw.normal(3, 1, (n, 150)) + draw.normal(0, 1, (3, 150))[np.arange(n) % 3]
        levels_SG = np.maximum(2**log2_SG - 1, 0) if unit == "tpm" else np.maximum(log2_SG, 0)
        genes = GENES if name == "one" else GENES[:-10]
        pd.DataFrame(levels_SG[:, : len(genes)], ids, genes).to_csv(tmp_path / f"{name}.csv")
        about = pd.DataFrame({"sample_id": ids, tissue: np.resize(words, n), "cell_type": np.arange(n) // 2})
        about.to_csv(tmp_path / "about.csv", index=False)
        done = run(
            "import",
            f"../{name}.csv",
            "--name",
            name,
            "--unit",
            unit,
            "--samples-in",
            "rows",
            "--labels",
            "../about.csv",
        )
        assert done.exit_code == 0, done.output
    (tmp_path / "map.csv").write_text("set,from,to\none,Brain,brain\n")
    Path("params.yaml").write_text("seed: 1\n\ndata:\n  file: x.parquet\n")
    commit(folder, "data")
    return folder


def test_merge_leaves_a_data_set_like_an_imports_and_says_what_was_lost(project: Path) -> None:
    columns = ("--labels-by", "three=part", "--labels-by", "two=label", "--labels-by", "one=tissue")
    given = ("two", "one", "three", "--name", "all", *columns, "--label-map", "../map.csv")
    result = run("merge", *given, "--correct", "centre", "--reference", "one", "--use", "--push")
    assert result.exit_code == 0, result.output
    matrix = read_matrix(RAW / "all")
    assert matrix.values.shape == (30, 140) and matrix.unit == "log2"
    assert list(matrix.samples["study"].unique()) == ["one", "three", "two"]
    assert set(matrix.samples["label"]) == {"brain", "liver", "skin"}
    assert matrix.samples.index[0] == "one:s0" and matrix.samples["original_id"].iloc[0] == "s0"
    for told in (
        "140 genes in common",
        "study beyond type",
        "centre, to one",
        "data/raw/all.merge.html",
        "group: study",
    ):
        assert told in result.output
    page = (RAW / "all.merge.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 4 and "variance kept" in page
    noted = read_provenance(RAW / "all")
    assert [(one["file"], one["md5"]) for one in noted["sources"][:3]] == [
        (name, md5_of(RAW / name)) for name in ("one", "three", "two")
    ]
    assert noted["declared"]["correct"] == "centre"
    assert noted["found"]["explained"]["centre, to one"]["study"] == pytest.approx(0, abs=1e-3)
    assert load_params().data.group == "study" and load_params().data.label == "label"
    commit(project, "merged")
    assert check_pointer(RAW / "all").state == "committed"

    ready = with_roles(matrix, load_params())
    assert CORRECTION in ready.samples
    part = split_samples(ready.samples, Split(), 0)
    assert set(part[ready.samples["group"] == "one"]) == {"train"}
    assert audit_split(ready, part, Split()).passed

    before = (RAW / "all").stat().st_mtime_ns
    assert (
        "unchanged"
        in run("merge", *reversed(given[:3]), *given[3:], "--correct", "centre", "--reference", "one").output
    )
    assert (RAW / "all").stat().st_mtime_ns == before
    assert git(project, "status", "--porcelain") == ""


def test_what_is_refused_leaves_nothing(project: Path) -> None:
    for more, said in (
        (("--correct", "quantile"), "`quantile` is not known"),
        (("--reference", "one"), "nothing to correct"),
        (("--name", "one", "--replace"), "`one` is one of the sets to merge"),
        (("--labels-by", "four=x"), "`four=x`(?s:.*)SET=COLUMN"),
        (("--labels-by", "three=tissue"), "no column `tissue`(?s:.*)part, cell_type"),
        (("--label-map", "../one.csv"), "no column `from` and `to`"),
        (("--correct", "centre", "--reference", "none"), "no study `none`"),
    ):
        result = run("merge", "one", "three", "--name", "all", *more)
        assert isinstance(result.exception, ConfigError | DataError), result.output
        assert re.search(said, str(result.exception))
    with pytest.raises(DataError, match="data/raw/nowhere"):
        raise run("merge", "one", "nowhere", "--name", "all").exception or AssertionError
    assert git(project, "status", "--porcelain", "-uall") == ""
    assert not list(RAW.glob("all*"))
