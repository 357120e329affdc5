"""What stands beside raw data, and whether it is true: held against the data, and against git before a run.

An imported file has a DVC pointer beside it (`NAME.parquet.dvc`), which git keeps. A simulated file has a record
(`NAME.parquet.simulated.json`) with its recipe and MD5 instead: its last bits differ between processors, so git must
not keep them, and DVC takes no pointer that git ignores.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from cic.errors import DataError
from cic.versioning.content import md5_of as md5_of
from cic.versioning.content import size_of
from cic.versioning.working_tree import GitState as GitState
from cic.versioning.working_tree import git, in_git
from cic.versioning.working_tree import git_state as git_state

State = Literal["committed", "uncommitted", "simulated", "no git"]


@dataclass(frozen=True)
class Pointer:
    """What the pointer beside a data file says, after it was found true.

    Attributes
    ----------
    md5, size
        Of the file's bytes, as DVC counts them.
    path
        The data file.
    state
        `committed`: the pointer is in git as it stands here. `uncommitted`: just made by `add`.
        `simulated`: made here from a recipe, which needs no git. `no git`: there is no repository to compare with.
    meta
        What was noted about it: where it was imported from, or its recipe.
    """

    md5: str
    size: int
    path: Path
    state: State
    meta: dict[str, Any]


def pointer_of(path: Path) -> Path:
    """Give the path of the DVC pointer of a data file."""
    return path.with_name(path.name + ".dvc")


def record_of(path: Path) -> Path:
    """Give the path of the record of a simulated file."""
    return path.with_name(path.name + ".simulated.json")


def record_simulated(path: Path, recipe: dict[str, Any]) -> Pointer:
    """Note that `path` was simulated from `recipe`, beside it, with its MD5."""
    path = Path(path).absolute()
    md5, size = md5_of(path), size_of(path)
    text = json.dumps({"recipe": recipe, "md5": md5, "size": size}, indent=2) + "\n"
    record_of(path).write_text(text)
    return Pointer(md5, size, path, "simulated", recipe)


def is_simulated(path: Path, recipe: dict[str, Any]) -> bool:
    """Tell whether `path` holds, unchanged, what `recipe` made on this machine."""
    if not record_of(path).exists():
        return False
    record = _read_record(path)
    return record["recipe"] == recipe and path.exists() and md5_of(path) == record["md5"]


def recipe_of(path: Path) -> dict[str, Any] | None:
    """Give the recipe that `path` was simulated from; `None` if it has no record."""
    return _read_record(path)["recipe"] if record_of(path).exists() else None


def is_added(path: Path) -> bool:
    """Tell whether a data file is there, with a pointer that names its bytes."""
    return pointer_of(path).exists() and path.exists() and md5_of(path) == read_pointer(path)["md5"]


def check_versioned(path: Path) -> None:
    """Make sure that a data file has a pointer, in git as it stands here, or a record; the file itself is not read.

    Raises
    ------
    DataError
        If not.
    """
    path = Path(path).absolute()
    if record_of(path).exists():
        return
    read_pointer(path)
    if in_git(path):
        _check_committed(pointer_of(path))


def check_pointer(path: Path) -> Pointer:
    """Hold a data file against its pointer, and the pointer against git.

    So an edited raw file is an error, and not a silent new version: `dvc repro` would accept it and rewrite the
    pointer.

    Raises
    ------
    DataError
        If the file or its pointer is missing, its bytes are not those of the pointer, or the pointer is not in git as
        it stands here.
    """
    path = Path(path).absolute()
    if record_of(path).exists():
        record = _read_record(path)
        check_bytes(path, record)
        return Pointer(record["md5"], record["size"], path, "simulated", record["recipe"])
    pointer = read_pointer(path)
    check_bytes(path, pointer)
    check_versioned(path)
    state: State = "committed" if in_git(path) else "no git"
    return Pointer(pointer["md5"], pointer["size"], path, state, pointer["meta"])


def read_record(path: Path) -> dict[str, Any]:
    """Give `md5`, `size` and `meta` of a data set, by its pointer or its record; neither data nor git are looked at.

    Raises
    ------
    DataError
        If it has neither.
    """
    if not record_of(path).exists():
        return read_pointer(path)
    record = _read_record(path)
    return {"md5": record["md5"], "size": record["size"], "meta": record["recipe"]}


def _read_record(path: Path) -> dict[str, Any]:
    """Read the record of a simulated file: `md5`, `size` and `recipe`."""
    at = record_of(path)
    try:
        raw = json.loads(at.read_text())
        return {name: raw[name] for name in ("md5", "size", "recipe")}
    except (json.JSONDecodeError, KeyError, TypeError):
        raise DataError(
            "this is not a record of simulated data", where=str(at), fix=f"delete {at.name}, then `cic data simulate`"
        ) from None


def read_pointer(path: Path) -> dict[str, Any]:
    """Read the DVC pointer of a data file: `md5`, `size` and `meta`."""
    at = pointer_of(path)
    if not at.is_file():
        raise DataError(
            "this file is not versioned: there is no pointer beside it" if path.exists() else "there is no such file",
            where=str(path),
            expected=f"{at.name}",
            fix="put your file into place with `cic data import`, or make the default data with `cic data simulate`",
        )
    return parsed_pointer(at.read_text(), str(at))


def parsed_pointer(text: str, where: str) -> dict[str, Any]:
    """Read the text of a DVC pointer: `md5`, `size` and `meta`.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        raw = yaml.safe_load(text)
        out = raw["outs"][0]
        return {"md5": out["md5"], "size": out["size"], "meta": (raw.get("meta") or {}).get("cic", {})}
    except (yaml.YAMLError, KeyError, TypeError, IndexError):
        raise DataError("this is not a DVC pointer", where=where, fix="take it from git again") from None


def check_bytes(path: Path, pointer: dict[str, Any]) -> None:
    """Refuse a data file that is missing, or whose bytes are not those that its pointer or record names."""
    if not path.exists():
        simulated = record_of(path).exists()
        raise DataError(
            "the data file is missing, its pointer is there",
            where=str(path),
            expected=f"md5 {pointer['md5']}",
            fix="`cic data simulate`" if simulated else "`dvc pull`",
        )
    if (md5 := md5_of(path)) != pointer["md5"]:
        name = path.name
        raise DataError(
            "this file was edited: its bytes are not those that its pointer names",
            where=str(path),
            expected=f"md5 {pointer['md5']}, found {md5}",
            fix=f"delete {name} and run `cic data simulate`" if record_of(path).exists()
            else f"to go back, delete {name} and run `dvc pull`; to make it a new version, import it: "
            "`cic data import --replace`, and commit the pointer",
        )  # fmt: skip


def _check_committed(pointer: Path) -> None:
    """Refuse a pointer that is not in the last commit as it stands here."""
    folder = pointer.parent
    fix = f"git add {pointer.name} && git commit, in {folder}"
    committed = git(folder, "show", f"HEAD:./{pointer.name}")
    if committed is None:
        raise DataError(
            "the pointer of the data is not in git, so nobody could tell later which data a model was made from",
            where=str(pointer),
            expected="a committed pointer",
            fix=fix,
        )
    if committed.strip() != pointer.read_text().strip():
        raise DataError(
            "the pointer of the data was changed since the last commit",
            where=str(pointer),
            expected="the pointer as git has it",
            fix=f"if the new version is meant: {fix}; if not: git checkout {pointer.name} and `dvc pull`",
        )
