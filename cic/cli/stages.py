"""Verbs that run the stages of the pipeline, as `dvc.yaml` does."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.params import DEFAULT_PARAMS, Overrides, ParamsFile
from cic.cli.project import enter_project, from_here
from cic.errors import DataError
from cic.manifest import NAME as MANIFEST

if TYPE_CHECKING:
    from cic.settings import Settings

# torch, MLflow and DVC take seconds to import: only a verb that runs does so

LONGEST_PAGE = 500
"""Characters of an address beyond which a terminal is not the place for it."""
Root = Annotated[Path, typer.Option("--build", help="Folder that holds a folder a stage.", callback=from_here)]
HELP = {
    "ingest": "Read the profiles, give the sample columns their roles, and check them.",
    "split": "Split into train, validation and test by group, and audit the split for leakage.",
    "search": "Search over depth and bottleneck width in rounds; an interrupted search goes on where it was.",
    "fit": "Train the chosen architecture from several seeds and keep the best by validation error.",
    "evaluate": "Measure the model once on the test part, beside replicates and PCA, and write the report; "
    "`cic validate` does so of any other file.",
}


def register(app: typer.Typer) -> None:
    """Add one verb a stage, `inventory`, `publish` and `show`."""
    for name, text in HELP.items():
        app.command(name, help=f"{text} Reads and writes build/; `dvc repro` runs this stage for you.")(_verb(name))
    app.command("inventory")(take_inventory)
    app.command("publish")(publish_model)
    app.command("show")(show)


def _verb(name: str) -> Callable[..., None]:
    def run(params: ParamsFile = DEFAULT_PARAMS, overrides: Overrides = None, build: Root = Path("build")) -> None:
        from cic.config import load_params, with_override_texts
        from cic.pipeline import run_stage, workspace
        from cic.settings import load_settings
        from cic.stage_list import STAGES
        from cic.versioning.pointers import check_pointer

        enter_project()
        parsed = load_params(params, with_override_texts(overrides or []))
        settings = load_settings()
        if "start" in STAGES[name].outside:
            from cic.using.starting import bring_start

            bring_start(parsed, settings)
        if name == "ingest":
            check_pointer(Path(parsed.data.file))
        folders = workspace(build)
        began = time.monotonic()
        run_stage(name, parsed, folders, settings)
        typer.echo(f"{name}: done in {time.monotonic() - began:.0f} s", err=True)
        if name == "evaluate":
            show_summary(folders["evaluate"])

    return run


def take_inventory(
    params: ParamsFile = DEFAULT_PARAMS, overrides: Overrides = None, build: Root = Path("build")
) -> None:
    """Write down what outcomes depend on besides files and parameters; by it `dvc repro` knows what to run again.

    These are the versions of the libraries that calculate, the device, the gene sets, the truth beside simulated
    profiles, and the model that trainings start from, which is fetched.
    """
    from cic.config import load_params, with_override_texts
    from cic.folders import write_json
    from cic.settings import load_settings
    from cic.stage_list import inventory
    from cic.using.starting import bring_start
    from cic.written import whole

    enter_project()
    parsed, settings = load_params(params, with_override_texts(overrides or [])), load_settings()
    bring_start(parsed, settings)
    found = inventory(parsed, settings)
    with whole(build / "inventory.json") as partial:
        write_json(partial, found)


def publish_model(
    params: ParamsFile = DEFAULT_PARAMS, overrides: Overrides = None, build: Root = Path("build")
) -> None:
    """Log the evaluated model to MLflow and register it as a version; once, if nothing differs.

    Reads build/; `dvc repro` runs this for you. The gate is not asked: that is `cic registry promote`.
    """
    from cic.config import load_params, with_override_texts
    from cic.pipeline import workspace
    from cic.publishing import publish
    from cic.settings import load_settings

    enter_project()
    parsed = load_params(params, with_override_texts(overrides or []))
    run = publish(parsed, workspace(build), load_settings())
    _say("registered" if not run.reused else "registered before", f"models:/{parsed.registry.name}/{run.version}")


def show_summary(folder: Path) -> None:
    """Print what the evaluation found."""
    from cic.evaluation.metrics import read_metrics
    from cic.evaluation.report.contents import headline, standings, verdict
    from cic.evaluation.report.summary import summary

    metrics = read_metrics(folder / "metrics.json")
    for label, value in summary(metrics):
        _say(label, value)
    _say("verdict", f"{headline(metrics)} {standings(verdict(metrics))}")
    _say("report", str(folder / "report.html"))


def _say(label: str, value: str) -> None:
    """Print one line of a summary; nothing is cut or wrapped, so that paths can be copied."""
    from rich.console import Console
    from rich.markup import escape

    Console(soft_wrap=True).print(f"[bold]{label:<52}[/]{escape(value)}", highlight=False)


def show() -> None:
    """Show what the last run came to, of `cic run` or of `dvc repro`, and if it failed, at which stage and why."""
    from cic.cli.run import reason_of
    from cic.settings import load_settings

    enter_project()
    settings = load_settings()
    by_hand = Path("build/evaluate")
    latest = json.loads(settings.latest_file.read_text()) if settings.latest_file.exists() else {}
    not_noted = _ended_early(settings, latest)
    if _ended_at(by_hand / MANIFEST) > _ended_at(settings.latest_file):
        _show_origin(by_hand, "dvc repro", _ended_at(by_hand / MANIFEST))
        show_summary(by_hand)
        _say("gate", "`cic registry promote latest` asks it; `cic registry list` shows what it decided")
        return
    if not latest and not_noted:
        raise typer.Exit(1)
    if not latest:
        raise DataError(
            "no run has ended yet",
            where=str(settings.home),
            fix="`cic run` starts one and follows it; so does `dvc repro`",
        )
    failed = latest.get("failed")
    if not_noted:
        _say("the last that ended well" if "folders" in latest else "none has ended well so far", "")
        failed = None
    if failed is not None:
        _say("the last run failed", failed["name"])
        _say("  at the stage", failed["stage"] or "unknown")
        _say("  reason", reason_of(failed["reason"]))
        if "folders" not in latest:
            raise typer.Exit(1)
        _say("the last that ended well", "")
    if "folders" in latest:
        show_outcome(latest, settings)


def _ended_early(settings: Settings, latest: dict[str, Any]) -> bool:
    """Say of a run that goes on, or ended early and was not noted yet, as the server tells; tell if the latter."""
    from cic.platform.flow_runs import newest

    run = newest(settings)
    if run is None or run.id in (latest.get("flow_run_id"), (latest.get("failed") or {}).get("id")):
        return False
    if run.goes_on:
        _say("a run goes on", f"{run.name}; follow it: cic run --follow {run.id}")
        return False
    if run.state == "COMPLETED":
        return False
    _say("the last run ended early", f"{run.name}: {run.state.lower()}; finished stages are kept for the next one")
    return True


def _ended_at(file: Path) -> float:
    return file.stat().st_mtime if file.exists() else -math.inf


def _show_origin(evaluated: Path, door: str, ended_at: float) -> None:
    """Say of which data a result is, and if those are no longer the ones that `params.yaml` names."""
    from cic.config import load_params
    from cic.folders import read_json

    file = read_json(evaluated / MANIFEST)["origin"]["params"]["data"]["file"]
    ended = datetime.fromtimestamp(ended_at).strftime("%Y-%m-%d %H:%M")
    _say("data", f"{file}, by {door}, ended {ended}")
    now = load_params().data.file
    if now != file:
        _say("  not what params.yaml names now", f"{now}; `cic run` or `dvc repro` trains on that")


def show_outcome(latest: dict[str, Any], settings: Settings) -> None:
    """Print what a run of `cic-train` came to, and where its pages are."""
    from cic.settings import AT_REST

    evaluated = Path(latest["folders"]["evaluate"])
    _show_origin(evaluated, "the flow cic-train", _ended_at(settings.latest_file))
    show_summary(evaluated)
    _say("report with the decision", latest["report"])
    _say("gate", latest["decision"] + ": " + "; ".join(latest["reasons"]))
    _say("model", latest["model"])
    if settings.tracking_uri.startswith(AT_REST):
        _say("pages", "after `cic up`; encoding and `cic registry list` need no server")
    if settings.tracking_uri.startswith("http"):
        for label, page in latest["pages"].items():
            if len(page) <= LONGEST_PAGE:
                _say(f"{label} in MLflow", f"{settings.tracking_uri}{page}")
            else:
                _say(f"{label} in MLflow", "by a long link in Prefect's artifact cic-summary; `charts` has them too")
    if settings.prefect_api_url:
        local = "prefect_api_url" not in settings.given
        _say("Prefect", settings.login_file.as_uri() if local else settings.prefect_api_url.removesuffix("/api"))
