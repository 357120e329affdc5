"""`cic run`: start a deployed flow, follow it, say what it came to."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.params import Overrides
from cic.cli.project import enter_project
from cic.errors import CicError, ServiceError

if TYPE_CHECKING:
    from rich.console import Console

    from cic.platform.flow_runs import Look
    from cic.settings import Settings

STEPS = {
    "cic-train": ("pull", "ingest", "split", "search", "fit", "evaluate", "publish", "gate", "promote"),
    "cic-search": ("pull", "ingest", "split", "search"),
}
"""What each flow does, in order; a test holds it against the flows."""
SECONDS_BETWEEN_LOOKS = 1.0
PATIENCE_SECONDS = 60.0
"""That the server may be silent while a run is followed: it may be restarting."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("run")(run)


def run(
    overrides: Overrides = None,
    search_only: Annotated[
        bool, typer.Option("--search-only", help="Compare architectures, and stop there (flow cic-search).")
    ] = False,
    follow: Annotated[
        str | None,
        typer.Option("--follow", metavar="ID", help="Start nothing; follow this flow run. Default: a new one."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it, print its id, and return.")] = False,
) -> None:
    """Train on the platform (flow cic-train), follow the run, and say what it came to.

    Needs the platform (`cic up`) or the Prefect server that PREFECT_API_URL names, and the flows deployed there. The
    exit code is that of the outcome: 0 also where the gate refused the model, else that of what went wrong. Ctrl-C
    leaves the run alone. Example:

        cic run -S search.trials=60 -S search.bottleneck_width=[8,30]
    """
    from rich.console import Console

    from cic.platform.flow_runs import look, start
    from cic.settings import load_settings

    enter_project()
    settings = load_settings()
    flow = "cic-search" if search_only else "cic-train"
    if follow is not None:
        look(settings, follow)  # a server that is down, or does not know it, is told of at once
    run_id = follow or start(settings, flow, checked_parameters(overrides or []))
    if detach:
        typer.echo(run_id)
        return
    console = Console()
    try:
        last = followed(settings, run_id, console, () if follow else STEPS[flow])
    except KeyboardInterrupt:
        console.print(_goes_on(run_id), soft_wrap=True, highlight=False)
        raise typer.Exit(130) from None
    if last.state == "COMPLETED":
        _show_result(settings, run_id)
        return
    _show_failure(last, run_id)
    raise typer.Exit(exit_code_of(last.message))


def parameters_of(overrides: list[str]) -> dict[str, Any]:
    """Give overrides as a flow takes them, by section; only what is given, after a look that it fits the file."""
    from pathlib import Path

    from cic.config import load_params, with_override_texts, with_overrides

    given = with_override_texts(overrides)
    load_params(Path("params.yaml"), given)
    parameters: dict[str, Any] = with_overrides({}, given)
    return parameters


def checked_parameters(overrides: list[str]) -> dict[str, Any]:
    """Give them after a look that the data are under version control, which the first step of the run will ask."""
    from pathlib import Path

    from cic.config import load_params, with_override_texts
    from cic.versioning.pointers import check_versioned

    parameters = parameters_of(overrides)
    check_versioned(Path(load_params(Path("params.yaml"), with_override_texts(overrides)).data.file))
    return parameters


def followed(settings: Settings, run_id: str, console: Console, names: tuple[str, ...]) -> Look:
    """Show a run until it has ended, and give the last look at it.

    Raises
    ------
    ServiceError
        If the server is silent for longer than a restart takes, or does not know the run.
    """
    from cic.cli.run_shown import display
    from cic.platform.flow_runs import UnknownRun
    from cic.platform.flow_runs import look as look_at

    shown = display(console, names)
    answered = time.monotonic()
    try:
        while True:
            try:
                look = look_at(settings, run_id)
            except UnknownRun:
                raise
            except ServiceError:
                if time.monotonic() - answered >= PATIENCE_SECONDS:
                    raise
            else:
                answered = time.monotonic()
                shown.show(look)
                if look.ended:
                    return look
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        shown.close()


def _goes_on(run_id: str) -> str:
    return (
        f"\nthe run goes on; follow it again:  cic run --follow {run_id}\n"
        f'end it:  eval "$(cic env)" && prefect flow-run cancel {run_id}'
    )


def _show_result(settings: Settings, run_id: str) -> None:
    """Print what the run came to: in full where it ran on this machine, else what it left on the server."""
    from cic.cli.stages import show_outcome
    from cic.platform.flow_runs import told_by

    latest = json.loads(settings.latest_file.read_text()) if settings.latest_file.exists() else {}
    if latest.get("flow_run_id") == run_id:
        show_outcome(latest, settings)
    else:
        typer.echo(told_by(settings, run_id) or "done")


def _show_failure(look: Look, run_id: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    at = f" at the stage `{look.failed_step}`" if look.failed_step else ""
    told = escape(reason_of(look.message) or "no reason was given")
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[bold red]error:[/] the run {escape(look.name)} {look.state.lower()}{at}: {told}")
    console.print(f'its log: prefect flow-run logs {run_id}, after `eval "$(cic env)"`')


def reason_of(message: str) -> str:
    """Give the message of a state without what Prefect puts before it."""
    return re.sub(r"^(Flow run|Task run) encountered an exception:? (?:\w+: )?", "", message.strip())


def exit_code_of(message: str) -> int:
    """Give the exit code of the error of ours that a state's message names; 1 where it names none."""
    codes = {kind.__name__: kind.exit_code for kind in CicError.__subclasses__()}
    return next((codes[name] for name in re.findall(r"\b(\w+Error)\b", message) if name in codes), 1)
