"""`cic data`: bring profiles into place, look at them, or simulate some."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cic.config import load_params
from cic.data.checks import check_matrix
from cic.data.guarded import guarded
from cic.data.matrix import UNITS, ExpressionMatrix, Unit, is_matrix_file, read_matrix, write_matrix
from cic.data.readers import READABLE, DuplicateGenes, SamplesIn, read_table
from cic.data.roles import with_roles, without_roles
from cic.data.synthetic import Recipe, side_files, simulate
from cic.errors import ConfigError, DataError, RefusedError
from cic.progress import bar
from cic.versioning.pointers import (
    add,
    dvc_root,
    is_added,
    is_simulated,
    md5_of,
    pointer_of,
    record_of,
    record_simulated,
)

RAW = Path("data/raw")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

app = typer.Typer(help="Bring expression profiles into place, look at them, or simulate some.", no_args_is_help=True)

UnitOption = Annotated[
    str, typer.Option("--unit", help=f"what the numbers are: {', '.join(UNITS)}", show_default=False)
]
SamplesInOption = Annotated[
    str, typer.Option("--samples-in", help="whether samples are the file's rows or columns", show_default=False)
]
Labels = Annotated[
    Path | None, typer.Option(help="CSV or TSV about the samples: column sample_id, or else the first, holds the ids")
]
Duplicates = Annotated[
    str, typer.Option(help=f"what to do where a gene stands twice: {', '.join(get_args(DuplicateGenes))}")
]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help=f"profiles: {READABLE}", show_default=False)],
    name: Annotated[str, typer.Option(help="what to call it: becomes data/raw/NAME.parquet", show_default=False)],
    unit: UnitOption,
    samples_in: SamplesInOption,
    labels: Labels = None,
    duplicate_genes: Duplicates = "error",
    replace: Annotated[bool, typer.Option("--replace", help="replace a file of that name that differs")] = False,
    push: Annotated[bool, typer.Option("--push", help="send the bytes to the DVC remote too")] = False,
) -> None:
    """Validate a file of profiles, convert it to one columnar file, and put that under DVC.

    Wrong input ends in one error that says where, and writes nothing. Example:

        cic data import counts.tsv.gz --name mine --unit counts --samples-in columns --labels samples.csv
    """
    target = _target(name)
    dvc_root(target)
    matrix = read_table(
        file,
        samples_in=cast(SamplesIn, samples_in),  # read_table refuses what is none
        unit=cast(Unit, unit),
        labels=labels,
        duplicate_genes=cast(DuplicateGenes, duplicate_genes),
    )
    changed = _put(matrix, target, replace)
    if push or not is_added(target):
        if record_of(target).exists():  # this takes the place of simulated data
            for left in (record_of(target), *side_files(target)):
                left.unlink(missing_ok=True)
        about = {"imported_from": file.name, "unit": unit, "samples": matrix.n_samples, "genes": matrix.n_genes}
        add(target, about, push)
    _show_imported(matrix, target, changed)


@app.command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(help="an imported file, or any readable one; default: data.file of params.yaml")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="needed for a file that is not imported yet")] = None,
    samples_in: Annotated[str | None, typer.Option("--samples-in", help="likewise")] = None,
    labels: Labels = None,
    duplicate_genes: Duplicates = "error",
    params: Annotated[Path, typer.Option(help="parameters that say which columns are label, group and replicate")]
    = Path("params.yaml"),
) -> None:  # fmt: skip
    """Show what is in a data set, and what in it deserves a warning. Exits with 3 if it cannot be used."""
    others = None
    if file is None or is_matrix_file(file):
        matrix = guarded(read_matrix, Path(load_params(params).data.file) if file is None else file)
        if file is None or (params.exists() and load_params(params).data.file == str(file)):
            parsed = load_params(params)
            matrix, others = with_roles(matrix, parsed), without_roles(matrix, parsed)
    else:
        if unit is None or samples_in is None:
            raise DataError(
                "this file is not imported yet", where=str(file), expected="what it holds, declared",
                fix="add --unit and --samples-in rows|columns",
            )  # fmt: skip
        matrix = read_table(
            file,
            samples_in=cast(SamplesIn, samples_in),
            unit=cast(Unit, unit),
            labels=labels,
            duplicate_genes=cast(DuplicateGenes, duplicate_genes),
        )
    _show_checks(check_matrix(matrix, others), matrix.source)


@app.command("simulate")
def simulate_file(
    name: Annotated[str, typer.Option(help="what to call it: becomes data/raw/NAME.parquet")] = "synthetic",
    samples: Annotated[int | None, typer.Option(help="profiles, technical replicates included")] = None,
    genes: Annotated[int | None, typer.Option(help="genes")] = None,
    cell_types: Annotated[int | None, typer.Option(help="leaves of the lineage tree")] = None,
    studies: Annotated[int | None, typer.Option(help="studies, each with a shift of its own")] = None,
    programs: Annotated[int | None, typer.Option(help="activity programs")] = None,
    replicate_pairs: Annotated[int | None, typer.Option(help="samples measured twice")] = None,
    seed: Annotated[int | None, typer.Option(help="another seed gives other data")] = None,
) -> None:
    """Simulate profiles with known ground truth: the default data set.

    Beside the profiles it keeps the genes of each program (GMT) and the true activity of each profile. The same recipe
    is not made twice.
    """
    target = _target(name)
    given = {
        "samples": samples, "genes": genes, "cell_types": cell_types, "studies": studies, "programs": programs,
        "replicate_pairs": replicate_pairs, "seed": seed,
    }  # fmt: skip
    recipe = _recipe({key: value for key, value in given.items() if value is not None})
    plain = recipe.model_dump(mode="json")
    console = Console(soft_wrap=True)
    if is_simulated(target, plain) and all(file.exists() for file in side_files(target)):
        console.print(f"{escape(str(target))} is there already, made by the same recipe")
        return
    if pointer_of(target).exists() or (target.exists() and not record_of(target).exists()):
        raise RefusedError(
            f"{target.name} is there, and was not simulated", where=str(target), fix="choose another --name"
        )
    with bar(recipe.samples, f"simulate {name}") as shown:
        simulate(recipe, target, progress=shown.advance)
    record_simulated(target, plain)
    console.print(f"simulated {recipe.samples} profiles x {recipe.genes} genes: {escape(str(target))}")
    console.print("beside it: the genes of each program (.programs.gmt), their true activity (.truth.parquet)")


def _recipe(given: dict[str, Any]) -> Recipe:
    # Smaller data have fewer replicates and studies, unless these are asked for.
    if "samples" in given:
        share = given["samples"] / Recipe().samples
        given.setdefault("replicate_pairs", min(120, int(120 * share)))
        given.setdefault("studies", max(3, min(40, int(40 * share))))
    try:
        return Recipe.model_validate(given)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'recipe'}: {one['msg']}" for one in error.errors())
        raise ConfigError(faults, where="cic data simulate", fix="`cic data simulate --help`") from None


def _target(name: str) -> Path:
    if not NAME.fullmatch(name):
        raise DataError(
            f"`{name}` cannot be a name", where="--name", expected="letters, digits, dots, dashes and underscores"
        )
    return RAW / f"{name}.parquet"


def _put(matrix: ExpressionMatrix, target: Path, replace: bool) -> bool:
    """Write the matrix to its place; tell whether that changed anything."""
    candidate = target.with_name(target.name + ".candidate")
    try:
        write_matrix(candidate, matrix)
        if target.exists():
            if md5_of(candidate) == md5_of(target):
                return False
            if not replace:
                raise RefusedError(
                    "a file of that name is there, with other content", where=str(target),
                    fix="choose another --name, or say --replace",
                )  # fmt: skip
        candidate.replace(target)
        return True
    finally:
        candidate.unlink(missing_ok=True)


def _show_imported(matrix: ExpressionMatrix, target: Path, changed: bool) -> None:
    console = Console(soft_wrap=True)
    what = "imported" if changed else "unchanged"
    path = escape(str(target))
    console.print(f"[bold]{what}[/]: {matrix.n_samples} samples x {matrix.n_genes} genes in `{matrix.unit}`, {path}")
    console.print(f"keep its pointer: git add {path}.dvc && git commit")
    console.print("\nthen, in params.yaml:\n\n  data:")
    console.print(f"    file: {path}")
    for role, meaning in (("label", "tissue or cell type"), ("group", "study, donor or batch: never split"),
                          ("replicate", "sample that technical replicates share")):  # fmt: skip
        console.print(f"    {role}: null   # {meaning}", highlight=False)
    if matrix.samples.columns.empty:
        console.print("\nno columns about the samples: add them with --labels TABLE")
        return
    console.print()
    console.print(_columns(check_matrix(matrix)["columns"], matrix.n_samples, "columns to choose from"))


def _columns(columns: dict[str, dict[str, int]], n_samples: int, title: str) -> Table:
    table = Table("column", "distinct values", "missing", "", title=title, title_justify="left")
    for name, facts in columns.items():
        note = "one a sample" if facts["distinct"] == n_samples else "one for all" if facts["distinct"] == 1 else ""
        table.add_row(escape(name), str(facts["distinct"]), str(facts["missing"]), note)
    return table


def _show_checks(facts: dict[str, Any], source: str) -> None:
    console = Console(soft_wrap=True)
    table = Table(show_header=False, title=escape(source), title_justify="left")
    values = facts["values"]
    rows = {
        "samples x genes": f"{facts['n_samples']} x {facts['n_genes']}",
        "unit": f"{facts['unit']}, from {values['min']:g} to {values['max']:g}, {values['share_of_zeros']:.1%} zeros",
        "genes are named by": facts["gene_ids"],
        "genes that never vary": str(facts["constant_genes"]),
    }
    for role in ("labels", "groups"):
        if facts[role]:
            sizes = sorted(facts[role].values())
            rows[role] = f"{len(sizes)}, of {sizes[0]} to {sizes[-1]} samples"
    if facts["replicates"]["sets"]:
        rows["replicates"] = f"{facts['replicates']['sets']} sets, {facts['replicates']['profiles']} samples"
    if facts["confounding"]:
        rows["label by group"] = f"Cramér's V {facts['confounding']['cramers_v']:.2f} (1: the group tells the label)"
    for name, text in rows.items():
        table.add_row(name, escape(text))
    console.print(table)
    if facts["columns"]:
        console.print(_columns(facts["columns"], facts["n_samples"], "columns"))
    for warning in facts["warnings"]:
        console.print(f"[yellow]warning:[/] {escape(warning)}")
    if not facts["warnings"]:
        console.print("nothing to warn of")
