"""Pointers and git: an edited raw file is an error, a pull never overwrites, a damaged remote is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from versioned import commit, git, make_project

from cic.errors import DataError
from cic.versioning.pointers import (
    check_pointer,
    check_versioned,
    is_simulated,
    md5_of,
    pointer_of,
    record_of,
    record_simulated,
)
from cic.versioning.transfer import add, pull, push_data
from cic.versioning.working_tree import git_state


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def write(path: Path, content: bytes) -> None:
    """Give a data file, or of a data set's folder one of its two files, this content."""
    if path.suffix:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    else:
        path.mkdir(parents=True, exist_ok=True)
        (path / "profiles.parquet").write_bytes(content)
        (path / "samples.csv").write_bytes(b"")


def content(path: Path) -> bytes:
    return (path if path.suffix else path / "profiles.parquet").read_bytes()


def lose(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(params=["mine.parquet", "mine"])
def added(request: pytest.FixtureRequest, project: Path) -> Path:
    """A data file, or a folder of them, under DVC, pushed and committed."""
    path = project / "data" / "raw" / request.param
    write(path, b"profiles, one")
    add(path, {"imported_from": "mine.csv"}, push=True)
    commit(project, "data")
    return path


def forget(path: Path) -> None:
    """Lose the data and the cache; the remote is what is left."""
    lose(path)
    shutil.rmtree(path.parents[2] / ".dvc" / "cache")


def test_a_committed_pointer_is_what_lineage_needs(added: Path) -> None:
    pointer = check_pointer(added)
    assert (pointer.md5, pointer.size, pointer.state) == (md5_of(added), 13, "committed")
    assert pointer.meta == {"imported_from": "mine.csv"}
    assert git(added.parents[2], "status", "--porcelain") == ""


def test_an_edited_raw_file_is_an_error_and_stays_as_it_is(added: Path) -> None:
    write(added, b"profiles, two")
    for look in (check_pointer, pull):
        with pytest.raises(DataError, match="edited"):
            look(added)
    assert content(added) == b"profiles, two"


def test_a_pointer_that_followed_the_edit_is_an_error_too(added: Path) -> None:
    write(added, b"profiles, two")
    add(added)
    with pytest.raises(DataError, match="changed since the last commit"):
        check_pointer(added)
    git(added.parents[2], "add", "-A")
    with pytest.raises(DataError, match="changed since the last commit"):
        check_pointer(added)
    commit(added.parents[2], "a new version")
    check_versioned(added)
    assert check_pointer(added).md5 == md5_of(added)


def test_a_pointer_that_is_not_in_git_is_an_error(project: Path) -> None:
    path = project / "data" / "raw" / "new.parquet"
    path.parent.mkdir()
    path.write_bytes(b"new")
    with pytest.raises(DataError, match="not versioned"):
        check_pointer(path)
    assert add(path).state == "uncommitted"
    for look in (check_pointer, check_versioned):
        with pytest.raises(DataError, match="not in git"):
            look(path)
    git(project, "add", "-A")
    with pytest.raises(DataError, match="not in git"):
        check_pointer(path)


def test_pull_brings_back_from_cache_and_remote(added: Path) -> None:
    lose(added)
    with pytest.raises(DataError, match="dvc pull"):
        check_pointer(added)
    pull(added)
    assert content(added) == b"profiles, one"
    forget(added)
    pull(added)
    assert check_pointer(added).state == "committed"


@pytest.mark.attack("a damaged object in the remote", "11", tries=10, ended="told, and kept")
def test_a_remote_without_the_bytes_or_with_damaged_ones_is_an_error(added: Path) -> None:
    forget(added)
    remote = added.parents[2] / ".cic" / "dvc-remote"
    (kept,) = (file for file in remote.rglob("*") if file.is_file() and file.read_bytes() == b"profiles, one")
    kept.chmod(0o644)
    kept.write_bytes(b"profiles, bad")
    with pytest.raises(DataError, match=r"damaged(.|\n)*dvc-remote(.|\n)*mine[a-z.]*.damaged"):
        pull(added)
    assert not added.exists()
    assert kept.read_bytes() == b"profiles, bad", "it may be the last copy"
    assert added.with_name(added.name + ".damaged").read_bytes() == b"profiles, bad"
    assert git(added.parents[2], "status", "--porcelain") == ""
    shutil.rmtree(remote)
    with pytest.raises(DataError, match="does not have these bytes"):
        pull(added)


def test_push_sends_what_add_kept(project: Path) -> None:
    path = project / "data" / "raw" / "new.parquet"
    path.parent.mkdir()
    path.write_bytes(b"new")
    add(path)
    assert not (project / ".cic" / "dvc-remote").exists()
    push_data(path)
    forget(path)
    pull(path)
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(("name", "objects"), [("new.parquet", 1), ("new", 3)])
def test_dvc_itself_pushes_the_raw_data_without_being_told_which(project: Path, name: str, objects: int) -> None:
    path = project / "data" / "raw" / name
    write(path, b"new")
    assert add(path).md5 == md5_of(path)
    dvc = [sys.executable, "-m", "dvc", "push"]
    pushed = subprocess.run(dvc, cwd=project, check=True, capture_output=True, text=True).stdout
    assert f"{objects} file{'s' * (objects > 1)} pushed" in pushed
    forget(path)
    pull(path)
    assert content(path) == b"new"


def test_a_simulated_file_needs_no_git_but_must_be_what_was_made(project: Path) -> None:
    path = project / "data" / "raw" / "synthetic.parquet"
    path.parent.mkdir()
    path.write_bytes(b"simulated")
    record_simulated(path, {"seed": 1})
    assert git(project, "status", "--porcelain") == ""
    pull(path)
    pointer = check_pointer(path)
    assert (pointer.state, pointer.md5, pointer.meta) == ("simulated", md5_of(path), {"seed": 1})
    assert is_simulated(path, {"seed": 1}) and not is_simulated(path, {"seed": 2})
    path.write_bytes(b"simulated, then edited")
    assert not is_simulated(path, {"seed": 1})
    with pytest.raises(DataError, match="cic data simulate"):
        check_pointer(path)
    path.unlink()
    with pytest.raises(DataError, match="missing"):
        check_pointer(path)


def test_without_git_the_bytes_are_still_checked(project: Path, added: Path) -> None:
    shutil.rmtree(project / ".git")
    (project / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    assert check_pointer(added).state == "no git"
    assert git_state(project).commit is None
    write(added, b"profiles, two")
    with pytest.raises(DataError, match="edited"):
        check_pointer(added)


def test_outside_a_dvc_repository(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"a")
    with pytest.raises(DataError, match="no DVC repository"):
        add(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no such file"):
        check_pointer(tmp_path / "b.parquet")


def test_a_pointer_that_is_none(project: Path) -> None:
    path = project / "data" / "raw" / "a.parquet"
    path.parent.mkdir()
    path.write_bytes(b"a")
    for content in ("outs: []\n", "just text\n", "{ broken", "outs:\n- path: a.parquet\n"):
        pointer_of(path).write_text(content)
        with pytest.raises(DataError, match="not a DVC pointer"):
            check_pointer(path)
    record_of(path).write_text("{}")
    with pytest.raises(DataError, match="not a record"):
        check_pointer(path)


def test_git_state(project: Path) -> None:
    clean = git_state(project)
    assert clean.commit == git(project, "rev-parse", "HEAD").strip()
    assert (clean.dirty, clean.branch) == (False, "main")
    (project / "new.txt").write_text("untracked")
    assert git_state(project).dirty
    assert not git_state(project, except_for=("new.txt",)).dirty
    git(project, "checkout", "-q", "--detach")
    assert git_state(project).branch is None
    (project / "data" / ".gitignore").write_text("edited")
    assert git_state(project, except_for=("new.txt",)).dirty


def test_git_state_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    assert git_state(tmp_path).commit is None
