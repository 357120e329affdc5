"""The DVC repository that a file is in, and what DVC says as errors of ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cic.errors import DataError, ServiceError

if TYPE_CHECKING:
    from dvc.repo import Repo


def dvc_root(path: Path) -> Path:
    """Give the nearest folder above `path` that holds a DVC repository.

    Raises
    ------
    DataError
        If there is none.
    """
    path = Path(path).absolute()
    for folder in path.parents:
        if (folder / ".dvc").is_dir():
            return folder
    raise DataError(
        "this folder is in no DVC repository",
        where=str(path.parent),
        expected="a folder `.dvc` above it",
        fix="work in the project's folder, or run `dvc init` in a new one",
    )


@contextmanager
def repository(path: Path) -> Iterator[Repo]:
    """Open the repository that `path` is in."""
    root = dvc_root(path)
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    from dvc.repo import Repo  # takes a second to import

    logging.getLogger("dvc").setLevel(logging.WARNING)  # its hints at git commands; importing DVC resets the level
    with Repo(str(root)) as repo:
        yield repo


@contextmanager
def faults(path: Path, verb: str) -> Iterator[None]:
    """Tell what DVC says as an error of ours."""
    from dvc.config import NoRemoteError
    from dvc.exceptions import CheckoutError, DvcException, FileTransferError
    from dvc.lock import LockError

    try:
        yield
    except NoRemoteError:
        raise DataError(
            "no DVC remote is set", where=str(path), expected="a default remote", fix="dvc remote add -d NAME URL"
        ) from None
    except LockError as error:
        raise ServiceError(f"another DVC command is at work: {error}", where=verb, fix="wait, then try again") from None
    except CheckoutError:
        raise DataError(
            "the remote does not have these bytes", where=str(path),
            expected="the bytes that the pointer names", fix="`dvc push` from where the data are",
        ) from None  # fmt: skip
    except (FileTransferError, OSError) as error:
        raise ServiceError(
            f"{verb} did not succeed: {error}", where=str(path), fix="check the remote: `dvc remote list`, `cic doctor`"
        ) from error
    except DvcException as error:
        raise DataError(f"{verb} did not succeed: {error}", where=str(path)) from error
