"""A fresh MLflow store and small bundles, for the tests of tracking, registry and serving."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from cic.config import Data, Params, Preprocess, Training
from cic.data.matrix import ExpressionMatrix, fingerprints
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.tracking.lineage import Lineage, held_out_digest
from cic.tracking.models import ModelRun, log_model_run
from cic.tracking.store import connect

METRICS = {"test": {"unexplained": 0.25, "note": "text", "ratios": [1, 2]}, "passed": True}


def new_store(folder: Path, template: Path) -> str:
    """Copy a store that was set up once, which takes seconds, and give its address."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


def set_up_template(folder: Path) -> Path:
    """Set a store up."""
    connect(f"sqlite:///{folder / 'template.db'}")
    return folder / "template.db"


def tiny_bundle(
    folder: Path, train: ExpressionMatrix, width: int, *, labelled: bool = False, top_genes: int = 0
) -> Path:
    """Write the bundle of a small model: depth 0 and the given width, so the wider the better."""
    params = Params(
        seed=1,
        data=Data(file="data/profiles.parquet"),
        preprocess=Preprocess(top_genes=top_genes),
        training=Training(epochs=2, label_weight=0.1 if labelled else 0.0),
    )
    prepared = prepare(train, train, params, 0)
    hyper = Hyperparameters(depth=0, bottleneck_width=width)
    fitted = fit_network(prepared.fold, hyper, params.training, 1)
    about = {"trained_on": sorted(fingerprints(train.values)), "hyperparameters": hyper.model_dump()}
    save_bundle(folder, Bundle(prepared.preprocessor, prepared.basis, frozen(fitted.network), prepared.labels, about))
    return folder


def errors_of(folder: Path, test: ExpressionMatrix) -> np.ndarray:
    """Give the squared error of each profile by the bundle in `folder`."""
    return load_bundle(folder).squared_errors(test.values)


def lineage_of(bundle: Path, test: ExpressionMatrix, **changes: object) -> Lineage:
    """Describe where a bundle came from."""
    known: dict[str, object] = {
        "git_commit": "0123abc",
        "git_dirty": True,
        "params_digest": "d" * 64,
        "data_file": "data/profiles.parquet",
        "data_md5": "0123456789abcdef0123456789abcdef",
        "study": "study-1",
        "search_run_id": None,
        "flow_run_id": None,
        "bundle_digest": bundle_digest(bundle),
        "matrix": "matrix.parquet",
        "part": "split.csv",
        "held_out_digest": held_out_digest(list(test.samples.index), fingerprints(test.values)),
        "audit_passed": True,
        "objections": (),
        "seed": 1,
    }
    return Lineage(**(known | changes))  # type: ignore[arg-type]


def log_bundle(
    uri: str, bundle: Path, test: ExpressionMatrix, files: tuple[Path, ...] = (), name: str = "cic", **changes: object
) -> ModelRun:
    """Log and register a bundle."""
    return log_model_run(
        uri,
        "cic",
        name=name,
        bundle=bundle,
        run_name="profiles depth 0",
        metrics=METRICS,
        headline={"error_test_over_pca": 0.25},
        curves={"learning_curve_training": {10: 0.5, 20: 0.25}},
        params={"search": {"trials": 4, "depth": [0, 1]}, "seed": 1},
        shown_params={"depth": 0, "seed": 1},
        lineage=lineage_of(bundle, test, **changes),
        stages={},
        shape=(test.n_samples, test.n_genes),
        files=files,
        card="What it is.",
        about="What all of them are.",
    )


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: list[str], url: str, folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run `mlflow COMMAND` until the block ends, which begins when `url` answers."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    log_file = folder / f"mlflow-{command[0]}.log"
    with log_file.open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command, "--host", "127.0.0.1"],
            env={**os.environ, **quiet, **environment, "PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=folder,
        )
        try:
            _wait_for(url, server, log_file)
            yield
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
    pytest.fail(f"no answer from {url}: {log.read_text()[-2000:]}")
