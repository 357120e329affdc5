"""Runs of searches and models in a real store."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import analytic_trial
import mlflow
import pytest
from mlflow.entities import ViewType
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from store_parts import free_port, new_store

from cic.config import Params, Search
from cic.errors import ServiceError
from cic.model.training import Hyperparameters
from cic.search.storage import IN_MEMORY
from cic.search.study import search
from cic.settings import Settings
from cic.tracking.lineage import environment_lock, flat_params, held_out_digest, shown_hyperparameters
from cic.tracking.runs import TAG_PROCESS, log_in_batches, reap_dead_runs, this_process
from cic.tracking.search_runs import TrialRow, finish_search_run, log_trials, open_search_run
from cic.tracking.searches import shown_search
from cic.tracking.store import all_runs, connect, experiment_id, files_kept
from cic.workers.workers import InThisProcess


@pytest.fixture
def uri(tmp_path, template) -> str:
    return new_store(tmp_path, template)


def row(number: int, state: str = "complete") -> TrialRow:
    metrics = {"trained_epochs": 20.0, "seconds": 1.5}
    if state != "failed":
        metrics |= {"error_validation": 0.3 + number / 100, "error_validation_over_pca": 0.9}
    hyper = Hyperparameters(depth=number % 3, bottleneck_width=8).model_dump()
    reason = "" if state == "complete" else f"it was {state}"
    return TrialRow(number, state, reason, 100 + number, shown_hyperparameters(hyper), metrics)


def children(uri: str, parent: str) -> list[mlflow.entities.Run]:
    client = connect(uri)
    within = client.get_run(parent).info.experiment_id
    found = all_runs(client, within, f"tags.`mlflow.parentRunId` = '{parent}'")
    return sorted(found, key=lambda run: int(run.data.tags["cic.trial"]))


def test_each_trial_is_a_child_with_what_the_compare_page_needs(uri):
    parent = open_search_run(uri, "search", "study-1", "a search", {"trials": 3}, {"cic.note": "x"})
    rows = [row(0), row(1, "pruned"), row(2, "failed")]
    assert log_trials(uri, parent, rows) == 3
    complete, pruned, failed = children(uri, parent)
    assert [run.info.run_name for run in (complete, pruned, failed)] == [
        "d0 w8 #000",
        "d1 w8 #001 (pruned)",
        "d2 w8 #002 (failed)",
    ]
    assert [run.info.status for run in (complete, pruned, failed)] == ["FINISHED", "FINISHED", "FAILED"]
    metrics = {"error_validation": 0.3, "error_validation_over_pca": 0.9, "trained_epochs": 20, "seconds": 1.5}
    assert complete.data.metrics == metrics
    assert min(metrics) == "error_validation", "the page compares by the first"
    assert sorted(complete.data.params)[:3] == ["bottleneck_width", "depth", "hidden_width"], "and draws these"
    assert complete.data.params["depth"] == "0" and complete.data.tags["cic.seed"] == "100"
    assert len(complete.data.params) == len(Hyperparameters.model_fields)
    assert pruned.data.tags["cic.state"] == "pruned" and pruned.data.tags["cic.reason"] == "it was pruned"
    assert "error_validation" not in failed.data.metrics
    assert abs(complete.info.end_time - complete.info.start_time - 1500) <= 1


def test_a_resumed_search_goes_on_in_its_run_and_logs_no_trial_twice(uri):
    first = open_search_run(uri, "search", "study-1", "a search", {"trials": 4}, {})
    log_trials(uri, first, [row(0), row(1)])
    connect(uri).set_terminated(first, "KILLED")
    again = open_search_run(uri, "search", "study-1", "a search", {"trials": 4}, {"cic.commit": "new"})
    assert again == first
    assert connect(uri).get_run(again).info.status == "RUNNING"
    assert log_trials(uri, again, [row(number) for number in range(4)]) == 2
    assert [run.data.tags["cic.trial"] for run in children(uri, again)] == ["0", "1", "2", "3"]
    assert open_search_run(uri, "search", "study-2", "a search", {"trials": 4}, {}) != first


def test_a_trial_that_was_killed_while_it_was_written_is_completed(uri):
    parent = open_search_run(uri, "search", "study-1", "a search", {}, {})
    client = connect(uri)
    begun = client.create_run(
        client.get_run(parent).info.experiment_id, tags={"mlflow.parentRunId": parent, "cic.trial": "0"}
    )
    assert log_trials(uri, parent, [row(0)]) == 1
    (run,) = children(uri, parent)
    assert run.info.run_id == begun.info.run_id
    assert run.info.status == "FINISHED" and run.data.metrics["trained_epochs"] == 20


def test_the_search_ends_with_its_summary_and_pictures(uri, tmp_path):
    parent = open_search_run(uri, "search", "study-1", "a search", {}, {})
    picture = tmp_path / "surface.svg"
    picture.write_text("<svg/>")
    finish_search_run(uri, parent, {"best": 0.3}, [picture], {"cic.chosen": "d1 w8"})
    client = connect(uri)
    run = client.get_run(parent)
    assert (run.info.status, run.data.metrics["best"], run.data.tags["cic.chosen"]) == ("FINISHED", 0.3, "d1 w8")
    assert [file.path for file in client.list_artifacts(parent, "figures")] == ["figures/surface.svg"]
    assert (tmp_path / "mlartifacts" / "search").is_dir(), "files go beside the store, not into the working directory"


def test_only_runs_of_dead_processes_of_this_host_are_reaped(uri):
    client = connect(uri)
    within = experiment_id(client, "search")
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = json.dumps({"host": socket.gethostname(), "pid": int(gone.stdout), "started": time.time()})
    elsewhere = json.dumps({**json.loads(dead), "host": "another-" + socket.gethostname()})
    owners = {"dead": dead, "alive": this_process(), "elsewhere": elsewhere}
    reused = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": 1.0})
    owners["number taken by a later process"] = reused
    runs = {name: client.create_run(within, tags={TAG_PROCESS: tag}).info.run_id for name, tag in owners.items()}
    runs["unknown"] = client.create_run(within).info.run_id
    assert set(reap_dead_runs(uri, "search")) == {runs["dead"], runs["number taken by a later process"]}
    status = {name: client.get_run(run_id).info.status for name, run_id in runs.items()}
    assert status == {
        "dead": "KILLED",
        "number taken by a later process": "KILLED",
        "alive": "RUNNING",
        "elsewhere": "RUNNING",
        "unknown": "RUNNING",
    }
    assert reap_dead_runs(uri, "no such experiment") == []


def test_ambient_state_of_mlflow_is_neither_used_nor_touched(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ambient = f"sqlite:///{tmp_path / 'ambient.db'}"
    mlflow.set_tracking_uri(ambient)
    try:
        log_trials(uri, open_search_run(uri, "search", "study-1", "a search", {}, {}), [row(0)])
        assert mlflow.get_tracking_uri() == ambient
        assert mlflow.active_run() is None
        assert not (tmp_path / "ambient.db").exists() and not (tmp_path / "mlruns").exists()
    finally:
        mlflow.set_tracking_uri(None)


def test_more_entries_than_one_request_takes(uri):
    client = connect(uri)
    run_id = client.create_run(experiment_id(client, "wide")).info.run_id
    metrics = {f"metric{number}": number for number in range(1500)}
    params = {f"param{number}": number for number in range(250)}
    log_in_batches(client, run_id, metrics=metrics, params=params)
    data = client.get_run(run_id).data
    assert data.metrics == metrics
    assert data.params == {key: str(value) for key, value in params.items()}


def _set_up(uri: str) -> str:
    return experiment_id(connect(uri), "together")


@pytest.mark.integration
def test_processes_that_open_a_fresh_store_at_once_do_not_break_it(tmp_path):
    uri = f"sqlite:///{tmp_path / 'fresh' / 'mlflow.db'}"
    with ProcessPoolExecutor(3) as pool:
        ids = list(pool.map(_set_up, [uri] * 3))
    assert len(set(ids)) == 1
    assert [one.name for one in connect(uri).search_experiments(ViewType.ALL)].count("together") == 1


@pytest.mark.attack("a first set-up of the sqlite store that is killed", "6", tries=4, ended="set up by the next")
@pytest.mark.integration
@pytest.mark.parametrize("delay", [0.0, 0.2, 0.6])
def test_a_first_set_up_that_was_killed_does_no_harm(tmp_path, delay):
    database = tmp_path / "store" / "mlflow.db"
    program = f"from cic.tracking.store import connect; connect('sqlite:///{database}')"
    child = subprocess.Popen([sys.executable, "-c", program])
    while child.poll() is None and not list(tmp_path.glob("store/.mlflow.db.unfinished*")):
        time.sleep(0.01)
    time.sleep(delay)
    child.kill()
    child.wait()
    assert connect(f"sqlite:///{database}").search_experiments()
    assert [path.name for path in database.parent.iterdir() if "unfinished" in path.name] == []


def test_a_store_that_cannot_be_set_up_is_told(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ServiceError, match="cannot be set up"):
        connect(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}")


def test_a_server_that_is_not_there_is_told_within_seconds():
    with pytest.raises(ServiceError, match="does not answer") as caught:
        connect("http://user:secret@127.0.0.1:9")
    assert "secret" not in str(caught.value)
    assert "cic up" in str(caught.value)


def test_files_go_where_they_are_told_to(uri, tmp_path):
    client = connect(uri)

    def place(experiment: str) -> str:
        return client.get_experiment(experiment).artifact_location

    assert place(experiment_id(client, "told", "file:///somewhere")) == "file:///somewhere/told"
    assert place(experiment_id(client, "untold")) == (tmp_path / "mlartifacts" / "untold").as_uri()
    assert experiment_id(client, "told") == experiment_id(client, "told", "file:///elsewhere")


def test_nested_parameters_become_text_under_dotted_keys():
    assert flat_params({"a": {"b": (1, 2)}, "c": None}) == {"a.b": "[1, 2]", "c": "None"}


def test_the_digest_of_held_out_profiles_knows_no_order_but_every_change():
    one = held_out_digest(["a", "b"], ["1", "2"])
    assert one == held_out_digest(["b", "a"], ["2", "1"])
    assert len({one, held_out_digest(["a", "b"], ["2", "1"]), held_out_digest(["a"], ["1"])}) == 3


def test_the_environment_lock_names_what_is_installed():
    lock = environment_lock().splitlines()
    assert lock == sorted(lock)
    assert f"mlflow=={mlflow.__version__}" in lock
    assert any(line.startswith("cic==") for line in lock)


def test_a_failed_row_has_no_error_even_if_the_ratio_is_there():
    failed = row(3, "failed")
    assert set(failed.metrics) == {"trained_epochs", "seconds"}
    assert replace(failed, number=12).name == "d0 w8 #012 (failed)"


def searched(on_round):
    return search(
        Search(trials=5, round_size=4, finalists=1, repeats=2, **analytic_trial.SPACE),
        seed=3,
        identity={"data": "d"},
        storage_url=IN_MEMORY,
        make_spec=analytic_trial.make_spec,
        run=analytic_trial.run,
        workers=InThisProcess(),
        on_round=on_round,
    )


def run_of(uri: str, run_id: str):
    return connect(uri).get_run(run_id)


def test_a_search_is_shown_as_it_goes_and_described_at_its_end(uri, tmp_path):
    pictures = [tmp_path / "surface.svg", tmp_path / "importance.svg"]
    for picture in pictures:
        picture.write_text("<svg/>")
    params = Params.model_validate({"seed": 3, "data": {"file": "data/raw/mine.parquet"}})
    trials = []
    with shown_search(params, {"data": "d"}, Settings(tracking_uri=uri, home=tmp_path / "home")) as shown:

        def on_round(finished):
            shown.log_round(finished)
            within = run_of(uri, shown.run_id).info.experiment_id
            trials.append(len(all_runs(connect(uri), within, "tags.`cic.kind` = 'trial'")))

        outcome = searched(on_round)
        assert run_of(uri, shown.run_id).info.status == "RUNNING"
        shown.close(outcome, *pictures[:1], pictures[1:])
    assert trials == [4, 5]
    run = run_of(uri, shown.run_id)
    chosen = outcome.choice.finalist
    assert run.info.status == "FINISHED"
    assert run.data.metrics["error_validation_over_pca"] == chosen.mean / chosen.pca_error
    assert run.data.metrics["trials_complete"] == 5
    assert "**Chosen: depth" in run.data.tags["mlflow.note.content"]
    within = run.info.experiment_id
    named = [one.info.run_name for one in all_runs(connect(uri), within, "tags.`cic.kind` = 'trial'")]
    (marked,) = (name for name in named if "★" in name)
    assert marked.startswith("★ d") and marked.endswith(f"#{chosen.number:03d}")
    assert f"surface.svg&run_uuid={shown.run_id}" in run.data.tags["mlflow.note.content"]
    kept = {file.path for file in connect(uri).list_artifacts(shown.run_id, "figures")}
    assert kept == {"figures/surface.svg", "figures/importance.svg"}


def test_the_run_of_a_search_that_fails_is_killed_and_goes_on_the_next_time(uri, tmp_path):
    params = Params.model_validate({"seed": 3, "data": {"file": "data/raw/mine.parquet"}})
    settings = Settings(tracking_uri=uri, home=tmp_path / "home")
    with pytest.raises(ZeroDivisionError), shown_search(params, {"data": "d"}, settings) as shown:
        raise ZeroDivisionError
    assert run_of(uri, shown.run_id).info.status == "KILLED"
    with shown_search(params, {"data": "d"}, settings) as again:
        assert again.run_id == shown.run_id and run_of(uri, again.run_id).info.status == "RUNNING"


def test_a_store_of_files_that_does_not_answer_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    (tmp_path / "report.html").write_text("it")
    store = get_artifact_repository("s3://lab/mlartifacts")
    with pytest.raises(ServiceError, match="does not take them") as raised, files_kept("s3://lab/mlartifacts"):
        store.log_artifact(str(tmp_path / "report.html"))
    assert "MLFLOW_S3_ENDPOINT_URL" in raised.value.fix
