"""`cic data`: bring profiles into place, look at them, or simulate some."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import enter_project, from_here
from cic.data.formats import READABLE
from cic.data.terms import DECLARED_UNITS, DeclaredUnit, DuplicateGenes, GenesTo, Missing, SamplesIn
from cic.errors import ConfigError, DataError

if TYPE_CHECKING:
    from cic.data.matrix import ExpressionMatrix
    from cic.data.synthetic import Recipe

RAW = Path("data/raw")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

app = typer.Typer(help="Bring expression profiles into place, look at them, or simulate some.", no_args_is_help=True)

UnitOption = Annotated[
    str, typer.Option("--unit", help=f"what the numbers are: {', '.join(DECLARED_UNITS)}", show_default=False)
]
SamplesInOption = Annotated[
    str | None,
    typer.Option(
        "--samples-in", help="whether samples are the file's rows or columns. Default: what that kind of file fixes"
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        help="CSV or TSV about the samples: column sample_id, or else the first, holds the ids. Default: none",
        callback=from_here,
    ),
]
Duplicates = Annotated[
    str, typer.Option(help=f"what to do where a gene stands twice: {', '.join(get_args(DuplicateGenes))}")
]
GenesBy = Annotated[
    str | None,
    typer.Option(
        "--genes-by",
        help="what the file says of genes that shall be their names, such as gene_name. Default: its first",
    ),
]
GeneMap = Annotated[
    Path | None,
    typer.Option(
        "--gene-map", help="table with a line a gene or probe, to name genes by. Default: none", callback=from_here
    ),
]
GenesToOption = Annotated[str, typer.Option(help=f"with --gene-map: names to give, {', '.join(get_args(GenesTo))}")]
LeastMapped = Annotated[
    float, typer.Option(min=0, max=1, help="with --gene-map: share of the genes that must find exactly one name")
]
MissingOption = Annotated[
    str, typer.Option("--missing", help=f"what to do with missing values: {', '.join(get_args(Missing))}")
]
DropEmpty = Annotated[bool, typer.Option("--drop-empty", help="leave out samples without any count")]
Floor = Annotated[float | None, typer.Option(help="of intensities: raise what is less to this. Default: as they are")]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help=f"profiles: {READABLE}", show_default=False, callback=from_here)],
    name: Annotated[str, typer.Option(help="what to call it: becomes data/raw/NAME.parquet", show_default=False)],
    unit: UnitOption,
    samples_in: SamplesInOption = None,
    labels: Labels = None,
    genes_by: GenesBy = None,
    gene_map: GeneMap = None,
    genes_to: GenesToOption = "symbol",
    least_mapped: LeastMapped = 0.5,
    duplicate_genes: Duplicates = "error",
    missing: MissingOption = "error",
    floor: Floor = None,
    drop_empty: DropEmpty = False,
    replace: Annotated[bool, typer.Option("--replace", help="replace a file of that name that differs")] = False,
    push: Annotated[bool, typer.Option("--push", help="send the bytes to the DVC remote too")] = False,
    use: Annotated[
        bool, typer.Option("--use", help="write the file and the columns found into params.yaml, section data")
    ] = False,
) -> None:
    """Validate a file of profiles, convert it to one columnar file, and put that under DVC.

    Wrong input ends in one error that says where, and writes nothing. Example:

        cic data import counts.tsv.gz --name mine --unit counts --samples-in columns --labels samples.csv --use
    """
    from cic.cli.data_shown import show_imported
    from cic.cli.roles_found import roles_found, use_in_params
    from cic.config import load_params
    from cic.data.readers import read_table
    from cic.data.synthetic import side_files
    from cic.versioning.pointers import add, dvc_root, is_added, record_of

    enter_project()
    target = _target(name)
    dvc_root(target)
    if use:
        load_params()  # what cannot be written to is told before anything is
    matrix = read_table(
        file,
        samples_in=cast(SamplesIn | None, samples_in),  # read_table refuses what is none
        unit=cast(DeclaredUnit, unit),
        labels=labels,
        duplicate_genes=cast(DuplicateGenes, duplicate_genes),
        genes_by=genes_by,
        gene_map=gene_map,
        genes_to=cast(GenesTo, genes_to),
        least_mapped=least_mapped,
        missing=cast(Missing, missing),
        floor=floor,
        drop_empty=drop_empty,
    )
    changed = _put(matrix, target, replace)
    if push or not is_added(target):
        if record_of(target).exists():  # this takes the place of simulated data
            for left in (record_of(target), *side_files(target)):
                left.unlink(missing_ok=True)
        about = {"imported_from": file.name, "unit": matrix.unit, "samples": matrix.n_samples, "genes": matrix.n_genes}
        add(target, about, push)
    data = {"file": str(target), **roles_found(matrix.samples)}
    if use:
        use_in_params(Path("params.yaml"), data)
    show_imported(matrix, target, changed, data, used=use)


@app.command("check")
def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="an imported file, or any readable one. Default: data.file of params.yaml", callback=from_here
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit", help=f"needed for a file that is not imported yet: {', '.join(DECLARED_UNITS)}. Default: none"
        ),
    ] = None,
    samples_in: SamplesInOption = None,
    labels: Labels = None,
    genes_by: GenesBy = None,
    gene_map: GeneMap = None,
    genes_to: GenesToOption = "symbol",
    least_mapped: LeastMapped = 0.5,
    duplicate_genes: Duplicates = "error",
    missing: MissingOption = "error",
    floor: Floor = None,
    drop_empty: DropEmpty = False,
    params: Annotated[
        Path,
        typer.Option(help="parameters that say which columns are label, group and replicate", callback=from_here),
    ] = DEFAULT_PARAMS,
) -> None:
    """Show what is in a data set, and what in it deserves a warning. Exits with 3 if it cannot be used."""
    from cic.cli.data_shown import show_checks
    from cic.cli.roles_found import checked, roles_found
    from cic.config import load_params
    from cic.data.checks import check_matrix
    from cic.data.guarded import guarded
    from cic.data.matrix import is_matrix_file, read_matrix
    from cic.data.readers import read_table
    from cic.data.roles import with_roles, without_roles

    enter_project()
    facts = None
    if file is None or is_matrix_file(file):
        matrix = guarded(read_matrix, Path(load_params(params).data.file) if file is None else file)
        if file is None or (params.exists() and load_params(params).data.file == str(file)):
            parsed = load_params(params)
            facts = check_matrix(with_roles(matrix, parsed), without_roles(matrix, parsed))
    else:
        if unit is None:
            raise DataError(
                "this file is not imported yet", where=str(file), expected="the unit of what it holds, declared",
                fix="add --unit, and of a plain table --samples-in rows|columns",
            )  # fmt: skip
        matrix = read_table(
            file,
            samples_in=cast(SamplesIn | None, samples_in),
            unit=cast(DeclaredUnit, unit),
            labels=labels,
            duplicate_genes=cast(DuplicateGenes, duplicate_genes),
            genes_by=genes_by,
            gene_map=gene_map,
            genes_to=cast(GenesTo, genes_to),
            least_mapped=least_mapped,
            missing=cast(Missing, missing),
            floor=floor,
            drop_empty=drop_empty,
        )
    # what the parameters do not name is taken as an import would propose it
    show_checks(facts or checked(matrix, roles_found(matrix.samples)), matrix.source)


@app.command("simulate")
def simulate_file(
    name: Annotated[str, typer.Option(help="what to call it: becomes data/raw/NAME.parquet")] = "synthetic",
    cells: Annotated[
        bool, typer.Option("--cells", help="single cells, as sparse counts, in place of bulk profiles")
    ] = False,
    samples: Annotated[
        int | None,
        typer.Option(
            help="profiles, technical replicates included",
            show_default="1040, with --cells 100000",
            envvar="CIC_SIMULATE_SAMPLES",
        ),
    ] = None,
    genes: Annotated[int | None, typer.Option(help="genes", show_default="20000", envvar="CIC_SIMULATE_GENES")] = None,
    cell_types: Annotated[int | None, typer.Option(help="leaves of the lineage tree", show_default="16")] = None,
    studies: Annotated[
        int | None,
        typer.Option(
            help="studies, each with a shift of its own",
            show_default="40, fewer with fewer samples",
            envvar="CIC_SIMULATE_STUDIES",
        ),
    ] = None,
    programs: Annotated[int | None, typer.Option(help="activity programs", show_default="80")] = None,
    replicate_pairs: Annotated[
        int | None,
        typer.Option(help="samples measured twice", show_default="120, fewer with fewer samples, with --cells 0"),
    ] = None,
    molecules: Annotated[
        float | None, typer.Option(help="with --cells: counted of a cell, in the median", show_default="3500")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="another seed gives other data", show_default="1")] = None,
) -> None:
    """Simulate profiles with known ground truth: the default data set.

    Beside the profiles it keeps the genes of each program (GMT) and the true activity of each profile. The same recipe
    is not made twice.
    """
    from rich.console import Console
    from rich.markup import escape

    from cic.data.cells import CellRecipe, simulate_cells
    from cic.data.synthetic import side_files, simulate
    from cic.progress import bar
    from cic.versioning.pointers import is_simulated, pointer_of, record_of, record_simulated

    enter_project()
    target = _target(name)
    given = {
        "samples": samples, "genes": genes, "cell_types": cell_types, "studies": studies, "programs": programs,
        "replicate_pairs": replicate_pairs, "molecules": molecules, "seed": seed,
    }  # fmt: skip
    recipe = _recipe({key: value for key, value in given.items() if value is not None}, cells)
    plain = recipe.model_dump(mode="json")
    console = Console(soft_wrap=True)
    if is_simulated(target, plain) and all(file.exists() for file in side_files(target)):
        console.print(f"{escape(str(target))} is there already, made by the same recipe")
        return
    if pointer_of(target).exists() or (target.exists() and not record_of(target).exists()):
        raise ConfigError(
            f"{target.name} is there, and was not simulated", where=str(target), fix="choose another --name"
        )
    with bar(recipe.samples, f"simulate {name}") as shown:
        if isinstance(recipe, CellRecipe):
            simulate_cells(recipe, target, progress=shown.advance)
        else:
            simulate(recipe, target, progress=shown.advance)
    record_simulated(target, plain)
    console.print(f"simulated {recipe.samples} profiles x {recipe.genes} genes: {escape(str(target))}")
    console.print("beside it: the genes of each program (.programs.gmt), their true activity (.truth.parquet)")


def _recipe(given: dict[str, Any], cells: bool) -> Recipe:
    from pydantic import ValidationError

    from cic.data.cells import CellRecipe
    from cic.data.synthetic import Recipe

    kind = CellRecipe if cells else Recipe
    # Smaller data have fewer replicates and studies, unless these are asked for.
    if "samples" in given:
        share = given["samples"] / Recipe().samples
        if not cells:
            given.setdefault("replicate_pairs", min(120, int(120 * share)))
        given.setdefault("studies", max(3, min(40, int(40 * share))))
    try:
        return kind.model_validate(given)
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
    from cic.data.matrix import write_matrix
    from cic.versioning.pointers import md5_of

    candidate = target.with_name(target.name + ".candidate")
    try:
        write_matrix(candidate, matrix)
        if target.exists():
            if md5_of(candidate) == md5_of(target):
                return False
            if not replace:
                raise ConfigError(
                    "a file of that name is there, with other content", where=str(target),
                    fix="choose another --name, or say --replace",
                )  # fmt: skip
        candidate.replace(target)
        return True
    finally:
        candidate.unlink(missing_ok=True)
