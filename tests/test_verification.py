"""The walk from a version to its bytes: each link broken once, and named. What comes out again, held against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_parts import lineage_of, new_store, tiny_bundle
from typer.testing import CliRunner
from versioned import commit, git, make_project

from cic.cli import app
from cic.config import Data, Params
from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.digests import model_digest
from cic.errors import CicError, ConfigError, DataError, ModelError
from cic.manifest import Manifest, read_manifest, sha256_of, write_manifest
from cic.model.bundle_files import load_bundle, save_bundle
from cic.registry.gate import Decision
from cic.registry.registry import promote
from cic.settings import Settings
from cic.tracking.files import TAG_STAGES
from cic.tracking.lineage import content_digest
from cic.tracking.models import log_model_run
from cic.tracking.store import connect
from cic.verification.distance import distance
from cic.verification.reproduce import Outcome, compared, reproduced
from cic.verification.trail import simulate_command, trail_of
from cic.verification.walk import STEPS, Link, check_whole, walk
from cic.verification.wanted import Wanted, wanted_of
from cic.versioning.pointers import md5_of
from cic.versioning.transfer import add

RAW = Path("data/raw/mine.parquet")
SOURCES = ("cic/__init__.py", "cic/stages/fit.py")
PARAMS = Params(seed=1, data=Data(file=str(RAW))).model_dump(mode="json")
SECTIONS = {
    "ingest": ("data",),
    "split": ("split",),
    "search": ("search",),
    "fit": ("preprocess", "training", "fit"),
    "evaluate": ("evaluate",),
}


@dataclass(frozen=True)
class World:
    """A project with a registered model, all of whose links are whole."""

    project: Path
    settings: Settings
    run_id: str
    commits: tuple[str, str]
    """Before the data were there, and with them."""

    @property
    def files(self) -> Path:
        """Of the run, where the store keeps them."""
        return Path(connect(self.settings.tracking_uri).get_run(self.run_id).info.artifact_uri.removeprefix("file://"))

    def links(self, wanted: str = "1") -> dict[str, Link]:
        return {link.name: link for link in walk(trail_of(self.settings, "cic", wanted))}


def manifests_of(project: Path, bundle: Path, profiles: Path, at: str, md5: str) -> dict[str, Manifest]:
    """Give manifests as stages leave them."""
    left = {
        "fit": {f"bundle/{file.name}": sha256_of(file) for file in bundle.iterdir()},
        "evaluate": {profiles.name: sha256_of(profiles)},
    }
    code = {name: sha256_of(project / name) for name in SOURCES}
    origin = {"git_commit": at, "git_dirty": False, "code": code, "recipe": None, "device": "cpu", "data_md5": md5}
    return {
        stage: Manifest(
            stage,
            left.get(stage, {}),
            {},
            {**origin, "params": {"seed": 1, **{name: PARAMS[name] for name in sections}}},
        )
        for stage, sections in SECTIONS.items()
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, profiles: ExpressionMatrix, template: Path) -> World:
    outside = tmp_path_factory.mktemp("verification")
    project = make_project(outside / "project")
    for name in SOURCES:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(f"# {name}\n")
    (project / "params.yaml").write_text("seed: 1\n")
    commit(project, "code")
    (project / RAW).parent.mkdir()
    write_matrix(project / RAW, profiles)
    md5 = add(project / RAW, push=True).md5
    commit(project, "data")
    first, last = git(project, "log", "--format=%H").split()[:2][::-1]
    uri = new_store(outside / "home", template)
    bundle, evidence = tiny_bundle(outside / "bundle", profiles, 2), outside / "profiles.csv"
    evidence.write_text("sample_id,squared_error_pca\na,1\n")
    digest = model_digest(PARAMS)
    run = log_model_run(
        uri, "cic/mine",
        name="cic", run_name="mine", bundle=bundle, metrics={"passed": True}, headline={}, curves={},
        params={**PARAMS, "chosen": {"depth": 0}}, shown_params={"seed": 1},
        lineage=lineage_of(
            bundle, profiles,
            git_commit=last, git_dirty=False, data_file=str(RAW), data_md5=md5, params_digest=digest,
        ),
        stages={name: asdict(made) for name, made in manifests_of(project, bundle, evidence, last, md5).items()},
        shape=(60, 200), files=[evidence],
    )  # fmt: skip
    promote(uri, "cic", "1", Decision(True, "promoted", ("it is better",), {"champion": None}))
    return World(project, Settings(project=project, home=outside / "home", tracking_uri=uri), run.run_id, (first, last))


# ways to break a link, each mended at the end of its block


@contextmanager
def bytes_of(file: Path, change: Callable[[bytes], bytes]) -> Iterator[None]:
    kept = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(change(kept))
    try:
        yield
    finally:
        file.write_bytes(kept)


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@contextmanager
def tags(world: World, **changes: str) -> Iterator[None]:
    client = connect(world.settings.tracking_uri)
    kept = client.get_run(world.run_id).data.tags
    for name, value in changes.items():
        client.set_tag(world.run_id, f"cic.{name}", value)
    try:
        yield
    finally:
        for name in changes:
            client.set_tag(world.run_id, f"cic.{name}", kept[f"cic.{name}"])


@contextmanager
def version_tag(world: World, name: str, value: str) -> Iterator[None]:
    client = connect(world.settings.tracking_uri)
    kept = client.get_model_version("cic", "1").tags[name]
    client.set_model_version_tag("cic", "1", name, value)
    try:
        yield
    finally:
        client.set_model_version_tag("cic", "1", name, kept)


@contextmanager
def stage_said(world: World, stage: str, without: tuple[str, ...] = (), **origin: Any) -> Iterator[None]:
    """Have a stage's manifest say something else, digest included."""
    file = world.files / "stages.json"
    told = json.loads(file.read_text())
    kept = {name: value for name, value in told[stage]["origin"].items() if name not in without}
    told[stage]["origin"] = kept | origin
    digest = {TAG_STAGES.removeprefix("cic."): content_digest(told)}
    with bytes_of(file, lambda _: json.dumps(told).encode()), tags(world, **digest):
        yield


@contextmanager
def tag_gone(world: World, name: str) -> Iterator[None]:
    client = connect(world.settings.tracking_uri)
    kept = client.get_run(world.run_id).data.tags[name]
    client.delete_tag(world.run_id, name)
    try:
        yield
    finally:
        client.set_tag(world.run_id, name, kept)


@contextmanager
def run_deleted(world: World) -> Iterator[None]:
    client = connect(world.settings.tracking_uri)
    client.delete_run(world.run_id)
    try:
        yield
    finally:
        client.restore_run(world.run_id)


@contextmanager
def alias_by_hand(world: World) -> Iterator[None]:
    client = connect(world.settings.tracking_uri)
    client.set_registered_model_alias("cic", "previous", "1")
    try:
        yield
    finally:
        client.delete_registered_model_alias("cic", "previous")


@contextmanager
def data_of_another_name(world: World) -> Iterator[None]:
    other = "0" * 32
    with (
        tags(world, data_md5=other),
        version_tag(world, "cic.data_md5", other),
        stage_said(world, "ingest", data_md5=other),
    ):
        yield


@contextmanager
def dirty_and_sources_unknown(world: World) -> Iterator[None]:
    with ExitStack() as stack:
        for stage in SECTIONS:
            stack.enter_context(stage_said(world, stage, without=("code",), git_dirty=stage == "split"))
        yield


@contextmanager
def trained_at(world: World, commit: str) -> Iterator[None]:
    with tags(world, git_commit=commit), stage_said(world, "fit", git_commit=commit):
        yield


def objects_of(world: World) -> list[Path]:
    md5 = md5_of(world.project / RAW) if (world.project / RAW).exists() else ""
    stores = [world.project / ".dvc" / "cache", world.project / ".cic" / "dvc-remote"]
    return [next(store.rglob(f"{md5[:2]}/{md5[2:]}")) for store in stores]


@contextmanager
def data_nowhere_whole(world: World) -> Iterator[None]:
    cache, remote = objects_of(world)
    with bytes_of(cache, flipped), bytes_of(remote, flipped), bytes_of(world.project / RAW, flipped):
        yield


def registered_file(world: World, name: str) -> Path:
    (file,) = (world.settings.home / "mlartifacts").rglob(f"artifacts/bundle/{name}")
    return file


BREAKS: dict[str, tuple[str, str, Callable[[World], Any]]] = {
    "a byte of the bundle flipped": (
        "bundle",
        "artifacts/bundle/model.safetensors of version 1 is not what was registered",
        lambda world: bytes_of(registered_file(world, "model.safetensors"), flipped),
    ),
    "the bundle's origin edited": (
        "bundle",
        "origin.json",
        lambda world: bytes_of(registered_file(world, "origin.json"), lambda text: text + b" "),
    ),
    "another bundle named": ("bundle", "bundle", lambda world: version_tag(world, "cic.bundle_digest", "0" * 64)),
    "a run that tells nothing": (
        "run",
        "no tag cic.data_file",
        lambda world: tag_gone(world, "cic.data_file"),
    ),
    "the run deleted": ("run", "is gone", run_deleted),
    "a run of another bundle": ("run", "cic.bundle_digest", lambda world: tags(world, bundle_digest="0" * 64)),
    "metrics made better": (
        "metrics",
        "not what was logged",
        lambda world: bytes_of(world.files / "metrics.json", lambda text: text.replace(b"true", b"false")),
    ),
    "metrics cut": ("metrics", "no JSON", lambda world: bytes_of(world.files / "metrics.json", lambda text: text[:4])),
    "a manifest edited": (
        "stages",
        "not what was logged",
        lambda world: bytes_of(
            world.files / "stages.json", lambda text: text.replace(b'"recipe": null', b'"recipe": 1')
        ),
    ),
    "the gate's evidence edited": (
        "stages",
        "profiles.csv is not what stage `evaluate` left",
        lambda world: bytes_of(world.files / "profiles.csv", flipped),
    ),
    "a record of the log unknown": ("decision", "record", lambda world: version_tag(world, "cic.record", "0" * 64)),
    "an alias moved by hand": ("decision", "moved by hand", alias_by_hand),
    "a parameter edited": (
        "parameters",
        "not the parameters that were logged",
        lambda world: bytes_of(
            world.files / "params.json", lambda text: text.replace(b'"scale": "none"', b'"scale": "x"')
        ),
    ),
    "another seed": ("parameters", "the seed is 1", lambda world: tags(world, seed="2")),
    "a stage that ran otherwise": (
        "parameters",
        "the stages ran with another fit",
        lambda world: stage_said(world, "fit", params={"seed": 1, "fit": {"seeds": 99}}),
    ),
    "a commit that nobody has": ("commit", "no commit", lambda world: trained_at(world, "0" * 40)),
    "a commit that is an option": ("commit", "no commit", lambda world: trained_at(world, "--help")),
    "a commit of another run": ("stages", "git_commit", lambda world: tags(world, git_commit=world.commits[0])),
    "other data than were read": ("stages", "data_md5", lambda world: stage_said(world, "ingest", data_md5="0" * 32)),
    "another file of data": ("parameters", "not the parameters", lambda world: tags(world, data_file="data/raw/x")),
    "uncommitted files, the sources unknown": ("working tree", "when split ran", dirty_and_sources_unknown),
    "other sources": (
        "code",
        "stage `fit` ran another cic/stages/fit.py",
        lambda world: stage_said(world, "fit", code=dict.fromkeys(SOURCES[1:], "0" * 64)),
    ),
    "a commit before the data": (
        "pointer",
        "no pointer",
        lambda world: stage_said(world, "ingest", git_commit=world.commits[0]),
    ),
    "a pointer to other data": ("pointer", "names other data", data_of_another_name),
    "data nowhere whole": ("data", "nowhere whole", data_nowhere_whole),
}


def test_a_version_whose_links_are_whole(world: World) -> None:
    links = world.links()
    assert list(links) == [step.name for step in STEPS]
    assert {link.state for link in links.values()} == {"whole"}, links
    assert links["code"].told.startswith("2 sources") and world.commits[1] in links["commit"].told
    check_whole(list(links.values()))


@pytest.mark.parametrize("how", BREAKS)
def test_the_first_broken_link_is_named(world: World, how: str) -> None:
    name, told, broken = BREAKS[how]
    with broken(world):
        links = world.links()
        first = next(link for link in links.values() if link.state == "broken")
        assert first.name == name and told in first.told, first
        with pytest.raises(CicError, match=f"first broken link is `{name}`") as raised:
            check_whole(list(links.values()))
    assert isinstance(raised.value, DataError if name in ("pointer", "data") else ModelError)
    assert [link.state for link in links.values()][: list(links).index(name)].count("whole") == list(links).index(name)


def test_what_hangs_on_a_broken_link_is_not_looked_at_and_the_rest_is(world: World) -> None:
    with run_deleted(world):
        links = world.links()
    assert {name for name, link in links.items() if link.state == "whole"} == {"bundle", "decision"}
    assert links["data"].told == "not looked at, as `run` is broken"


def test_data_are_looked_for_in_cache_and_remote_and_left_as_they_are(world: World) -> None:
    raw, (cache, remote) = world.project / RAW, objects_of(world)
    with bytes_of(raw, flipped):
        kept = raw.read_bytes()
        link = world.links()["data"]
        assert link.state == "whole" and "working tree: others" in link.told and "DVC's cache: whole" in link.told
        with bytes_of(cache, flipped):
            link = world.links()["data"]
            assert link.state == "whole" and "DVC's cache: damaged" in link.told
            assert link.told.endswith(f"{world.project / '.cic' / 'dvc-remote'}/files/md5: whole")
        assert raw.read_bytes() == kept and remote.exists()


def test_files_that_were_not_committed_matter_where_they_are_sources(world: World) -> None:
    with stage_said(world, "split", git_dirty=True):
        links = world.links()
    assert links["working tree"].state == "unchecked" and "when split ran" in links["working tree"].told
    assert links["code"].state == "whole"


def test_simulated_data_that_are_not_here_are_no_broken_link(world: World) -> None:
    recipe = {"samples": 60, "genes": 50, "seed": 4}
    elsewhere = {"data_file": "data/raw/made"}
    with stage_said(world, "ingest", recipe=recipe), tags(world, **elsewhere):
        links = world.links()
    for name in ("pointer", "data"):
        assert links[name].state == "unchecked"
        assert "`cic data simulate --name made --samples=60 --genes=50 --seed=4`" in links[name].told


@pytest.mark.parametrize(
    "options",
    [("--samples", "60", "--replicate-pairs", "3"), ("--cells", "--samples", "80"), ("--hard", "--samples", "60")],
)
def test_a_recipe_gives_the_same_data_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Any) -> None:
    small = ("--name", "made", "--genes", "60", "--cell-types", "3", "--studies", "3", "--programs", "4", *options)
    made = []
    for name, verb in (("one", ["data", "simulate", *small]), ("other", None)):
        (tmp_path / name / "data").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("CIC_PROJECT", str(tmp_path / name))
        if verb is None:
            recipe = json.loads((tmp_path / "one/data/raw/made.simulated.json").read_text())["recipe"]
            verb = simulate_command(Path("data/raw/made"), recipe)
        ran = CliRunner().invoke(app, verb)
        assert ran.exit_code == 0, ran.output
        made.append(md5_of(tmp_path / name / "data/raw/made"))
    assert made[0] == made[1]


def test_the_command_line_names_the_link_and_ends_with_its_exit_code(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.project)
    monkeypatch.setenv("CIC_HOME", str(world.settings.home))
    for wanted in ("1", "champion", "latest", "models:/cic@champion", "models:/cic/1", world.run_id):
        ran = CliRunner().invoke(app, ["verify", wanted, "--name", "cic"])
        assert ran.exit_code == 0, (ran.output, ran.exception)
    assert ran.output.count("✓") == len(STEPS) and ran.output.startswith("models:/cic/1\n")
    with run_deleted(world):
        ran = CliRunner().invoke(app, ["verify", "1", "--name", "cic"])
    assert "✗ run" in ran.output and "– data" in ran.output
    assert isinstance(ran.exception, ModelError) and "`run`" in str(ran.exception)
    told = json.loads(CliRunner().invoke(app, ["verify", "1", "--name", "cic", "--json"]).output)
    assert {one["state"] for one in told} == {"whole"}
    for verb in ("verify", "reproduce"):
        for unknown in ("7", "models:/cic", "models:/other/1"):
            assert isinstance(CliRunner().invoke(app, [verb, unknown, "--name", "cic"]).exception, ConfigError)


@pytest.fixture
def wanted(world: World) -> Wanted:
    return wanted_of(trail_of(world.settings, "cic", "1"))


def again(world: World, wanted: Wanted, **how: Any) -> Outcome:
    return reproduced(wanted, world.project, Path("params.yaml"), **how)


def trees(world: World) -> int:
    return len(git(world.project, "worktree", "list").splitlines())


def test_data_come_from_where_they_are_whole_and_a_stage_that_fails_leaves_nothing(
    world: World, wanted: Wanted, tmp_path: Path
) -> None:
    """The sources of this commit are none, so that its stages end at once."""
    before = trees(world)
    with pytest.raises(ModelError, match="ended with exit code 1"):
        again(world, wanted)
    assert trees(world) == before
    with bytes_of(world.project / RAW, flipped), pytest.raises(ModelError, match="ended with exit code 1"):
        again(world, wanted, keep=tmp_path / "kept")
    assert md5_of(tmp_path / "kept" / RAW) == wanted.data_md5
    with data_nowhere_whole(world), pytest.raises(DataError, match="nowhere whole"):
        again(world, wanted)
    with pytest.raises(ModelError, match="no commit"):
        again(world, replace(wanted, commit="0" * 40))
    with pytest.raises(DataError, match="outside of the project"):
        again(world, replace(wanted, data=tmp_path / "mine.parquet"))
    assert trees(world) == before + 1


def test_a_commit_is_taken_that_has_what_all_stages_ran(world: World) -> None:
    """Of a stage that an earlier commit ran already nothing runs again."""

    def taken() -> str:
        return wanted_of(trail_of(world.settings, "cic", "1")).commit

    first, last = world.commits
    with trained_at(world, first):
        assert taken() == last, "which ingest ran at, and has the sources of fit"
        with stage_said(world, "ingest", git_commit="0" * 40), stage_said(world, "split", git_commit=None):
            assert taken() == last, "which search ran at"
    with stage_said(world, "ingest", git_commit=first):
        assert taken() == first
        with stage_said(world, "split", code={"cic/new.py": "0"}):
            assert taken() == last, "none has them all, and fit has the last word"


def test_what_may_make_another_model_is_told_first(
    world: World, wanted: Wanted, caplog: pytest.LogCaptureFixture
) -> None:
    other = replace(wanted, clean=False, versions={"numpy": "0.1"}, commit=f"{wanted.commit}~2", data=Path("/none"))
    other = replace(other, commit=git(world.project, "rev-parse", other.commit).strip())
    with pytest.raises(DataError):
        again(world, other)
    dirty, libraries, code = caplog.messages
    assert "files differed" in dirty and "(then 0.1)" in libraries and "no part of the commit" in code


def test_the_first_stage_that_left_something_else_is_named(
    wanted: Wanted, profiles: ExpressionMatrix, tmp_path: Path
) -> None:
    folders = {name: tmp_path / name for name in ("ingest", "fit")}
    folders["ingest"].mkdir()
    write_matrix(folders["ingest"] / "matrix.parquet", profiles)
    weights = {name: value * np.float32(1 + 1e-3) for name, value in wanted.bundle.network.weights.items()}
    near = replace(wanted.bundle, network=replace(wanted.bundle.network, weights=weights))
    save_bundle(folders["fit"] / "bundle", near)
    for name, folder in folders.items():
        write_manifest(folder, name, {}, {})
    made = {name: read_manifest(folder) for name, folder in folders.items()}
    recorded = {
        **wanted.stages,
        "ingest": replace(wanted.stages["ingest"], files=made["ingest"].files),
        "fit": replace(wanted.stages["fit"], inputs={"ingest": made["ingest"].files}),
        "evaluate": replace(wanted.stages["evaluate"], inputs={"fit": wanted.stages["fit"].files}),
    }
    found = compared(replace(wanted, stages=recorded), folders)
    assert found.differing == {"ingest": [], "fit": ["bundle/model.safetensors"]} and not found.same
    assert found.told.startswith("`fit` is the first stage") and "weights are 1.0e-03" in found.told
    save_bundle(folders["fit"] / "bundle", wanted.bundle)
    write_manifest(folders["fit"], "fit", {}, {})
    same = compared(replace(wanted, stages=recorded), folders)
    assert same.same and same.differing == {"ingest": [], "fit": []} and same.told == ""
    assert compared(replace(wanted, stages={}), folders).differing == {}, "of versions before manifests were kept"


def test_how_far_apart_two_models_are(tmp_path: Path, profiles: ExpressionMatrix) -> None:
    write_matrix(tmp_path / "matrix.parquet", profiles)
    one = load_bundle(tiny_bundle(tmp_path / "one", profiles, 2))
    weights = {name: value * np.float32(1 + 1e-3) for name, value in one.network.weights.items()}
    near = replace(one, network=replace(one.network, weights=weights))
    told = distance(one, near, tmp_path / "matrix.parquet")
    assert "weights are 1.0e-03" in told and "codes of 60 profiles 1.0e-03" in told
    other = load_bundle(tiny_bundle(tmp_path / "other", profiles, 3))
    assert "another shape" in distance(one, other, tmp_path / "matrix.parquet")
