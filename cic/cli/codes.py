"""`cic codes`: what is done with codes that a model has made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cic.cli.model import Output, ParamsFile, write
from cic.cli.params import DEFAULT_PARAMS

app = typer.Typer(help="Codes that a model has made: those of an older version for a newer.", no_args_is_help=True)


@app.callback()
def codes() -> None:
    """Keep `translate` a verb of its own, though it is the only one."""


@app.command()
def translate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Codes, as `cic encode` writes them.")],
    output: Output,
    to: Annotated[
        str | None,
        typer.Option(
            help="A registered model, such as models:/NAME@champion or models:/NAME/3. "
            "Default: the champion of `registry.name`."
        ),
    ] = None,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Turn codes of an older version of a model into those of a newer, by the maps that promotions left.

    It says what error is to be expected beside encoding the profiles anew, and when that is the better way.
    """
    from cic.using.stamps import read_codes
    from cic.using.translating import translate as translated

    write(translated(read_codes(file), to, params, where=str(file)), output)
