"""The command `cic`: thin doors to the library. Parse, call, show."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import Annotated, NoReturn

import typer

from cic.cli import (
    codes,
    data,
    explain,
    model,
    params,
    platform,
    registry,
    run,
    serving,
    stages,
    validate,
    verify,
    watching,
)
from cic.errors import CicError, needing

OBJECTS = 20_000
"""New ones after which Python looks for garbage. At its own 700 it looks through all that a verb imports many times."""
app = typer.Typer(
    name="cic",
    help="Train, compare and promote cell identity codes: deep autoencoders of gene expression profiles.",
    epilog=(
        "Exit codes: 0 done, 2 wrong parameters or usage, 3 wrong data, 4 model or its input, "
        "5 a service does not answer, 6 refused by the gate, 7 written, but most profiles are unlike those that the "
        "model was tried on."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
stages.register(app)
params.register(app)
app.add_typer(registry.app, name="registry")
verify.register(app)
model.register(app)
explain.register(app)
validate.register(app)
app.add_typer(codes.app, name="codes")
serving.register(app)
watching.register(app)
platform.register(app)
run.register(app)


def _version(asked: bool) -> None:
    if asked:
        from cic import __version__

        typer.echo(f"cic {__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before any verb."""


def _show(error: CicError) -> NoReturn:
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {escape(str(error))}")
    sys.exit(error.exit_code)


def main() -> None:
    """Run the command line; a user's mistake ends in its message and exit code, never in a traceback."""
    gc.set_threshold(OBJECTS)
    logging.basicConfig(level=os.environ.get("CIC_LOG_LEVEL", "INFO"), format="%(message)s", stream=sys.stderr)
    for chatty in ("alembic", "mlflow", "dvc", "httpx", "matplotlib"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # tracebacks of errors that it raises too
    try:
        with needing("train", "this"):
            app()
    except CicError as error:
        _show(error)
    except Exception as error:  # goes on as it is unless a disk is behind it
        from cic.cli.disk import disk_error

        known = disk_error(error)
        if known is None:
            raise
        _show(known)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)
    finally:
        gc.freeze()  # nor through all of it once more as the process ends
