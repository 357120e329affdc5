"""The verb that serves a model over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from cic.cli.model import ModelName, ParamsFile, load
from cic.cli.params import DEFAULT_PARAMS
from cic.errors import ServiceError

PORT = 5080
"""MLflow has 5000, which `mlflow models serve` takes too."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(serve)


def serve(
    model: ModelName = None,
    params: ParamsFile = DEFAULT_PARAMS,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=f"Port on loopback. Default: {PORT}, or a free one if taken.")
    ] = None,
    largest_body: Annotated[int, typer.Option(min=1, help="Megabytes of a request beyond which it gets 413.")] = 64,
) -> None:
    """Serve a model as `mlflow models serve` does, on this machine only, with limits on what it is sent."""
    from cic.platform.ports import any_free, is_free
    from cic.serving import server
    from cic.settings import load_settings

    settings = load_settings()
    if port is not None and not is_free(settings.host, port):
        raise ServiceError(
            f"port {port} on {settings.host} is taken",
            where="--port",
            fix="name another, or none to have a free one chosen",
        )
    served = load(model, params)
    chosen = port or (PORT if is_free(settings.host, PORT) else any_free(settings.host))
    typer.echo(f"{served.stamp} at http://{settings.host}:{chosen}/invocations until stopped by Ctrl-C")
    server.serve(served.bundle, served.stamp, settings.host, chosen, largest_body * 1_000_000)
