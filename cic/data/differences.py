"""What is another between two versions of a data set: samples, genes, what is known of samples, values.

Axes: S samples and G genes that both have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data import sparse
from cic.data.matrix import ExpressionMatrix, fingerprints

ROWS = 512
"""Profiles that are compared at once."""


@dataclass(frozen=True)
class Differences:
    """What `differences` finds; everything empty or 0 where nothing is another.

    Attributes
    ----------
    units
        Before and after, where they differ.
    samples_gone, samples_new, genes_gone, genes_new
        Names.
    renamed
        Of the samples that are gone, those whose profile is there under another id, equal to the last bit.
    columns
        Of each column about samples: in how many common samples it differs, or that it is `gone` or `new`.
    changed_samples, changed_genes
        How many values differ in each that has any, the most first.
    n_values, largest
        How many values differ, and by how much at most.
    reordered
        Whether what both have stands in another order.
    """

    units: tuple[str, str] | None
    samples_gone: list[str]
    samples_new: list[str]
    renamed: dict[str, str]
    genes_gone: list[str]
    genes_new: list[str]
    columns: dict[str, int | str]
    changed_samples: dict[str, int]
    changed_genes: dict[str, int]
    n_values: int
    largest: float
    reordered: bool

    @property
    def none(self) -> bool:
        """Whether both are the same."""
        return not any(vars(self).values())


def differences(before: ExpressionMatrix, after: ExpressionMatrix) -> Differences:
    """Compare two versions of a data set by the names of samples and genes."""
    old, new = before.samples.index, after.samples.index
    samples = [str(name) for name in old if name in new]
    in_after = set(after.genes)
    genes = [gene for gene in before.genes if gene in in_after]
    gone, come = ([str(name) for name in one.difference(other, sort=False)] for one, other in ((old, new), (new, old)))
    n_S, n_G, largest = _compared(before, after, samples, genes)
    reordered = [name for name in new if name in old] != samples or [
        gene for gene in after.genes if gene in set(genes)
    ] != genes
    return Differences(
        units=None if before.unit == after.unit else (before.unit, after.unit),
        samples_gone=gone,
        samples_new=come,
        renamed=_renamed(before, after, gone, come),
        genes_gone=[gene for gene in before.genes if gene not in in_after],
        genes_new=[gene for gene in after.genes if gene not in set(before.genes)],
        columns=_columns(before.samples, after.samples, samples),
        changed_samples=_most_first(samples, n_S),
        changed_genes=_most_first(genes, n_G),
        n_values=int(n_S.sum()),
        largest=largest,
        reordered=reordered,
    )


def _compared(
    before: ExpressionMatrix, after: ExpressionMatrix, samples: list[str], genes: list[str]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Give how many values differ in each common sample and gene, and the largest difference."""
    n_S, n_G, largest = np.zeros(len(samples), dtype=np.int64), np.zeros(len(genes), dtype=np.int64), 0.0
    if not samples or not genes:
        return n_S, n_G, largest
    rows = [matrix.samples.index.get_indexer(pd.Index(samples)) for matrix in (before, after)]
    columns = [pd.Index(matrix.genes).get_indexer(pd.Index(genes)) for matrix in (before, after)]
    for start in range(0, len(samples), ROWS):
        block = slice(start, start + ROWS)
        one_SG, other_SG = (
            sparse.dense(matrix.values[row_S[block]])[:, column_G]
            for matrix, row_S, column_G in zip((before, after), rows, columns, strict=True)
        )
        apart_SG = (one_SG != other_SG) & ~(np.isnan(one_SG) & np.isnan(other_SG))
        n_S[block] = apart_SG.sum(axis=1)
        n_G += apart_SG.sum(axis=0)
        largest = max(largest, float(np.nanmax(np.abs(one_SG.astype(np.float64) - other_SG), initial=0)))
    return n_S, n_G, largest


def _renamed(before: ExpressionMatrix, after: ExpressionMatrix, gone: list[str], come: list[str]) -> dict[str, str]:
    if not gone or not come or before.genes != after.genes:
        return {}
    prints = [
        dict(zip(fingerprints(matrix.values[matrix.samples.index.get_indexer(pd.Index(names))]), names, strict=True))
        for matrix, names in ((before, gone), (after, come))
    ]
    return {name: prints[1][one] for one, name in prints[0].items() if one in prints[1]}


def _columns(before: pd.DataFrame, after: pd.DataFrame, samples: list[str]) -> dict[str, int | str]:
    found: dict[str, int | str] = {str(name): "gone" for name in before if name not in after}
    found |= {str(name): "new" for name in after if name not in before}
    for name in before.columns.intersection(after.columns, sort=False):
        one, other = before.loc[samples, name], after.loc[samples, name]
        apart = int((~((one == other) | (one.isna() & other.isna()))).sum())
        if apart:
            found[str(name)] = apart
    return found


def _most_first(names: list[str], counts: np.ndarray) -> dict[str, int]:
    return {names[at]: int(counts[at]) for at in np.argsort(-counts, kind="stable") if counts[at]}
