"""Raw data put under DVC, sent and fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cic.versioning.cache import into_cache
from cic.versioning.pointers import Pointer, check_bytes, pointer_of, read_pointer, record_of
from cic.versioning.repository import faults, repository


def add(path: Path, meta: dict[str, Any] | None = None, push: bool = False) -> Pointer:
    """Put a data file under DVC: its bytes into the cache, a pointer beside it.

    Parameters
    ----------
    path
        The file.
    meta
        Noted in the pointer, under `meta: cic:`.
    push
        Whether to send it to the default remote too.

    Raises
    ------
    DataError
        If there is no DVC repository, or DVC refuses.
    ServiceError
        If the remote does not take it.
    """
    path = Path(path).absolute()
    with repository(path) as repo, faults(path, "dvc add"):
        stage = repo.add(str(path))[0]
        if meta:
            stage.meta = {"cic": meta}
            stage.dump()
    if push:
        push_data(path)
    pointer = read_pointer(path)
    return Pointer(pointer["md5"], pointer["size"], path, "uncommitted", meta or {})


def push_data(path: Path) -> None:
    """Send a data file to the default DVC remote.

    Raises
    ------
    DataError
        If there is no DVC repository or no remote.
    ServiceError
        If the remote does not take it.
    """
    path = Path(path).absolute()
    with repository(path) as repo, faults(path, "dvc push"):
        repo.push(targets=[str(pointer_of(path))])


def pull(path: Path) -> None:
    """Fetch a data file that is missing here, from the cache or the default remote.

    A simulated file is left alone, and a file that is there is never overwritten, whatever it holds. A damaged remote
    object stays where it is, and beside the data file as `NAME.damaged`: it may be the last copy, and DVC's own pull
    would delete it.

    Raises
    ------
    DataError
        If it has neither pointer nor record, is not what its pointer says, or the remote does not have it or has it
        damaged.
    ServiceError
        If the remote does not answer.
    """
    path = Path(path).absolute()
    if record_of(path).exists():
        return
    pointer = read_pointer(path)
    if path.exists():
        check_bytes(path, pointer)
        return
    with repository(path) as repo, faults(path, "dvc pull"):
        into_cache(repo, path, pointer["md5"])
        repo.pull(targets=[str(pointer_of(path))])
    check_bytes(path, pointer)
