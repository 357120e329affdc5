"""Folders: the project, those that are its owner's alone, where a start lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

PROJECT_MARKS = ("dvc.yaml", "params.yaml")


def find_project(start: Path | None = None) -> Path:
    """Give the nearest folder, from `start` (the working directory) upwards, that holds `dvc.yaml` or `params.yaml`."""
    start = (start or Path.cwd()).absolute()
    holds = (folder for folder in (start, *start.parents) if any((folder / mark).is_file() for mark in PROJECT_MARKS))
    return next(holds, start)


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can look into, also where it is there already and others can."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def start_folder(reference: str, home: Path) -> Path:
    """Give the folder where the doors put the model that trainings start from, and the stages read it.

    Parameters
    ----------
    reference
        As `training.start_from` has it.
    home
        That of the project (`CIC_HOME`).
    """
    return home / "starts" / hashlib.sha256(reference.encode()).hexdigest()[:16]
