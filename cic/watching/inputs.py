"""What a folder holds that can be scored, and by what a file is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from cic.data import formats
from cic.data.formats import format_of
from cic.errors import DataError
from cic.manifest import sha256_of

ENDINGS = (
    *(".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".feather", ".arrow"),
    *(".h5ad", ".loom", ".h5", ".gct", ".gct.gz", ".gctx", ".soft", ".soft.gz"),
)
"""Files of other names are no profiles, unless they are asked for by name."""
WHOLE = (formats.OURS, formats.ZARR, formats.TENX)
"""Folders that are one input; any other holds some."""


def inputs_in(folder: Path, only: Sequence[str] = (), besides: Collection[Path] = ()) -> list[Path]:
    """Give the files, and the folders that are one input, in a folder and those below it, by name.

    Parameters
    ----------
    folder
        Or a single input.
    only
        Names with ``*`` and ``?``, of which an input must have one; without any, its ending must be one of `ENDINGS`.
    besides
        Files and folders that are left out. So is what is hidden.

    Raises
    ------
    DataError
        If there is no such folder, or it holds no input.
    """
    if not folder.exists():
        raise DataError("there is no such folder", where=str(folder), expected="a folder with files of profiles")
    left_out = {path.resolve() for path in besides}
    found = [folder] if _is_input(folder) else list(_below(folder, only, left_out))
    if not found:
        raise DataError(
            "nothing in it can be scored", where=str(folder),
            expected=f"files named {' or '.join(only)}" if only else f"files that end in {', '.join(ENDINGS)}",
            fix="name them by --only, such as --only '*.counts'",
        )  # fmt: skip
    return found


def _below(folder: Path, only: Sequence[str], left_out: Collection[Path]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.resolve() in left_out:
            continue
        if not _is_input(path):
            yield from _below(path, only, left_out)
        elif _is_named(path, only):
            yield path


def _is_input(path: Path) -> bool:
    return not path.is_dir() or format_of(path) in WHOLE


def _is_named(path: Path, only: Sequence[str]) -> bool:
    if only:
        return any(fnmatchcase(path.name, name) for name in only)
    return path.is_dir() or path.name.lower().endswith(ENDINGS)


def content_digest(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, or of the list of a folder's files with theirs."""
    if not path.is_dir():
        return sha256_of(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(listed).encode()).hexdigest()
