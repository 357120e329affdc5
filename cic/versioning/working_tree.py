"""What git says of the working tree."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from cic.errors import ServiceError


@dataclass(frozen=True)
class GitState:
    """Where the working tree stands; `commit` and `branch` are None without git, or before the first commit."""

    commit: str | None
    dirty: bool
    branch: str | None


def git_state(root: Path, except_for: tuple[str, ...] = ()) -> GitState:
    """Tell commit, branch, and whether the working tree under `root` differs from the commit.

    Parameters
    ----------
    root
        A folder in the working tree.
    except_for
        Paths relative to `root` that do not count, such as files that runs write.
    """
    if not in_git(root):
        return GitState(None, False, None)
    commit = git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    branch = git(root, "symbolic-ref", "--short", "--quiet", "HEAD")
    changed = git(root, "status", "--porcelain", "--", ".", *(f":(exclude){path}" for path in except_for))
    # Where git cannot say, a commit must not pass for what was run.
    dirty = changed is None or bool(changed.strip())
    return GitState((commit or "").strip() or None, dirty, (branch or "").strip() or None)


def in_git(at: Path) -> bool:
    """Tell whether a file or folder is in a git working tree."""
    folder = at if at.is_dir() else at.parent
    return (git(folder, "rev-parse", "--is-inside-work-tree") or "").strip() == "true"


def git(folder: Path, *arguments: str) -> str | None:
    """Run git in a folder; None where it says no, or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    if "dubious ownership" in done.stderr:
        raise ServiceError(
            "git does not trust this folder, as it belongs to another user",
            where=str(folder),
            fix="git config --global --add safe.directory FOLDER, with the project's folder",
        )
    return done.stdout if done.returncode == 0 else None
