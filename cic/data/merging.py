"""Several data sets made one: common genes, one unit, ids that are unique, and the study of each profile.

Sets are taken in the order of their names, so what comes out does not depend on the order in which they are named.
Axes: S samples, G genes.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cic.data import sparse
from cic.data.corrected import CORRECTION
from cic.data.gene_names import namespace_of
from cic.data.label_words import Replacement
from cic.data.matrix import ExpressionMatrix
from cic.data.merged_samples import Part, joined_samples
from cic.data.sparse import Values, as_kept, is_sparse
from cic.data.sparse_units import log2_sparse
from cic.data.terms import CENTRED_UNITS, LINEAR_UNITS, Unit
from cic.data.units import log2_scale
from cic.errors import DataError

log = logging.getLogger("cic.data")


@dataclass(frozen=True)
class Kept:
    """What a data set brings along: its genes, and how many the common ones are, and what share of its variance."""

    name: str
    n_samples: int
    n_genes: int
    unit: Unit
    variance_share: float | None


def merged(
    parts: Sequence[Part],
    *,
    least_genes: float,
    linking: Collection[str] = (),
    label_map: Sequence[Replacement] = (),
    label_map_name: str = "the label map",
    log2: bool = False,
) -> tuple[ExpressionMatrix, list[Kept]]:
    """Join data sets on their common genes, and tell what each of them loses.

    Parameters
    ----------
    parts
        At least two, of different names.
    least_genes
        Share of the genes of the set with fewest that must be common to all.
    linking
        Names, in small letters, of columns that keep profiles together, such as `donor`. If one value occurs in two
        sets it does not mean the same, so all get the name of their set in front.
    label_map, label_map_name
        Words to replace, and the file that they are from.
    log2
        Whether to bring all to log2 scale though the units agree.

    Raises
    ------
    DataError
        If genes are named differently, too few are common, units do not go together, or a set was merged before.
    """
    parts = sorted(parts, key=lambda part: part.name)
    _check_parts(parts)
    unit = common_unit({part.name: part.matrix.unit for part in parts}, log2)
    genes = common_genes({part.name: part.matrix.genes for part in parts}, least_genes)
    kept, blocks = [], []
    for part in parts:
        place = {gene: at for at, gene in enumerate(part.matrix.genes)}
        at_G = np.array([place[gene] for gene in genes])
        share = _variance_share(part.matrix, at_G)
        kept.append(Kept(part.name, part.matrix.n_samples, part.matrix.n_genes, part.matrix.unit, share))
        blocks.append(_in_unit(part.matrix, unit)[:, at_G])
    samples = joined_samples(parts, linking, label_map, label_map_name)
    return ExpressionMatrix(_stacked(blocks), genes, samples, unit, " + ".join(part.name for part in parts)), kept


def _check_parts(parts: Sequence[Part]) -> None:
    names = [part.name for part in parts]
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError(
            f"data sets to merge: {', '.join(names)}", where="cic data merge", expected="two or more, each once"
        )
    for part in parts:
        if CORRECTION in part.matrix.samples:
            raise DataError(
                "its studies were corrected to one another before", where=part.name, expected="profiles as imported",
                fix="merge the sets that it was made of",
            )  # fmt: skip
        for column in filter(None, (part.label, part.study)):
            if column not in part.matrix.samples:
                raise DataError(
                    f"it has no column `{column}`", where=part.name,
                    expected=", ".join(map(str, part.matrix.samples.columns)) or "no column at all",
                    fix="name one of these in --labels-by or --study-by",
                )  # fmt: skip


def common_unit(unit_of: Mapping[str, Unit], log2: bool) -> Unit:
    """Give the unit of all: their own where they agree, else log2.

    Raises
    ------
    DataError
        If values around zero would meet values that have a level.
    """
    units = set(unit_of.values())
    told = ", ".join(f"{name} {unit}" for name, unit in unit_of.items())
    if len(units) > 1 and units & set(CENTRED_UNITS):
        raise DataError(
            f"units that do not go together: {told}", where="cic data merge",
            expected="levels of expression, or all of one kind relative to something",
            fix="leave out the sets in log_ratio or scaled, or import them from before they were made relative",
        )  # fmt: skip
    if len(units) == 1 and not (log2 and units & set(LINEAR_UNITS)):
        return units.pop()
    by_million = ", counts by the million of all genes of their set" if "counts" in units else ""
    log.warning("brought to log2 scale%s: %s", by_million, told)
    if len(units - {"log2"}) > 1 or "intensity" in units:
        log.warning("a value of one unit is no value of another, also on log2 scale: studies will differ by their unit")
    return "log2"


def common_genes(genes_of: Mapping[str, Sequence[str]], least: float) -> tuple[str, ...]:
    """Give the genes that all have, in the order of the first.

    Raises
    ------
    DataError
        If genes are named differently, or the common ones are less than the share `least` of the smallest set's.
    """
    kinds = {name: namespace_of(genes) for name, genes in genes_of.items()}
    if len(set(kinds.values())) > 1:
        raise DataError(
            "genes are named differently: " + ", ".join(f"{name} by {kind}" for name, kind in kinds.items()),
            where="cic data merge",
            expected="names of one kind",
            fix="import them with --gene-map and the same --genes-to",
        )
    common = set.intersection(*(set(genes) for genes in genes_of.values()))
    fewest = min(genes_of, key=lambda name: len(genes_of[name]))
    share = len(common) / len(genes_of[fewest])
    if share < least or not common:
        alike = set.intersection(*({gene.split(".")[0].upper() for gene in genes} for genes in genes_of.values()))
        hint = f"; without case and versions {len(alike)} agree" if len(alike) > len(common) else ""
        raise DataError(
            f"{len(common)} genes are common to all, {share:.1%} of the {len(genes_of[fewest])} of {fewest}{hint}",
            where="cic data merge",
            expected=f"at least {least:.0%}",
            fix="import them with the same --gene-map, leave that set out, or lower --least-genes",
        )
    return tuple(gene for gene in next(iter(genes_of.values())) if gene in common)


def _in_unit(matrix: ExpressionMatrix, unit: Unit) -> Values:
    if matrix.unit == unit:
        return matrix.values
    if is_sparse(matrix.values):
        return log2_sparse(matrix.values, matrix.unit)
    return log2_scale(matrix.values, matrix.unit)


def _variance_share(matrix: ExpressionMatrix, at_G: np.ndarray) -> float | None:
    """Give the share of the variance, summed over genes on log2 scale, that some genes have."""
    sums_G, squares_G = np.zeros(matrix.n_genes), np.zeros(matrix.n_genes)
    for block_SG in matrix.blocks():
        log2_SG = log2_scale(block_SG, matrix.unit).astype(np.float64)
        sums_G += log2_SG.sum(axis=0)
        squares_G += (log2_SG**2).sum(axis=0)
    variance_G = squares_G - sums_G**2 / matrix.n_samples
    total = float(variance_G.sum())
    return float(variance_G[at_G].sum()) / total if total > 0 else None


def _stacked(blocks: Sequence[Values]) -> Values:
    if any(is_sparse(block) for block in blocks):
        rows = [sparse.compressed(block) for block in blocks]
        return as_kept(sparse.stacked(rows, rows[0].shape[1]))
    return as_kept(np.concatenate(blocks))
