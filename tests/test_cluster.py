"""Dask clusters: the same results as from local processes, and what is said where one is not as it must be."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import analytic_trial
import numpy as np
import pytest
from array_job import product, product_killed_once, product_that_takes_long, tasks
from evaluated import curved_profiles, params
from page_commands import s3_server
from store_parts import free_port, new_store
from test_many import cells

from cic.config import parse_params
from cic.data.matrix import write_matrix
from cic.errors import ServiceError
from cic.folders import Folders
from cic.model.bundle_files import bundle_digest
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.pipeline import run_stage, workspace
from cic.settings import Settings
from cic.stage_list import STAGES
from cic.workers import cluster as cluster_module
from cic.workers.executor import make_executor

pytestmark = pytest.mark.integration
Start = Callable[[int, int], Any]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    distributed = pytest.importorskip("distributed")
    clusters = []

    def cluster(workers: int, threads: int = 1) -> Any:
        clusters.append(distributed.LocalCluster(n_workers=workers, threads_per_worker=threads, dashboard_address=":0"))
        return clusters[-1]

    yield cluster
    for each in clusters:
        each.close()


@pytest.fixture(scope="module")
def three(start: Start) -> str:
    """Give the address of a scheduler with three workers."""
    return start(3).scheduler_address


def test_a_cluster_runs_trials_and_survives_a_killed_worker(three: str, tmp_path: Path) -> None:
    specs = [analytic_trial.make_spec(n, Hyperparameters(depth=1, bottleneck_width=4), n) for n in range(12)]
    mark = tmp_path / "killed"
    with make_executor(0, three) as workers:
        assert workers.count == 3
        results = list(workers.map(partial(analytic_trial.run_killed_once, mark), specs))
    assert mark.exists()
    assert results == [analytic_trial.run(spec) for spec in specs]


def test_a_killed_worker_finds_its_arrays_again_and_nothing_is_left(three: str, tmp_path: Path) -> None:
    given, shared = tasks(6), tmp_path / "shared"
    shared.mkdir()
    with make_executor(0, three, shared=str(shared)) as workers:
        for _ in range(2):
            found = list(workers.map(partial(product_killed_once, tmp_path / "killed"), given))
            np.testing.assert_array_equal(found, [product(task) for task in given])
        assert len(list(shared.glob("*/*.npy"))) == 3  # two that the tasks share, and one that told whether it is seen
    assert (tmp_path / "killed").exists() and not list(shared.iterdir())


def test_passes_over_many_profiles_give_the_same_as_here(three: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"cic.data.sparse.FEW": 60, "cic.data.sparse.BLOCK_ROWS": 32}.items():
        monkeypatch.setattr(name, value)
    for name in ("EXACT_UP_TO", "GRAM_UP_TO"):
        monkeypatch.setattr(f"cic.model.basis.{name}", 48)
    matrix, seen_S = cells(400, 300, 3), np.arange(400) < 330
    parts = matrix.select(seen_S), matrix.select(~seen_S)
    with make_executor(0, three) as workers:
        there = prepare(*parts, params(), 7, workers.pass_over)
    here = prepare(*parts, params(), 7)
    np.testing.assert_array_equal(there.basis.components_GK, here.basis.components_GK)
    np.testing.assert_array_equal(there.fold.z_train_SK, here.fold.z_train_SK)


def test_a_place_that_the_workers_do_not_see_is_named(three: str) -> None:
    with (
        pytest.raises(ServiceError, match="Dask workers cannot read what is written for them") as raised,
        make_executor(0, three, shared="memory://each/process/has/its/own"),
    ):
        pass
    assert "search.shared" in str(raised.value) and "tcp://" in str(raised.value)


def test_arrays_pass_by_s3(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(tmp_path) as variables:
        monkeypatch.setenv("AWS_ENDPOINT_URL", variables.pop("S3_ENDPOINT"))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        given, bucket = tasks(4), tmp_path / "s3" / "lab"
        with make_executor(0, start(2).scheduler_address, shared="s3://lab/workers/") as workers:
            found = list(workers.map(product, given))
            assert len(list(bucket.rglob("*.npy"))) == 3
        np.testing.assert_array_equal(found, [product(task) for task in given])
        assert not list(bucket.rglob("*.npy"))


def test_workers_of_several_threads_are_refused(start: Start) -> None:
    address = start(1, 2).scheduler_address
    with pytest.raises(ServiceError, match="several trials in one process"), make_executor(0, address):
        pass


def test_a_cluster_whose_workers_all_go_away_is_an_error(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "LOOK", 0.2)
    monkeypatch.setattr(cluster_module, "PATIENCE", 1.0)
    cluster = start(1)
    with (
        pytest.raises(ServiceError, match="has had no workers for 1 s"),
        make_executor(0, cluster.scheduler_address) as workers,
    ):
        threading.Timer(1, cluster.scale, [0]).start()
        list(workers.map(product_that_takes_long, tasks(2)))


def test_a_scheduler_that_dies_is_an_error() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    options = {"scheduler": ["--host", address], "worker": [address, "--nthreads", "1", "--no-nanny"]}
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{name}", *given, "--no-dashboard"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.DEVNULL,
        )
        for name, given in options.items()
    }
    try:
        executor = None
        while executor is None:
            assert all(one.poll() is None for one in processes.values())
            with contextlib.suppress(ServiceError), make_executor(0, address):
                executor = make_executor(0, address)
        with pytest.raises(ServiceError, match="the Dask scheduler was lost"), executor as workers:
            threading.Timer(1, processes["scheduler"].kill).start()
            list(workers.map(product_that_takes_long, tasks(2)))
    finally:
        for one in processes.values():
            one.kill()
            one.wait()


def ran(folder: Path, matrix: Path, **search: Any) -> Folders:
    """Run the stages of the main job on a few profiles."""
    asked = parse_params(
        {
            "seed": 5,
            "data": {"file": str(matrix), "label": "label", "group": "group", "replicate": "replicate"},
            "training": {"epochs": 10},
            "search": {
                "trials": 3, "round_size": 3, "bottleneck_width": [3], "depth": [0, 1], "hidden_width": [16],
                "finalists": 1, "repeats": 2, **search,
            },
            "fit": {"seeds": 2},
            "evaluate": {"measures": ["genes", "unseen_groups"], "bootstrap": 100, "epochs": 5, "group_sets": 3},
        }
    )  # fmt: skip
    folders = workspace(folder / "build")
    runs = f"sqlite:///{folder.parent / 'mlflow.db'}"
    settings = Settings(project=folder, home=folder / "home", tracking_uri=runs, device="cpu")
    for name in STAGES:
        run_stage(name, asked, folders, settings)
    return folders


def test_the_main_job_gives_the_same_on_a_cluster_as_on_local_processes(
    three: str, tmp_path: Path, template: Path
) -> None:
    matrix, shared = tmp_path / "matrix.parquet", tmp_path / "shared"
    write_matrix(matrix, curved_profiles(n_samples=320, n_genes=200))
    shared.mkdir()
    new_store(tmp_path, template)  # one for both
    here = ran(tmp_path / "here", matrix, workers=2)
    there = ran(tmp_path / "there", matrix, scheduler=three, shared=str(shared))
    assert bundle_digest(here["fit"] / "bundle") == bundle_digest(there["fit"] / "bundle")
    for stage, file in (("search", "choice.json"), ("search", "trials.csv"), ("evaluate", "metrics.json")):
        assert (here[stage] / file).read_bytes() == (there[stage] / file).read_bytes(), file
