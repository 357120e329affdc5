"""A project folder as a clone has it: git, DVC with a remote of its own, and the ignore files of this project."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

# its log handlers keep the stderr that they find when it is first imported, and that of a test's runner gets closed
import dvc.logger  # noqa: F401

PROJECT = Path(__file__).parents[1]


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody, whatever this machine's configuration says."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def make_project(folder: Path) -> Path:
    """Make an empty project at `folder`, with one commit."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / "data").mkdir()
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", "data/.gitignore"):
        shutil.copy(PROJECT / name, folder / name)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "project")
    return folder


def commit(folder: Path, message: str) -> None:
    """Commit everything that git does not ignore."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
