"""`cic verify` and `cic reproduce`: from a registered version to the bytes it was made from, and forth again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import from_here
from cic.cli.registry import AsJson, Name, ParamsFile, model_of, print_json

if TYPE_CHECKING:
    from cic.verification.reproduce import Outcome

# MLflow, DVC and rich take time to import: only a verb that runs does so

MARKS = {"whole": "[green]✓[/]", "broken": "[red]✗[/]", "unchecked": "–"}
Wanted = Annotated[
    str,
    typer.Argument(
        metavar="VERSION", help="Version number, alias, run id, `latest`, models:/NAME/3 or models:/NAME@champion."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(verify)
    app.command()(reproduce)


def verify(version: Wanted, params: ParamsFile = DEFAULT_PARAMS, name: Name = None, as_json: AsJson = False) -> None:
    """Walk from a version over run, decision, parameters, code and data to the bytes; name the first broken link.

    Everything is hashed again on the way; nothing is changed, or fetched into the project. Exit code 3 if the data are
    broken, 4 if anything else is.
    """
    from rich.console import Console
    from rich.markup import escape

    from cic.platform.at_rest import readable
    from cic.settings import load_settings
    from cic.verification.trail import trail_of
    from cic.verification.walk import check_whole, walk

    model = model_of(name, params)
    console, links = Console(soft_wrap=True, highlight=False), []
    with readable(load_settings()) as settings:
        trail = trail_of(settings, model, version)
        if not as_json:
            console.print(f"models:/{escape(trail.version.name)}/{trail.version.version}")
        for link in walk(trail):
            links.append(link)
            if not as_json:
                console.print(f"{MARKS[link.state]} {link.name:<13} {escape(link.told)}")
    if as_json:
        print_json([{"link": one.name, "state": one.state, "told": one.told} for one in links])
    check_whole(links)


def reproduce(
    version: Wanted,
    params: ParamsFile = DEFAULT_PARAMS,
    name: Name = None,
    evaluate: Annotated[bool, typer.Option("--evaluate", help="Evaluate the model too, and compare that.")] = False,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Folder to work in, and to leave; not there yet. Default: a temporary one, taken away at the end.",
            callback=from_here,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a version again by the code of its commit, on its data, in a working tree beside; compare digests.

    The registry, `build/` and the working tree stay as they are. Exit code 4 where something else comes out.
    """
    from dataclasses import asdict

    from cic.errors import ModelError
    from cic.platform.at_rest import readable
    from cic.settings import load_settings
    from cic.verification.reproduce import reproduced
    from cic.verification.trail import trail_of
    from cic.verification.wanted import wanted_of

    model = model_of(name, params)
    with readable(load_settings()) as settings:
        wanted = wanted_of(trail_of(settings, model, version))
    outcome = reproduced(wanted, load_settings().project, params, evaluate=evaluate, keep=keep)
    if as_json:
        print_json(asdict(outcome))
    else:
        _print(outcome)
    if not outcome.same:
        raise ModelError(
            f"something else came out: {outcome.told}", where=wanted.name, expected=f"bundle {outcome.registered}",
            fix="`cic verify` tells whether all that it was made from is still there",
        )  # fmt: skip


def _print(outcome: Outcome) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True, highlight=False)
    for stage, differing in outcome.differing.items():
        mark = MARKS["broken" if differing else "whole"]
        told = f"another {', '.join(differing)}" if differing else "the same files"
        console.print(f"{mark} {stage:<13} {escape(told)}")
    same = outcome.came_out == outcome.registered
    told = "" if same else f", registered {outcome.registered}"
    console.print(f"{MARKS['whole' if same else 'broken']} {'bundle':<13} {outcome.came_out}{told}")
