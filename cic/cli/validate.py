"""The verb that measures a model on another file: external validation.

It is no option of `cic evaluate`, the stage: that reads what the stages before it left and what `params.yaml` says, and
means nothing by how a file is to be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.declared import declared
from cic.cli.model import ModelName, ParamsFile, Unit, load
from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import from_here
from cic.data.formats import READABLE

if TYPE_CHECKING:
    from cic.config import Evaluate

MARKS = {"bad": "✗", "open": "–", "good": "✓"}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("validate")(validate)


@declared
def validate(
    file: Annotated[Path, typer.Argument(help=f"profiles that the model never saw: {READABLE}", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder for the page and the figures", show_default=False)
    ],
    *,
    reading: dict[str, Any],
    model: ModelName = None,
    params: ParamsFile = DEFAULT_PARAMS,
    name: Annotated[
        str | None, typer.Option("--name", help="what to call the validation. Default: the name of the file")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="sample column with the cell type. Default: label, if there is one")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="sample column with study, donor or batch. Default: group, if there is one"),
    ] = None,
    replicate: Annotated[
        str | None,
        typer.Option("--replicate", help="sample column naming what replicates share. Default: replicate, likewise"),
    ] = None,
    label_map: Annotated[
        Path | None,
        typer.Option(
            help="table with columns from and to: labels to replace by the model's words. Default: none",
            callback=from_here,
        ),
    ] = None,
    unit: Unit = None,
    no_log: Annotated[
        bool,
        typer.Option(
            "--no-log",
            help="only write the folder, as also while the platform is down; else it is kept with a registered version",
        ),
    ] = False,
) -> None:
    """Measure a model on profiles from elsewhere: errors beside PCA, cell types, what is unknown, what is shifted.

    Profiles that it was trained on do not count. Example:

        cic validate other.csv --labels other-samples.csv --label tissue --group study -o build/other
    """
    from cic.data.guarded import get_ready
    from cic.settings import load_settings
    from cic.validation.kept import PAGE
    from cic.validation.sentences import conclusions, headline
    from cic.validation.validate import validate as validated

    get_ready()
    evaluate, seed = _asked(params)
    made, version = validated(
        load(model, params),
        file,
        output,
        name=name,
        reading={**reading, "unit": unit},
        columns={"label": label, "group": group, "replicate": replicate},
        label_map=label_map,
        evaluate=evaluate,
        seed=seed,
        settings=None if no_log else load_settings(),
    )
    typer.echo(headline(made.found, made.types))
    for _, sentence in conclusions(made.found, made.types):
        typer.echo(f"{MARKS[sentence.standing]} {sentence.text}")
    typer.echo(f"page: {output / PAGE}")
    if version is not None:
        typer.echo(f"kept with models:/{version.name}/{version.version} in MLflow")


def _asked(params: Path) -> tuple[Evaluate, int]:
    """Give how intervals are to be made, and the seed: of the project's parameters, where there are any."""
    from cic.config import Evaluate, load_params
    from cic.settings import load_settings

    file = load_settings().project / params
    if not file.is_file():
        return Evaluate(), 0
    found = load_params(file)
    return found.evaluate, found.seed
