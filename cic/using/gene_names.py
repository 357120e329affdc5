"""Profiles whose genes are called otherwise than the model's, brought to its names by a table.

Axes: S samples, G genes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from cic.data.gene_map import read_map, renamed
from cic.data.gene_names import kinds_of, namespace_of, plain
from cic.data.guarded import guarded
from cic.data.matrix import ExpressionMatrix
from cic.data.mending import merged_genes
from cic.data.species import species_of
from cic.data.terms import DuplicateGenes, GenesTo
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger(__name__)


def called_alike(
    matrix: ExpressionMatrix, genes: Sequence[str], gene_map: Path, duplicate_genes: DuplicateGenes, where: str
) -> ExpressionMatrix:
    """Give the same profiles, their genes called as a model calls them.

    Names of another kind (ids of Ensembl or Entrez, probes) become those of the model's kind. Of the same kind are only
    those changed that the model does not know: two names are one gene if the table leads both to one current name.
    Whatever has several names, or none, or shares one, stays as it is, and is not found.

    Parameters
    ----------
    genes
        The model's.
    duplicate_genes
        What to do where several, such as probes, are one gene.

    Raises
    ------
    DataError
        If the table has no such names, or several are one gene and nothing is said of that.
    """
    ours, path = namespace_of(genes), Path(where)
    if ours == "probe":
        raise DataError(
            "the model's genes are probes, which no table leads to", where="--gene-map",
            expected="a model of genes", fix="leave it out, or take profiles of the model's platform",
        )  # fmt: skip
    if namespace_of(matrix.genes) != ours:
        known = {plain(gene) for gene in genes} & {plain(name) for name in matrix.genes}
        if known:
            log.warning("%s: %d genes are called as the model's; all go by the table", where, len(known))
        wide = Wide(matrix.values, list(matrix.samples.index), matrix.genes)
        wide = renamed(wide, gene_map, cast(GenesTo, ours), None, 0.0, path)
        shared = [name for name, times in Counter(wide.columns).items() if times > 1]
        if shared and duplicate_genes == "error":
            raise DataError(
                f"{len(shared)} genes have several names in the file, such as {shared[0]}", where=where,
                expected="what to do with these",
                fix="say --duplicate-genes, such as `highest` of probes, `sum` of counts",
            )  # fmt: skip
        names, values_SG = merged_genes(wide, duplicate_genes)
        matrix = replace(matrix, values=values_SG, genes=tuple(names))
    return _by_current_names(matrix, genes, gene_map, where)


def _by_current_names(matrix: ExpressionMatrix, genes: Sequence[str], gene_map: Path, where: str) -> ExpressionMatrix:
    """Call genes as the model does that both have under names that the table leads to one."""
    theirs = {plain(name): place for place, name in enumerate(matrix.genes)}
    unfound = [gene for gene in genes if plain(gene) not in theirs]
    ours = namespace_of(genes)
    if ours != "symbol" or not unfound:
        return matrix
    read = partial(read_map, kinds=tuple(kinds_of(genes)), to=cast(GenesTo, ours), species=species_of(genes))
    current_of = guarded(read, gene_map)
    known = {plain(gene) for gene in genes}
    spare = _one_each({name: current_of.get(name, frozenset((name,))) for name in theirs if name not in known})
    wanted = _one_each({gene: current_of.get(gene, frozenset((gene,))) for gene in unfound})
    names = list(matrix.genes)
    found = {gene: spare[current] for current, gene in wanted.items() if current in spare}
    for gene, name in found.items():
        names[theirs[name]] = gene
    if found:
        such = ", ".join(f"{name} is the model's {gene}" for gene, name in [*found.items()][:3])
        log.warning("%s: %d genes are found by other names: %s", where, len(found), such)
    return replace(matrix, genes=tuple(names))


def _one_each(currents: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Give the name of each current name, of names that have one, and share it with no other."""
    single = {name: next(iter(found)) for name, found in currents.items() if len(found) == 1}
    times = Counter(single.values())
    return {current: name for name, current in single.items() if times[current] == 1}
