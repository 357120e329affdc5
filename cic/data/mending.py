"""What an import does to profiles that are not yet what they have to be, as far as it was asked to, and says so."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cic.data import sparse
from cic.data.sparse import Values, compressed, dense_blocks, is_sparse, stacked, totals
from cic.data.terms import DuplicateGenes, Missing, Unit
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")


def without_missing(wide: Wide, missing: Missing, path: Path) -> Wide:
    """Refuse values that are missing or infinite, or leave out the genes or samples that have any missing.

    Raises
    ------
    DataError
        If there are such values and they are to be refused, or nothing is left.
    """
    stored = wide.values.data if is_sparse(wide.values) else wide.values
    odd = ~np.isfinite(stored)
    if not odd.any():
        return wide
    if missing == "keep" and not is_sparse(wide.values) and not np.isinf(stored).any():
        log.warning("%s: %d values are missing (%.2g%%), and kept so", path, int(odd.sum()), 100 * odd.mean())
        return wide
    if missing.startswith("drop-") and not is_sparse(wide.values) and not np.isinf(stored).any():
        keep = [~odd.any(axis=1), slice(None)] if missing == "drop-samples" else [slice(None), ~odd.any(axis=0)]
        kept = wide.values[keep[0]][:, keep[1]]
        lost = max(whole - left for whole, left in zip(wide.values.shape, kept.shape, strict=True))
        log.warning("%s: %d %s with missing values are left out", path, lost, missing.removeprefix("drop-"))
        if not kept.size:
            raise DataError(
                f"every one of its {missing.removeprefix('drop-')} has missing values", where=str(path),
                expected="some without", fix="leave out the others: --missing drop-genes or drop-samples",
            )  # fmt: skip
        rows, columns = (list(np.array(names, dtype=object)[one]) for names, one in
                         zip((wide.rows, wide.columns), keep, strict=True))  # fmt: skip
        about = (None if table is None else table[one].reset_index(drop=True) for table, one in
                 zip((wide.about_rows, wide.about_columns), keep, strict=True))  # fmt: skip
        return Wide(np.ascontiguousarray(kept), rows, columns, *about)
    first = int(odd.argmax())
    row, column = sparse.at(wide.values, first) if is_sparse(wide.values) else divmod(first, len(wide.columns))
    raise DataError(
        f"{int(odd.sum())} value(s) are missing or infinite",
        where=f"{path}, first at sample {wide.rows[row]}, gene {wide.columns[column]}",
        expected="finite numbers only",
        fix="fill them, leave out what has them (--missing drop-genes or drop-samples), or keep them for the run to "
        "handle (--missing keep, and `data.missing`)",
    )


def floored(wide: Wide, floor: float | None, unit: Unit, path: Path) -> Wide:
    """Raise intensities that are less than a floor to it.

    Raises
    ------
    DataError
        If the values are no dense intensities.
    """
    if floor is None:
        return wide
    if unit != "intensity" or floor < 0 or is_sparse(wide.values):
        raise DataError(
            f"a floor of {floor:g} for `{unit}`", where="--floor", expected="0 or more, of dense `intensity`",
            fix="leave it out",
        )  # fmt: skip
    below = int((wide.values < floor).sum())
    log.warning("%s: %d of %d values are below %g and raised to it", path, below, wide.values.size, floor)
    return replace(wide, values=np.maximum(wide.values, np.float32(floor)))


def without_empty(wide: Wide, path: Path) -> Wide:
    """Leave out samples without any count.

    Raises
    ------
    DataError
        If no sample has any.
    """
    keep_S = totals(wide.values) > 0
    if keep_S.all():
        return wide
    if not keep_S.any():
        raise DataError("no sample has any count", where=str(path), expected="counts")
    log.warning("%s: %d samples without any count are left out", path, int((~keep_S).sum()))
    rows = [name for name, keep in zip(wide.rows, keep_S, strict=True) if keep]
    about = None if wide.about_rows is None else wide.about_rows[keep_S].reset_index(drop=True)
    return replace(wide, values=wide.values[keep_S], rows=rows, about_rows=about)


def merged_genes(wide: Wide, how: DuplicateGenes) -> tuple[tuple[str, ...], Values]:
    """Give unique genes, in order of first appearance, and float32 values."""
    codes_G, genes = pd.factorize(np.array(wide.columns, dtype=object))
    values_SG = wide.values if is_sparse(wide.values) else np.ascontiguousarray(wide.values, dtype=np.float32)
    if len(genes) == len(codes_G):
        return tuple(str(gene) for gene in wide.columns), values_SG
    log.warning("%d repeated genes are merged by %s", len(codes_G) - len(genes), how)
    names = tuple(str(gene) for gene in genes)
    if how == "highest":
        return names, values_SG[:, _highest(values_SG, codes_G)]
    if is_sparse(values_SG):
        merged = [compressed(_merged(block_SG, codes_G, len(genes), how)) for block_SG in dense_blocks(values_SG)]
        return names, stacked(merged, len(genes))
    return names, _merged(values_SG, codes_G, len(genes), how)


def _highest(values_SG: Values, codes_G: np.ndarray) -> np.ndarray:
    """Give, of the columns of each gene, the place of that with the highest mean, the first of equals."""
    if is_sparse(values_SG):
        mean_G = np.asarray(values_SG.mean(axis=0, dtype=np.float64)).ravel()
    else:  # of the values that are not missing; what has none is the last choice
        known_SG = ~np.isnan(values_SG)
        sum_G = values_SG.sum(axis=0, dtype=np.float64, where=known_SG)
        mean_G = np.where(known_SG.any(axis=0), sum_G / np.maximum(known_SG.sum(axis=0), 1), -np.inf)
    by_gene = np.lexsort((np.arange(len(codes_G)), -mean_G, codes_G))
    return by_gene[np.unique(codes_G[by_gene], return_index=True)[1]]


def _merged(values_SG: np.ndarray, codes_G: np.ndarray, n_genes: int, how: DuplicateGenes) -> np.ndarray:
    by_gene = np.argsort(codes_G, kind="stable")
    starts = np.searchsorted(codes_G[by_gene], np.arange(n_genes))
    if how == "median":
        merged_SG = values_SG[:, by_gene[starts]]
        ends = np.append(starts[1:], len(by_gene))
        for gene in np.flatnonzero(ends - starts > 1):
            merged_SG[:, gene] = np.median(values_SG[:, by_gene[starts[gene] : ends[gene]]], axis=1)
        return merged_SG
    combine = np.maximum if how == "max" else np.add
    merged_SG = combine.reduceat(values_SG[:, by_gene].astype(np.float64), starts, axis=1)
    if how == "mean":
        merged_SG /= np.bincount(codes_G)
    return merged_SG.astype(np.float32)
