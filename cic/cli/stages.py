"""Verbs that run the stages of the pipeline, as `dvc.yaml` does, and show the parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cic.config import Params, load_params, with_override_texts
from cic.errors import DataError
from cic.settings import AT_REST, load_settings

# torch, MLflow and DVC take seconds to import: only the verbs that need them do

ParamsFile = Annotated[Path, typer.Option("--params", help="Parameter file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-S", metavar="KEY=VALUE", help="Override a parameter, such as search.trials=10. Repeatable."
    ),
]
Root = Annotated[Path, typer.Option("--build", help="Folder that holds a folder a stage.")]
HELP = {
    "ingest": "Read the profiles, give the sample columns their roles, and check them.",
    "split": "Split into train, validation and test by group, and audit the split for leakage.",
    "search": "Search over depth and bottleneck width in rounds; an interrupted search goes on where it was.",
    "fit": "Train the chosen architecture from several seeds and keep the best by validation error.",
    "evaluate": "Measure the model once on the test part, beside replicates and PCA, and write the report.",
}


def register(app: typer.Typer) -> None:
    """Add one verb a stage, and `params`."""
    for name, text in HELP.items():
        app.command(name, help=f"{text} Reads and writes build/; `dvc repro` runs this stage for you.")(_verb(name))
    app.command("inventory")(take_inventory)
    app.command("publish")(publish_model)
    app.command("params")(show_params)
    app.command("show")(show)


def _verb(name: str) -> Callable[..., None]:
    def run(params: ParamsFile = Path("params.yaml"), overrides: Overrides = None, build: Root = Path("build")) -> None:
        from cic.pipeline import run_stage, workspace
        from cic.versioning.pointers import check_pointer

        parsed = load_params(params, with_override_texts(overrides or []))
        settings = load_settings()
        if name == "ingest":
            check_pointer(Path(parsed.data.file))
        folders = workspace(build)
        run_stage(name, parsed, folders, settings)
        if name == "evaluate":
            show_summary(folders["evaluate"])

    return run


def take_inventory(
    params: ParamsFile = Path("params.yaml"), overrides: Overrides = None, build: Root = Path("build")
) -> None:
    """Write down what outcomes depend on besides files and parameters; by it `dvc repro` knows what to run again.

    These are the versions of the libraries that calculate, the device, the gene sets, and the truth beside simulated
    profiles.
    """
    from cic.folders import write_json
    from cic.pipeline import inventory

    build.mkdir(parents=True, exist_ok=True)
    found = inventory(load_params(params, with_override_texts(overrides or [])), load_settings())
    write_json(build / "inventory.json", found)


def publish_model(
    params: ParamsFile = Path("params.yaml"), overrides: Overrides = None, build: Root = Path("build")
) -> None:
    """Log the evaluated model to MLflow and register it as a version; once, if nothing differs.

    Reads build/; `dvc repro` runs this for you. The gate is not asked: that is `cic registry promote`.
    """
    from cic.pipeline import workspace
    from cic.publishing import publish

    parsed = load_params(params, with_override_texts(overrides or []))
    run = publish(parsed, workspace(build), load_settings())
    _say("registered" if not run.reused else "registered before", f"models:/{parsed.registry.name}/{run.version}")


def show_summary(folder: Path) -> None:
    """Print what the evaluation found."""
    from cic.evaluation.report.contents import headline, standings, verdict
    from cic.evaluation.report.verdict import summary

    metrics = json.loads((folder / "metrics.json").read_text())
    for label, value in summary(metrics):
        _say(label, value)
    _say("verdict", f"{headline(metrics)} {standings(verdict(metrics))}")
    _say("report", str(folder / "report.html"))


def _say(label: str, value: str) -> None:
    """Print one line of a summary; nothing is cut or wrapped, so that paths can be copied."""
    Console(soft_wrap=True).print(f"[bold]{label:<52}[/]{escape(value)}", highlight=False)


def show() -> None:
    """Show what the last run of the flow `cic-train` came to."""
    settings = load_settings()
    if not settings.latest_file.exists():
        fix = "run `prefect deployment run cic-train/train-and-judge`"
        raise DataError("no run has ended yet", where=str(settings.home), fix=fix)
    latest = json.loads(settings.latest_file.read_text())
    show_summary(Path(latest["folders"]["evaluate"]))
    _say("gate", latest["decision"] + ": " + "; ".join(latest["reasons"]))
    _say("model", latest["model"])
    if settings.tracking_uri.startswith(AT_REST):
        _say("pages", "after `cic up`; encoding and `cic registry list` need no server")
    if settings.tracking_uri.startswith("http"):
        for label, page in latest["pages"].items():
            _say(f"{label} in MLflow", f"{settings.tracking_uri}{page}")
    if settings.prefect_api_url:
        local = "prefect_api_url" not in settings.given
        _say("Prefect", settings.login_file.as_uri() if local else settings.prefect_api_url.removesuffix("/api"))


def show_params(
    params: ParamsFile = Path("params.yaml"),
    overrides: Overrides = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each parameter is for.")] = False,
) -> None:
    """Show every parameter with its value, after overrides and defaults."""
    parsed = load_params(params, with_override_texts(overrides or []))
    if not explain:
        typer.echo(yaml.safe_dump(parsed.model_dump(mode="json"), sort_keys=False).rstrip())
        return
    table = Table("parameter", "value", "what it is for")
    for section, field in Params.model_fields.items():
        value = getattr(parsed, section)
        if not hasattr(type(value), "model_fields"):
            table.add_row(section, str(value), field.description)
            continue
        for name, inner in type(value).model_fields.items():
            table.add_row(f"{section}.{name}", str(getattr(value, name)), inner.description)
    Console().print(table)
