"""Who may import whom (docs/architecture.md), read from the sources."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BASE = {"errors", "seeds", "progress"}
SCIENCE = BASE | {"config", "data"}
MAY_IMPORT = {
    "errors": set(),
    "seeds": set(),
    "progress": set(),
    "declarations": set(),
    "config": {"errors", "declarations"},
    "process_identity": set(),
    "written": set(),
    "settings": {"errors", "process_identity"},
    "data": BASE | {"config"},
    "fetching": {"errors", "progress"},
    "workers": {"errors"},
    "dependencies": set(),
    "manifest": {"errors"},
    "digests": {"config", "data"},
    "folders": {"data"},
    "model": SCIENCE,
    "search": SCIENCE | {"model", "workers"},
    "evaluation": SCIENCE | {"model", "workers", "declarations"},
    # the drawing of pages alone, see below
    "checking": SCIENCE | {"evaluation"},
    "versioning": {"errors"},
    # a search is shown as it goes
    "tracking": SCIENCE | {"model", "workers", "search", "settings", "process_identity"},
    # the gate resamples as the evaluation does
    "registry": SCIENCE | {"model", "evaluation", "settings", "tracking", "workers"},
    # what a server answers is what `cic.using` answers
    "serving": SCIENCE | {"model", "settings", "tracking", "registry", "using"},
    "platform": {"settings", "errors", "process_identity"},
    "stages": SCIENCE
    | {
        "checking",
        "dependencies",
        "digests",
        "folders",
        "model",
        "search",
        "evaluation",
        "tracking",
        "settings",
        "workers",
    },
}
MAY_IMPORT["stage_list"] = MAY_IMPORT["stages"] | {"stages", "manifest"}
MAY_IMPORT["pipeline"] = MAY_IMPORT["stage_list"] | {"stage_list", "versioning"}
MAY_IMPORT["publishing"] = MAY_IMPORT["pipeline"] | {"pipeline", "registry"}
MAY_IMPORT["verification"] = MAY_IMPORT["publishing"] - {"publishing", "pipeline", "stage_list", "stages"}
# of the evaluation the statistics alone, see below
MAY_IMPORT["using"] = SCIENCE | {"model", "registry", "platform", "settings", "evaluation", "folders", "written"}
MAY_IMPORT["validation"] = MAY_IMPORT["using"] | {"using", "evaluation", "folders", "tracking"}
# of the evaluation the drawing of pages alone, see below
MAY_IMPORT["watching"] = MAY_IMPORT["using"] | {"using", "tracking", "evaluation", "manifest"}
MAY_IMPORT["cli"] = set(MAY_IMPORT) | {"serving", "platform"}
OWNERS = {
    "optuna": {"cic.search"},
    "pandera": {"cic.data.roles"},
    "matplotlib": {"cic.evaluation.drawing", "cic.search.figures"},
    "mlflow": {"cic.tracking", "cic.registry", "cic.serving"},
    "dvc": {"cic.versioning"},
    "httpx": {"cic.fetching", "flows"},
    "prefect": {"flows", "cic.platform.prefect_app"},
}
UNPICKLERS = {"pickle", "joblib", "dill", "cloudpickle", "shelve"}
SOURCES = sorted([*(ROOT / "cic").rglob("*.py"), *(ROOT / "flows").rglob("*.py")])


EVALUATION = (
    "statistics",
    "finding",
    "profiles",
    "seen",
    "retrainings",
    "subject",
    "words",
    "left_out",
    "gene_sets",
    "axes",
    "classifiers",
    "drawing",
    "facts",
    "section",
    "questions",
    "catalogue",
    "metrics",
    "objections",
    "report",
    "measure",
    "evaluate",
)
"""Rooms of the evaluation, each of which may import those before it. Questions do not import each other."""


def imported(path: Path) -> list[str]:
    """Give the modules that a file imports anywhere."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def room(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts[:2])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_point_up_the_table(path: Path) -> None:
    mine = room(path)
    for name in imported(path):
        first, *rest = name.split(".")
        if first == "cic" and rest and mine.startswith("cic.") and mine != "cic.__init__":
            own = mine.split(".")[1]
            allowed = MAY_IMPORT[own] | {own, "__version__"}
            assert rest[0] in allowed, f"{path}: {own} may not import {name}"
        assert first != "flows" or mine.startswith("flows"), f"{path} imports {name}"
        if first in OWNERS:
            owners = OWNERS[first]
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            assert any(module.startswith(owner) for owner in owners), f"{path}: {first} belongs to {owners}"
        assert first not in UNPICKLERS, f"{path} imports {name}"


@pytest.mark.parametrize(
    ("mine", "theirs"), [("checking", "drawing"), ("watching", "drawing"), ("using", "statistics")]
)
def test_others_know_of_the_evaluation_only_how_it_draws_and_resamples(mine: str, theirs: str) -> None:
    for path in (ROOT / "cic" / mine).glob("*.py"):
        for name in imported(path):
            assert not name.startswith("cic.evaluation") or name.startswith(f"cic.evaluation.{theirs}."), (
                f"{path}: {name}"
            )


EVALUATING = sorted((ROOT / "cic" / "evaluation").rglob("*.py"))


@pytest.mark.parametrize("path", EVALUATING, ids=lambda path: str(path.relative_to(ROOT / "cic" / "evaluation")))
def test_no_arrow_of_the_evaluation_runs_back_up(path: Path) -> None:
    own, *rest = path.relative_to(ROOT / "cic" / "evaluation").with_suffix("").parts
    if own == "__init__":
        return
    for name in imported(path):
        first, *inner = name.removeprefix("cic.evaluation.").split(".")
        if not name.startswith("cic.evaluation."):
            continue
        assert EVALUATION.index(first) <= EVALUATION.index(own), f"{path} imports {name}"
        if own == first == "questions" and inner and rest[0] != "__init__":
            assert inner[0] == rest[0], f"{path} imports {name}: what questions share has a room below them"


def test_every_room_is_in_the_table() -> None:
    rooms = {room(path).split(".")[1] for path in SOURCES if path.is_relative_to(ROOT / "cic")} - {"__init__"}
    assert rooms == set(MAY_IMPORT)


def test_nothing_can_unpickle() -> None:
    for path in SOURCES:
        text = path.read_text()
        for door in ("weights_only=False", "torch.load(", "allow_pickle=True", "read_pickle", "yaml.load("):
            assert door not in text, f"{path}: {door}"


def test_importing_writes_nothing_and_starts_nothing(tmp_path: Path) -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES]
    modules = [name.removesuffix(".__init__") for name in modules if not name.endswith(("__main__", "serving.pyfunc"))]
    program = (
        "import importlib, threading, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "import torch, mlflow\n"
        "assert mlflow.active_run() is None\n"
    )
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file() and "prefect" not in path.parts]
    assert [path for path in left if ".cache" not in path.parts and ".config" not in path.parts] == []
