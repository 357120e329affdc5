"""A stage's folder is trusted as far as its manifest goes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from faults import Tally
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cic.errors import DataError
from cic.manifest import NAME, check_together, checked, inputs_of, read_manifest, write_manifest


def make(folder: Path, content: bytes = b"profile,part\na,train\n") -> Path:
    (folder / "bundle").mkdir(parents=True)
    (folder / "split.csv").write_bytes(content)
    (folder / "bundle" / "model.json").write_bytes(b"{}")
    write_manifest(folder, "split", {"ingest": {"matrix.parquet": "0" * 64}}, {"git_commit": "abc", "git_dirty": False})
    return folder


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_byte_goes_unseen(tmp_path: Path, data: st.DataObject) -> None:
    shutil.rmtree(tmp_path / "split", ignore_errors=True)
    folder = make(tmp_path / "split")
    file = folder / data.draw(st.sampled_from(["split.csv", "bundle/model.json", NAME]))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    if file.name == NAME and _same_json(bytes(content), file.read_bytes()):
        return  # white space
    file.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"split"):
        checked(folder)


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def test_missing_and_unknown_files_and_no_manifest(tmp_path: Path) -> None:
    folder = make(tmp_path / "split")
    manifest = checked(folder)
    assert set(inputs_of(manifest, ["bundle"], folder)) == {"bundle/model.json"}
    with pytest.raises(DataError, match="not among what stage `split` left"):
        checked(folder, ["audit.json"])
    (folder / "split.csv").unlink()
    with pytest.raises(DataError, match=r"missing(.|\n)*cic split"):
        checked(folder)
    assert checked(folder, ["bundle"]) == manifest, "only what is read is looked at"
    (folder / NAME).write_text("[]")
    with pytest.raises(DataError, match="damaged"):
        read_manifest(folder)
    (folder / NAME).unlink()
    with pytest.raises(DataError, match="has not been run"):
        read_manifest(folder)


@pytest.mark.attack("results beside the model of another run", "3", tries=10, ended="refused")
def test_folders_of_different_runs_are_told_apart(tmp_path: Path) -> None:
    folders = {"split": make(tmp_path / "split"), "fit": tmp_path / "fit"}
    folders["fit"].mkdir()
    split = read_manifest(folders["split"])
    write_manifest(folders["fit"], "fit", {"split": inputs_of(split, ["split.csv"], folders["split"])}, {})
    both = {name: read_manifest(folder) for name, folder in folders.items()}
    check_together(both, folders)
    shutil.rmtree(folders["split"])
    make(folders["split"], b"profile,part\na,test\n")
    with pytest.raises(DataError, match=r"another `split.csv`(.|\n)*cic fit"):
        check_together({**both, "split": read_manifest(folders["split"])}, folders)


@pytest.mark.attack("a flipped bit in a stage's folder", "3", tries=200, short=10)
def test_flipped_bits_are_refused(tmp_path: Path, tally: Tally) -> None:
    draw = np.random.default_rng(11)
    folder = make(tmp_path / "split", b"profile,part\n" + draw.bytes(4000))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != NAME]
    for _ in range(tally.tries):
        file = files[int(draw.integers(len(files)))]
        whole = file.read_bytes()
        damaged = bytearray(whole)
        damaged[int(draw.integers(len(whole)))] ^= 1 << int(draw.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(DataError, match="not what the stage wrote"):
            checked(folder)
        tally("refused")
        file.write_bytes(whole)
