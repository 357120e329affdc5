"""`cic data`: fetch profiles, bring them into place, look at them, or simulate some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from cic.cli.data_get import get_files
from cic.cli.data_merge import merge
from cic.cli.data_place import put, target_of
from cic.cli.data_simulate import simulate_file
from cic.cli.data_versions import diff_sets, list_sets, tag_set
from cic.cli.declared import UNIT, declared
from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import enter_project, from_here
from cic.data.formats import READABLE
from cic.data.terms import DeclaredUnit
from cic.errors import DataError

app = typer.Typer(
    help="Fetch expression profiles, bring them into place, look at them, or simulate some.", no_args_is_help=True
)
app.command("simulate")(simulate_file)
app.command("list")(list_sets)
app.command("diff")(diff_sets)
app.command("tag")(tag_set)
app.command("get")(get_files)
app.command("merge")(merge)


@app.command("import")
@declared
def import_file(
    file: Annotated[Path, typer.Argument(help=f"profiles: {READABLE}", show_default=False, callback=from_here)],
    name: Annotated[str, typer.Option(help="what to call it: becomes the folder data/raw/NAME", show_default=False)],
    unit: Annotated[str, typer.Option("--unit", help=UNIT, show_default=False)],
    *,
    reading: dict[str, Any],
    replace: Annotated[bool, typer.Option("--replace", help="replace a data set of that name that differs")] = False,
    push: Annotated[bool, typer.Option("--push", help="send the bytes to the DVC remote too")] = False,
    use: Annotated[
        bool, typer.Option("--use", help="write the file and the columns found into params.yaml, section data")
    ] = False,
) -> None:
    """Validate a file of profiles, make a data set of it (a folder), and put that under DVC.

    Wrong input ends in one error that says where, and writes nothing. Example:

        cic data import counts.tsv.gz --name mine --unit counts --samples-in columns --labels samples.csv --use
    """
    from cic.cli.data_shown import show_imported
    from cic.cli.roles_found import roles_found, use_in_params
    from cic.config import load_params
    from cic.data.provenance import noted, plain, sources
    from cic.data.readers import read_table
    from cic.fetching.record import source_of
    from cic.versioning.repository import dvc_root

    enter_project()
    target = target_of(name)
    dvc_root(target)
    if use:
        load_params()  # what cannot be written to is told before anything is
    read = [file, *(path for path in reading.values() if isinstance(path, Path))]
    with noted(*read) as told:
        matrix = read_table(file, unit=cast(DeclaredUnit, unit), **reading)
    fetched = {known["sha256"]: known["url"] for path in read if (known := source_of(path))}
    came = [one | ({"url": fetched[one["sha256"]]} if one["sha256"] in fetched else {}) for one in sources(read)]
    provenance = {"sources": came, "declared": plain({"unit": unit, **reading}), "told": told}
    changed = put(matrix, target, provenance, replace=replace, push=push)
    data = {"file": str(target), **roles_found(matrix.samples)}
    if use:
        use_in_params(Path("params.yaml"), data)
    show_imported(matrix, target, changed, data, used=use)


@app.command("check")
@declared
def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="a data set, or any file that can be imported. Default: data.file of params.yaml", callback=from_here
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option("--unit", help=f"needed for a file that is not imported yet, {UNIT}. Default: none"),
    ] = None,
    *,
    reading: dict[str, Any],
    params: Annotated[
        Path,
        typer.Option(help="parameters that say which columns are label, group and replicate", callback=from_here),
    ] = DEFAULT_PARAMS,
    page: Annotated[
        Path | None,
        typer.Option("--page", help="HTML page to write, with pictures. Default: none", callback=from_here),
    ] = None,
) -> None:
    """Show what is in a data set, and what deserves attention before training. Exits with 3 if it cannot be trained on.

    Example:

        cic data check data/raw/mine --page build/checks.html
    """
    from cic.checking.page import render
    from cic.cli.data_shown import show_checks
    from cic.cli.roles_found import checked, roles_found, with_these
    from cic.config import load_params
    from cic.data.guarded import guarded
    from cic.data.matrix import read_matrix
    from cic.data.matrix_file import is_matrix_file
    from cic.data.readers import read_table

    enter_project()
    parsed = None
    if file is None or is_matrix_file(file):
        matrix = guarded(read_matrix, Path(load_params(params).data.file) if file is None else file)
        if file is None or (params.exists() and load_params(params).data.file == str(file)):
            parsed = load_params(params)
    else:
        if unit is None:
            raise DataError(
                "this file is not imported yet", where=str(file), expected="the unit of what it holds, declared",
                fix="add --unit, and of a plain table --samples-in rows|columns",
            )  # fmt: skip
        matrix = read_table(file, unit=cast(DeclaredUnit, unit), **reading)
    # what the parameters do not name is taken as an import would propose it
    named = parsed or with_these(roles_found(matrix.samples))
    found = checked(matrix, named)
    show_checks(found, matrix.source, named.data.model_dump())
    if page is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render(found, Path(matrix.source).name.removesuffix(".parquet")))
    if found.stops:
        raise typer.Exit(DataError.exit_code)
