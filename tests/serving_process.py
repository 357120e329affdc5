"""A real `cic serve`, and what it is asked with."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_parts import free_port, tiny_bundle

from cic.data.matrix import ExpressionMatrix
from cic.model.bundle_files import load_bundle, save_bundle
from cic.model.reference import Reference
from cic.serving.bodies import JSON, PARQUET


def whole_bundle(folder: Path, profiles: ExpressionMatrix) -> Path:
    """Put a bundle with classifier and reference into a folder, which is given back, as `bundle`."""
    bundle = load_bundle(tiny_bundle(folder / "plain", profiles, 4, labelled=True))
    save_bundle(folder / "bundle", replace(bundle, reference=Reference.of(bundle, profiles.values)))
    return folder


@contextmanager
def serving(
    folder: Path, *options: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """Run `cic serve` in a folder until the block ends; gives its port and its process once it is up."""
    port, log = free_port(), folder / "serve.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CIC_")}
    command = [sys.executable, "-c", "from cic.cli import main; main()", "serve", "--port", str(port)]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, *map(str, options)],
            cwd=folder,
            env=inherited | dict(environment or {}),
            stdout=file,
            stderr=file,
        )
    try:
        for _ in range(480):
            assert process.poll() is None, log.read_text()
            try:
                if httpx.get(f"http://127.0.0.1:{port}/ping", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.25)
        else:
            pytest.fail(log.read_text())
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def packed(table: pa.Table, kind: str, **options: Any) -> bytes:
    body = io.BytesIO()
    if kind == PARQUET:
        pq.write_table(table, body)
    else:
        with pa.ipc.new_stream(body, table.schema, **options) as stream:
            stream.write_table(table)
    return body.getvalue()


def unpacked(body: bytes, kind: str) -> pa.Table:
    return pq.read_table(io.BytesIO(body)) if kind == PARQUET else pa.ipc.open_stream(body).read_all()


def body_of(matrix: ExpressionMatrix, kind: str) -> bytes:
    ids = [*matrix.samples.index]
    if kind == JSON:
        values = matrix.values.astype(float).tolist()
        return json.dumps({"genes": matrix.genes, "samples": ids, "values": values}).encode()
    return packed(pa.table([pa.array(matrix.genes), *map(pa.array, matrix.values)], names=["gene", *ids]), kind)


def post(client: httpx.Client, door: str, body: bytes, kind: str, accept: str = "*/*") -> httpx.Response:
    return client.post(door, content=body, headers={"content-type": kind, "accept": accept})


def few(matrix: ExpressionMatrix, n: int = 3) -> ExpressionMatrix:
    return matrix.select(np.arange(n))
