"""The verb that says what the features of a model are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cic.cli.model import ModelName, ParamsFile, load
from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import from_here
from cic.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cic.using.explained import Explained

SHOWN = 5
"""Genes in a cell of what is shown."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(explain)


def explain(
    model: ModelName = None,
    params: ParamsFile = DEFAULT_PARAMS,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write: .json, .csv or .tsv. Default: a table is shown."),
    ] = None,
    gene_sets: Annotated[
        Path | None,
        typer.Option(
            "--gene-sets",
            help="GMT file, or folder of such: sets by which features are named. Default: none.",
            callback=from_here,
        ),
    ] = None,
    genes: Annotated[int, typer.Option(min=1, help="Genes that are named in each direction, at most.")] = 10,
    codes: Annotated[
        Path | None,
        typer.Option(
            help="What `cic encode --features` wrote, to tell cell types of. Default: the training profiles.",
            callback=from_here,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="With --codes: CSV or TSV about the samples; column sample_id, or else the first, holds the ids. "
            "Default: none.",
            callback=from_here,
        ),
    ] = None,
    label: Annotated[str, typer.Option(help="With --labels: its column with the cell type.")] = "label",
) -> None:
    """Say what each feature of a model is: genes that it moves, cell types, gene sets."""
    if output is not None and output.suffix not in (".json", ".csv", ".tsv"):
        raise typer.BadParameter(f"{output.name} ends in none of .json, .csv, .tsv", param_hint="-o")
    if (codes is None) != (labels is None):
        raise typer.BadParameter("give both --codes and --labels, or neither", param_hint="--codes")
    sets = {} if gene_sets is None else _sets(gene_sets)
    used = load(model, params)
    table = column = None
    if codes is not None and labels is not None:
        from cic.using.stamps import read_codes

        table, column = read_codes(codes), _column(labels, label)
    found = used.explain(genes=genes if output else SHOWN, gene_sets=sets, codes=table, labels=column)
    if output is None:
        _show(found)
    else:
        _write(found, output)
        typer.echo(f"{output}: {len(found)} features")


def _sets(place: Path) -> dict[str, tuple[str, ...]]:
    from cic.evaluation.gene_sets.gene_sets import gmt_files, read_gmt

    files = gmt_files(place)
    if not files:
        raise DataError("there are no gene sets", where=str(place), expected="a GMT file, or a folder with such")
    return {one.name: one.genes for file in files for one in read_gmt(file)}


def _column(labels: Path, label: str) -> pd.Series:
    from cic.data.guarded import guarded
    from cic.data.labels import read_labels

    table = guarded(read_labels, labels)
    if label not in table:
        raise DataError(
            f"there is no column `{label}`", where=str(labels), expected=", ".join(map(str, table.columns)),
            fix="name one of these by --label",
        )  # fmt: skip
    return table[label]


def _write(found: Sequence[Explained], output: Path) -> None:
    """Write whole or not at all."""
    import json

    from cic.using.explained import as_table
    from cic.using.stamps import separator
    from cic.written import whole

    with whole(output) as partial:
        if output.suffix == ".json":
            partial.write_text(json.dumps([vars(one) for one in found], indent=1) + "\n")
        else:
            as_table(found).to_csv(partial, index=False, sep=separator(output))


def _show(found: Sequence[Explained]) -> None:
    """Show a table; columns of names that are empty throughout take no room, and no name is cut."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    names = {
        "up": [one.up for one in found], "down": [one.down for one in found],
        "cell types": [one.types for one in found], "gene sets": [one.sets for one in found],
        "drawn towards": [one.drawn for one in found],
    }  # fmt: skip
    filled = {head: column for head, column in names.items() if any(column)}
    shown = Table()
    for head in ("feature", "active", "recurs", "genes"):
        shown.add_column(head, no_wrap=True)
    for head in filled:
        shown.add_column(head, overflow="fold")
    for one, *lists in zip(found, *filled.values(), strict=True):
        shown.add_row(
            one.feature.removeprefix("feature_"), f"{one.active:.0%}", f"{one.recurrence:.2f}", str(one.genes),
            *(escape(", ".join(each)) for each in lists),
        )  # fmt: skip
    Console().print(shown)
