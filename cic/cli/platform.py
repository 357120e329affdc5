"""Verbs for the local platform: `up`, `down`, `status`, `doctor`."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from cic.errors import ServiceError

if TYPE_CHECKING:
    from rich.console import Console

    from cic.platform.checkup import Checkup
    from cic.platform.state import PlatformState
    from cic.settings import Settings

# psycopg and the rest of the platform take time to import: only a verb that runs does so

Foreground = Annotated[
    bool, typer.Option("--foreground/--detach", help="Stay until interrupted, or return when all of it is up.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
NEXT = """
next:
  eval "$(cic env)"                     # tell this shell where it is
  prefect --no-prompt deploy --all      # once, and again after a change of params.yaml or prefect.yaml
  cic run                               # train, and follow it; `cic doctor` says what is missing
  cic show                              # what the last run came to, and its pages; `cic down` stops all
"""
COLOURS = {"OK": "green", "WARN": "yellow", "FAIL": "red"}


def register(app: typer.Typer) -> None:
    """Add the verbs of the platform."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)
    app.command("doctor")(doctor)
    app.command("env")(env)


def up(foreground: Foreground = False) -> None:
    """Start the local platform: PostgreSQL, MLflow and Prefect servers, a worker.

    Its data and logs are below CIC_HOME (.cic). Servers that the environment names (CIC_MLFLOW_URI,
    PREFECT_API_URL, CIC_OPTUNA_URL, CIC_POSTGRES_URL) are used in place of local ones. Started
    twice, it says that it runs already.
    """
    from rich.console import Console
    from rich.markup import escape

    from cic.platform import control
    from cic.registry.left_behind import left_behind
    from cic.settings import load_settings

    settings = load_settings(with_platform=False)
    if foreground:
        _stay(settings)
        return
    first = not (settings.home / "postgres").exists()
    with Console(stderr=True).status("starting the platform"):
        state, before = control.up(settings, _tell)
    _show("already running" if before else "running", settings, state)
    if first and (elsewhere := left_behind(settings.with_addresses(state.addresses))):
        Console(soft_wrap=True).print(f"\n{escape(elsewhere)}", highlight=False)
    Console(soft_wrap=True).print(NEXT, highlight=False)


def _stay(settings: Settings) -> None:
    """Be the supervisor until a signal says stop."""
    from cic.platform import control
    from cic.platform.ownership import AlreadyRunning
    from cic.platform.supervisor import Supervisor

    try:
        Supervisor(settings, tell=_tell).run()
    except AlreadyRunning:
        state = control.current(settings)
        if state is None:
            raise ServiceError("another `cic up` has just begun", where=str(settings.home), fix="try again") from None
        control.check_ports(settings, state)
        _show("already running", settings, state)


def down() -> None:
    """Stop the platform in order and wait until it is gone; without one, do nothing."""
    from rich.console import Console

    from cic.platform import control
    from cic.settings import load_settings

    stopped = control.down(load_settings(with_platform=False), _tell)
    Console().print("stopped" if stopped else "not running")


def status(as_json: AsJson = False) -> None:
    """Say what runs and how it is; exit code 5 if something is not well."""
    from rich.console import Console

    from cic.platform import control
    from cic.settings import load_settings

    settings = load_settings(with_platform=False)
    state = control.current(settings)
    if state is None:
        if as_json:
            print(json.dumps({"phase": "stopped"}))
        else:
            Console().print("not running; `cic up` starts it")
        raise typer.Exit(ServiceError.exit_code)
    trouble = control.health(settings.with_addresses(state.addresses), state)
    if as_json:
        print(json.dumps({**state.public(), "trouble": trouble}, indent=1))
    else:
        _show(state.phase, settings, state, trouble)
    if state.phase != "ready" or any(trouble.values()):
        raise typer.Exit(ServiceError.exit_code)


def env() -> None:
    """Print what a shell needs to reach the platform: eval "$(cic env)", then `prefect deploy --all`, and so on."""
    from cic.platform.environment import service_environment
    from cic.settings import AT_REST, load_settings

    settings = load_settings()
    if settings.tracking_uri.startswith(AT_REST):
        raise ServiceError("the platform is not running", where=str(settings.home), fix="start it with `cic up`")
    for name, value in service_environment(settings).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def doctor() -> None:
    """Check versions, stores, servers, worker, deployments, data remote and device, and say what to do.

    Exit code 5 if something is broken; a warning is not.
    """
    from rich.console import Console

    from cic.platform.doctor import examine
    from cic.settings import load_settings

    console = Console(soft_wrap=True)
    findings = []
    for finding in examine(load_settings()):
        findings.append(finding)
        _print_finding(console, finding)
    failed = sum(finding.level == "FAIL" for finding in findings)
    console.print(f"{failed} to mend" if failed else "all that must work does")
    if failed:
        raise typer.Exit(ServiceError.exit_code)


def _print_finding(console: Console, finding: Checkup) -> None:
    from rich.markup import escape

    line = f"[{COLOURS[finding.level]}]{finding.level:<4}[/] {escape(finding.subject):<12} {escape(finding.found)}"
    console.print(line + (f"\n{'':18}-> {escape(finding.fix)}" if finding.fix else ""))


def _tell(line: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True, soft_wrap=True).print(escape(line))


def _experiments(uri: str) -> dict[str, str]:
    """Give the pages of the runs of each data set that there are; none where the server does not answer."""
    from cic.platform.http import request_json
    from cic.tracking.training_view import runs_page

    try:
        found = request_json(f"{uri}/api/2.0/mlflow/experiments/search", {"max_results": 1000})
    except ServiceError:
        return {}
    named = {one["name"]: runs_page(uri, one["experiment_id"]) for one in found.get("experiments", [])}
    return {name: page for name, page in sorted(named.items()) if name.startswith("cic/")}


def _show(title: str, settings: Settings, state: PlatformState, trouble: dict[str, str | None] | None = None) -> None:
    """Print a table of the services with their logs, and the links of their pages."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from cic.settings import redact
    from cic.tracking.training_view import experiments_page

    table = Table(title=f"platform {title}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("service", "state", "log"):
        table.add_column(column, overflow="fold")
    for name, service in state.services.items():
        ill = (trouble or {}).get(name)
        shown = f"[red]{escape(ill)}[/]" if ill else f"{service.phase}, restarted {service.restarts} times"
        shown = shown.removesuffix(", restarted 0 times")
        table.add_row(name, shown, service.log)
    console = Console()
    console.print(table)
    # outside of the table: a link that is folded cannot be followed
    links = {name: service.link for name, service in state.services.items() if service.link is not None}
    told = []
    if "mlflow" in links:
        told.append(f"MLflow   {experiments_page(links['mlflow'])}")
        told += [f"         {name}: {page}" for name, page in _experiments(links["mlflow"]).items()]
    if "prefect" in links:
        told.append(f"Prefect  {links['prefect']}, which asks who you are; this page logs you in:")
        told.append(f"         {settings.login_file.as_uri()}")
    for line in told:
        Console(soft_wrap=True).print(line, markup=False)
    given = {"MLflow": settings.tracking_uri, "Prefect": settings.prefect_api_url, "Optuna": settings.optuna_url}
    fields = {"MLflow": "tracking_uri", "Prefect": "prefect_api_url", "Optuna": "optuna_url"}
    for name, field in fields.items():
        if field in settings.given:
            console.print(f"{name} is given by the environment: {escape(redact(str(given[name])))}")
