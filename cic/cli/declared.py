"""What is declared of a file of profiles on the command line: the same options wherever one is read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from cic.cli.project import from_here
from cic.data.terms import DECLARED_UNITS, DuplicateGenes, GenesTo, Missing

UNIT = f"what the numbers are: {', '.join(DECLARED_UNITS)}"


def _declarations(
    *,
    samples_in: Annotated[
        str | None,
        typer.Option(
            "--samples-in", help="whether samples are the file's rows or columns. Default: what that kind of file fixes"
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV or TSV about the samples: column sample_id, or else the first, holds the ids. Default: none",
            callback=from_here,
        ),
    ] = None,
    genes_by: Annotated[
        str | None,
        typer.Option(
            "--genes-by",
            help="what the file says of genes that shall be their names, such as gene_name. Default: its first",
        ),
    ] = None,
    gene_map: Annotated[
        Path | None,
        typer.Option(
            "--gene-map",
            help="table with a line a gene or probe, or a GEO platform, to name genes by. Default: none",
            callback=from_here,
        ),
    ] = None,
    genes_to: Annotated[
        str, typer.Option(help=f"with --gene-map: names to give, {', '.join(get_args(GenesTo))}")
    ] = "symbol",
    species_to: Annotated[
        str | None,
        typer.Option(
            "--species-to",
            help="with --gene-map, a table of orthologs: species after which genes are named, such as human. "
            "Default: their own",
        ),
    ] = None,
    least_mapped: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="with --gene-map or --lengths: share of the genes that must find exactly one name or length",
        ),
    ] = 0.5,
    lengths: Annotated[
        Path | None,
        typer.Option(
            help="of counts: table with the length of each gene, to bring them to tpm. Default: none",
            callback=from_here,
        ),
    ] = None,
    duplicate_genes: Annotated[
        str, typer.Option(help=f"what to do where a gene stands twice: {', '.join(get_args(DuplicateGenes))}")
    ] = "error",
    missing: Annotated[
        str, typer.Option("--missing", help=f"what to do with missing values: {', '.join(get_args(Missing))}")
    ] = "error",
    floor: Annotated[
        float | None, typer.Option(help="of intensities: raise what is less to this. Default: as they are")
    ] = None,
    drop_empty: Annotated[bool, typer.Option("--drop-empty", help="leave out samples without any count")] = False,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer", help="which matrix of .h5ad, Zarr or Loom: raw, or the name of a layer. Default: X, or matrix"
        ),
    ] = None,
    about_genes: Annotated[
        str | None,
        typer.Option(
            "--about-genes",
            help="columns of a table, parted by commas, that are about genes, or none. Default: what certainly is",
            callback=lambda names: names and tuple(name.strip() for name in names.split(",")),
        ),
    ] = None,
) -> None:
    """Name the options, as `cic.data.readers.read_table` does, which also refuses words that it does not know."""


def declared(verb: Callable[..., None], but: Collection[str] = ()) -> Callable[..., None]:
    """Give a verb the options that say how a file is read; its body gets them as `reading`, for `read_table`.

    Parameters
    ----------
    but
        Those that it does not take.
    """
    known = inspect.signature(_declarations, eval_str=True).parameters
    options = {name: one for name, one in known.items() if name not in but}
    own = [one for one in inspect.signature(verb, eval_str=True).parameters.values() if one.name != "reading"]
    every = [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own), *options.values()]

    @functools.wraps(verb)
    def run(**given: Any) -> None:
        reading = {name: given.pop(name) for name in options}
        verb(**given, reading=reading)

    run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in every}
    return run
