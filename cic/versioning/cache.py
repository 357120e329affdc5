"""DVC's cache: objects brought there from the remote once their bytes are known to be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from cic.errors import DataError
from cic.versioning.content import FOLDER, md5_of

if TYPE_CHECKING:
    from dvc.repo import Repo


def into_cache(repo: Repo, path: Path, md5: str) -> None:
    """Bring the objects of a file or folder into the cache, before DVC looks: it deletes damaged ones of the remote.

    Parameters
    ----------
    path
        Where the data lie; a damaged object is left beside it, as `NAME.damaged`.

    Raises
    ------
    DataError
        If the remote has an object damaged. That it lacks one is left to DVC to say.
    """
    listed = _object_into_cache(repo, path, md5)
    if md5.endswith(FOLDER) and listed is not None:
        for entry in json.loads(listed.read_bytes()):
            _object_into_cache(repo, path, entry["md5"])


def cached_files(repo: Repo, md5: str) -> dict[str, Path]:
    """Give the files of a folder whose objects are in the cache, by their paths in it; of a file, under ``""``."""
    cache = repo.cache.local
    if not md5.endswith(FOLDER):
        return {"": Path(cache.oid_to_path(md5))}
    entries = json.loads(Path(cache.oid_to_path(md5)).read_bytes())
    return {entry["relpath"]: Path(cache.oid_to_path(entry["md5"])) for entry in entries}


def _object_into_cache(repo: Repo, path: Path, md5: str) -> Path | None:
    """Give the place of an object in the cache, fetched if need be; `None` if the remote does not have it."""
    from dvc.fs import LocalFileSystem

    cache = repo.cache.local
    kept, plain = Path(cache.oid_to_path(md5)), md5.removesuffix(FOLDER)
    if kept.is_file() and md5_of(kept) == plain:
        return kept
    remote = repo.cloud.get_remote_odb()
    there, fetched = remote.oid_to_path(md5), path.with_name(path.name + ".damaged")
    if not remote.fs.exists(there):
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    remote.fs.get_file(there, str(fetched))
    if (found := md5_of(fetched)) != plain:
        raise DataError(
            "the remote has these bytes damaged",
            where=f"{remote.fs.unstrip_protocol(there)}, a copy in {fetched}",
            expected=f"md5 {plain}, found {found}",
            fix="`dvc push` from where the data are whole; `dvc pull` would delete the damaged object",
        )
    kept.unlink(missing_ok=True)
    cache.add(str(fetched), LocalFileSystem(), md5, hardlink=False)
    fetched.unlink()
    return kept
