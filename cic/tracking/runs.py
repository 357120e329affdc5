"""Runs of MLflow: what those of a search and of a model have in common.

Runs are always named by their id. Nothing here uses MLflow's active run, which belongs to a thread.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus, RunTag

from cic.process_identity import ProcessIdentity
from cic.tracking.store import all_runs, connect, explained

TAG_PROCESS = "cic.process"
TAG_KIND = "cic.kind"
TAG_NOTE = "mlflow.note.content"
BATCH = {"metrics": 1000, "params": 100, "tags": 100}
"""Most entries of a kind that MLflow takes in one request."""


def experiment_of(data_name: str) -> str:
    """Name the experiment with the runs of a data set; the log of decisions has others."""
    return f"cic/{data_name}"


def reap_dead_runs(uri: str, experiment: str) -> list[str]:
    """Set runs to KILLED that a process of this host left RUNNING when it died, and give their ids.

    Runs of other hosts, of living processes and without a process tag stay as they are.
    """
    client = connect(uri)
    with explained(uri):
        known = client.get_experiment_by_name(experiment)
        if known is None:
            return []
        running = all_runs(client, known.experiment_id, "attributes.status = 'RUNNING'")
        dead = [run.info.run_id for run in running if _left_behind(run.data.tags.get(TAG_PROCESS))]
        for run_id in dead:
            client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
    return dead


def this_process() -> str:
    """Give the identity of this process as a tag: host, number and start."""
    me = ProcessIdentity.of(os.getpid())
    return json.dumps({"host": socket.gethostname(), "pid": me.pid, "started": me.started})


def _left_behind(tag: str | None) -> bool:
    if tag is None:
        return False
    owner = json.loads(tag)
    return owner["host"] == socket.gethostname() and not ProcessIdentity(owner["pid"], owner["started"]).alive()


def log_in_batches(
    client: MlflowClient,
    run_id: str,
    *,
    metrics: Mapping[str, float] | None = None,
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    curves: Mapping[str, Mapping[int, float]] | None = None,
) -> None:
    """Write metrics, curves by step, params and tags in as few requests as MLflow's limits allow: mostly one."""
    now = int(time.time() * 1000)
    entries: dict[str, list[Any]] = {
        "metrics": [Metric(key, float(value), now, 0) for key, value in (metrics or {}).items()]
        + [Metric(key, float(y), now, x) for key, points in (curves or {}).items() for x, y in points.items()],
        "params": [Param(key, str(value)) for key, value in (params or {}).items()],
        "tags": [RunTag(key, value) for key, value in (tags or {}).items()],
    }
    step = 0
    while any(len(entries[kind]) > step * BATCH[kind] for kind in entries):
        part = {kind: entries[kind][step * most : (step + 1) * most] for kind, most in BATCH.items()}
        client.log_batch(run_id, part["metrics"], part["params"], part["tags"])
        step += 1
