"""`cic data simulate`: profiles with known ground truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.data_place import target_of
from cic.cli.project import enter_project
from cic.errors import ConfigError

if TYPE_CHECKING:
    from cic.data.synthetic import Recipe


def simulate_file(
    name: Annotated[str, typer.Option(help="what to call it: becomes the folder data/raw/NAME")] = "synthetic",
    cells: Annotated[
        bool, typer.Option("--cells", help="single cells, as sparse counts, in place of bulk profiles")
    ] = False,
    hard: Annotated[
        bool,
        typer.Option(
            "--hard", help="programs that overlap, go together and are rare, batch effects along gene modules"
        ),
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

    With the profiles it keeps the genes of each program (GMT) and the true activity of each profile. The same recipe
    is not made twice.
    """
    from rich.console import Console
    from rich.markup import escape

    from cic.data.cells import CellRecipe, simulate_cells
    from cic.data.synthetic import simulate
    from cic.data.synthetic_hard import HardRecipe, simulate_hard
    from cic.progress import bar
    from cic.versioning.pointers import is_simulated, pointer_of, record_of, record_simulated

    if cells and hard:
        raise ConfigError("--cells and --hard are two settings", where="cic data simulate", fix="give one of them")
    enter_project()
    target = target_of(name)
    given = {
        "samples": samples, "genes": genes, "cell_types": cell_types, "studies": studies, "programs": programs,
        "replicate_pairs": replicate_pairs, "molecules": molecules, "seed": seed,
    }  # fmt: skip
    recipe = _recipe({key: value for key, value in given.items() if value is not None}, cells, hard)
    plain = recipe.model_dump(mode="json")
    console = Console(soft_wrap=True)
    if is_simulated(target, plain):
        console.print(f"{escape(str(target))} is there already, made by the same recipe")
        return
    if pointer_of(target).exists() or (target.exists() and not record_of(target).exists()):
        raise ConfigError(
            f"{target.name} is there, and was not simulated", where=str(target), fix="choose another --name"
        )
    with bar(recipe.samples, f"simulate {name}") as shown:
        if isinstance(recipe, CellRecipe):
            simulate_cells(recipe, target, progress=shown.advance)
        elif isinstance(recipe, HardRecipe):
            simulate_hard(recipe, target, progress=shown.advance)
        else:
            simulate(recipe, target, progress=shown.advance)
    record_simulated(target, plain)
    console.print(f"simulated {recipe.samples} profiles x {recipe.genes} genes: {escape(str(target))}")
    console.print("in it too: the genes of each program (programs.gmt), their true activity (truth.parquet)")


def _recipe(given: dict[str, Any], cells: bool, hard: bool) -> Recipe:
    from pydantic import ValidationError

    from cic.data.cells import CellRecipe
    from cic.data.synthetic import Recipe
    from cic.data.synthetic_hard import HardRecipe

    kind = CellRecipe if cells else HardRecipe if hard else Recipe
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
