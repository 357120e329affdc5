"""Changes to a project, one after the other, and what each makes the two doors run again.

`python changing.py CHANGES`, in a project that `dvc repro` has run, takes a JSON object of the file or parameter that
each change touches, and prints one of what came of it. One process makes them all: to start one that knows DVC and the
stages takes longer than what it is asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo
from typer.testing import CliRunner

from cic.cli import app
from cic.config import load_params
from cic.manifest import read_manifest, write_manifest
from cic.pipeline import workspace
from cic.stage_list import STAGES, stage_key
from cic.versioning.pointers import md5_of

BUILD = Path("build")
INVENTORY = BUILD / "inventory.json"


def keys() -> dict[str, str]:
    """Give the key of each stage, by which the flows know what to run."""
    params, folders = load_params(), workspace(BUILD)
    found, md5 = json.loads(INVENTORY.read_text()), md5_of(Path(params.data.file))
    return {name: stage_key(name, params, folders, found, md5) for name in STAGES}


def status() -> set[str]:
    """Give the stages of which `dvc status` says that what they depend on has changed."""
    with Repo() as repo:
        told = repo.status()
    return {name for name, why in told.items() if any("changed deps" in one for one in why)}


def take_inventory() -> None:
    done = CliRunner().invoke(app, ["inventory"], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@contextmanager
def changed(kind: str, where: str) -> Iterator[None]:
    """Change what is named, a file or else a parameter, and put it back."""
    touched = Path(where if "/" in where else "params.yaml")
    kept = touched.read_bytes() if touched.exists() else None
    is_of_stage = kind == "what a stage left"
    try:
        if "/" not in where:
            touched.write_text(raised(touched.read_text(), where))
        elif kind == "the device":
            touched.write_text(json.dumps(json.loads(touched.read_text()) | {"device": "cuda"}))
        elif kind == "a library":
            touched.parent.mkdir()
            touched.write_text("Metadata-Version: 2.1\nName: scikit-learn\nVersion: 99.0\n")
        else:
            if kept is not None:
                touched.chmod(0o644)
            touched.write_bytes((kept or b"") + b"\n")
        if is_of_stage:
            rewrite_manifest(touched.parent)
        if kind != "the device":
            take_inventory()
        yield
    finally:
        if kept is not None:
            touched.write_bytes(kept)
        else:
            touched.unlink()
        if kind == "a library":
            touched.parent.rmdir()
        if is_of_stage:
            rewrite_manifest(touched.parent)
        take_inventory()


def raised(params: str, key: str) -> str:
    """Give the text of a parameter file with one number raised."""
    whole = yaml.safe_load(params)
    *sections, name = key.split(".")
    at = whole
    for section in sections:
        at = at[section]
    at[name] = at.get(name, 20) + 1
    return yaml.safe_dump(whole, sort_keys=False)


def rewrite_manifest(folder: Path) -> None:
    """Write a stage's manifest for what lies there now, as if the stage had left that."""
    manifest = read_manifest(folder)
    (folder / "manifest.json").unlink()
    write_manifest(folder, manifest.stage, manifest.inputs, manifest.origin)


def came_of(kind: str, where: str) -> dict[str, Any]:
    """Make a change; give the stages with another key, and those that DVC would run, for the same reason."""
    before = keys()
    with changed(kind, where):
        after = keys()
        told = status()
    return {
        "flow": sorted(name for name in STAGES if before[name] != after[name]),
        "dvc": sorted(told),
        "put back": keys() == before,
    }


if __name__ == "__main__":
    print(json.dumps({kind: came_of(kind, where) for kind, where in json.loads(sys.argv[1]).items()}))
