"""What a folder holds is scored once: whole, resumed, known by its content, and what cannot be is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_profiles
from filelock import FileLock
from store_parts import tiny_bundle
from typer.testing import CliRunner

from cic.cli import app
from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.errors import ConfigError, DataError, ServiceError, UnfamiliarError
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.reference import Reference
from cic.using import Model, load
from cic.watching.index import NAME, read_index
from cic.watching.inputs import content_digest, inputs_in
from cic.watching.scoring import Scored, score


@pytest.fixture(scope="module")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with a reference and a classifier."""
    matrix, folder = tiny_profiles(), tmp_path_factory.mktemp("scoring") / "bundle"
    bundle = load_bundle(tiny_bundle(folder, matrix, 4, labelled=True))
    save_bundle(folder, replace(bundle, reference=Reference.of(bundle, matrix.values[1::2])))
    return folder


@pytest.fixture
def model(bundle_folder: Path) -> Model:
    return load(bundle_folder)


@pytest.fixture
def incoming(tiny: ExpressionMatrix, tmp_path: Path) -> Path:
    """Three files of profiles, one below the others, and one that is none."""
    folder = tmp_path / "incoming"
    (folder / "later").mkdir(parents=True)
    frame = pd.DataFrame(tiny.values, tiny.samples.index, list(tiny.genes))
    for name, rows in (("a.csv", slice(0, 20)), ("b.csv", slice(20, 40)), ("later/c.csv", slice(40, 60))):
        frame.iloc[rows].to_csv(folder / name)
    (folder / "broken.csv").write_text("sample,GENE0\nx,many\n")
    (folder / "notes.md").write_text("no profiles")
    return folder


def scored(folder: Path, model: Model, scores: Path, **how: Any) -> Scored:
    return score(folder, model, "d" * 64, scores, **how)


def names(entries: tuple[Any, ...]) -> list[str]:
    return [one.input for one in entries]


def files_of(scores: Path) -> dict[str, bytes]:
    return {str(file.relative_to(scores)): file.read_bytes() for file in scores.rglob("*") if file.name != ".lock"
            and file.is_file()}  # fmt: skip


def test_each_input_gets_the_codes_that_the_model_gives_it_and_only_what_is_new_or_failed_is_done_again(
    incoming: Path, model: Model, tmp_path: Path
) -> None:
    scores = tmp_path / "scores"
    first = scored(incoming, model, scores)
    assert names(first.new) == ["a.csv", "b.csv", "later/c.csv"] and first.n_known == 0
    (failed,) = first.failed
    assert failed.input == "broken.csv" and "many" in failed.said and not failed.file
    for entry in first.new:
        kept = pd.read_parquet(scores / entry.file)
        codes = model.encode(incoming / entry.input)
        np.testing.assert_array_equal(kept[model.bundle.code_columns], codes[model.bundle.code_columns])
        assert list(kept.index) == list(codes.index) and kept.index.name == "sample_id"
        assert list(kept["likeliest"]) == list(model.classify(incoming / entry.input)["likeliest"])
    assert list(read_index(scores)) == [one.key for one in (first.new[0], first.new[1], failed, first.new[2])]

    before = {name: content for name, content in files_of(scores).items() if name != NAME}
    again = scored(incoming, model, scores)
    assert (names(again.new), names(again.failed), again.n_known) == ([], ["broken.csv"], 3)
    assert {name: content for name, content in files_of(scores).items() if name != NAME} == before

    (incoming / "broken.csv").write_bytes((incoming / "a.csv").read_bytes() + b"\n")
    (incoming / "a.csv").rename(incoming / "renamed.csv")
    (scores / first.new[1].file).unlink()
    mended = scored(incoming, model, scores)
    assert names(mended.new) == ["b.csv", "broken.csv"] and not mended.failed and mended.n_known == 2
    assert [one.input for one in read_index(scores).values()] == ["a.csv", "later/c.csv", "b.csv", "broken.csv"], (
        "the newest last"
    )

    other = score(incoming, model, "e" * 64, scores)
    assert len(other.new) == 4 and {one.model_digest for one in read_index(scores).values()} == {"d" * 64, "e" * 64}


def test_how_a_file_is_read_is_part_of_what_it_is_known_by(incoming: Path, model: Model, tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    scored(incoming, model, scores, only=["a*"])
    told = {"unit": "log2", "samples_in": None, "missing": "error"}  # as it is anyway
    assert scored(incoming, model, scores, only=["a*"], reading=told).n_known == 1
    assert names(scored(incoming, model, scores, only=["a*"], reading={"samples_in": "columns"}).failed) == ["a.csv"]
    with pytest.raises(ConfigError, match="`sheet` is no way to read"):
        scored(incoming, model, scores, reading={"sheet": 1})
    with pytest.raises(DataError, match=r"no such file(.|\n)*gone.csv"):
        scored(incoming, model, scores, reading={"labels": Path("gone.csv")})


class Stopping(Model):
    """A model that is stopped at its second file."""

    def encode(self, profiles: Any, **how: Any) -> pd.DataFrame:
        if Path(profiles.source).name == "b.csv":
            raise KeyboardInterrupt
        return super().encode(profiles, **how)


def test_a_pass_that_was_stopped_leaves_nothing_half_written_and_goes_on(
    incoming: Path, model: Model, tmp_path: Path
) -> None:
    scores = tmp_path / "scores"
    with pytest.raises(KeyboardInterrupt):
        scored(incoming, Stopping(model.bundle, model.stamp), scores)
    assert [one.input for one in read_index(scores).values()] == ["a.csv"]
    assert not [name for name in files_of(scores) if "partial" in name]
    rest = scored(incoming, model, scores)
    assert names(rest.new) == ["b.csv", "later/c.csv"] and rest.n_known == 1


class Slow(Model):
    """A model during whose work the file grows."""

    def encode(self, profiles: Any, **how: Any) -> pd.DataFrame:
        with Path(profiles.source).open("a") as file:
            file.write("\n")
        return super().encode(profiles, **how)


def test_a_file_that_is_still_being_written_is_left_for_the_next_pass(
    incoming: Path, model: Model, tmp_path: Path
) -> None:
    found = scored(incoming, Slow(model.bundle, model.stamp), tmp_path / "scores", only=["a.csv"])
    assert [one.said for one in found.failed] == ["it changed while it was read"]
    assert names(scored(incoming, model, tmp_path / "scores", only=["a.csv"]).new) == ["a.csv"]


def test_groups_are_kept_beside_the_codes(tiny: ExpressionMatrix, incoming: Path, model: Model, tmp_path: Path) -> None:
    labels = incoming / "samples.csv"
    tiny.samples[["group"]].to_csv(labels)
    how = {"reading": {"labels": labels}, "only": ["*.csv"]}
    found = scored(incoming, model, tmp_path / "scores", group="group", **how)
    assert names(found.new) == ["a.csv", "b.csv", "later/c.csv"], "the table about samples is no input"
    kept = pd.read_parquet(tmp_path / "scores" / found.new[0].file)
    assert list(kept["group"]) == list(tiny.samples["group"][:20])
    wrong = scored(incoming, model, tmp_path / "scores", group="donor", **how)
    assert len(wrong.failed) == 4 and "no column `donor`" in wrong.failed[0].said and "group" in wrong.failed[0].said


def test_one_at_a_time_and_a_damaged_index_is_told(incoming: Path, model: Model, tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    scored(incoming, model, scores, only=["a.csv"])
    with FileLock(scores / ".lock"), pytest.raises(ServiceError, match="another process is scoring"):
        scored(incoming, model, scores)
    (scores / NAME).write_text((scores / NAME).read_text()[:-9])
    with pytest.raises(DataError, match=r"index of scores is damaged(.|\n)*scores.json"):
        scored(incoming, model, scores)


def test_what_is_an_input(tiny: ExpressionMatrix, incoming: Path, tmp_path: Path) -> None:
    write_matrix(incoming / "later" / "set.parquet", tiny)
    (incoming / ".hidden.csv").write_text("x")
    (incoming / "set").mkdir()
    write_matrix(incoming / "set" / "profiles.parquet", tiny)
    (incoming / "counts.dat").write_text("x")

    def found(*only: str, besides: tuple[Path, ...] = ()) -> list[str]:
        return [path.relative_to(incoming).as_posix() for path in inputs_in(incoming, only, besides)]

    assert found() == ["a.csv", "b.csv", "broken.csv", "later/c.csv", "later/set.parquet", "set"]
    assert found("*.dat", "c*") == ["counts.dat", "later/c.csv"]
    assert found(besides=(incoming / "later", incoming / "a.csv")) == ["b.csv", "broken.csv", "set"]
    assert inputs_in(incoming / "set") == [incoming / "set"] and inputs_in(incoming / "a.csv") == [incoming / "a.csv"]
    with pytest.raises(DataError, match="nothing in it can be scored"):
        found("*.cel")
    with pytest.raises(DataError, match="no such folder"):
        inputs_in(tmp_path / "gone")
    before = content_digest(incoming / "set")
    (incoming / "set" / "profiles.parquet").rename(incoming / "set" / "others.parquet")
    assert content_digest(incoming / "set") != before, "the names of a folder's files are part of it"


def test_the_command_line_ends_as_other_verbs_do(incoming: Path, bundle_folder: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores"

    def told(*more: str) -> Any:
        return CliRunner().invoke(app, ["score", str(incoming), "-m", str(bundle_folder), "-o", str(scores), *more])

    done = told("--only", "[ab].csv")
    assert done.exit_code == 0 and "2 scored (40 profiles), 0 had codes already" in done.output
    broken = told()
    assert isinstance(broken.exception, DataError) and "1 of 2 inputs could not be scored: broken.csv" in str(
        broken.exception
    )
    noise = pd.DataFrame(np.random.default_rng(0).normal(6, 3, (8, 200)), columns=[f"GENE{n}" for n in range(200)])
    noise.rename(index=lambda row: f"noise{row}").to_csv(incoming / "foreign.csv")
    foreign = told("--only", "foreign.csv")
    assert isinstance(foreign.exception, UnfamiliarError) and "1 of 1 inputs are unlike" in str(foreign.exception)
    (incoming / "foreign.csv").write_text((incoming / "foreign.csv").read_text() + "\n")
    assert told("--only", "foreign.csv", "--allow-foreign").exit_code == 0
    kept = json.loads((scores / NAME).read_text())["inputs"]
    assert {one["model_digest"] for one in kept} == {bundle_digest(bundle_folder)}
    assert [one["foreign"] for one in kept if one["input"] == "foreign.csv"] == [True, True]
