"""`cic serve` beside `mlflow models serve`, the same model, in turns: `python -m bench.serving`.

Latency is of one profile of 20,000 genes, sent again and again by one client after a warm-up; the batch is of 1,000
profiles, beside what reading them takes; the load is 100 clients that each ask one after another. Both servers are held
to one core, the clients to the others, where there are any. Prints a table, and how busy others kept the machine.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import orjson
import psutil
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from bench.load import watched
from cic.config import Data, Params, Preprocess, Training
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.synthetic import Recipe, simulate
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.bundle_files import save_bundle
from cic.model.prepare import prepare
from cic.model.reference import Reference
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.serving.bodies import ARROW, JSON, profiles_of
from cic.serving.limits import Limits
from cic.tracking.models import save_model

SHAPE = Hyperparameters(depth=2, bottleneck_width=30, hidden_width=256)
CLIENTS, BATCH = 100, 1000


def trained(folder: Path, samples: int, genes: int) -> ExpressionMatrix:
    """Write a bundle, and a model of MLflow's with the same; give the profiles that it was not trained on."""
    simulate(Recipe(samples=samples, genes=genes, replicate_pairs=samples // 10), folder / "profiles.parquet")
    matrix = read_matrix(folder / "profiles.parquet")
    cut = samples * 4 // 5
    known, held_out = matrix.select(np.arange(cut)), matrix.select(np.arange(cut, samples))
    params = Params(
        seed=1, data=Data(file="profiles.parquet"), preprocess=Preprocess(top_genes=0), training=Training(epochs=20)
    )
    prepared = prepare(known, held_out, params, 0)
    network = frozen(fit_network(prepared.fold, SHAPE, params.training, 1).network)
    bundle = Bundle(prepared.preprocessor, prepared.basis, network, prepared.labels, {"trained_on": []})
    reference = Reference.of(bundle, held_out.values, z_train_SK=prepared.fold.z_train_SK)
    save_bundle(folder / "bundle", replace(bundle, reference=reference))
    save_model(folder / "model", folder / "bundle")
    return held_out


@contextmanager
def running(command: list[str], folder: Path, core: int) -> Iterator[str]:
    """Run a server on one core until the block ends, and give its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / f"{command[0]}-{port}.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", *command, "--port", str(port)], cwd=folder, stdout=log, stderr=log,
            env={**os.environ, **quiet, "PATH": path}, start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                if httpx.get(f"{address}/ping", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def in_json(matrix: ExpressionMatrix) -> bytes:
    values = np.round(matrix.values.astype(float), 4).tolist()
    return orjson.dumps({"genes": matrix.genes, "samples": [*matrix.samples.index], "values": values})


def in_arrow(matrix: ExpressionMatrix, n_profiles: int) -> bytes:
    """Give so many profiles, all of the matrix in turn."""
    columns = (matrix.values[row % matrix.n_samples] for row in range(n_profiles))
    names = ["gene", *(f"profile {row}" for row in range(n_profiles))]
    table = pa.table([pa.array(matrix.genes), *map(pa.array, columns)], names=names)
    body = io.BytesIO()
    with pa.ipc.new_stream(body, table.schema) as stream:
        stream.write_table(table)
    return body.getvalue()


def for_mlflow(matrix: ExpressionMatrix) -> bytes:
    values = np.round(matrix.values.astype(float), 4).tolist()
    split = {"columns": matrix.genes, "index": [*matrix.samples.index], "data": values}
    return orjson.dumps({"dataframe_split": split})


def milliseconds(client: httpx.Client, door: str, body: bytes, kind: str) -> float:
    """Time one request."""
    started = time.perf_counter()
    answer = client.post(door, content=body, headers={"content-type": kind, "accept": kind})
    answer.raise_for_status()
    return 1000 * (time.perf_counter() - started)


def load(address: str, door: str, body: bytes, kind: str, each: int) -> tuple[np.ndarray, int]:
    """Let all clients ask at once, each several times; give the times, and how many requests were not answered."""

    def ask(client: httpx.Client) -> list[float]:
        return [_or_nan(lambda: milliseconds(client, door, body, kind)) for _ in range(each)]

    with ExitStack() as opened, ThreadPoolExecutor(CLIENTS) as pool:
        clients = [opened.enter_context(httpx.Client(base_url=address, timeout=300)) for _ in range(CLIENTS)]
        found = np.array([*pool.map(ask, clients)]).ravel()
    return found[~np.isnan(found)], int(np.isnan(found).sum())


def _or_nan(timed: Callable[[], float]) -> float:
    try:
        return timed()
    except httpx.HTTPError:
        return float("nan")


def cpu_of(address: str) -> float:
    """Give the processor seconds that the server at an address has taken, with those of its children."""
    port = int(address.rsplit(":", 1)[1])
    own = [one for one in psutil.Process().children(recursive=True) if _listens(one, port)]
    return sum(sum(one.cpu_times()[:2]) for one in own)


def _listens(process: psutil.Process, port: int) -> bool:
    return any(one.laddr.port == port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.serving", description=__doc__)
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way of asking")
    parser.add_argument("--requests", type=int, default=100, help="of ours a round; MLflow's server gets a tenth")
    parser.add_argument("--each", type=int, default=5, help="requests of each of the clients at once; 0 for no load")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    console = Console(width=160)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        held_out = trained(folder, options.samples, options.genes)
        if len(cores) > 1:
            os.sched_setaffinity(0, set(cores[1:]))
        ours = ["from cic.cli import main; main()", "serve", "-m", str(folder / "bundle"), "--largest-body", "256",
                "--longest", "300"]  # fmt: skip
        theirs = ["from mlflow.cli import cli; cli()", "models", "serve", "-m", str(folder / "model"),
                  "--env-manager", "local", "--host", "127.0.0.1"]  # fmt: skip
        with running(ours, folder, cores[0]) as cic, running(theirs, folder, cores[0]) as mlflow, watched() as watch:
            one = held_out.select(np.arange(1))
            ways = {
                "cic serve, JSON": (cic, "/encode", in_json(one), JSON, options.requests),
                "cic serve, Arrow": (cic, "/encode", in_arrow(one, 1), ARROW, options.requests),
                "mlflow models serve, JSON": (mlflow, "/invocations", for_mlflow(one), JSON, options.requests // 10),
            }
            latency(ways, options.rounds, console)
            batch(cic, in_arrow(held_out, BATCH), console)
            if options.each:
                loads(ways, options.each, console)
    console.print(
        f"Others kept {watch.elsewhere:.2f} cores busy (the servers, which are waited for later, among them)."
    )


def latency(ways: dict[str, tuple[str, str, bytes, str, int]], rounds: int, console: Console) -> None:
    """Ask each server in turn, one request after another."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    spent = dict.fromkeys(ways, 0.0)
    with ExitStack() as opened:
        clients = {name: opened.enter_context(httpx.Client(base_url=way[0], timeout=300)) for name, way in ways.items()}
        for number in range(-1, rounds):  # the first is the warm-up
            for name, (address, door, body, kind, count) in ways.items():
                before = cpu_of(address)
                times = [milliseconds(clients[name], door, body, kind) for _ in range(count)]
                if number >= 0:
                    found[name] += times
                    spent[name] += cpu_of(address) - before
    table = Table("one profile", "p50 ms", "p99 ms", "least ms", "processor ms a request", "requests")
    for name, times in found.items():
        cells = [*np.quantile(times, [0.5, 0.99]), min(times), 1000 * spent[name] / len(times)]
        table.add_row(name, *(f"{cell:.1f}" for cell in cells), str(len(times)))
    console.print(table)


def batch(address: str, body: bytes, console: Console) -> None:
    """Time a batch beside what reading it and giving its codes takes here."""
    with httpx.Client(base_url=address, timeout=300) as client:
        served = min(milliseconds(client, "/encode", body, ARROW) for _ in range(3))
    started = time.perf_counter()
    profiles_of(body, ARROW, Limits())
    read = 1000 * (time.perf_counter() - started)
    table = Table(f"{BATCH} profiles in Arrow", "ms")
    table.add_row("served", f"{served:.0f}")
    table.add_row(f"read alone ({len(body) / 1e6:.0f} MB)", f"{read:.0f}")
    console.print(table)


def loads(ways: dict[str, tuple[str, str, bytes, str, int]], each: int, console: Console) -> None:
    """Let all clients ask at once."""
    table = Table(f"{CLIENTS} clients at once", "requests a second", "p50 ms", "p99 ms", "not answered")
    for name, (address, door, body, kind, _) in ways.items():
        started = time.perf_counter()
        times, lost = load(address, door, body, kind, each if address == ways["cic serve, JSON"][0] else 1)
        seconds = time.perf_counter() - started
        table.add_row(
            name, f"{len(times) / seconds:.0f}", *(f"{cell:.0f}" for cell in np.quantile(times, [0.5, 0.99])), str(lost)
        )
    console.print(table)


if __name__ == "__main__":
    main()
