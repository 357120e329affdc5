"""A project as a clone has it, with a small data set of its own, and shells in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from versioned import PROJECT, commit, git, make_project

from cic.data.matrix import read_matrix
from cic.data.synthetic import Recipe, simulate
from cic.model.bundle_files import bundle_digest
from cic.platform.processes import MARK

RECIPE = Recipe(samples=160, genes=120, cell_types=4, studies=20, programs=8, replicate_pairs=16, seed=3)
RAW = Path("data/raw/mine")
SMALL: dict[str, dict[str, Any]] = {
    "data": {"file": str(RAW)},
    "training": {"epochs": 10},
    "search": {"trials": 4, "bottleneck_width": [2, 4], "depth": [0, 1], "repeats": 2},
    "evaluate": {
        "bootstrap": 200,
        "epochs": 10,
        "folds": 2,
        "label_weights": [0.1],
        "permutations": 100,
        "seeds": 1,
        "split_seeds": 1,
        "group_sets": 4,
    },
}


@dataclass(frozen=True)
class Clone:
    """A project folder, and the environment of a shell in it."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str, seconds: float = 300.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=seconds
        )

    def done(self, *command: str, seconds: float = 300.0) -> str:
        """Run what must succeed; give what it printed."""
        ran = self.run(*command, seconds=seconds)
        assert ran.returncode == 0, f"{' '.join(command)}:\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout

    def with_platform(self) -> Clone:
        """Give the same in a shell after `eval "$(cic env)"`."""
        printed = self.done("bash", "-c", 'eval "$(cic env)" && env -0')
        return Clone(self.folder, dict(line.split("=", 1) for line in printed.split("\0") if line))

    def bundle(self) -> str:
        return bundle_digest(self.folder / "build" / "fit" / "bundle")


def make_clone(outside: Path, measures: Sequence[str] | None = None) -> Clone:
    """Make a project with a small imported data set, its pointer in git and its bytes in the DVC remote.

    `measures` are what is evaluated where it is not everything, which takes most of the time of a run.
    """
    folder = make_project(outside / "project")
    for name in ("dvc.yaml", "prefect.yaml"):
        shutil.copy(PROJECT / name, folder / name)
    for package in ("cic", "flows"):
        shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    for section, changes in SMALL.items():
        params[section] = {**params.get(section, {}), **changes}
    if measures is not None:
        params["evaluate"]["measures"] = list(measures)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CIC_", "PREFECT_", "MLFLOW_")) and name != MARK
    }
    here = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "CIC_DEVICE": "cpu",
        "COLUMNS": "200",
    }
    made = Clone(folder, inherited | here)

    simulate(RECIPE, outside / "simulated")
    matrix = read_matrix(outside / "simulated")
    pd.DataFrame(matrix.values, matrix.samples.index, list(matrix.genes)).to_csv(outside / "mine.csv")
    matrix.samples.rename_axis("sample_id").to_csv(outside / "samples.csv")
    made.done(
        "cic", "data", "import", "../mine.csv", "--name", "mine", "--unit", matrix.unit,
        "--samples-in", "rows", "--labels", "../samples.csv",
    )  # fmt: skip
    (folder / "data" / "genesets").mkdir()
    shutil.copy(outside / "simulated" / "programs.gmt", folder / "data" / "genesets" / "programs.gmt")
    assert "5 files pushed" in made.done("dvc", "push")
    commit(folder, "data")
    assert git(folder, "status", "--porcelain") == ""
    return made
