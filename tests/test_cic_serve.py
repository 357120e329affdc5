"""`cic serve`: a real server that keeps to its limits, and says why it refuses."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from serving_process import serving, whole_bundle

from cic.data.matrix import ExpressionMatrix
from cic.model.bundle_files import load_bundle

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def profiles() -> ExpressionMatrix:
    """60 profiles over 200 genes of different levels."""
    draw = np.random.default_rng(7)
    values_SG = 6 + np.tanh(draw.normal(size=(60, 2)) @ draw.normal(size=(2, 200))) + draw.normal(size=200)
    samples = pd.DataFrame({"label": ["a", "b"] * 30}, index=[f"s{row}" for row in range(60)])
    return ExpressionMatrix(values_SG.astype(np.float32), tuple(f"GENE{n}" for n in range(200)), samples, "log2")


@pytest.fixture(scope="module")
def server(folder: Path, profiles: ExpressionMatrix) -> Iterator[tuple[int, int]]:
    """Port and process of `cic serve` with bodies of a megabyte at most."""
    whole_bundle(folder, profiles)
    with serving(folder, "-m", folder / "bundle", "--largest-body", "1") as running:
        yield running


def ask(port: int, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def invoke(port: int, body: Any, kind: str = "application/json") -> tuple[int, dict[str, Any]]:
    given = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, text = ask(port, "POST", "/invocations", given, kind)
    return status, json.loads(text)


def split_of(profiles: ExpressionMatrix, n: int = 3) -> dict[str, Any]:
    values = profiles.values[:n].astype(float).tolist()
    return {"columns": list(profiles.genes), "index": [f"p{row}" for row in range(n)], "data": values}


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_it_answers_as_mlflow_does(server, profiles, folder):
    port, _ = server
    bundle = load_bundle(folder / "bundle")
    expected_SW = bundle.encode(profiles.values[:3])
    by_gene = {gene: profiles.values[:3, n].astype(float).tolist() for n, gene in enumerate(profiles.genes)}
    records = [dict(zip(profiles.genes, row, strict=True)) for row in profiles.values[:3].astype(float).tolist()]
    csv = "\n".join([",".join(profiles.genes), *(",".join(map(repr, row.values())) for row in records)]).encode()
    for given, kind in (
        ({"dataframe_split": split_of(profiles)}, "application/json"),
        ({"dataframe_records": records}, "application/json; charset=utf-8"),
        ({"inputs": by_gene}, "application/json"),
        (csv, "text/csv"),
    ):
        status, answer = invoke(port, given, kind)
        assert status == 200, answer
        found_SW = [[row[f"code_{n}"] for n in range(1, 5)] for row in answer["predictions"]]
        np.testing.assert_allclose(found_SW, expected_SW, rtol=1e-3, atol=1e-4)
        assert all(row["familiar"] is True and row["model"].startswith("bundle:") for row in answer["predictions"])
    status, answer = invoke(port, {"dataframe_split": split_of(profiles), "params": {"output": "cell_type"}})
    assert status == 200 and {row["cell_type"] for row in answer["predictions"]} <= {"a", "b"}


@pytest.mark.attack("a body of 300 MB sent to a served model", "10", ended="413, memory as before")
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_body_beyond_the_limit_is_refused_and_leaves_nothing_in_memory(server, profiles):
    port, pid = server
    assert invoke(port, {"dataframe_split": split_of(profiles)})[0] == 200
    before = psutil.Process(pid).memory_info().rss
    piece = b" " * MEGABYTE
    for _ in range(2):
        status, answer = invoke(port, b"[" + 100 * piece)
        assert status == 413 and answer["message"].startswith("the body is larger than 1,000,000 bytes")
        # without a length, as a stream
        status, text = ask(port, "POST", "/invocations", iter([b"["] + 100 * [piece]))
        assert status == 413 and json.loads(text)["message"].startswith("the body is larger")
    assert psutil.Process(pid).memory_info().rss < before + 30 * MEGABYTE
    assert invoke(port, {"dataframe_split": split_of(profiles)})[0] == 200


@pytest.mark.attack("damaged and hostile bodies sent to a served model", "10", ended="refused, the reason first")
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_bad_bodies_are_refused_with_the_reason_first(server, profiles):
    port, _ = server

    def changed(value: Any) -> dict[str, Any]:
        split = split_of(profiles)
        split["data"][1][5] = value
        return {"dataframe_split": split}

    by_gene = {gene: profiles.values[:2, n].astype(float).tolist() for n, gene in enumerate(profiles.genes)}
    cases: list[tuple[Any, int, str]] = [
        (changed(100), 400, "a value of 100 contradicts the unit `log2`"),
        (changed(1e9), 400, "a value of 1e+09 contradicts"),
        (changed(True), 400, "there is `true` or `false`"),
        ({"inputs": {**by_gene, "GENE7": [7.5, True]}}, 400, "there is `true` or `false`"),
        (changed("7.5"), 400, "'7.5' is no number"),
        (changed(None), 400, "there are missing or infinite values"),
        (changed(10**400), 400, "Invalid input."),
        (b'{"inputs": ' + b"[" * 100_000, 400, "the body is not valid JSON"),
        (b"\xff\xfe{", 400, "the body is not valid JSON"),
        (b'{"inputs": {"GENE1": [1], "GENE1": [2]}}', 400, "the body is not valid JSON: `GENE1` stands there more"),
        ([1, 2], 400, "the body is a JSON list"),
        ({"dataframe_split": split_of(profiles), "params": [1]}, 400, "`params` is no object"),
        ({"dataframe_split": split_of(profiles), "params": {"output": "all"}}, 400, "there is no output `all`"),
        ({"inputs": {**by_gene, "GENE7": [7.5]}}, 400, "gene GENE7 has values of shape (1,)"),
        ({"instances": profiles.values[:2].tolist()}, 400, "the input is a ndarray without gene names"),
        ({"dataframe_split": {"columns": ["GENE1"], "data": [[1.0]]}}, 400, "199 of the 200 genes"),
        ({"dataframe_records": 3}, 400, ""),
        ({}, 400, ""),
    ]
    for body, status, reason in cases:
        found, answer = invoke(port, body)
        assert (found, answer["message"].startswith(reason)) == (status, True), (reason, answer)
        assert len(answer["message"]) <= 2000, reason
    status, answer = invoke(port, b"PAR1", "application/vnd.apache.parquet")
    assert status == 415 and answer["message"].startswith("the content type is")


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_another_scale_is_said_in_the_answer(server, profiles):
    port, _ = server
    split = split_of(profiles)
    split["data"] = (np.array(split["data"]) * np.log(2)).tolist()
    status, answer = invoke(port, {"dataframe_split": split})
    assert status == 200
    assert all(not row["familiar"] and "natural logarithms" in row["note"] for row in answer["predictions"])
