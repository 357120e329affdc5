"""`pip install cic` is light: what it brings is enough to use a model, and all that using one imports is declared."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
from packaging.requirements import Requirement
from store_parts import tiny_bundle

from cic.data.matrix import ExpressionMatrix
from cic.errors import ConfigError, needing

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
BLOCK = """
import builtins, importlib.machinery, json, sys
declared, hidden = map(frozenset, json.loads(sys.argv.pop(1)))
found = importlib.machinery.PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else found(name, path, target)
importlib.machinery.PathFinder.find_spec = find_spec
whole = builtins.__import__
def held(name, globals=None, locals=None, fromlist=(), level=0):
    importer = str((globals or {}).get("__name__")).partition(".")[0]
    if importer == "cic" and not level and name.partition(".")[0] not in declared | sys.stdlib_module_names | {"cic"}:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return whole(name, globals, locals, fromlist, level)
builtins.__import__ = held
"""
"""Hides what `cic` alone does not bring, and from our own modules what they do not declare."""
USE = """
import cic
import pandas as pd
model = cic.load("bundle")
frame = pd.read_csv("profiles.csv", index_col=0)
assert len(model.encode(frame)) == len(model.classify(frame)) == len(model.decode(model.encode(frame))) == 60
from cic.cli import main
for line in (["encode", "in.h5ad", "-o", "out.h5ad"], ["classify", "in.h5ad", "-o", "types.csv"],
             ["decode", "out.h5ad", "-o", "out.h5ad"], ["encode", "profiles.csv", "-o", "codes.parquet"]):
    sys.argv = ["cic", *line, "-m", "bundle"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, line
from cic.data.readers import read_table
read_table(__import__("pathlib").Path("in.h5ad"), unit="log2")
"""
TELL = """
from cic.cli import main
for line in {lines}:
    print("asked:", line, file=sys.stderr)
    sys.argv = ["cic", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert end.code == 2, line
"""


def brought(requirements: list[str]) -> set[str]:
    """Give the distributions that requirements bring, and those that these bring."""
    found: set[str] = set()
    waiting = [(Requirement(line), {""}) for line in requirements]
    while waiting:
        wanted, extras = waiting.pop()
        if wanted.marker is not None and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = normal(wanted.name)
        if name in found and not wanted.extras:
            continue
        found.add(name)
        for line in metadata.requires(wanted.name) or []:
            waiting.append((Requirement(line), {"", *wanted.extras}))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def owners() -> dict[str, set[str]]:
    """Give the distributions that hold each module at the top."""
    return {top: {*map(normal, names)} for top, names in metadata.packages_distributions().items()}


def modules(distributions: set[str]) -> set[str]:
    """Give the modules at the top that distributions hold."""
    return {top for top, names in owners().items() if distributions & names}


def hidden() -> set[str]:
    """Give the modules that are installed here, and would not be by `cic` alone."""
    return {*owners()} - modules(brought(PROJECT["dependencies"])) - {"cic"}


def light(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program where nothing is installed but what `cic` alone brings."""
    declared = modules({normal(Requirement(line).name) for line in PROJECT["dependencies"]})
    known = json.dumps([sorted(declared), sorted(hidden())])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIC_")}
    return subprocess.run(
        [sys.executable, "-c", BLOCK + program, known],
        cwd=folder, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("pattern", PACKAGED)
def test_what_is_packaged_beside_the_code_is_there(pattern: str) -> None:
    """Without `py.typed` the type checkers of those who use cic see no types."""
    assert [*(ROOT / "cic").rglob(pattern)]


@pytest.fixture(scope="module")
def folder(profiles: ExpressionMatrix, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import anndata

    folder = tmp_path_factory.mktemp("light")
    tiny_bundle(folder / "bundle", profiles, 3, labelled=True)
    frame = pd.DataFrame(profiles.values, profiles.samples.index, list(profiles.genes))
    frame.to_csv(folder / "profiles.csv")
    anndata.AnnData(frame).write_h5ad(folder / "in.h5ad")
    (folder / "params.yaml").write_text("seed: 1\n")
    return folder


def test_a_model_is_used_where_nothing_is_installed_to_train_one(folder: Path) -> None:
    done = light(folder, USE)
    assert done.returncode == 0, done.stderr
    assert (folder / "out.h5ad").exists() and (folder / "codes.parquet").exists()


def test_what_is_hidden_is_what_training_takes() -> None:
    training = {"torch", "prefect", "mlflow", "optuna", "dvc", "sklearn", "matplotlib", "sqlalchemy", "fastapi"}
    assert training <= hidden()


def test_what_else_is_needed_is_told_in_one_error(folder: Path) -> None:
    asked = {
        "encode profiles.csv -o x.csv -m models:/cic@champion": "registry",
        "ingest": "train",
        "up": "train",
        "data list": "train",
    }
    done = light(folder, TELL.format(lines=[*asked]))
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    for line, extra in asked.items():
        told = done.stderr.partition(f"asked: {line}\n")[2].partition("asked: ")[0]
        assert "which is not installed" in told and f"pip install 'cic[{extra}]'" in told, (line, told)


def test_a_module_of_ours_that_is_missing_is_no_matter_of_installing() -> None:
    with pytest.raises(ModuleNotFoundError), needing("train", "this"):
        import cic.gone  # type: ignore[import-not-found]  # noqa: F401
    with (
        pytest.raises(ConfigError, match=r"this needs the package `gone`(.|\n)*cic\[train\]"),
        needing("train", "this"),
    ):
        import gone.one  # type: ignore[import-not-found]  # noqa: F401


def test_nothing_is_asked_for_twice() -> None:
    extras = PROJECT["optional-dependencies"]
    names = [
        normal(Requirement(line).name) for line in [*PROJECT["dependencies"], *extras["registry"], *extras["train"]]
    ]
    assert len(names) == len({*names})
