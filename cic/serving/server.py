"""The web server behind `cic serve`: MLflow's protocol, behind limits of its own.

`mlflow models serve` reads a body of any length, and makes Python objects of ten times its size of it. Here a body
beyond the limit is let pass unread, and whatever is refused is answered with the reason.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from mlflow.version import VERSION

from cic.model.bundle import Bundle
from cic.serving.answers import answer

CONNECTIONS = 32
ANSWERED_AT_A_TIME = 2
LONGEST_REASON = 2000
CONTENT_TYPES = (scoring_server.CONTENT_TYPE_JSON, scoring_server.CONTENT_TYPE_CSV)
"""Parquet is not taken: how much a small file unfolds to is known too late."""


class _RefusedBodyError(Exception):
    """A body that is not looked at any further."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.code = status, code


class _Asked:
    """A bundle as MLflow's scoring code asks a model."""

    metadata = SimpleNamespace(get_input_schema=lambda: None)

    def __init__(self, bundle: Bundle, stamp: str) -> None:
        self.bundle, self.stamp = bundle, stamp

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        return answer(self.bundle, self.stamp, data, (params or {}).get("output", "codes"))


def scoring_app(bundle: Bundle, stamp: str, largest_body: int) -> FastAPI:
    """Give an app that answers as `mlflow models serve` does: `/ping`, `/health`, `/version`, `/invocations`.

    Parameters
    ----------
    stamp
        Name and version of the model, for the answers.
    largest_body
        Bytes of a body beyond which it is answered with 413, and dropped as it arrives.
    """
    app = FastAPI(openapi_url=None)
    model, seats = _Asked(bundle, stamp), asyncio.Semaphore(ANSWERED_AT_A_TIME)

    @app.get("/ping")
    @app.get("/health")
    async def ping() -> Response:
        return Response("\n", media_type="application/json")

    @app.get("/version")
    async def version() -> Response:
        return Response(VERSION, media_type="application/json")

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        try:
            body = await _body(request, largest_body)
            async with seats:
                return await asyncio.to_thread(_answered, body, request.headers.get("content-type", ""), model)
        except _RefusedBodyError as error:
            return _refusal(error.status, error.code, str(error))

    return app


def serve(bundle: Bundle, stamp: str, host: str, port: int, largest_body: int) -> None:
    """Serve until the process is told to stop."""
    import uvicorn

    app = scoring_app(bundle, stamp, largest_body)
    uvicorn.run(app, host=host, port=port, log_level="warning", limit_concurrency=CONNECTIONS)


async def _body(request: Request, largest: int) -> bytes:
    too_large = _RefusedBodyError(
        413, "RESOURCE_EXHAUSTED", f"the body is larger than {largest:,} bytes: send fewer profiles at a time"
    )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > largest:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > largest:
            raise too_large
    return bytes(body)


def _answered(body: bytes, content_type: str, model: _Asked) -> Response:
    kind = content_type.split(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        return _refusal(415, "BAD_REQUEST", f"the content type is `{kind}`; expected one of {', '.join(CONTENT_TYPES)}")
    try:
        given = _from_json(body) if kind == scoring_server.CONTENT_TYPE_JSON else body
        told = scoring_server.invocations(given, content_type, model, None)
    except MlflowException as error:
        return _refusal(error.get_http_status_code(), error.error_code, error.message)
    return Response(told.response, told.status, media_type=told.mimetype)


def _from_json(body: bytes) -> dict[str, Any]:
    """Read a request; MLflow's own reader answers with the whole body where it cannot, and takes `true` for 1."""
    try:
        given = json.loads(body, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise _RefusedBodyError(400, "BAD_REQUEST", f"the body is not valid JSON: {error}") from None
    if not isinstance(given, dict):
        raise _RefusedBodyError(400, "BAD_REQUEST", f"the body is a JSON {type(given).__name__}; expected an object")
    data = [value for key, value in given.items() if key != scoring_server.SERVING_PARAMS_KEY]
    if _holds_truth_values(data):
        raise _RefusedBodyError(400, "BAD_REQUEST", "there is `true` or `false` among the values; expected numbers")
    if not isinstance(given.get(scoring_server.SERVING_PARAMS_KEY) or {}, dict):
        raise _RefusedBodyError(400, "BAD_REQUEST", "`params` is no object")
    return given


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"`{twice:.40}` stands there more than once")
    return found


def _holds_truth_values(values: Iterable[Any]) -> bool:
    waiting = [values]
    while waiting:
        for value in waiting.pop():
            if isinstance(value, bool):
                return True
            if isinstance(value, list):
                waiting.append(value)
            elif isinstance(value, dict):
                waiting.append(value.values())
    return False


def _refusal(status: int, code: str, reason: str) -> Response:
    content = json.dumps({"error_code": code, "message": reason[:LONGEST_REASON]})
    return Response(content, status, media_type="application/json")
