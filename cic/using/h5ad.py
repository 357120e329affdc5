"""AnnData files out: a copy of the file that was read, with what a model says added to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cic.data.formats import H5AD, format_of
from cic.data.guarded import guarded
from cic.data.sparse import BLOCK_ROWS
from cic.errors import DataError
from cic.using.adata import in_order, known_genes
from cic.using.annotations import (
    ABOUT,
    CODES,
    LAYER,
    MODEL,
    about_model,
    annotated,
    filled_names,
    merged_about,
    table_of_codes,
    tell,
)
from cic.written import whole

if TYPE_CHECKING:
    from cic.using.model import Model


def check_annotatable(source: Path, target: Path) -> None:
    """Refuse what no AnnData file can be made of.

    Raises
    ------
    DataError
        If `source` is no such file.
    """
    if source.exists() and (source.is_dir() or format_of(source) != H5AD):
        raise DataError(
            f"it is no AnnData file, so there is nothing to fill for {target.name}", where=str(source),
            expected="a file of the kind .h5ad", fix="write a table: -o with .parquet, .csv or .tsv",
        )  # fmt: skip


def annotate_file(model: Model, table: pd.DataFrame, source: Path, target: Path) -> None:
    """Write a copy of an AnnData file with what a table of `encode` or `classify` says of its samples.

    Parameters
    ----------
    target
        Where to; it may be `source`. Written whole or not at all.

    Raises
    ------
    DataError
        If the file has other samples than the table, or is not laid out as AnnData files are.
    """
    from cic.data.h5ad_filled import fill, read_parts

    found = annotated(model, table)
    filled = filled_names(found)
    with _copied(source, target) as copy:
        (before,) = guarded(partial(read_parts, places=[f"uns/{ABOUT}"]), copy)
        about, stale = merged_about(before, found.uns, filled)
        parts: dict[str, Any] = {f"obsm/{name}": values for name, values in found.obsm.items()}
        parts |= {f"obs/{name}": found.obs[name].values for name in found.obs}
        parts[f"uns/{ABOUT}"] = about
        there = guarded(partial(fill, samples=table.index, parts=parts, stale=stale), copy)
    tell(str(target), [place for place in there if place in filled], stale, before)


def codes_of_file(model: Model, source: Path) -> pd.DataFrame:
    """Give the codes that an AnnData file holds, as the table that `Model.decode` takes.

    Raises
    ------
    DataError
        If there are none, or nothing says of which model they are.
    """
    from cic.data.h5ad_filled import read_names, read_parts

    samples, _ = guarded(read_names, source)
    codes_SW, stamps, about = guarded(
        partial(read_parts, places=[f"obsm/{CODES}", f"obs/{MODEL}", f"uns/{ABOUT}"]), source
    )
    return table_of_codes(codes_SW, samples, stamps, about, model, str(source))


def decode_file(model: Model, source: Path, target: Path, scale: str) -> int:
    """Write a copy of an AnnData file with the profiles that its codes decode to, as the layer `cic`.

    Genes that the model does not know are NaN there. Few profiles at a time are held in memory.

    Returns
    -------
    int
        How many profiles there are.

    Raises
    ------
    DataError, ModelError
        As `codes_of_file` and `Model.decode`, and if the model knows none of the genes.
    """
    from cic.data.h5ad_filled import add_layer, fill, read_names, read_parts, write_rows

    table = codes_of_file(model, source)
    _, genes = guarded(read_names, source)
    position_G = known_genes(pd.Index(model.bundle.genes), genes, str(source))
    place = f"layers/{LAYER}"
    with _copied(source, target) as copy:
        there = guarded(partial(add_layer, name=LAYER), copy)
        for start in range(0, len(table), BLOCK_ROWS):
            block = model.decode(table.iloc[start : start + BLOCK_ROWS], scale=scale, where=str(source))
            values_SG = in_order(block.to_numpy(), position_G)
            guarded(partial(write_rows, name=LAYER, start=start, values_SG=values_SG), copy)
        (before,) = guarded(partial(read_parts, places=[f"uns/{ABOUT}"]), copy)
        about, _ = merged_about(before, about_model(model) | {"decoded": scale}, [place])
        guarded(partial(fill, samples=table.index, parts={f"uns/{ABOUT}": about}), copy)
    tell(str(target), [place] if there else [], [], before)
    return len(table)


@contextmanager
def _copied(source: Path, target: Path) -> Iterator[Path]:
    """Give a copy beside `target`, which it becomes once the block has ended well."""
    with whole(target) as copy:
        try:
            shutil.copyfile(source, copy)
            yield copy
        except DataError as error:  # of the copy, which nobody knows
            where = None if error.where is None else error.where.replace(str(copy), str(source))
            raise DataError(error.found, where=where, expected=error.expected, fix=error.fix) from None
