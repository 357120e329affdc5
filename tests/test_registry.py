"""The registry: what is registered, how aliases move, what the log keeps, and that a kill does no harm."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from store_parts import (
    METRICS,
    errors_of,
    free_port,
    lineage_of,
    log_bundle,
    new_store,
    running,
    tiny_bundle,
)
from typer.testing import CliRunner

from cic.cli.registry import app
from cic.config import Registry
from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.errors import ConfigError, DataError, ModelError, RefusedError, ServiceError
from cic.model.bundle_files import bundle_digest, load_bundle
from cic.registry import log as decision_log
from cic.registry import moving, registry
from cic.registry.evidence import compare_models, decide
from cic.registry.fetched import check_stored, fetch_bundle, fetched_bundle
from cic.registry.gate import Decision
from cic.registry.left_behind import left_behind
from cic.registry.record import Record, new_record
from cic.registry.starting import fetch_start
from cic.registry.stored import stored_evidence
from cic.settings import Settings
from cic.tracking.files import file_digests
from cic.tracking.models import ModelRun, known_model_run
from cic.tracking.search_runs import TrialRow, log_trials, open_search_run
from cic.tracking.store import connect

THRESHOLDS = Registry(min_profiles=10, bootstrap=200)


@pytest.fixture
def uri(tmp_path, template) -> str:
    return new_store(tmp_path, template)


@pytest.fixture
def train(tiny) -> ExpressionMatrix:
    return tiny.select(np.arange(60) % 2 == 0)


@pytest.fixture
def held_out(tiny) -> ExpressionMatrix:
    return tiny.select(np.arange(60) % 2 == 1)


@pytest.fixture
def narrow(tmp_path, train) -> Path:
    return tiny_bundle(tmp_path / "narrow", train, 1)


@pytest.fixture
def wide(tmp_path, train) -> Path:
    return tiny_bundle(tmp_path / "wide", train, 6)


def yes(against: str | None = None) -> Decision:
    return Decision(True, "promoted", ("it is better",), {"champion": against, "ratio": 0.5})


NO = Decision(False, "refused", ("it is worse",), {"champion": None})


def stands(uri: str) -> tuple[str | None, str | None]:
    """Give the versions behind `champion` and `previous`."""
    aliases = {alias: registry.current(uri, "cic", alias) for alias in ("champion", "previous")}
    return tuple(one and one.version for one in aliases.values())  # type: ignore[return-value]


def registered(uri: str, held_out: ExpressionMatrix, *bundles: Path) -> list[str]:
    return [log_bundle(uri, bundle, held_out).version for bundle in bundles]


def bare(uri: str, n_versions: int) -> None:
    """Register versions without files: enough for all that is about aliases and the log."""
    client = connect(uri)
    client.create_registered_model("cic")
    for number in range(1, n_versions + 1):
        client.create_model_version("cic", "file:///nowhere", tags={"cic.bundle_digest": f"digest{number}"})


def test_nothing_registered_yet(uri):
    assert registry.current(uri, "cic") is None
    assert registry.versions(uri, "cic") == []
    assert registry.history(uri, "cic").entries == ()
    with pytest.raises(ConfigError, match="no version, alias or run"):
        registry.find(uri, "cic", "1")
    bare(uri, 2)
    with pytest.raises(ConfigError, match="expected: a version of it, such as 2\n"):
        registry.find(uri, "cic", "champion")


def test_models_of_the_files_are_told_of_where_a_platform_keeps_the_runs(uri, tmp_path):
    files = Settings(project=tmp_path, home=tmp_path, tracking_uri=uri)
    platform = files.with_addresses({"tracking_uri": "http://127.0.0.1:5000"})
    assert left_behind(platform) is None  # nothing is registered there
    bare(uri, 2)
    assert left_behind(files) is None  # they are what is read
    assert f": cic, in {tmp_path / 'mlflow.db'}. `cic publish`" in left_behind(platform)
    elsewhere = platform.model_copy(update={"home": tmp_path / "new home"})
    assert left_behind(elsewhere) is None
    elsewhere.home.mkdir()
    shutil.copy(tmp_path / "mlflow.db", elsewhere.home)
    assert left_behind(elsewhere).endswith(f"CIC_MLFLOW_URI='sqlite:///{elsewhere.home}/mlflow.db' before a command")
    (elsewhere.home / "mlflow.db").write_bytes(b"no database, though it is called one" * 100)
    assert left_behind(elsewhere) is None


def test_the_final_run_carries_its_whole_lineage(uri, held_out, narrow, tmp_path):
    picture, report = tmp_path / "codes.svg", tmp_path / "report.html"
    picture.write_text("<svg/>")
    report.write_text("<html/>")
    made = log_bundle(uri, narrow, held_out, (picture, report))
    client = connect(uri)
    run = client.get_run(made.run_id)
    assert run.data.metrics == {"error_test_over_pca": 0.25, "learning_curve_training": 0.25}
    curve = client.get_metric_history(made.run_id, "learning_curve_training")
    assert [(point.step, point.value) for point in curve] == [(10, 0.5), (20, 0.25)]
    assert run.data.params == {"depth": "0", "seed": "1"}
    kept = {name: mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/{name}.json") for name in ("metrics", "params")}
    assert kept == {"metrics": METRICS, "params": {"search": {"trials": 4, "depth": [0, 1]}, "seed": 1}}
    expected = lineage_of(narrow, held_out).tags()
    assert expected["cic.git_dirty"] == "true" and expected["cic.flow_run_id"] == "unknown"
    assert expected.items() <= run.data.tags.items()
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.digest == "0123456789abcdef0123456789abcdef"
    assert {file.path for file in client.list_artifacts(made.run_id)} == {
        *("environment.txt", "report.html", "figures", "metrics.json", "params.json", "stages.json")
    }
    assert client.get_registered_model("cic").description == "What all of them are."
    assert run.info.status == "FINISHED"
    link = f"(#/experiments/{run.info.experiment_id}/runs/{made.run_id}/artifacts/report.html?workflowType="
    assert link in client.get_model_version("cic", made.version).description
    version = registry.find(uri, "cic", made.run_id)
    assert (version.version, version.bundle_digest) == (made.version, bundle_digest(narrow))


def test_the_same_bundle_is_registered_once(uri, held_out, narrow, wide):
    first, second, again = (log_bundle(uri, bundle, held_out) for bundle in (narrow, wide, narrow))
    assert (first.version, second.version, again.version) == ("1", "2", "1")
    assert again.reused and not first.reused and again.run_id != first.run_id
    assert registry.find(uri, "cic", again.run_id).version == "1"


def test_the_same_run_is_known_again_and_another_is_not(uri, held_out, narrow, wide):
    about = {"name": "cic", "metrics": METRICS}

    def known(bundle: Path = narrow, changes: dict[str, object] | None = None, **other: object) -> ModelRun | None:
        return known_model_run(
            uri, "cic", **{**about, **other}, lineage=lineage_of(bundle, held_out, **(changes or {}))
        )

    assert known() is None
    made = log_bundle(uri, narrow, held_out)
    assert known() == ModelRun(made.run_id, "1", True)
    assert known(changes={"flow_run_id": "another"}) == known(), "who ran it makes no difference"
    assert known(wide) is None
    assert known(changes={"params_digest": "e" * 64}) is None
    assert known(metrics={"test": {"unexplained": 0.5}}) is None
    assert known(name="other") is None


def test_latest_is_the_newest_version(uri):
    with pytest.raises(ConfigError, match="no version, alias or run"):
        registry.find(uri, "cic", "latest")
    bare(uri, 11)
    assert registry.find(uri, "cic", "latest").version == "11"


def test_a_failed_upload_leaves_no_run_that_looks_alive(uri, held_out, tmp_path, narrow):
    (narrow / "model.json").rename(narrow / "gone")
    with pytest.raises(FileNotFoundError):
        log_bundle(uri, narrow, held_out)
    (narrow / "gone").rename(narrow / "model.json")
    with pytest.raises(OSError):
        log_bundle(uri, narrow, held_out, (tmp_path / "no such file",))
    client = connect(uri)
    experiment = client.get_experiment_by_name("cic")
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_a_bundle_comes_back_as_it_went_in(uri, held_out, narrow, tmp_path):
    registered(uri, held_out, narrow)
    registry.promote(uri, "cic", "1", yes())
    for reference in ("models:/cic@champion", "models:/cic/1"):
        bundle, stamp = fetch_bundle(uri, reference)
        assert stamp == "cic/1"
        np.testing.assert_array_equal(bundle.encode(held_out.values), load_bundle(narrow).encode(held_out.values))
    _, stamp = fetch_bundle(uri, str(narrow))
    assert stamp == f"bundle:{bundle_digest(narrow)[:12]}"
    with pytest.raises(ConfigError, match="no address"):
        fetch_bundle(uri, "models:/cic/champion")
    place = fetch_start(uri, "models:/cic/1", Settings(home=tmp_path / "home", tracking_uri=uri))
    assert bundle_digest(place) == bundle_digest(narrow), "where the stages read what trainings start from"


def test_a_version_of_the_same_name_in_another_store_is_fetched(uri, held_out, narrow, wide, tmp_path, template):
    another = new_store(tmp_path / "another", template)
    log_bundle(uri, narrow, held_out)
    log_bundle(another, wide, held_out)
    for address, bundle in ((uri, narrow), (another, wide), (uri, narrow)):
        place = fetch_start(address, "models:/cic/1", Settings(home=tmp_path / "home", tracking_uri=address))
        assert bundle_digest(place) == bundle_digest(bundle)
    (place.parent / f"{place.name}.store").unlink()
    given = Settings(home=tmp_path / "home", tracking_uri=another)
    assert fetch_start(another, "models:/cic/1", given) == place and bundle_digest(place) == bundle_digest(narrow)


def flipped(path: Path) -> None:
    """Turn one bit in the middle of a file around."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.attack("a flipped bit in a registered file", "2", tries=5, ended="refused at load and promotion")
@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "origin.json", "pyfunc.py"])
def test_a_registered_file_that_was_altered_is_neither_loaded_nor_promoted(uri, held_out, narrow, name):
    (number,) = registered(uri, held_out, narrow)
    source = Path(connect(uri).get_model_version("cic", number).source.removeprefix("file://"))
    check_stored(uri, "cic", number)
    flipped(next(source.rglob(name)))
    for use in (check_stored, lambda uri, name, number: fetch_bundle(uri, f"models:/{name}/{number}")):
        with pytest.raises(ModelError, match=name):
            use(uri, "cic", number)


@pytest.mark.attack("another bundle, or a path out of the model", "2", tries=5, ended="refused")
def test_a_swapped_bundle_and_one_outside_of_the_model_are_refused(uri, held_out, narrow, wide, tmp_path):
    (number,) = registered(uri, held_out, narrow)
    client = connect(uri)
    source = Path(client.get_model_version("cic", number).source.removeprefix("file://"))
    described = (source / "MLmodel").read_text()
    (source / "MLmodel").write_text(described.replace("path: artifacts/narrow", f"path: {narrow}"))
    with pytest.raises(ModelError, match="outside"):
        check_stored(uri, "cic", number)
    (source / "MLmodel").write_text(described)
    shutil.copytree(wide, source / "artifacts" / "narrow", dirs_exist_ok=True)
    client.set_model_version_tag("cic", number, "cic.files", json.dumps(file_digests(source)))
    with pytest.raises(ModelError, match="not the one registered"):
        check_stored(uri, "cic", number)


def test_files_that_are_gone_are_named(uri, held_out, narrow):
    (number,) = registered(uri, held_out, narrow)
    version = registry.find(uri, "cic", number)
    source = Path(connect(uri).get_model_version("cic", "1").source.removeprefix("file://"))
    (source / "MLmodel").unlink()
    with pytest.raises(ModelError, match="cannot be fetched"), fetched_bundle(uri, version):
        pass


def test_aliases_follow_promotions_and_refusals_move_nothing(uri):
    bare(uri, 3)
    registry.promote(uri, "cic", "1", yes())
    assert stands(uri) == ("1", None)
    registry.promote(uri, "cic", "2", NO)
    assert stands(uri) == ("1", None)
    registry.promote(uri, "cic", "2", yes("1"))
    assert stands(uri) == ("2", "1")
    registry.promote(uri, "cic", "3", yes("2"))
    assert stands(uri) == ("3", "2")
    said = [(entry.record.action, entry.record.version) for entry in registry.history(uri, "cic").entries]
    assert said == [("promoted", "1"), ("refused", "2"), ("promoted", "2"), ("promoted", "3")]
    tags = registry.find(uri, "cic", "3").tags
    assert (tags["cic.decision"], tags["cic.reason"]) == ("promoted", "it is better")
    assert json.loads(tags["cic.figures"]) == {"champion": "2", "ratio": 0.5}
    assert tags["cic.record"] == registry.history(uri, "cic").last.record.hash
    assert registry.drift(uri, "cic") == []


def test_an_unchanged_champion_leaves_no_trace(uri):
    bare(uri, 1)
    registry.promote(uri, "cic", "1", yes())
    assert registry.promote(uri, "cic", "1", Decision(False, "unchanged", ("the same",), {"champion": "1"})) is None
    assert len(registry.history(uri, "cic").entries) == 1
    assert registry.find(uri, "cic", "1").tags["cic.decision"] == "promoted"


def test_a_decision_against_a_champion_of_yesterday_is_not_carried_out(uri):
    bare(uri, 2)
    registry.promote(uri, "cic", "1", yes())
    with pytest.raises(ServiceError, match="the champion is now version 1"):
        registry.promote(uri, "cic", "2", yes(None))
    assert stands(uri) == ("1", None)


def test_rollback_goes_back_and_not_in_circles(uri):
    bare(uri, 3)
    with pytest.raises(RefusedError, match="no previous"):
        registry.rollback(uri, "cic", "why not")
    for version, before in (("1", None), ("2", "1"), ("3", "2")):
        registry.promote(uri, "cic", version, yes(before))
    with pytest.raises(ConfigError, match="needs a reason"):
        registry.rollback(uri, "cic", "  ")
    registry.rollback(uri, "cic", "wrong on liver")
    assert stands(uri) == ("2", "1")
    registry.rollback(uri, "cic", "this one too")
    assert stands(uri) == ("1", None)
    with pytest.raises(RefusedError):
        registry.rollback(uri, "cic", "and this one")
    last = registry.history(uri, "cic").last.record
    assert (last.action, last.version, last.reasons) == ("rolled_back", "2", ("this one too",))
    assert registry.find(uri, "cic", "3").tags["cic.decision"] == "rolled_back"
    assert "wrong on liver" in registry.withdrawal(uri, "cic", registry.find(uri, "cic", "3").bundle_digest)
    assert registry.withdrawal(uri, "cic", registry.find(uri, "cic", "1").bundle_digest) == ""


class Killed(BaseException):
    """Stands for the end of the process."""


WRITES = ("create_run", "log_batch", "log_param", "set_terminated")
CALLS = (*WRITES, "set_model_version_tag", "set_registered_model_alias")


@pytest.mark.attack("a promotion killed at each of its writes", "1", ended="finished by the next")
@pytest.mark.parametrize("nth", range(1, 13))
def test_a_move_that_is_killed_anywhere_is_finished_by_the_next(uri, nth, monkeypatch):
    """Dies before the nth change of the store; afterwards the same promotion or any other operation repairs it."""
    bare(uri, 2)
    registry.promote(uri, "cic", "1", yes())
    count = 0

    def dying(method):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            if count == nth:
                raise Killed
            return method(*args, **kwargs)

        return call

    client_type = type(connect(uri))
    with monkeypatch.context() as patched:
        for name in CALLS:
            patched.setattr(client_type, name, dying(getattr(client_type, name)))
        if nth <= 11:
            with pytest.raises(Killed):
                registry.promote(uri, "cic", "2", yes("1"))
            assert stands(uri)[0] in ("1", "2"), "there is a champion at every moment"
        else:
            registry.promote(uri, "cic", "2", yes("1"))
            assert count == 11, "every change of the store has been tried"
    moving.recover(connect(uri), "cic")
    if stands(uri) == ("1", None):
        registry.promote(uri, "cic", "2", yes("1"))
    assert stands(uri) == ("2", "1")
    log = registry.history(uri, "cic")
    assert [entry.record.version for entry in log.entries] == ["1", "2"]
    assert not any(entry.open for entry in log.entries)
    assert log.faults == ()
    assert registry.find(uri, "cic", "2").tags["cic.record"] == log.last.record.hash


def announced(version: str, before: str | None) -> Record:
    """Make the record of a promotion that nobody has written yet."""
    return new_record("cic", "promoted", version, "x", (before, version), (None, before), ("so",), {})


@pytest.mark.attack("two who decide at once, in order", "1", tries=20, ended="one goes through, the other judges again")
def test_of_two_who_decide_at_once_one_is_sent_back(uri):
    bare(uri, 2)
    client = connect(uri)
    empty = registry.history(uri, "cic")
    registry.promote(uri, "cic", "1", yes())
    with pytest.raises(decision_log.Overtaken, match="at the same moment"):
        decision_log.append(client, empty, announced("2", None))
    assert stands(uri) == ("1", None)
    assert registry.history(uri, "cic").faults == ()


@pytest.mark.attack("a decision while another is open", "1", tries=10, ended="one goes through, the other judges again")
@pytest.mark.parametrize("first", ["1", "2"])
def test_a_record_that_is_still_open_is_not_passed_by(uri, first):
    """One has written its decision and not yet moved the aliases when another, of a lower or higher run id, comes."""
    bare(uri, 2)
    client = connect(uri)
    before = registry.history(uri, "cic")
    decision_log.append(client, before, announced(first, None))
    second = "2" if first == "1" else "1"
    with pytest.raises(decision_log.Overtaken):
        registry.promote(uri, "cic", second, yes())
    assert stands(uri) == (first, None), "the open one was carried out by who came next"
    registry.promote(uri, "cic", second, yes(first))
    assert stands(uri) == (second, first)
    log = registry.history(uri, "cic")
    assert log.faults == () and [entry.record.version for entry in log.entries] == [first, second]


def test_who_moves_the_aliases_late_does_not_undo_a_newer_decision(uri):
    bare(uri, 2)
    client = connect(uri)
    before = registry.history(uri, "cic")
    mine = decision_log.append(client, before, announced("1", None))
    moving.recover(client, "cic")
    registry.promote(uri, "cic", "2", yes("1"))
    moving.settle(client, replace(before, entries=(mine,)))
    assert stands(uri) == ("2", "1")
    assert registry.find(uri, "cic", "1").tags["cic.decision"] == "promoted"


def test_a_record_written_while_the_others_are_listed_is_no_fault(uri, monkeypatch):
    """The pointer to it may be read although the list of runs was made before it."""
    bare(uri, 2)
    registry.promote(uri, "cic", "1", yes())
    registry.promote(uri, "cic", "2", yes("1"))
    newest = registry.history(uri, "cic").last.run_id
    listed = decision_log.all_runs
    monkeypatch.setattr(
        decision_log, "all_runs", lambda *given: [run for run in listed(*given) if run.info.run_id != newest]
    )
    log = registry.history(uri, "cic")
    assert log.faults == () and log.last.run_id == newest


@pytest.mark.attack("six who decide at once, freely", "1", tries=10, ended="a log that is whole")
def test_many_who_decide_at_once_leave_a_log_that_is_whole(uri):
    """Each judges again when it was overtaken; the aliases end where the newest record says."""
    bare(uri, 6)

    def decide_on(version: str) -> str:
        def judged() -> Decision:
            champion = registry.current(uri, "cic")
            return yes(champion and champion.version)

        try:
            registry.until_settled(judged, lambda decision: registry.promote(uri, "cic", version, decision))
        except decision_log.Overtaken:
            return "overtaken"
        return version

    with ThreadPoolExecutor(6) as crew:
        settled = [one for one in crew.map(decide_on, map(str, range(1, 7))) if one != "overtaken"]
    moving.recover(connect(uri), "cic")
    log = registry.history(uri, "cic")
    assert log.faults == () and registry.drift(uri, "cic") == []
    assert settled and sorted(entry.record.version for entry in log.entries) == sorted(settled)
    assert [entry.record.number for entry in log.entries] == list(range(1, len(settled) + 1))
    assert stands(uri)[0] == log.last.record.version


@pytest.mark.attack("three who register one bundle at once", "1", tries=5, ended="one version")
def test_three_who_register_one_bundle_at_once_make_one_version(uri, held_out, narrow):
    with ThreadPoolExecutor(3) as crew:
        runs = list(crew.map(lambda _: log_bundle(uri, narrow, held_out), range(3)))
    (version,) = registry.versions(uri, "cic")
    assert {run.version for run in runs} == {version.version}
    assert sorted(run.reused for run in runs) == [False, True, True]
    check_stored(uri, "cic", version.version)


def sql(uri: str, statement: str, *values: str) -> None:
    """Change the store behind MLflow's back."""
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as database:
        assert database.execute(statement, values).rowcount == 1


def broken(uri: str, how: str) -> None:
    first, second = registry.history(uri, "cic").entries
    client = connect(uri)
    match how:
        case "the newest altered":
            altered = replace(second.record, reasons=("it is far better",))
            change = "update params set value = ? where run_uuid = ? and key = ?"
            sql(uri, change, altered.text(), second.run_id, "record")
        case "the newest and its hash altered":
            altered = replace(second.record, reasons=("it is far better",))
            change = "update params set value = ? where run_uuid = ? and key = ?"
            sql(uri, change, altered.text(), second.run_id, "record")
            sql(uri, change, altered.hash, second.run_id, "hash")
        case "the newest struck out":
            sql(uri, "delete from params where run_uuid = ? and key = 'next'", first.run_id)
        case "the newest moved away":
            client.set_tag(second.run_id, decision_log.TAG_MODEL, "another")
        case "the first moved away":
            client.set_tag(first.run_id, decision_log.TAG_MODEL, "another")
        case "the first not readable":
            sql(uri, "update params set value = '{' where run_uuid = ? and key = 'record'", first.run_id)
        case "the beginning moved away":
            known = client.get_experiment_by_name("cic-registry/cic")
            client.set_tag(known.tags[decision_log.TAG_ANCHOR], decision_log.TAG_MODEL, "another")


@pytest.mark.attack("records of the log altered, deleted or moved", "1", ended="found, stops decisions until repaired")
@pytest.mark.parametrize(
    "how",
    [
        "the newest altered",
        "the newest and its hash altered",
        "the newest struck out",
        "the newest moved away",
        "the first moved away",
        "the first not readable",
        "the beginning moved away",
    ],
)
def test_a_record_that_is_taken_out_or_altered_shows_and_stops_until_that_is_on_record(uri, how):
    bare(uri, 3)
    for version, before in (("1", None), ("2", "1")):
        registry.promote(uri, "cic", version, yes(before))
    broken(uri, how)
    faults = registry.history(uri, "cic").faults
    assert faults
    with pytest.raises(ServiceError, match=r"not whole(.|\n)*--repair"):
        registry.rollback(uri, "cic", "now")
    registry.repair(uri, "cic", "a test broke it")
    log = registry.history(uri, "cic")
    assert log.faults == () and log.last.record.action == "repaired"
    assert log.last.record.reasons == ("a test broke it", *(fault[:200] for fault in faults))
    assert stands(uri) == ("2", "1"), "a repair moves nothing"
    registry.promote(uri, "cic", "3", yes("2"))
    assert stands(uri) == ("3", "2") and registry.history(uri, "cic").faults == ()
    with pytest.raises(RefusedError, match="nothing to repair"):
        registry.repair(uri, "cic", "again")


@pytest.mark.parametrize(
    ("by_hand", "left"),
    [({"champion": "3"}, ("2", "1")), ({"previous": "3"}, ("2", "1")), ({"champion": None}, ("2", "1"))],
    ids=["champion", "previous", "champion taken away"],
)
def test_an_alias_moved_by_hand_stops_decisions_until_it_is_put_back(uri, by_hand, left):
    bare(uri, 3)
    for version, before in (("1", None), ("2", "1")):
        registry.promote(uri, "cic", version, yes(before))
    client = connect(uri)
    for alias, version in by_hand.items():
        if version is None:
            client.delete_registered_model_alias("cic", alias)
        else:
            client.set_registered_model_alias("cic", alias, version)
    moved = registry.drift(uri, "cic")
    assert moved and "by hand" in moved[0]
    champion = stands(uri)[0]
    for decision in (yes(champion), Decision(False, "refused", ("no",), {"champion": champion})):
        with pytest.raises(ServiceError, match=r"moved by hand(.|\n)*--repair"):
            registry.promote(uri, "cic", "3", decision)
    with pytest.raises(ServiceError, match="moved by hand"):
        registry.rollback(uri, "cic", "now")
    record = registry.repair(uri, "cic", "somebody tried something")
    assert stands(uri) == left and registry.drift(uri, "cic") == []
    assert record.reasons == ("somebody tried something", *moved)
    registry.promote(uri, "cic", "3", yes("2"))
    assert stands(uri) == ("3", "2") and registry.history(uri, "cic").faults == ()


def test_an_alias_set_by_hand_before_any_decision_is_taken_away(uri):
    bare(uri, 1)
    connect(uri).set_registered_model_alias("cic", "champion", "1")
    with pytest.raises(ServiceError, match="the log left it at no version"):
        registry.promote(uri, "cic", "1", yes("1"))
    registry.repair(uri, "cic", "it was set by hand")
    assert stands(uri) == (None, None)
    registry.promote(uri, "cic", "1", yes())
    assert stands(uri) == ("1", None)


def test_what_mlflow_deletes_or_marks_as_failed_stays_in_the_log(uri):
    bare(uri, 3)
    for version, before in (("1", None), ("2", "1")):
        registry.promote(uri, "cic", version, yes(before))
    client = connect(uri)
    first, second = registry.history(uri, "cic").entries
    client.set_terminated(first.run_id, "FAILED")
    client.delete_run(second.run_id)
    assert len(registry.history(uri, "cic").entries) == 2 and registry.history(uri, "cic").faults == ()
    with pytest.raises(Exception, match=r"(?i)already logged|changing param"):
        client.log_param(first.run_id, "record", "{}")
    registry.promote(uri, "cic", "3", yes("2"))
    assert [entry.record.version for entry in registry.history(uri, "cic").entries] == ["1", "2", "3"]


def test_an_alias_moved_by_hand_is_told(uri):
    bare(uri, 2)
    registry.promote(uri, "cic", "1", yes())
    connect(uri).set_registered_model_alias("cic", "champion", "2")
    (warning,) = registry.drift(uri, "cic")
    assert "`champion` stands at version 2, the log left it at version 1" in warning


# --- from bundles to a decision ---


def judged(uri: str, bundle: Path, matrix: ExpressionMatrix, pca_S: np.ndarray, **changes) -> Decision:
    return decide(uri, "cic", bundle, matrix, pca_S, True, (), THRESHOLDS, 1, **changes)


def test_the_better_model_takes_over_and_the_worse_does_not(uri, held_out, narrow, wide):
    one, two = registered(uri, held_out, narrow, wide)
    pca_S = errors_of(narrow, held_out)
    first = judged(uri, narrow, held_out, pca_S * 1.5)
    assert first.outcome == "promoted", first.reasons
    registry.promote(uri, "cic", one, first)
    assert judged(uri, narrow, held_out, pca_S).outcome == "unchanged"
    better = judged(uri, wide, held_out, pca_S)
    assert better.outcome == "promoted", better.reasons
    assert better.figures["against_champion"]["n_profiles"] == held_out.n_samples
    # the gate's own figures are the ratio of plain sums: no scaling, so log2 scale is the model's own
    ratio = errors_of(wide, held_out).sum() / pca_S.sum()
    assert better.figures["against_champion"]["ratio"]["value"] == pytest.approx(ratio, rel=1e-4)
    registry.promote(uri, "cic", two, better)
    worse = judged(uri, narrow, held_out, pca_S * 1.5)
    assert worse.outcome == "refused" and "version 2" in worse.reasons[0]
    registry.rollback(uri, "cic", "wrong on liver")
    again = judged(uri, wide, held_out, pca_S)
    assert again.outcome == "refused" and "wrong on liver" in again.reasons[0]
    assert judged(uri, wide, held_out, pca_S, reinstate=True).outcome == "promoted"


def test_profiles_that_the_champion_was_trained_on_do_not_count(uri, tiny, train, held_out, narrow, wide):
    registered(uri, held_out, narrow)
    registry.promote(uri, "cic", "1", yes())
    known_too = tiny.select(np.r_[0:20:2, 1:40:2])  # ten training profiles, twenty others
    decision = judged(uri, wide, known_too, errors_of(narrow, known_too))
    assert decision.figures["pca"]["n_left_out"] == 10
    assert decision.figures["against_champion"]["n_profiles"] == 20
    only_known = judged(uri, wide, train, errors_of(narrow, train))
    assert only_known.outcome == "refused"
    assert any("0 of at least 10" in reason for reason in only_known.reasons)


def test_models_decided_upon_by_the_same_profiles_are_counted(uri, held_out, narrow, wide):
    """A refused one counts too; the same model judged again does not; other profiles begin anew."""
    first, second = registered(uri, held_out, narrow, wide)

    def decided(bundle: Path, profiles: ExpressionMatrix, pca: float) -> Decision:
        return decide(uri, "cic", bundle, profiles, errors_of(narrow, profiles) * pca, True, (), THRESHOLDS, 1)

    refused = decided(narrow, held_out, 1.0)
    assert (refused.outcome, refused.figures["look"]) == ("refused", 1)
    registry.promote(uri, "cic", first, refused)
    again = decided(narrow, held_out, 1.5)
    assert again.figures["look"] == 1 and again.figures["confidence"] == pytest.approx(1 - 0.05 * 6 / np.pi**2)
    other = decided(wide, held_out, 1.5)
    assert other.figures["look"] == 2 and "decision 2 upon" in " ".join(other.reasons)
    assert decided(wide, held_out.select(np.arange(20)), 1.5).figures["look"] == 1
    stale = replace(other, figures={**other.figures, "look": 1})
    with pytest.raises(decision_log.Overtaken, match="same held-out profiles"):
        registry.promote(uri, "cic", second, stale)
    registry.promote(uri, "cic", second, other)
    assert stands(uri)[0] == second


class Watched(ExpressionMatrix):
    """Profiles that note when somebody looks at them."""

    def __getattribute__(self, name):
        if name == "values":
            OPENED.append(self)
        return super().__getattribute__(name)


OPENED: list[ExpressionMatrix] = []


def test_sealed_profiles_are_opened_last_and_only_for_one_that_passed(uri, held_out, narrow, wide, monkeypatch):
    registered(uri, held_out, narrow)
    test, last = held_out.select(np.arange(15)), held_out.select(np.arange(15, 30))
    sealed = Watched(last.values, last.genes, last.samples, last.unit)
    OPENED.clear()

    def decided(pca: float) -> Decision:
        return decide(uri, "cic", wide, test, errors_of(wide, test) * pca, True, (), THRESHOLDS, 1, sealed=sealed)

    assert not decided(0.9).promote and not OPENED
    refused = decided(1.5)
    assert OPENED and not refused.promote, "of depth 0, it is PCA, which it does not beat where PCA is not made worse"
    assert refused.reasons[0].startswith("on the sealed profiles") and refused.figures["sealed"]["look"] == 1
    assert refused.figures["sealed"]["held_out"] != refused.figures["held_out"]
    with monkeypatch.context() as worse_pca:
        worse_pca.setattr("cic.registry.evidence.squared_errors", lambda _: {"pca": errors_of(wide, last) * 1.5})
        assert decided(1.5).promote


def test_the_champion_is_asked_over_the_genes_that_both_model(tmp_path, train, held_out, wide):
    few = tiny_bundle(tmp_path / "few", train, 3, top_genes=50)
    against = compare_models("1", load_bundle(wide), load_bundle(few), held_out)
    assert (against.n_genes, against.gene_share) == (50, 1.0)
    np.testing.assert_allclose(against.champion_S, errors_of(few, held_out), rtol=1e-3)
    assert (against.challenger_S < errors_of(wide, held_out)).all()
    other_way = compare_models("1", load_bundle(few), load_bundle(wide), held_out)
    assert other_way.gene_share == 0.25


def test_genes_in_another_order_change_nothing(train, held_out, narrow, wide):
    order = np.random.default_rng(3).permutation(held_out.n_genes)
    shuffled = replace(
        held_out, values=held_out.values[:, order], genes=tuple(held_out.genes[place] for place in order)
    )
    straight = compare_models("1", load_bundle(wide), load_bundle(narrow), held_out)
    other = compare_models("1", load_bundle(wide), load_bundle(narrow), shuffled)
    np.testing.assert_array_equal(other.champion_S, straight.champion_S)


def test_a_champion_of_other_genes_or_units_is_a_refusal(uri, tmp_path, train, held_out, wide):
    renamed = replace(train, genes=tuple(f"OTHER{number}" for number in range(train.n_genes)))
    registered(uri, held_out, tiny_bundle(tmp_path / "renamed", renamed, 2))
    registry.promote(uri, "cic", "1", yes())
    refused = judged(uri, wide, held_out, errors_of(wide, held_out) * 2)
    assert refused.outcome == "refused" and "no gene in common" in refused.reasons[0]
    linear = tiny_bundle(tmp_path / "linear", replace(train, values=np.exp2(train.values), unit="intensity"), 2)
    with pytest.raises(ModelError, match="takes `intensity`, the challenger `log2`"):
        compare_models("1", load_bundle(wide), load_bundle(linear), held_out)


# --- the command line ---


@pytest.fixture
def project(tmp_path, tiny, held_out, uri, narrow, wide, monkeypatch) -> Path:
    """Two versions with stored evidence, and parameters."""
    write_matrix(tmp_path / "matrix.parquet", tiny)
    parts = np.where(np.arange(60) % 2 == 0, "train", "test")
    pd.Series(parts, tiny.samples.index, name="part").to_csv(tmp_path / "split.csv")
    for bundle in (narrow, wide):
        profiles = pd.DataFrame({"squared_error_pca": errors_of(narrow, held_out) * 1.5}, held_out.samples.index)
        profiles.assign(part="test").to_csv(tmp_path / "profiles.csv")
        places = {"matrix": str(tmp_path / "matrix.parquet"), "part": str(tmp_path / "split.csv")}
        log_bundle(uri, bundle, held_out, (tmp_path / "profiles.csv",), **places)
    (tmp_path / "params.yaml").write_text(
        "seed: 1\ndata: {file: data/x.parquet}\nregistry: {name: cic, min_profiles: 10, bootstrap: 200}\n"
    )
    monkeypatch.setenv("CIC_MLFLOW_URI", uri)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cli(*args: str):
    return CliRunner().invoke(app, list(args))


def test_the_commands_from_first_promotion_to_rollback(project):
    assert json.loads(cli("list", "--json").stdout)[0]["version"] == "2"
    first = cli("promote", "1", "--json")
    assert first.exit_code == 0, first.exception
    assert json.loads(first.stdout)["outcome"] == "promoted"
    assert "unchanged" in cli("promote", "@champion").stdout
    assert cli("promote", "2").exit_code == 0
    refused = cli("promote", "1")
    assert isinstance(refused.exception, RefusedError) and refused.exception.exit_code == 6
    assert "not better" in str(refused.exception)
    assert cli("rollback").exit_code == 2, "the reason is asked for"
    back = cli("rollback", "--reason", "wrong on liver")
    assert back.exit_code == 0 and "Version 1 of cic is champion again" in back.stdout
    shown = " ".join(cli("list").stdout.replace("│", " ").split())
    assert "by rollback" in shown, "the gate has refused version 1 since, and it is champion all the same"
    assert isinstance(cli("promote", "2").exception, RefusedError)
    assert cli("promote", "2", "--reinstate").exit_code == 0
    log = json.loads(cli("log", "--json").stdout)
    actions = [record["action"] for record in log["records"]]
    assert actions == ["promoted", "promoted", "refused", "rolled_back", "refused", "promoted"]
    assert log["faults"] == []
    told = cli("log").stdout
    assert "wrong on liver" in told and "The log is whole" in told
    assert "champion" in cli("list").stdout and "by rollback" not in cli("list").stdout


def test_evidence_of_other_profiles_is_not_taken(project, uri, tiny):
    version = registry.find(uri, "cic", "1")
    assert stored_evidence(uri, version).matrix.n_samples == 30
    changed = tiny.values.copy()
    changed[1, 0] += 1
    write_matrix(project / "matrix.parquet", replace(tiny, values=changed))
    with pytest.raises(DataError, match="not those that the model was evaluated on"):
        stored_evidence(uri, version)
    (project / "matrix.parquet").unlink()
    with pytest.raises(DataError, match="not there any more"):
        stored_evidence(uri, version)
    write_matrix(project / "moved.parquet", tiny)
    assert stored_evidence(uri, version, project / "moved.parquet").matrix.n_samples == 30


def test_a_run_without_evidence_is_told(uri, held_out, narrow):
    log_bundle(uri, narrow, held_out)
    client, version = connect(uri), registry.find(uri, "cic", "1")
    with pytest.raises(DataError, match=r"profiles.csv cannot be fetched"):
        stored_evidence(uri, version)
    client.delete_tag(version.run_id, "cic.matrix")
    with pytest.raises(DataError, match=r"no tag cic.matrix"):
        stored_evidence(uri, version)


# --- the same through a server ---


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_all_of_it_works_through_a_server(template, tmp_path, train, held_out, narrow, wide):
    port = free_port()
    command = ["server", "--backend-store-uri", new_store(tmp_path, template), "--port", str(port)]
    command += ["--artifacts-destination", str(tmp_path / "served"), "--serve-artifacts", "--workers", "1"]
    with running(command, f"http://127.0.0.1:{port}/health", tmp_path, {}):
        uri = f"http://127.0.0.1:{port}"
        parent = open_search_run(uri, "search", "study-1", "a search", {"trials": 40}, {})
        params = {"depth": 1, "bottleneck_width": 8, "seed": 1}
        metrics = {"error_validation_over_pca": 0.9, "trained_epochs": 20.0, "seconds": 1.0}
        rows = [TrialRow(number, "complete", "", number, params, metrics) for number in range(40)]
        started = time.perf_counter()
        assert log_trials(uri, parent, rows) == 40
        print(f"40 trials in {time.perf_counter() - started:.1f} s")
        assert log_trials(uri, parent, rows) == 0
        assert registry.current(uri, "cic") is None

        one, two = (log_bundle(uri, bundle, held_out) for bundle in (narrow, wide))
        pca_S = errors_of(narrow, held_out) * 1.5
        registry.promote(uri, "cic", one.version, judged(uri, narrow, held_out, pca_S))
        decision = judged(uri, wide, held_out, pca_S)
        assert decision.outcome == "promoted", decision.reasons
        registry.promote(uri, "cic", registry.find(uri, "cic", two.run_id).version, decision)
        assert stands(uri) == ("2", "1")
        bundle, stamp = fetch_bundle(uri, "models:/cic@champion")
        assert stamp == "cic/2"
        np.testing.assert_array_equal(bundle.encode(held_out.values), load_bundle(wide).encode(held_out.values))
        registry.rollback(uri, "cic", "wrong on liver")
        assert stands(uri) == ("1", None)
        assert registry.history(uri, "cic").faults == ()
        with pytest.raises(ConfigError):
            registry.find(uri, "cic", "no-such-run")
