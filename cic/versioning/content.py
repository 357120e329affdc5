"""What a file or a folder holds, as one number: the MD5 by which DVC names it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

FOLDER = ".dir"
"""Ends the MD5 of a folder."""


def md5_of(path: Path) -> str:
    """Give the MD5 of a file's bytes, or of the list of a folder's files with theirs, as DVC names either."""
    if path.is_dir():
        return hashlib.md5(listing(path)).hexdigest() + FOLDER
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def listing(folder: Path) -> bytes:
    """Give the object that DVC keeps of a folder: its files by path, each with its MD5."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    entries = [{"md5": md5_of(folder / path), "relpath": path} for path in paths]
    return json.dumps(entries, sort_keys=True).encode()


def size_of(path: Path) -> int:
    """Give the bytes of a file, or of all files of a folder."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
