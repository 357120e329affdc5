"""The doors of `cic serve`: what they give is what `Model` gives, and what does not fit is refused with the reason."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving_process import body_of, few, packed, post, serving, unpacked, whole_bundle
from store_parts import log_bundle, new_store, tiny_bundle

import cic
from cic.data.matrix import ExpressionMatrix
from cic.registry.gate import Decision
from cic.registry.registry import promote
from cic.serving.bodies import ARROW, JSON, PARQUET, Profiles, profiles_of
from cic.serving.limits import Limits
from cic.tracking.store import connect
from cic.using import Model

KEY = "a-key-of-the-tests-0123456789"
KINDS = (JSON, ARROW, PARQUET)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, profiles: ExpressionMatrix) -> Path:
    return whole_bundle(tmp_path_factory.mktemp("served"), profiles)


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return cic.load(folder / "bundle")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    """Asks a server that wants a key, and takes a megabyte and 20 profiles."""
    limits = ("--largest-body", "1", "--most-profiles", "20", "-m", folder / "bundle")
    with serving(folder, *limits, environment={"CIC_SERVE_KEY": KEY}) as (port, _):
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as asking:
            yield asking


@pytest.mark.integration
@pytest.mark.parametrize("door", ["encode", "classify"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_door_gives_what_the_model_gives(client, model, profiles, door, kind):
    expected = getattr(model, door)(few(profiles))
    for wanted in KINDS:
        answer = post(client, f"/{door}", body_of(few(profiles), kind), kind, wanted)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == wanted and answer.headers["cic-model"] == model.stamp
        if wanted == JSON:
            told = answer.json()
            assert told["model"] == model.stamp
            table = pd.DataFrame(told["profiles"]).assign(model=told["model"])
        else:
            table = unpacked(answer.content, wanted).to_pandas()
        table = table.set_index("sample_id")
        codes = [name for name in table if name.startswith("code_")]
        table = table.astype(dict.fromkeys(codes, np.float32))
        pd.testing.assert_frame_equal(table, expected, check_names=False, check_exact=True, check_dtype=wanted != JSON)


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
def test_codes_that_were_answered_are_decoded(client, model, profiles, kind):
    codes = post(client, "/encode", body_of(few(profiles), JSON), JSON, kind).content
    expected = model.decode(model.encode(few(profiles)))
    answer = post(client, "/decode", codes, kind, kind)
    assert answer.status_code == 200 and answer.headers["cic-model"] == model.stamp, answer.text
    found = (
        profiles_of(answer.content, kind, Limits())
        if kind != JSON
        else Profiles.of(
            answer.json()["genes"], answer.json()["samples"], np.array(answer.json()["values"], dtype=np.float32)
        )
    )
    assert (found.genes, found.samples) == ([*expected.columns], [*expected.index])
    np.testing.assert_array_equal(found.values_SG, expected.to_numpy())
    if kind == JSON:
        other = json.loads(codes) | {"model": "cic/9"}
        refused = post(client, "/decode", json.dumps(other).encode(), JSON)
        assert refused.status_code == 400 and "made by cic/9" in refused.json()["message"]


def changed(matrix: ExpressionMatrix, **changes: Any) -> bytes:
    return json.dumps(json.loads(body_of(matrix, JSON)) | changes).encode()


@pytest.mark.attack(
    "damaged and hostile bodies sent to the doors of cic serve", "10", ended="refused, the reason first"
)
@pytest.mark.integration
def test_what_does_not_fit_is_refused_with_the_reason(client, profiles):
    three = few(profiles)
    whole = json.loads(body_of(three, JSON))
    first = whole["values"]
    table = unpacked(body_of(three, ARROW), ARROW)

    def with_value(value: Any) -> bytes:
        return changed(three, values=[[value, *first[0][1:]], *first[1:]])

    text = table.set_column(1, "profile0", pa.array(["7.5"] * table.num_rows))
    large = pa.table({"gene": ["A"] * 300_000, "a": np.zeros(300_000), "b": np.zeros(300_000)})
    coded = table.set_column(0, "gene", table["gene"].dictionary_encode())
    cases: list[tuple[bytes, str, int, str]] = [
        (body_of(three, JSON)[:-9], JSON, 400, "the body is not valid JSON"),
        (b"[1]", JSON, 400, "the body is a JSON list"),
        (json.dumps({"genes": [], "samples": []}).encode(), JSON, 400, "`values` is missing"),
        (changed(three, unit="log2"), JSON, 400, "`unit` is not known"),
        (changed(three, values=first[:2]), JSON, 400, "`values` has 2 rows"),
        (changed(three, values=[first[0][1:], *first[1:]]), JSON, 400, "sample profile0 has 199 values"),
        (changed(three, samples=["a", "b", "a"]), JSON, 400, "1 sample id(s) stand there more than once: a"),
        (changed(three, samples=["a", "b", 3]), JSON, 400, "`samples` is no list of text"),
        (changed(three, genes=["X" + gene for gene in profiles.genes]), JSON, 400, "200 of the 200 genes"),
        (changed(three, genes=["GENE1", *profiles.genes[1:]]), JSON, 400, "1 gene(s) stand there more than once"),
        (with_value(True), JSON, 400, "True is no number"),
        (with_value("7.5"), JSON, 400, "'7.5' is no number"),
        (with_value(None), JSON, 400, "there are missing or infinite values"),
        (with_value(float("nan")), JSON, 400, "the body is not valid JSON"),
        (with_value(1e300), JSON, 400, "1 values are infinite"),
        (with_value(1e4), JSON, 400, "a value of 10000 contradicts the unit `log2`"),
        (body_of(few(profiles, 21), JSON), JSON, 413, "there are 21 profiles"),
        (b" " * 1_000_001, JSON, 413, "the body is larger than 1,000,000 bytes"),
        (body_of(three, ARROW)[:-8], ARROW, 400, "the stream has no end"),
        (body_of(three, ARROW)[:300] + body_of(three, ARROW)[-8:], ARROW, 400, "the body is not readable"),
        (packed(table, ARROW, options=pa.ipc.IpcWriteOptions(compression="zstd")), ARROW, 400, "the stream is compr"),
        (packed(coded, ARROW), ARROW, 400, "there is a dictionary message"),
        (packed(text, ARROW), ARROW, 400, "the column `profile0` is string"),
        (packed(table.drop_columns("gene"), ARROW), ARROW, 400, "0 columns are called `gene`"),
        (packed(table.append_column("profile0", table[1]), ARROW), ARROW, 400, "1 sample id(s) stand there more"),
        (body_of(few(profiles, 21), ARROW), ARROW, 413, "there are 21 profiles"),
        (body_of(three, PARQUET)[:-9], PARQUET, 400, "the body is not readable"),
        (body_of(few(profiles, 21), PARQUET), PARQUET, 413, "there are 21 profiles"),
        (packed(large, PARQUET), PARQUET, 413, "the file unfolds to"),
        (b"a,b\n1,2\n", "text/csv", 415, "the content type is `text/csv`"),
    ]
    for body, kind, status, reason in cases:
        answer = post(client, "/encode", body, kind)
        assert answer.status_code == status and answer.json()["message"].startswith(reason), (reason, answer.text)
        assert len(answer.content) < 2200 and "cic-body-" not in answer.text, reason
    assert post(client, "/encode", body_of(three, JSON), JSON, "text/html").status_code == 406
    packed_body = client.post("/encode", content=b"1", headers={"content-type": JSON, "content-encoding": "gzip"})
    assert packed_body.status_code == 415
    no_codes = post(client, "/decode", b'{"profiles": [{"sample_id": "a", "code_1": 1}]}', JSON)
    assert no_codes.status_code == 400 and "there is no column code_2" in no_codes.text
    assert post(client, "/encode", body_of(three, JSON), JSON).status_code == 200


@pytest.mark.attack("strangers, and bodies cut short, at the doors of cic serve", "10", ended="turned away, served on")
@pytest.mark.integration
def test_strangers_are_turned_away_and_a_body_cut_short_harms_nobody(client, profiles, folder):
    body, address = body_of(few(profiles), JSON), client.base_url
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}):
        for door in ("encode", "invocations", "metrics", "openapi.json"):
            verb = "GET" if door in ("metrics", "openapi.json") else "POST"
            answer = httpx.request(verb, f"{address}/{door}", headers=headers, content=body)
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    for door in ("health", "ping", "ready"):
        assert httpx.get(f"{address}/{door}").status_code == 200

    def cut() -> Iterator[bytes]:
        yield body[:100]
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        httpx.post(f"{address}/encode", content=cut(), headers={**client.headers, "content-type": JSON})
    assert post(client, "/encode", body, JSON).status_code == 200
    log = (folder / "serve.log").read_text()
    assert KEY not in log and "Traceback" not in log


@pytest.mark.integration
def test_the_server_tells_what_it_is_and_what_it_did(client, model, profiles):
    ready = client.get("/ready").json()
    assert ready["model"] == model.stamp and ready["unit"] == "log2" and ready["genes"] == 200
    assert not ready["follows"] and ready["trouble"] is None

    def counted(name: str, **labels: str) -> float:
        families = text_string_to_metric_families(client.get("/metrics").text)
        samples = (one for family in families for one in family.samples)
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    before = counted("cic_profiles_total", door="/encode", model=model.stamp)
    refused = counted("cic_requests_total", door="/encode", status="400")
    post(client, "/encode", body_of(few(profiles), JSON), JSON)
    post(client, "/encode", b"{", JSON)
    client.get("/gone")
    assert counted("cic_profiles_total", door="/encode", model=model.stamp) == before + 3
    assert counted("cic_requests_total", door="/encode", status="400") == refused + 1
    assert counted("cic_requests_total", door="other", status="404") == 1
    assert counted("cic_request_seconds_count", door="/encode") >= 2
    assert counted("cic_model", model=model.stamp) == 1
    described = client.get("/openapi.json").json()
    for door in ("/encode", "/classify", "/decode"):
        asked = described["paths"][door]["post"]
        assert asked["requestBody"]["content"][JSON]["example"] and asked["security"]
        assert {"200", "400", "401", "413", "503"} <= set(asked["responses"])


@pytest.mark.integration
def test_a_hundred_clients_at_once_get_their_own_answers(client, model, profiles):
    table = model.encode(profiles)
    bodies = [body_of(profiles.select(np.array([row])), ARROW) for row in range(50)] * 2

    def ask(body: bytes) -> pd.DataFrame:
        answer = post(many, "/encode", body, ARROW, ARROW)
        assert answer.status_code == 200, answer.text
        return unpacked(answer.content, ARROW).to_pandas().set_index("sample_id")

    everyone = httpx.Limits(max_connections=100)
    with (
        httpx.Client(base_url=client.base_url, headers=client.headers, limits=everyone, timeout=60) as many,
        ThreadPoolExecutor(100) as pool,
    ):
        found = pd.concat(pool.map(ask, bodies))
    assert [*found.index] == [*table.index[:50]] * 2
    np.testing.assert_allclose(found["code_1"], np.tile(table["code_1"][:50], 2), rtol=1e-3, atol=1e-4)


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_model_is_exchanged_under_load_and_no_request_is_lost(tmp_path, profiles, template):
    uri = new_store(tmp_path, template)
    for width in (2, 3):
        log_bundle(uri, tiny_bundle(tmp_path / f"bundle{width}", profiles, width), profiles)
    promote(uri, "cic", "1", Decision(True, "promoted", ("it is good",), {"champion": None}))
    (tmp_path / "params.yaml").write_text("seed: 1\nregistry: {name: cic}\n")
    expected = {
        f"cic/{width - 1}": cic.load(tmp_path / f"bundle{width}").encode(few(profiles)).filter(like="code_").to_numpy()
        for width in (2, 3)
    }
    body, answers, over = body_of(few(profiles), ARROW), [], threading.Event()
    environment = {"CIC_PROJECT": str(tmp_path), "CIC_MLFLOW_URI": uri}
    with serving(tmp_path, "--look-every", "0.2", environment=environment) as (port, _):
        address = f"http://127.0.0.1:{port}"

        def ask() -> None:
            with httpx.Client(base_url=address, timeout=60) as client:
                while not over.is_set():
                    answers.append(post(client, "/encode", body, ARROW, ARROW))

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            try:
                promote(uri, "cic", "2", Decision(True, "promoted", ("it is better",), {"champion": "1"}))
                assert "model cic/2" in until(address, lambda told: told["model"] == "cic/2")
                time.sleep(0.2)
            finally:
                over.set()
            for one in asking:
                one.result()
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.headers["cic-model"] for answer in answers} == set(expected)
        for answer in answers:
            table = unpacked(answer.content, ARROW).to_pandas()
            assert set(table["model"]) == {answer.headers["cic-model"]}
            np.testing.assert_array_equal(table.filter(like="code_"), expected[table["model"][0]])
        connect(uri).delete_registered_model_alias("cic", "champion")
        assert "the alias holds no version" in until(address, lambda told: told["trouble"] is not None)
        assert post(httpx.Client(base_url=address), "/encode", body, ARROW).headers["cic-model"] == "cic/2"
        assert "cic_alias_followed 0.0" in httpx.get(f"{address}/metrics").text
    log = (tmp_path / "serve.log").read_text()
    assert log.count("is served on") == 1 and "cic/2 is served in place of cic/1" in log


def until(address: str, there: Any) -> str:
    """Ask `/ready` until it says so, and give that in words."""
    for _ in range(300):
        told = httpx.get(f"{address}/ready", timeout=30).json()
        if there(told):
            return " ".join(f"{name} {value}" for name, value in told.items())
        time.sleep(0.1)
    raise AssertionError(told)
