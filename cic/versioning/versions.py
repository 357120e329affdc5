"""Versions of a data set: its pointer as git has it at a commit, names for these (git tags), and their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cic.errors import ConfigError, DataError
from cic.versioning.cache import cached_files, into_cache
from cic.versioning.content import md5_of
from cic.versioning.pointers import check_pointer, parsed_pointer, pointer_of
from cic.versioning.repository import faults, repository
from cic.versioning.working_tree import git

TAGS = "data"
"""First part of the names of git tags that name versions: `data/NAME/VERSION`."""


@dataclass(frozen=True)
class Version:
    """A version that has a name: the name, the commit, the MD5 of the data set there, and the day of the tag."""

    name: str
    commit: str
    md5: str
    day: str


def tag(path: Path, name: str) -> str:
    """Give the version of a data set that is committed and lies here a name; give the git tag.

    Raises
    ------
    DataError
        If the data set is not as its pointer says, the pointer is not committed, or there is no git.
    ConfigError
        If the name is taken, or git does not take it for one.
    """
    pointer = check_pointer(path)
    if pointer.state != "committed":
        raise DataError(
            f"the data set is {pointer.state}: it has no commit that a name could stand for", where=str(path),
            expected="imported data whose pointer is in git",
        )  # fmt: skip
    full = f"{TAGS}/{path.name}/{name}"
    if git(path.parent, "rev-parse", "--verify", "--quiet", f"refs/tags/{full}") is not None:
        raise ConfigError(f"the name `{name}` is taken", where=f"git tag {full}", fix="choose another")
    if git(path.parent, "tag", "--", full) is None:
        raise ConfigError(f"git takes `{full}` for no name of a tag", where="VERSION", fix="letters, digits and dots")
    return full


def versions_of(path: Path) -> list[Version]:
    """Give the named versions of a data set, in the order in which they got their names."""
    prefix = f"refs/tags/{TAGS}/{path.name}/"
    listed = git(
        path.parent, "for-each-ref", prefix, "--sort=creatordate",
        "--format=%(refname) %(objectname) %(creatordate:short)",
    )  # fmt: skip
    found = []
    for line in (listed or "").splitlines():
        reference, commit, day = line.split()
        found.append(Version(reference.removeprefix(prefix), commit, pointer_at(path, reference)["md5"], day))
    return found


def pointer_at(path: Path, revision: str) -> dict[str, Any]:
    """Give the pointer of a data set as a commit has it: `md5`, `size` and `meta`.

    Parameters
    ----------
    revision
        The name of a version, or anything by which git knows a commit.

    Raises
    ------
    DataError
        If there is no such commit, or the data set is not in it.
    """
    at = pointer_of(Path(path).absolute())
    folder = next(folder for folder in at.parents if folder.is_dir())  # that of the data may be gone
    for known in (f"refs/tags/{TAGS}/{path.name}/{revision}", revision):
        text = git(folder, "show", f"{known}:./{at.relative_to(folder).as_posix()}")
        if text is not None:
            return parsed_pointer(text, f"{at.name} at {revision}")
    named = ", ".join(version.name for version in versions_of(path)) or "none has a name: cic data tag"
    raise DataError(
        f"{path.name} has no pointer at `{revision}`, which is no name of a version either", where=str(at),
        expected=f"a named version ({named}), or a commit in which its pointer is",
    )  # fmt: skip


def bytes_of(path: Path, md5: str) -> Path:
    """Give a file of profiles that is what an MD5 names, or a folder's: here, in DVC's cache, or fetched into that.

    Raises
    ------
    DataError
        If neither cache nor remote has it, or the remote has it damaged.
    """
    path = path.absolute()
    if path.exists() and md5_of(path) == md5:
        return path
    with repository(path) as repo, faults(path, "dvc fetch"):
        into_cache(repo, path, md5)
        try:
            files = cached_files(repo, md5)
        except FileNotFoundError:
            files = {}
        found = files.get("") or files.get("profiles.parquet")
    if found is None or not found.is_file():
        raise DataError(
            "neither DVC's cache nor its remote has the bytes of that version", where=f"{path}, md5 {md5}",
            fix="`dvc push` from where they are",
        )  # fmt: skip
    return found
