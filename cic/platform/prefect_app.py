"""Prefect's server behind a door of ours, for uvicorn: own hosts and own origins only, and a page to log in by.

Prefect itself asks for the secret at every call. What is left to do is to turn away pages of other sites, also those
that a name server points at this machine (DNS rebinding), and to give the secret to the browser of whoever can read the
file that leads here.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from fastapi import FastAPI
from prefect.server.api.server import create_app as create_prefect_app
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cic.platform.secret import LOGIN_PATH

ORIGINS_VARIABLE = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"
IN_MEMORY = "prefect-in-memory"
"""The host by which the server calls itself where an automation starts a deployment; it too has to give the secret."""
# where Prefect's pages look for it; what stands behind a `#` reaches no server and no log
LOGIN_PAGE = """<!doctype html><title>cic</title><p>One moment …</p><script>
localStorage.setItem("prefect-password", btoa(location.hash.slice(1)));
location.replace("/");
</script>"""


class OwnOriginsOnly:
    """Refuse whatever a page of another site sends: preflights, simple calls and web sockets."""

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self.app, self.origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on calls of our own pages, and those without an origin, as programs make them."""
        sent_by = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"origin"]
        if all(origin in self.origins for origin in sent_by):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse("pages of other sites are not answered", 403)(scope, receive, send)


async def _login(request: Request) -> HTMLResponse:
    return HTMLResponse(LOGIN_PAGE, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def create_app() -> FastAPI:
    """Give Prefect's application behind our door."""
    origins = os.environ[ORIGINS_VARIABLE].split(",")
    app = create_prefect_app(final=True)
    app.router.routes.insert(0, Route(LOGIN_PATH, _login))
    app.add_middleware(OwnOriginsOnly, origins=frozenset(origins))
    hosts = [urlsplit(origin).hostname or "" for origin in origins]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*hosts, IN_MEMORY])
    return app
