"""The bytes of data by their hash, in DVC's cache and remote: looked up, hashed as they pass, and nothing replaced.

A file is one object. A folder is an object too, `HASH.dir`: a list of files with the hash of each.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cic.versioning.content import FOLDER
from cic.versioning.repository import faults, repository

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc_data.hashfile.db import HashFileDB

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Copy:
    """An object where it was looked for: `place` in words, and what is wrong with it there, empty if nothing is."""

    place: str
    fault: str


def look_up(path: Path, md5: str, to: Path | None = None) -> list[Copy]:
    """Look for the bytes of a data file or folder in DVC's cache, and where they are not whole there, in the remote.

    Parameters
    ----------
    path
        The data file or folder, which need not be there: its repository is asked.
    md5
        As a pointer names it.
    to
        Where to write them; no file is left there that is not whole.

    Returns
    -------
    list of Copy
        Each place that was looked at; only the last can be whole.

    Raises
    ------
    DataError
        If there is no DVC repository.
    ServiceError
        If the remote does not answer.
    """
    seen: list[Copy] = []
    path = Path(path).absolute()
    with repository(path) as repo, faults(path, "reading the data's objects"):
        for place, store in _stores(repo):
            seen.append(Copy(place, _fault(store, md5, to)))
            if not seen[-1].fault:
                break
    return seen


def _stores(repo: Repo) -> Iterator[tuple[str, HashFileDB]]:
    from dvc.config import NoRemoteError

    yield "DVC's cache", repo.cache.local
    try:
        remote = repo.cloud.get_remote_odb()
    except NoRemoteError:
        return
    yield f"the DVC remote {remote.fs.unstrip_protocol(remote.path)}", remote


def _fault(store: HashFileDB, md5: str, to: Path | None) -> str:
    """Read an object, write it to `to`, and say what is wrong with it."""
    if not md5.endswith(FOLDER):
        return _file_fault(store, md5, to)
    listing = io.BytesIO()
    if fault := _object_fault(store, md5, listing):
        return f"the list of its files is {fault}"
    for file in json.loads(listing.getvalue()):
        name = file["relpath"]
        if to is not None and not (to / name).resolve().is_relative_to(to.resolve()):
            return f"{name} lies outside of the folder"
        if fault := _file_fault(store, file["md5"], None if to is None else to / name):
            return f"{name} is {fault}"
    return ""


def _file_fault(store: HashFileDB, md5: str, to: Path | None) -> str:
    if to is None:
        return _object_fault(store, md5, None)
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("wb") as file:
        fault = _object_fault(store, md5, file)
    if fault:
        to.unlink()
    return fault


def _object_fault(store: HashFileDB, md5: str, to: IO[bytes] | None) -> str:
    total = hashlib.md5(usedforsecurity=False)
    try:
        with store.fs.open(store.oid_to_path(md5), "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                total.update(chunk)
                if to is not None:
                    to.write(chunk)
    except FileNotFoundError:
        return "missing"
    found = total.hexdigest()
    return "" if found == md5.removesuffix(FOLDER) else f"damaged: its bytes have the md5 {found}"
