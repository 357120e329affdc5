"""`cic registry`: versions, the log of decisions, promotion through the gate, rollback."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import enter_project, from_here
from cic.errors import RefusedError

if TYPE_CHECKING:
    from cic.registry.registry import Version

# MLflow and rich take time to import: only a verb that runs does so

app = typer.Typer(
    help="Versions of the model, the log of decisions, promotion through the gate, and rollback.", no_args_is_help=True
)
ParamsFile = Annotated[
    Path,
    typer.Option("--params", help="Parameter file; its section `registry` holds the gate.", callback=from_here),
]
Name = Annotated[str | None, typer.Option("--name", help="Registered model. Default: `registry.name` of the file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def model_of(name: str | None, params: Path) -> str:
    """Give the registered model that is meant, after going to the project's folder."""
    from cic.config import load_params, parse_params

    enter_project()
    if name is None:
        return load_params(params).registry.name
    return parse_params({"seed": 0, "registry": {"name": name}}, "--name").registry.name


def print_json(content: Any) -> None:
    """Print what scripts read."""
    typer.echo(json.dumps(content, indent=1, default=str))


@app.command("list")
def list_versions(params: ParamsFile = DEFAULT_PARAMS, name: Name = None, as_json: AsJson = False) -> None:
    """Show all versions, newest first, with their aliases and what the gate said."""
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding

    from cic.platform.at_rest import readable
    from cic.registry.left_behind import left_behind
    from cic.registry.moving import TAG_DECISION, TAG_REASON
    from cic.registry.registry import drift, history, versions
    from cic.settings import load_settings
    from cic.tracking.files import TAG_VALIDATION

    model = model_of(name, params)
    with readable(load_settings()) as settings:
        known = versions(settings.tracking_uri, model)
        moved = drift(settings.tracking_uri, model)
        actions = [entry.record.action for entry in history(settings.tracking_uri, model).entries]
    rolled_back = [one for one in actions if one in ("promoted", "rolled_back")][-1:] == ["rolled_back"]
    if as_json:
        print_json([asdict(one) for one in known])
        return
    console = Console()
    if not known:
        console.print(
            f"The model [bold]{escape(model)}[/] has no version yet; `dvc repro` or `cic run` registers them."
        )
        if elsewhere := left_behind(load_settings()):
            console.print(escape(elsewhere), highlight=False, soft_wrap=True)
        return
    console.print(f"Versions of {escape(model)}, newest first:")
    for one in known:
        tags = one.tags
        made = one.created.astimezone().strftime("%Y-%m-%d %H:%M")
        # the gate may refuse a version that a rollback has made champion, and it stays champion
        aliases = [f"{alias}, by rollback" if alias == "champion" and rolled_back else alias for alias in one.aliases]
        told = (tags.get(TAG_DECISION, "not judged"), f"made {made}", f"bundle {one.bundle_digest[:12]}")
        console.print(f"[bold]{one.version}[/]  " + "  ".join([*(f"[bold]{escape(a)}[/]" for a in aliases), *told]))
        if reason := tags.get(TAG_REASON):
            console.print(Padding(escape(reason), (0, 0, 0, 5)))
        for tag in sorted(tag for tag in tags if tag.startswith(TAG_VALIDATION)):
            console.print(Padding(escape(f"validated: {tags[tag]}"), (0, 0, 0, 5)))
    for warning in moved:
        console.print(f"[yellow]warning:[/] {escape(warning)}")


@app.command("log")
def show_log(
    params: ParamsFile = DEFAULT_PARAMS,
    name: Name = None,
    as_json: AsJson = False,
    mend: Annotated[
        str | None,
        typer.Option(
            "--repair",
            metavar="REASON",
            help="Put aliases that were moved by hand back where the log left them, or put on record how the log is "
            "broken; decisions can then go on. Nothing is hidden. Default: only look.",
        ),
    ] = None,
) -> None:
    """Show every decision, oldest first, and whether the log is whole."""
    from rich.console import Console
    from rich.markup import escape

    from cic.platform.at_rest import readable
    from cic.registry.registry import drift, history, repair
    from cic.settings import load_settings

    model = model_of(name, params)
    if mend is not None:
        repair(load_settings().tracking_uri, model, mend)
    with readable(load_settings()) as settings:
        log, by_hand = history(settings.tracking_uri, model), drift(settings.tracking_uri, model)
    if as_json:
        records = [{**asdict(entry.record), "hash": entry.record.hash, "open": entry.open} for entry in log.entries]
        print_json({"records": records, "faults": log.faults, "moved_by_hand": by_hand})
        return
    console = Console()
    if not log.entries:
        console.print(f"Nothing has been decided on [bold]{escape(model)}[/] yet.")
    for entry in log.entries:
        record = entry.record
        moved = f"champion {record.champion_before or 'none'} → {record.champion_after or 'none'}"
        action = record.action.replace("_", " ") + (" (interrupted)" if entry.open else "")
        console.print(
            f"[bold]{record.number}[/]  {record.decided_at}  version [bold]{record.version} {action}[/], "
            f"{moved}, by {escape(record.decided_by)}"
        )
        for reason in record.reasons:
            console.print(f"     {escape(reason)}")
        if record.figures.get("look", 1) > 1:
            figures = record.figures
            told = f"decision {figures['look']} upon the held-out profiles {figures['held_out']}"
            console.print(f"     {told}, confidence {figures['confidence']:.2%}")
    for fault in log.faults:
        console.print(f"[red]fault:[/] {escape(fault)}")
    for warning in by_hand:
        console.print(f"[yellow]warning:[/] {escape(warning)}")
    if by_hand:
        console.print("No decision is made until `cic registry log --repair REASON` has put them back.")
    if log.entries and not log.faults and not by_hand:
        console.print(
            "The log is whole: each record names the one before it, and the aliases stand where it left them."
        )


@app.command()
def promote(
    version: Annotated[
        str, typer.Argument(metavar="RUN_OR_VERSION", help="Run id, version number, alias, or `latest`.")
    ],
    params: ParamsFile = DEFAULT_PARAMS,
    name: Name = None,
    matrix: Annotated[
        Path | None,
        typer.Option(
            help="Profiles, if they moved since the model was made. Default: where they were.", callback=from_here
        ),
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="Their split.csv, likewise. Default: where it was.", callback=from_here)
    ] = None,
    reinstate: Annotated[bool, typer.Option("--reinstate", help="Allow a model that a rollback withdrew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a version through the gate, and make it champion if it passes; exit code 6 if it is refused."""
    from cic.config import load_params
    from cic.registry.stored import judge_version
    from cic.settings import load_settings

    model_name = model_of(name, params)
    typer.echo(f"Judging {version} of {model_name} on the held-out profiles ...", err=True)
    gate = load_params(params).registry.model_copy(update={"name": model_name})
    model = gate.name
    found, decision = judge_version(
        load_settings().tracking_uri, gate, version, matrix_file=matrix, part_file=split, reinstate=reinstate
    )
    if as_json:
        print_json({"version": found.version, **asdict(decision)})
    else:
        _print_decision(found, decision.outcome, decision.reasons)
    if decision.outcome == "refused":
        raise RefusedError(
            f"version {found.version} was not promoted: " + "; ".join(decision.reasons),
            where=f"models:/{model}/{found.version}",
        )


def _print_decision(version: Version, outcome: str, reasons: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    if outcome == "refused":  # the error says so
        return
    console.print(f"Version [bold]{version.version}[/] of {escape(version.name)}: [bold]{outcome}[/]")
    for reason in reasons:
        console.print(f"  {escape(reason)}")


@app.command()
def rollback(
    reason: Annotated[str, typer.Option("--reason", help="What is wrong with the champion; goes into the log.")],
    params: ParamsFile = DEFAULT_PARAMS,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Give the alias `champion` back to the champion before."""
    from rich.console import Console
    from rich.markup import escape

    from cic.registry.registry import rollback as roll_back
    from cic.settings import load_settings

    model = model_of(name, params)
    record = roll_back(load_settings().tracking_uri, model, reason)
    if as_json:
        print_json(asdict(record))
        return
    Console().print(
        f"Version [bold]{record.champion_after}[/] of {escape(record.model)} is champion again; "
        f"version {record.champion_before} is withdrawn."
    )
