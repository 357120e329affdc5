"""Verbs for a model that stays in use: score what a folder holds, and watch what was scored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cic.cli.declared import UNIT, declared
from cic.cli.model import AllowForeign, ModelName, ParamsFile
from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import from_here
from cic.errors import ConfigError, DataError, UnfamiliarError

PAGE = "monitor.html"
NAMED = 5
"""Inputs that could not be scored, named in the error; the log and the index have all."""


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("score")(score)
    app.command("monitor")(monitor)


@declared
def score(
    folder: Annotated[
        Path,
        typer.Argument(
            help="folder with files of profiles, or a data set such as data/raw/NAME",
            show_default=False,
            callback=from_here,
        ),
    ],
    model: ModelName = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="folder for codes and index. Default: CIC_HOME/scores", callback=from_here),
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help=f"{UNIT}. Default: that of the model")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group", help="column about the samples that says which belong together, for `cic monitor`. Default: none"
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="files of that name, which may have * and ?; can be repeated. Default: by their endings"),
    ] = None,
    *,
    reading: dict[str, Any],
    params: ParamsFile = DEFAULT_PARAMS,
    allow_foreign: AllowForeign = False,
) -> None:
    """Encode every file of a folder that this model has not encoded yet, each into a table of its own.

    A file is known by its content. What cannot be read is told at the end (exit code 3) and tried again next time; the
    others are scored. Example:

        cic score incoming/ -m models:/cic-mine@champion --samples-in columns
    """
    from cic.data.guarded import get_ready
    from cic.settings import load_settings
    from cic.watching.known import known_model
    from cic.watching.scoring import score as score_folder

    get_ready()
    used, digest = known_model(model, params)
    scores = output or load_settings(with_platform=False).home / "scores"
    read = {"unit": unit, **reading}
    found = score_folder(folder, used, digest, scores, reading=read, group=group, only=only or ())
    typer.echo(f"{scores}: {found.text}")
    if found.failed:
        named = "; ".join(f"{one.input}: {one.said.splitlines()[0]}" for one in found.failed[:NAMED])
        raise DataError(
            f"{len(found.failed)} of {len(found.new) + len(found.failed)} inputs could not be scored: {named}",
            where=str(folder), fix="the lines above have the whole of each; mend them, and run the same again",
        )  # fmt: skip
    foreign = [one for one in found.new if one.foreign]
    if foreign and not allow_foreign:
        raise UnfamiliarError(
            f"{len(foreign)} of {len(found.new)} inputs are unlike what the model was tried on: {foreign[0].input}: "
            f"{foreign[0].said}",
            where=str(folder),
            expected="profiles of the unit, the platform and the cell types of the training data",
            fix=f"all are scored, see {scores}; --allow-foreign if it is meant",
        )


def monitor(
    model: ModelName = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="folder that `cic score` wrote. Default: CIC_HOME/scores", callback=from_here),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="profiles scored since a date or time, in UTC. Default: all")
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="so many profiles, the newest. Default: all")] = None,
    batch: Annotated[str | None, typer.Option(help="the profiles of one input, by its name. Default: all")] = None,
    rate: Annotated[float, typer.Option(help="share of the checks of unchanged profiles that may find drift")] = 0.01,
    page: Annotated[
        Path | None,
        typer.Option("--page", help=f"HTML page to write. Default: {PAGE} in that folder", callback=from_here),
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Log it as a run to MLflow too.")] = False,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Compare the profiles that a model scored with those held out in its training; exit code 7 where they drifted.

    Example:

        cic monitor -m models:/cic-mine@champion --last 200
    """
    from cic.settings import load_settings
    from cic.watching.known import known_model, registered_name
    from cic.watching.monitoring import check
    from cic.watching.page import write
    from cic.watching.window import window

    used, digest = known_model(model, params)
    if log and registered_name(used.stamp) is None:
        raise ConfigError(
            "a bundle in a folder has no name in MLflow",
            where="--log",
            expected="a registered model",
            fix="leave it out",
        )
    settings = load_settings()
    scores = scores or settings.home / "scores"
    chosen = window(scores, digest, since=since, last=last, batch=batch)
    checked = check(used.stamp, used.bundle.reference, chosen, rate)
    page = page or scores / PAGE
    write(checked, used.bundle.reference, page)
    for one in checked.tests:
        p = "not tested" if one.p is None else f"p = {one.p:.2g}"
        typer.echo(f"{one.title}: {one.found} ({p})")
    typer.echo(f"{page}: {checked.text}")
    if log:
        from cic.watching.logged import log_checked

        typer.echo(f"MLflow run {log_checked(checked, page, settings)}")
    if checked.drifted:
        raise UnfamiliarError(
            checked.text,
            where=str(scores),
            expected=f"as in training; by chance at most {rate:.2%} of such checks find drift",
            fix=f"{page} shows what differs; train again with such profiles if they are what is to come",
        )
