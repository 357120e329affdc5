"""Every command of the README, as it is written and in its order, in a clean clone; then those of the pages of docs/.

What the commands work on is small: the clone's `params.yaml` asks for little, and `cic data simulate` takes the size of
the default data from its environment variables. A comment `exit code N` behind a command allows that code too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from page_commands import run_pages
from versioned import PROJECT, commit, git

from cic.data.matrix import read_matrix
from cic.data.synthetic import Recipe, simulate
from cic.platform.processes import MARK

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
ELSEWHERE = {
    "make test": "runs this test",
    "cic serve": "stays until it is stopped; tests/test_cic_serve.py asks it",
}
"""Beginnings of the commands that are not run here, and why."""
SIZE = {"CIC_SIMULATE_SAMPLES": "240", "CIC_SIMULATE_GENES": "150", "CIC_SIMULATE_STUDIES": "40"}
SMALL = {
    "training": {"epochs": 10},
    "search": {
        "trials": 4,
        "bottleneck_width": [2, 4],
        "depth": [0, 1],
        "hidden_width": [16],
        "repeats": 2,
        "workers": 1,
    },
    "fit": {"seeds": 1},
    "evaluate": {"measures": [], "bootstrap": 200},
}


def blocks(text: str) -> list[str]:
    """Give the blocks of commands of a page, marked `sh`."""
    return BLOCK.findall(text)


def commands_of(text: str) -> list[str]:
    """Give the commands of a page, one a line; a comment on lines of its own belongs to the command before it."""
    commands: list[str] = []
    for block in blocks(text):
        for line in filter(str.strip, block.replace("\\\n", " ").splitlines()):
            if line.lstrip().startswith("#"):
                commands[-1] += f"  {line.strip()}"
            else:
                commands.append(line)
    return commands


def script(lines: list[str]) -> str:
    """Give a script that runs every command in one shell, says which, and stops at one that ends with a wrong code."""
    parts = []
    for line in lines:
        allowed = "|".join(["0", *re.findall(r"exit code (\d+)", line)])
        shown = line.replace("'", "'\\''")
        stop = f'code=$?; echo "@= at $SECONDS s"; case $code in {allowed}) ;; *) echo "@! $code"; exit 1 ;; esac'
        parts += [f"echo '@@ {shown}'", line, stop]
    return "\n".join(parts)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A clone with small settings and a reader's own files, and the environment of a fresh shell."""
    folder = tmp_path / "cic"
    files = git(PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, files):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for section, changes in SMALL.items():
        params[section] |= changes
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "clone")
    # what `make install` would make, which needs no second time: older than what it is made from it would be made anew
    (folder / ".venv").symlink_to(Path(sys.prefix))
    for name in ("pyproject.toml", "constraints.txt"):
        os.utime(folder / name, (0, 0))

    simulate(Recipe(samples=240, genes=150, studies=40, replicate_pairs=24, seed=9), tmp_path / "own")
    own = read_matrix(tmp_path / "own")
    table = own.samples.rename_axis("sample_id")
    table.to_csv(folder / "samples.csv")
    values = pd.DataFrame(own.values, table.index, list(own.genes))
    values.T.to_csv(folder / "profiles.tsv.gz", sep="\t")
    values.head(10).to_csv(folder / "profiles.csv")

    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CIC_", "PREFECT_", "MLFLOW_", "MAKE")) and name != MARK
    }
    person = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = inherited | person | SIZE | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    try:
        yield folder, environment
    finally:
        down = [str(Path(sys.executable).parent / "cic"), "down"]
        subprocess.run(down, cwd=folder, env=environment, timeout=120, capture_output=True)


def test_every_command_of_the_readme_and_then_of_the_pages_runs_in_its_order(
    clone: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    folder, environment = clone
    lines = commands_of((folder / "README.md").read_text())
    assert len(lines) > 15
    for beginning in ELSEWHERE:
        assert [line for line in lines if line.startswith(beginning)], f"the README says nothing of `{beginning}`"
    run = [line for line in lines if not line.startswith(tuple(ELSEWHERE))]
    done = subprocess.run(
        ["bash", "-c", script(run)], cwd=folder, env=environment, text=True, timeout=1100,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("@")))  # how long each took
    assert done.returncode == 0, done.stdout[-6000:]
    assert [line[3:] for line in done.stdout.splitlines() if line.startswith("@@ ")] == run
    assert "Traceback" not in done.stdout
    assert git(folder, "status", "--porcelain", "dvc_plots") == ""
    run_pages(folder, environment, tmp_path)


def test_a_command_that_fails_is_told_with_its_code() -> None:
    told = subprocess.run(["bash", "-c", script(["true", "(exit 6) # exit code 6", "(exit 3)", "echo after"])],
                          capture_output=True, text=True)  # fmt: skip
    lines = [line for line in told.stdout.splitlines() if not line.startswith("@=")]
    assert told.returncode == 1 and lines == ["@@ true", "@@ (exit 6) # exit code 6", "@@ (exit 3)", "@! 3"]


def test_no_command_of_the_readme_is_outside_of_a_block_that_is_run() -> None:
    unmarked = re.findall(r"^```\n(.*?)^```$", (PROJECT / "README.md").read_text(), re.M | re.S)
    assert not [block for block in unmarked if re.match(r"\s*(cic|make|dvc|git|prefect|mlflow|source) ", block)]
