"""A full disk and a read-only one end every verb that writes in one error; real file systems, mounted by root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from forked import Forked, forking
from store_parts import new_store
from versioned import make_project

from cic.cli.disk import disk_error
from cic.cli.model import write
from cic.settings import make_private

PARAMS = {
    "seed": 5,
    "data": {"file": "data/raw/synthetic", "label": "cell_type", "group": "study", "replicate": "replicate_of"},
    "training": {"epochs": 3, "label_weight": 0.1},
    "search": {"trials": 2, "round_size": 2, "workers": 1, "bottleneck_width": [2], "depth": [0],
               "finalists": 1, "repeats": 2},
    "fit": {"seeds": 1},
}  # fmt: skip
SIMULATE = ("data", "simulate", "--samples", "72", "--genes", "80", "--cell-types", "3", "--programs", "6")
IMPORT = ("data", "import", "profiles.csv", "--name", "mine", "--unit", "log2", "--samples-in", "rows")
USE = ("--model", "build/fit/bundle")
VERBS = {
    "simulate": (*SIMULATE, "--seed", "9", "--name", "other"),
    "simulate, cells": (*SIMULATE, "--cells", "--name", "cells"),
    "import": IMPORT,
    "ingest": ("ingest",),
    "split": ("split",),
    "search": ("search",),
    "fit": ("fit",),
    "publish": ("publish",),
    "encode": ("encode", "profiles.csv", "-o", "new/codes.csv", *USE),
    "encode, Parquet": ("encode", "profiles.csv", "-o", "codes.parquet", *USE),
    "decode": ("decode", "codes.csv", "-o", "back.csv", *USE),
    "classify": ("classify", "profiles.csv", "-o", "types.tsv", *USE),
    "correct": ("correct", "profiles.csv", "-o", "shift.safetensors", *USE),
    "validate": ("validate", "profiles.csv", "-o", "other", *USE),
    "score": ("score", ".", "--only", "profiles.csv", "-o", "scores", "--samples-in", "rows", *USE),
    "inventory": ("inventory", "--build", "elsewhere"),
}


@pytest.fixture(scope="module")
def cic() -> Iterator[Forked]:
    """Runs the command in a project, in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CIC_")}
    with forking() as forked:

        def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
            own = {"CIC_PROJECT": str(project), "CIC_HOME": str(project / ".cic"), "CIC_DEVICE": "cpu"}
            return forked(project, inherited | own, *arguments)

        yield run


@pytest.fixture(scope="module")
def prepared(cic: Forked, tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A project in which every verb can be run, and has been as far as others need it."""
    import pandas as pd

    from cic.data.matrix import read_matrix

    project = make_project(tmp_path_factory.mktemp("disks") / "project")
    (project / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    new_store(project / ".cic", template)
    for arguments in (SIMULATE, ("inventory",), ("ingest",), ("split",), ("search",), ("fit",)):
        done = cic(project, *arguments)
        assert done.returncode == 0, done.stderr
    matrix = read_matrix(project / PARAMS["data"]["file"])  # type: ignore[index]
    pd.DataFrame(matrix.values, matrix.samples.index, list(matrix.genes)).to_csv(project / "profiles.csv")
    done = cic(project, "encode", "profiles.csv", "-o", "codes.csv", *USE)
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.integration
@pytest.mark.attack("a full or read-only disk under a verb that writes", "11", ended="our error")
@pytest.mark.parametrize("kind", ["full", "read-only"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_cannot_write_says_so(cic: Forked, prepared: Path, disk: Path, verb: str, kind: str) -> None:
    project = disk / "project"
    shutil.copytree(prepared, project, symlinks=True)
    before = half_written(project)
    if kind == "full":
        with (disk / "filling").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
    else:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    done = cic(project, *VERBS[verb])
    assert done.returncode in range(1, 7), done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "error:" in done.stderr, done.stderr[-3000:]
    assert half_written(project) <= before


def half_written(project: Path) -> set[Path]:
    """Give what was begun, and files for a reader in which there is nothing."""
    files = [path for path in project.rglob("*") if path.is_file()]
    empty = {path for path in files if path.suffix in (".html", ".json", ".csv") and not path.stat().st_size}
    return empty | {path for path in files if ".partial" in path.name}


def test_what_is_no_matter_of_disks_is_not_taken_for_it() -> None:
    assert disk_error(ValueError("wrong")) is None and disk_error(FileNotFoundError(2, "No such file")) is None
    hidden = RuntimeError("a library's own words")
    hidden.__cause__ = OSError(28, "No space left on device", "/some/file")
    found = disk_error(hidden)
    assert found is not None and found.where == "/some/file" and "full" in found.found


@pytest.mark.attack("folders of the platform that others can read", "11", ended="closed")
def test_folders_are_made_private_also_those_that_exist(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    for name in ("old", "new"):
        make_private(tmp_path / name)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


@pytest.mark.attack("artifacts beside a sqlite store that others can read", "11", ended="closed")
def test_artifacts_are_private(prepared: Path) -> None:
    assert (prepared / ".cic" / "mlartifacts").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("output", "told"), [("file/x.csv", "a file stands"), ("folder.csv", "a folder stands")])
def test_what_stands_in_the_way_of_an_output_is_named(tmp_path: Path, output: str, told: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OSError) as caught:
        write(pd.DataFrame({"a": [1.0]}, index=["s"]), tmp_path / output)
    found = disk_error(caught.value)
    assert found is not None and told in found.found and found.where == str(tmp_path / output.removesuffix("/x.csv"))


def test_a_fault_of_ours_after_a_path_that_was_tried_in_vain_stays_a_fault(tmp_path: Path) -> None:
    try:
        try:
            tmp_path.read_bytes()
        except IsADirectoryError:
            raise KeyError("ours")  # noqa: B904
    except KeyError as error:
        assert disk_error(error) is None
    assert disk_error(FileExistsError(17, "File exists")) is None  # of what, is not said
