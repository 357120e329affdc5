"""The gene sets that features are drawn towards (`fit.gene_sets`)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cic.digests import gene_sets_digest
from cic.errors import DataError
from cic.evaluation.gene_sets.gene_sets import FEWEST_GENES, MOST_GENES, GeneSet, gmt_files, match, read_gmt

log = logging.getLogger("cic.data")


def given_sets(place: str | None, genes: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the sets with some of the genes of a model: positions of these, by name; none where no place is named.

    Raises
    ------
    DataError
        As `read_sets`, and if no set has enough genes.
    """
    if place is None:
        return {}
    read = read_sets(place)
    found = match(read, genes)
    if not len(found):
        raise DataError(
            f"no gene set has {FEWEST_GENES} to {MOST_GENES} of the genes of the data (such as {genes[0]})",
            where=f"fit.gene_sets: {place}", expected=f"genes by the names that the data use (not {read[0].genes[0]})"
            if not found.n_matched else "sets of that size",
            fix="give other gene sets, model more genes (`preprocess.top_genes`), or leave `fit.gene_sets` out",
        )  # fmt: skip
    log.info("%d of %d gene sets of %s are given to the features", len(found), len(read), place)
    return dict(zip(found.names, found.members, strict=True))


def read_sets(place: str) -> list[GeneSet]:
    """Read all sets of a GMT file or of a folder of such.

    Raises
    ------
    DataError
        If there are none, a file is damaged, or a name stands in two of them.
    """
    read = [one for file in gmt_files(Path(place)) for one in read_gmt(file)]
    if not read:
        raise DataError(
            "there are no gene sets", where=f"fit.gene_sets: {place}", expected="a GMT file, or a folder with such",
            fix="put them there, or leave `fit.gene_sets` out",
        )  # fmt: skip
    collections: dict[str, str] = {}
    for one in read:
        if collections.setdefault(one.name, one.collection) != one.collection:
            raise DataError(
                f"the set {one.name} is in {collections[one.name]} and in {one.collection}",
                where=f"fit.gene_sets: {place}", expected="a name of its own for each set", fix="rename one of the two",
            )  # fmt: skip
    return read


def told_of(place: str) -> dict[str, Any]:
    """Give what the origin of a model says of the sets: the names of their files, and the digest of these."""
    return {"files": [file.name for file in gmt_files(Path(place))], "digest": gene_sets_digest(Path(place))}
