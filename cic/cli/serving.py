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
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. Default: CIC_HOST. Beyond loopback the key CIC_SERVE_KEY is needed."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=f"Port. Default: {PORT}, or a free one if taken.")
    ] = None,
    largest_body: Annotated[int, typer.Option(min=1, help="Megabytes of a request beyond which it gets 413.")] = 64,
    most_profiles: Annotated[int, typer.Option(min=1, help="Profiles of a request beyond which it gets 413.")] = 4096,
    longest: Annotated[float, typer.Option(min=0.1, help="Seconds after which a request gets 503.")] = 30.0,
    look_every: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two looks at the alias, if the model is named by one.")
    ] = 10.0,
) -> None:
    """Serve a model: codes, cell types and profiles, as JSON, Arrow or Parquet, and MLflow's scoring protocol.

    A model that is named by an alias, as the champion is, is exchanged when the alias moves.
    """
    from cic.config import load_params
    from cic.platform.ports import any_free, is_free
    from cic.serving import server
    from cic.serving.following import follower
    from cic.serving.limits import Limits
    from cic.serving.served import Following
    from cic.settings import load_settings

    settings = load_settings()
    key = settings.serve_key.get_secret_value() if settings.serve_key else None
    host = host or settings.host
    server.check_reach(host, key)
    if port is not None and not is_free(host, port):
        raise ServiceError(
            f"port {port} on {host} is taken", where="--port", fix="name another, or none to have a free one chosen"
        )
    reference = model or f"models:/{load_params(settings.project / params).registry.name}@champion"
    following = Following(load(reference, params), follower(reference), look_every)
    chosen = port or (PORT if is_free(host, PORT) else any_free(host))
    typer.echo(f"{following.served.stamp} at http://{host}:{chosen} until stopped by Ctrl-C")
    server.serve(following, Limits(largest_body * 1_000_000, most_profiles, longest), host, chosen, key)
