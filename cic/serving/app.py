"""The web server's doors: what is asked where, and what is answered."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from mlflow.version import VERSION
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from cic import __version__
from cic.errors import CicError
from cic.model.bundle import Bundle
from cic.serving import written
from cic.serving.bodies import codes_of, profiles_of
from cic.serving.desk import Desk
from cic.serving.examples import OF_CODES, OF_PROFILES
from cic.serving.limits import Limits, TooMuchError
from cic.serving.metrics import Counted, Metrics
from cic.serving.refusals import Refused
from cic.serving.scoring import invocations
from cic.serving.served import Following, Served
from cic.using.profiles import Reading
from cic.using.told import Told, classified, encoded

SPEAKS = "cic-model"
"""Header of every answer of a model: which one."""
BEARER = HTTPBearer(auto_error=False, description="The key of `CIC_SERVE_KEY`, where the server was given one.")


def scoring_app(following: Following, limits: Limits, key: str | None = None) -> FastAPI:
    """Give the app.

    Parameters
    ----------
    following
        The model that answers, and what may take its place.
    limits
        What a request may be.
    key
        What is asked for in `Authorization: Bearer KEY`, but at `/health`, `/ping` and `/ready`; nothing if `None`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following.start()
        yield
        following.stop()

    app = FastAPI(
        title="cic", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None,
        summary="Cell identity codes of gene expression profiles, with what is to be doubted of each",
    )  # fmt: skip
    metrics = Metrics(following)
    doors = _Doors(following, limits, metrics, Desk(limits))
    locked = [Depends(_key_check(key))]
    app.include_router(_open_router(following))
    app.include_router(_model_router(doors), dependencies=locked)
    app.include_router(_other_router(app, doors), dependencies=locked)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _no_door)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(Counted, metrics=metrics)
    return app


@dataclass(frozen=True)
class _Doors:
    following: Following
    limits: Limits
    metrics: Metrics
    desk: Desk

    async def ask(self, request: Request, work: Callable[[bytearray, Served], tuple[Response, int]]) -> Response:
        """Have a request answered by the model that is served when it comes; `work` also says how many profiles."""
        served = self.following.served
        try:
            answer, n_profiles = await self.desk.done(request, lambda body: work(body, served))
        except Refused as refused:
            answer, n_profiles = refused.answer(), 0
        except CicError as error:
            status = 413 if isinstance(error, TooMuchError) else 400
            answer, n_profiles = Refused(status, str(error)).answer(), 0
        self.metrics.profiles.labels(request.url.path, served.stamp).inc(n_profiles)
        answer.headers[SPEAKS] = served.stamp
        return answer


def _model_router(doors: _Doors) -> APIRouter:
    router = APIRouter(tags=["model"])

    def of_profiles(verb: Callable[[Bundle, Any, Reading], Told]) -> Callable[[Request], Any]:
        async def door(request: Request) -> Response:
            kind, wanted = _kinds(request)

            def work(body: bytearray, served: Served) -> tuple[Response, int]:
                given = served.matrix(profiles_of(body, kind, doors.limits))
                samples, told = verb(served.model.bundle, given, Reading())
                return Response(written.answers(samples, told, wanted, served.stamp), media_type=wanted), len(samples)

            return await doors.ask(request, work)

        return door

    async def decode(request: Request) -> Response:
        kind, wanted = _kinds(request)

        def work(body: bytearray, served: Served) -> tuple[Response, int]:
            table = served.model.decode(codes_of(body, kind, doors.limits), where="body")
            return Response(written.profiles(table, wanted, served.stamp), media_type=wanted), len(table)

        return await doors.ask(request, work)

    router.post("/encode", summary="Codes of profiles, and their doubt", **OF_PROFILES)(of_profiles(encoded))
    router.post("/classify", summary="Cell types of profiles, and their doubt", **OF_PROFILES)(of_profiles(classified))
    router.post("/decode", summary="Profiles of codes, on log2 scale", **OF_CODES)(decode)
    return router


def _other_router(app: FastAPI, doors: _Doors) -> APIRouter:
    router = APIRouter()

    @router.post("/invocations", tags=["MLflow"], summary="MLflow's scoring protocol, JSON and CSV")
    async def invoked(request: Request) -> Response:
        def work(body: bytearray, served: Served) -> tuple[Response, int]:
            kind = request.headers.get("content-type", "")
            return invocations(body, kind, served.model, doors.limits.profiles)

        return await doors.ask(request, work)

    @router.get("/version", tags=["MLflow"], summary="Release of MLflow")
    async def version() -> Response:
        return Response(VERSION, media_type="application/json")

    @router.get("/metrics", tags=["watching"], summary="Counters, for Prometheus")
    async def metrics() -> Response:
        return Response(doors.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(app.openapi())

    return router


def _open_router(following: Following) -> APIRouter:
    router = APIRouter(tags=["watching"])

    @router.get("/ping", summary="Whether the server is up", operation_id="ping")
    @router.get("/health", summary="Whether the server is up", operation_id="health")
    async def health() -> Response:
        return Response("\n", media_type="application/json")

    @router.get("/ready", summary="Which model answers, what it takes, and whether its alias is followed")
    async def ready() -> Response:
        served = following.served
        bundle = served.model.bundle
        about = {"model": served.stamp, "unit": bundle.unit, "genes": len(bundle.genes_in), "types": [*bundle.labels]}
        told = {**about, "follows": following.look is not None, "trouble": following.trouble}
        return JSONResponse(told, headers={SPEAKS: served.stamp})

    return router


def _key_check(key: str | None) -> Callable[..., Any]:
    async def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
        told = given.credentials if given is not None else ""
        if key is not None and not hmac.compare_digest(told.encode(), key.encode()):
            raise Refused(401, "the key is missing or wrong: send it as `Authorization: Bearer KEY`")

    return check


def _kinds(request: Request) -> tuple[str, str]:
    """Give the kind of the body and that of the answer."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in written.KINDS:
        raise Refused(415, f"the content type is `{kind:.80}`; expected one of {', '.join(written.KINDS)}")
    wanted = written.kind_wanted(request.headers.get("accept", ""))
    if wanted is None:
        raise Refused(406, f"the answer can be {', '.join(written.KINDS)}, and `Accept` names none of them")
    return kind, wanted


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused), "registered for these"
    return error.answer()


async def _no_door(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for these"
    reason = f"nothing answers {request.method} {request.url.path:.80}; `/openapi.json` lists the doors"
    answer = Refused(error.status_code, reason).answer()
    answer.headers.update(error.headers or {})
    return answer


async def _failed(_: Request, error: Exception) -> Response:
    return Refused(500, "the server failed at this request; its log says why").answer()
