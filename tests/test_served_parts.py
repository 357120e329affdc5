"""The parts of `cic serve` without its process: the exchange of models, order of genes, limits, damage, reach."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_process import body_of, few, packed, whole_bundle
from typer.testing import CliRunner

import cic
from cic.cli import app as command_line
from cic.data.matrix import ExpressionMatrix
from cic.errors import CicError, ConfigError, DataError, ModelError, ServiceError
from cic.serving import gene_lists
from cic.serving.app import scoring_app
from cic.serving.bodies import ARROW, JSON, Profiles, profiles_of
from cic.serving.desk import Desk
from cic.serving.gene_lists import joined, joined_column
from cic.serving.limits import Limits
from cic.serving.refusals import Refused
from cic.serving.served import Following, Served
from cic.using import Model

TEXT = [pa.string(), pa.large_string(), pa.string_view()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, profiles: ExpressionMatrix) -> Path:
    return whole_bundle(tmp_path_factory.mktemp("served"), profiles)


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return cic.load(folder / "bundle")


def test_beyond_loopback_a_key_is_needed(tmp_path, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIC_SERVE_KEY", raising=False)
    for key, reason in ((None, "CIC_SERVE_KEY"), ("short", "CIC_SERVE_KEY: Value should have at least 16")):
        if key is not None:
            monkeypatch.setenv("CIC_SERVE_KEY", key)
        told = CliRunner().invoke(command_line, ["serve", "-m", str(folder / "bundle"), "--host", "0.0.0.0"])
        assert isinstance(told.exception, ConfigError) and reason in str(told.exception)
        assert "short" not in str(told.exception)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ServiceError("http://user:secret@host does not answer"), "the registry does not answer"),
        (ConfigError("gone"), "the alias holds no version"),
        (ModelError("damaged"), "the version that holds the alias cannot be loaded"),
        (OSError("secret"), "the registry cannot be asked"),
    ],
)
def test_whatever_the_registry_does_the_model_is_served_on(model, error, words):
    moments: list[CicError | OSError | Model | None] = [error, error, None, replace(model, stamp="cic/8")]

    def look(stamp: str) -> Model | None:
        found = moments.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    following = Following(model, look)
    for trouble, stamp in ((words, model.stamp), (words, model.stamp), (None, model.stamp), (None, "cic/8")):
        following.look_once()
        assert (following.trouble, following.served.stamp) == (trouble, stamp)


@settings(max_examples=50)
@given(data=st.data())
def test_genes_are_found_by_name_in_any_order_and_beside_others(data, model, profiles):
    order = data.draw(st.permutations(range(200)))
    others = data.draw(st.lists(st.text(min_size=1).filter(lambda name: name not in profiles.genes), unique=True))
    genes = [*others, *(profiles.genes[position] for position in order)]
    values_SG = np.hstack([np.zeros((3, len(others)), np.float32), profiles.values[:3][:, order]])
    served = Served(model)
    for _ in range(2):  # the second time as it is remembered
        matrix = served.matrix(Profiles.of(genes, ["a", "b", "c"], values_SG))
        if not any("\0" in name for name in others):
            assert matrix.genes is model.bundle.genes_in
            np.testing.assert_array_equal(matrix.values, profiles.values[:3])
        else:
            assert matrix.genes == tuple(genes)


def test_lists_of_genes_are_not_taken_for_one_another(model):
    served, values_SG = Served(model), np.ones((1, 201), np.float32)
    first = served.matrix(Profiles.of([*model.bundle.genes_in, "a\0b"], ["s"], values_SG))
    values_SG = np.ones((1, 202), np.float32)
    second = served.matrix(Profiles.of([*model.bundle.genes_in, "a", "b"], ["s"], values_SG))
    assert first.n_genes == 201 and second.n_genes == 200


@settings(max_examples=50)
@given(chunks=st.lists(st.lists(st.text(max_size=20))), kind=st.sampled_from(TEXT))
def test_a_column_that_is_known_again_has_the_names_that_it_has(chunks, kind):
    column = pa.chunked_array([pa.array(names, kind) for names in chunks], kind)
    for one in (column, column, column.slice(1)):
        assert joined_column(one, "gene") == joined(one.to_pylist())


def test_lists_that_are_far_too_long_are_answered_and_not_kept(model):
    served, genes = Served(model), model.bundle.genes_in
    names = [*genes, *(f"{'x' * 1000}{at}" for at in range(5000))]
    columns = gene_lists._joined.cache_info().currsize
    for kind in (pa.string(), pa.large_string()):
        named = joined_column(pa.chunked_array([pa.array(names, kind)]), "gene")
        values_SG = np.ones((1, len(names)), np.float32)
        assert served.matrix(Profiles(named, ["one"], values_SG)).genes == genes
    assert gene_lists._joined.cache_info().currsize == columns and not served._order.cache_info().currsize


def test_a_damaged_column_is_refused_each_time():
    _, _, letters = pa.array(["A", "B"]).buffers()
    places = pa.py_buffer(np.array([0, 9, 2], np.int32))
    column = pa.chunked_array([pa.Array.from_buffers(pa.string(), 2, [None, places, letters])])
    for _ in range(2):
        with pytest.raises(DataError, match="the column `gene` is damaged"):
            joined_column(column, "gene")


@settings(max_examples=50)
@given(data=st.data())
def test_no_damaged_stream_is_taken_for_another_or_raises_anything_else(data, profiles):
    body = bytearray(body_of(few(profiles), ARROW))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 9))] = data.draw(st.integers(0, 255))
    try:
        found = profiles_of(body, ARROW, Limits())
    except DataError as error:
        assert len(str(error)) < 2000
    else:
        assert found.values_SG.shape == (len(found.samples), len(found.genes))


@pytest.mark.parametrize("text", TEXT, ids=str)
@pytest.mark.parametrize("number", [pa.float16(), pa.float32(), pa.float64(), pa.int32(), pa.uint8()], ids=str)
def test_columns_may_be_of_any_type_that_holds_names_or_numbers(text, number):
    values = np.array([1, 0, 7])
    table = pa.table({"gene": pa.array(["A", "B", "a name longer than twelve"], text), "s": pa.array(values, number)})
    found = profiles_of(packed(table, ARROW), ARROW, Limits())
    assert (found.genes[2], found.samples, found.values_SG.tolist()) == (
        "a name longer than twelve",
        ["s"],
        [[1, 0, 7]],
    )


def test_what_takes_too_long_is_answered_and_the_next_one_too():
    desk = Desk(Limits(body=100, seconds=0.3))

    async def late() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": b"1", "more_body": True}
        await asyncio.sleep(60)

    async def prompt() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": b"12"}

    def request(messages: AsyncIterator[dict[str, Any]]) -> Any:
        from fastapi import Request

        return Request({"type": "http", "headers": [], "method": "POST"}, messages.__anext__)

    async def asked() -> tuple[int, int, int]:
        with pytest.raises(Refused) as slow_body:
            await desk.done(request(late()), len)
        with pytest.raises(Refused) as slow_work:
            await desk.done(request(prompt()), lambda body: time.sleep(0.6))
        return slow_body.value.status, slow_work.value.status, await desk.done(request(prompt()), len)

    assert asyncio.run(asked()) == (408, 503, 2)
    assert desk.held == 0


def answered(model: Model, method: str, door: str, **request: Any) -> httpx.Response:
    app = scoring_app(Following(model), Limits())

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://served") as client:
            return await client.request(method, door, **request)

    return asyncio.run(asked())


@pytest.mark.parametrize(("method", "door", "status"), [("GET", "/", 404), ("GET", "/encode", 405)])
def test_who_knocks_at_no_door_is_told_where_they_are(model, method, door, status):
    answer = answered(model, method, door)
    assert answer.status_code == status and answer.json()["error_code"]
    assert answer.headers.get("allow") == (None if status == 404 else "POST")
    assert f"nothing answers {method} {door}; `/openapi.json`" in answer.json()["message"]


def test_a_fault_of_ours_is_an_answer_too(model, profiles, monkeypatch):
    monkeypatch.setattr(Served, "matrix", lambda *_: 1 / 0)
    answer = answered(model, "POST", "/encode", content=body_of(few(profiles), JSON), headers={"content-type": JSON})
    assert answer.status_code == 500 and answer.json()["message"].startswith("the server failed")
