"""Files of one array each, in a folder or below a URL: how what is large gets from one process to others.

They are in numpy's own format, which is read without unpickling anything. From a folder an array is mapped into memory:
processes of one machine share what they read of it, and each reads only the parts that it uses.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from cic.errors import ServiceError

log = logging.getLogger(__name__)
PREFIX = "cic-"


def new_folder(below: str | None) -> str:
    """Make a folder for one run, which its owner alone may enter, and give its path or URL.

    Parameters
    ----------
    below
        Folder, or URL of any kind that fsspec knows; `None` is where this machine keeps temporary files.

    Raises
    ------
    ServiceError
        If it cannot be made.
    """
    if below is not None and _is_url(below):
        return f"{below.rstrip('/')}/{PREFIX}{uuid4().hex}"  # a store of objects has no folders to be made
    try:
        return tempfile.mkdtemp(prefix=PREFIX, dir=None if below is None else Path(below).expanduser().absolute())
    except OSError as error:
        raise _cannot_be_written(below or tempfile.gettempdir(), error) from error


def write_array(place: str, array: np.ndarray) -> None:
    """Write one array.

    Raises
    ------
    ServiceError
        If that fails.
    """
    try:
        with _opened(place, "wb") as file:
            np.save(file, array, allow_pickle=False)
    except Exception as error:  # every file system behind a URL has errors of its own
        raise _cannot_be_written(place, error) from error


def read_array(place: str) -> np.ndarray:
    """Read what `write_array` wrote. What is changed in it stays in this process.

    Raises
    ------
    ServiceError
        If there is no such file here, or something else in it.
    """
    try:
        if not _is_url(place):
            # a plain array, whose pages are read when they are used, and copied when they are written
            return np.asarray(np.load(place, mmap_mode="c", allow_pickle=False))
        with _opened(place, "rb") as file:
            return np.load(file, allow_pickle=False)
    except Exception as error:
        raise ServiceError(
            f"an array that a task needs cannot be read: {_first_line(error)}",
            where=place,
            expected="a place that all workers see under this name, and that stays while tasks run",
            fix="set `search.shared` to a folder of a file system that they share, or to a URL such as s3://bucket/cic",
        ) from error


def remove(place: str) -> None:
    """Remove a file or folder; one that is gone already is no error, and what stays is a matter for the log."""
    if _is_url(place):
        try:
            files, path = _file_system(place)
            if files.exists(path):
                files.rm(path, recursive=True)
        except Exception as error:  # results do not depend on it
            log.warning("%s could not be removed: %s", place, _first_line(error))
    elif Path(place).is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        Path(place).unlink(missing_ok=True)


def _is_url(place: str) -> bool:
    return "://" in place


def _opened(place: str, mode: str) -> Any:
    if not _is_url(place):
        return open(place, mode)
    files, path = _file_system(place)
    return files.open(path, mode)


def _file_system(url: str) -> tuple[Any, str]:
    import fsspec  # only what is behind a URL needs it

    return fsspec.core.url_to_fs(url)


def _cannot_be_written(place: str, error: Exception) -> ServiceError:
    return ServiceError(
        f"what workers need cannot be written: {_first_line(error)}",
        where=place,
        expected="a folder, or a URL that fsspec knows, with room for what tasks share",
        fix="make room or correct `search.shared`; where that is empty, TMPDIR says where temporary files go",
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
