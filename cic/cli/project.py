"""Paths on the command line: those of the project, and those that the user means from where they stand."""

from __future__ import annotations

import os
from pathlib import Path

import typer


def from_here(context: typer.Context, option: typer.CallbackParam, path: Path | None) -> Path | None:
    """Keep the meaning of a path that was typed, for a verb that goes to the project's folder."""
    typed = context.get_parameter_source(str(option.name))
    return path if path is None or typed is None or typed.name.startswith("DEFAULT") else _kept(path)


def _kept(path: Path) -> Path:
    return path if _project() == Path.cwd() else Path.cwd() / path


def enter_project() -> None:
    """Work in the project's folder from here on: `CIC_PROJECT`, or else the nearest one upwards."""
    project = _project()
    if not project.is_dir():
        from cic.errors import ConfigError

        raise ConfigError("there is no such folder", where=f"CIC_PROJECT={project}", fix="correct or unset it")
    if project != Path.cwd():
        os.chdir(project)


def _project() -> Path:
    from cic.settings import load_settings

    return load_settings(with_platform=False).project
