"""The manifest of a stage's folder: what is in it, what it was made from, and where. It is written last, read first.

A folder is only trusted as far as its manifest goes: a file that was altered, cut short or exchanged since is an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cic.errors import DataError

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a stage left.

    Attributes
    ----------
    stage
        Its name.
    files
        SHA-256 of each file, by path relative to the folder.
    inputs
        SHA-256 of each file that it read, by stage and path.
    origin
        Commit, sources, parameters, data and device, as they were when the stage began.
    """

    stage: str
    files: dict[str, str]
    inputs: dict[str, dict[str, str]]
    origin: dict[str, Any]


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(
    folder: Path, stage: str, inputs: Mapping[str, Mapping[str, str]], origin: Mapping[str, Any]
) -> None:
    """Write down what lies in the folder of a stage, which is then whole."""
    made = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    content = {
        "stage": stage,
        "files": {name: sha256_of(path) for name, path in made.items()},
        "inputs": {before: dict(files) for before, files in inputs.items()},
        "origin": dict(origin),
    }
    text = json.dumps({**content, "sha256": _digest(content)}, sort_keys=True, indent=1, allow_nan=False)
    (folder / NAME).write_text(text + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a stage's folder.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    path = folder / NAME
    fix = f"run `cic {_verb(folder)}` first, or `dvc repro`"
    try:
        content = json.loads(path.read_bytes())
        whole = content.pop("sha256") == _digest(content)
    except FileNotFoundError:
        raise DataError(f"stage `{_verb(folder)}` has not been run", where=str(folder), fix=fix) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise DataError("the manifest is damaged", where=str(path), fix=fix)
    return Manifest(**content)


def checked(folder: Path, files: Iterable[str] | None = None) -> Manifest:
    """Give the manifest of a folder after a look at the bytes of its files.

    Parameters
    ----------
    files
        Which to look at, all without it. A name that is a folder stands for what is in it.

    Raises
    ------
    DataError
        If a file is missing, or is not what the stage wrote.
    """
    manifest = read_manifest(folder)
    wanted = manifest.files if files is None else inputs_of(manifest, files, folder)
    for name in wanted:
        path = folder / name
        if not path.is_file() or sha256_of(path) != manifest.files[name]:
            raise DataError(
                "the file is missing" if not path.is_file() else "the file is not what the stage wrote",
                where=str(path),
                expected=f"SHA-256 {manifest.files[name]}, as {folder / NAME} has it",
                fix=f"run `cic {manifest.stage}` again, or `dvc repro`",
            )
    return manifest


def inputs_of(manifest: Manifest, files: Iterable[str], folder: Path) -> dict[str, str]:
    """Give name and SHA-256 of those files of a manifest that another stage reads.

    Raises
    ------
    DataError
        If the manifest does not have one of them.
    """
    found: dict[str, str] = {}
    for wanted in files:
        some = {name: sha for name, sha in manifest.files.items() if name == wanted or name.startswith(f"{wanted}/")}
        if not some:
            raise DataError(
                f"`{wanted}` is not among what stage `{manifest.stage}` left",
                where=str(folder),
                fix=f"run `cic {manifest.stage}` again, or `dvc repro`",
            )
        found |= some
    return found


def check_together(manifests: Mapping[str, Manifest], folders: Mapping[str, Path]) -> None:
    """Refuse folders that were not made from each other: results of one model beside another model.

    Raises
    ------
    DataError
        If a stage had read something else of another stage than what is there now.
    """
    for name, manifest in manifests.items():
        for before, files in manifest.inputs.items():
            if before not in manifests:
                continue
            changed = [file for file, sha in files.items() if manifests[before].files.get(file) != sha]
            if changed:
                raise DataError(
                    f"stage `{name}` was run on another `{changed[0]}` than the one of stage `{before}` here",
                    where=f"{folders[name]} and {folders[before]}",
                    expected="folders that were made from each other",
                    fix=f"run `cic {name}` again, or `dvc repro`",
                )


def params_of(manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    """Give the parameters that the stages ran with, by section."""
    ran: dict[str, Any] = {}
    # where two declare the same section, the one that decides what model comes out has the last word
    for name in ("evaluate", "search", "ingest", "split", "fit"):
        ran |= manifests[name].origin["params"]
    return ran


def _verb(folder: Path) -> str:
    """Guess a stage's name from its folder's, `fit` or `fit-0123456789abcdef`, for a message."""
    return folder.name.split("-")[0]


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
