"""What the server counts, for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cic.serving.served import Following

DOORS = ("/encode", "/classify", "/decode", "/invocations", "/health", "/ping", "/ready", "/metrics", "/version")
"""Paths that are counted by themselves; all others together, as anybody may ask for any."""
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds."""


class Metrics:
    """Counters of one server; `text` gives them with what is served now."""

    def __init__(self, following: Following) -> None:
        self.following, self.registry = following, CollectorRegistry()
        ProcessCollector(registry=self.registry)
        of = self.registry
        self.requests = Counter("cic_requests", "Requests, by door and status", ["door", "status"], registry=of)
        self.seconds = Histogram(
            "cic_request_seconds", "From head to answer, by door", ["door"], buckets=BUCKETS, registry=of
        )
        self.profiles = Counter("cic_profiles", "Profiles answered, by door and model", ["door", "model"], registry=of)
        self.waiting = Gauge("cic_requests_in_progress", "Requests that are not answered yet", registry=of)
        self.model = Gauge("cic_model", "1 for the model that answers", ["model"], registry=of)
        self.followed = Gauge("cic_alias_followed", "0 while the alias cannot be followed", registry=of)

    def text(self) -> bytes:
        """Give all of it in Prometheus' format."""
        self.model.clear()
        self.model.labels(self.following.served.stamp).set(1)
        self.followed.set(self.following.trouble is None)
        return generate_latest(self.registry)


class Counted:
    """An app whose answers are counted and timed."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        door, status, started = scope["path"] if scope["path"] in DOORS else "other", 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            with self.metrics.waiting.track_inprogress():
                await self.app(scope, receive, noted)
        finally:
            self.metrics.requests.labels(door, str(status)).inc()
            self.metrics.seconds.labels(door).observe(time.perf_counter() - started)
