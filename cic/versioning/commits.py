"""What git keeps of a commit: whether it is there, its files, and a clean working tree of it."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cic.errors import DataError
from cic.versioning.working_tree import git

NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
"""DVC's own hook would check data out."""
COMMIT = re.compile("[0-9a-f]{7,64}")


def knows_commit(project: Path, commit: str) -> bool:
    """Tell whether the repository that `project` is in has a commit."""
    return COMMIT.fullmatch(commit) is not None and git(project, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def sha256_at(project: Path, commit: str, files: Iterable[str]) -> dict[str, str]:
    """Give the SHA-256 of files as a commit has them, by path below `project`; those that it lacks are left out."""
    names = sorted(files)
    done = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=project, input="".join(f"{commit}:./{name}\n" for name in names).encode(), capture_output=True, check=True,
    )  # fmt: skip
    answer, found = io.BytesIO(done.stdout), {}
    for name in names:
        head = answer.readline().split()
        if head[-1] != b"missing":
            found[name] = hashlib.sha256(answer.read(int(head[-1]))).hexdigest()
            answer.readline()
    return found


@contextmanager
def worktree(project: Path, commit: str, keep: Path | None = None) -> Iterator[Path]:
    """Give `project` as it was at a commit, in a working tree of its own, which is taken away after the block.

    Parameters
    ----------
    keep
        Where to put it and leave it; a temporary folder without it.

    Raises
    ------
    DataError
        If git does not make it.
    """
    scratch = Path(tempfile.mkdtemp(prefix="cic-worktree-"))
    at = (keep or scratch / "project").absolute()
    try:
        if git(project, *NO_HOOKS, "worktree", "add", "--detach", str(at), commit) is None:
            raise DataError(
                f"git makes no working tree of commit {commit}",
                where=str(at),
                expected="a commit of this repository, and a folder that is not there yet",
            )
        yield at / (git(project, "rev-parse", "--show-prefix") or "").strip()
    finally:
        if keep is None:
            git(project, "worktree", "remove", "--force", str(at))
        shutil.rmtree(scratch, ignore_errors=True)
