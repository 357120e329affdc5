"""The bytes of data by their hash, in DVC's cache and remote; files of commits, and working trees of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from versioned import commit, git, make_project

from cic.errors import DataError
from cic.versioning.commits import knows_commit, sha256_at, worktree
from cic.versioning.objects import look_up
from cic.versioning.pointers import pointer_of
from cic.versioning.transfer import add
from cic.versioning.versions import pointer_at

FILES = {"profiles.parquet": b"profiles", "samples.csv": b"sample_id\na\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set that is a folder, under DVC, pushed and committed."""
    project = make_project(tmp_path / "project")
    path = project / "data" / "raw" / "mine"
    path.mkdir(parents=True)
    for name, content in FILES.items():
        (path / name).write_bytes(content)
    add(path, push=True)
    commit(project, "data")
    return path


def project_of(folder: Path) -> Path:
    return folder.parents[2]


def objects_of(folder: Path, content: bytes) -> list[Path]:
    """Give the files below the project, cache first, that hold an object of this content."""
    md5 = hashlib.md5(content).hexdigest()
    stores = [project_of(folder) / ".dvc" / "cache", project_of(folder) / ".cic" / "dvc-remote"]
    return [next(store.rglob(f"{md5[:2]}/{md5[2:]}")) for store in stores]


def damage(file: Path) -> None:
    file.chmod(0o644)
    file.write_bytes(b"other")


def named(folder: Path) -> str:
    return pointer_at(folder, "HEAD")["md5"]


def test_a_folder_is_found_file_by_file_in_the_cache_and_else_in_the_remote(folder: Path, tmp_path: Path) -> None:
    md5 = named(folder)
    assert md5.endswith(".dir")
    assert [(copy.place, copy.fault) for copy in look_up(folder, md5)] == [("DVC's cache", "")]
    in_cache, in_remote = objects_of(folder, FILES["samples.csv"])
    damage(in_cache)
    cache, remote = look_up(folder, md5, tmp_path / "again")
    assert cache.fault.startswith("samples.csv is damaged: its bytes have the md5 ") and not remote.fault
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == FILES
    assert in_cache.read_bytes() == b"other", "nothing is mended on the way"
    in_remote.unlink()
    assert [copy.fault for copy in look_up(folder, md5, tmp_path / "nowhere")][1:] == ["samples.csv is missing"]
    assert not (tmp_path / "nowhere" / "samples.csv").exists()
    shutil.rmtree(project_of(folder) / ".dvc" / "cache")
    assert look_up(folder, md5)[0].fault == "the list of its files is missing"


def test_what_is_listed_outside_of_the_folder_is_not_written(folder: Path, tmp_path: Path) -> None:
    listing = json.dumps([{"md5": hashlib.md5(b"profiles").hexdigest(), "relpath": "../out"}]).encode()
    md5 = hashlib.md5(listing).hexdigest()
    target = project_of(folder) / ".dvc" / "cache" / "files" / "md5" / md5[:2]
    target.mkdir(parents=True, exist_ok=True)
    (target / f"{md5[2:]}.dir").write_bytes(listing)
    seen = look_up(folder, f"{md5}.dir", tmp_path / "in")
    assert "lies outside" in seen[0].fault and seen[1].fault and not (tmp_path / "out").exists()


def test_without_a_remote_the_cache_is_all(folder: Path) -> None:
    (project_of(folder) / ".dvc" / "config").write_text("")
    damage(objects_of(folder, FILES["samples.csv"])[0])
    assert len(look_up(folder, named(folder))) == 1


def test_a_commit_has_its_files_and_its_pointer_also_where_they_changed_since(folder: Path) -> None:
    project = project_of(folder)
    first, md5 = git(project, "rev-parse", "HEAD").strip(), named(folder)
    here = pointer_of(folder).read_bytes()
    (project / "data" / "a name.txt").write_text("no")
    git(project, "rm", "-q", "data/raw/mine.dvc")
    shutil.rmtree(folder.parent)
    commit(project, "gone")
    assert pointer_at(folder, first)["md5"] == md5
    with pytest.raises(DataError, match="no pointer"):
        pointer_at(folder, "HEAD")
    wanted = ["data/raw/mine.dvc", "data/a name.txt", "data/.gitignore"]
    found = sha256_at(project, first, wanted)
    assert found.keys() == {"data/raw/mine.dvc", "data/.gitignore"}
    assert found["data/raw/mine.dvc"] == hashlib.sha256(here).hexdigest()
    assert sha256_at(project / "data", first, [".gitignore"])[".gitignore"] == found["data/.gitignore"]
    assert knows_commit(project, first) and not knows_commit(project, "0" * 40) and not knows_commit(project, "--help")


def test_a_working_tree_beside_is_the_commit_and_goes_whatever_happens(folder: Path, tmp_path: Path) -> None:
    project = project_of(folder)
    (project / "data" / ".gitignore").write_text("edited")
    (project / ".git" / "hooks").mkdir(exist_ok=True)
    hook = project / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'hooked'}\n")
    hook.chmod(0o755)
    for failure in (KeyboardInterrupt, DataError("no")):
        with pytest.raises((KeyboardInterrupt, DataError)), worktree(project, "HEAD") as tree:
            assert (tree / "data" / ".gitignore").read_text() != "edited"
            (tree / "new").write_text("left by a stage")
            raise failure
        assert not tree.exists() and len(git(project, "worktree", "list").splitlines()) == 1
    assert not (tmp_path / "hooked").exists()
    with worktree(project / "data", "HEAD", tmp_path / "kept") as tree:
        assert tree == tmp_path / "kept" / "data"
    assert (tmp_path / "kept" / "data" / "raw" / "mine.dvc").exists()
    with pytest.raises(DataError, match="makes no working tree"), worktree(project, "HEAD", tmp_path / "kept"):
        pass
