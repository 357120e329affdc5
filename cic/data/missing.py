"""Values that are missing: what becomes of them, counted, and learnt from training profiles alone.

A file's missing values may be kept by the import (`--missing keep`). What `data.missing` says then decides: the run is
refused, the genes that have any are left out, or each takes its gene's median over the training profiles, which is part
of the model and fills profiles to come too. Axes: S samples, G genes.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from cic.config.sections import Handling
from cic.data.matrix import ExpressionMatrix
from cic.errors import DataError

log = logging.getLogger("cic.data")


def missing_of(matrix: ExpressionMatrix) -> np.ndarray:
    """Tell how many values each gene lacks (G); sparse profiles lack none."""
    if not isinstance(matrix.values, np.ndarray):
        return np.zeros(matrix.n_genes, dtype=np.int64)
    return np.isnan(matrix.values).sum(axis=0)


def handled(matrix: ExpressionMatrix, how: Handling) -> ExpressionMatrix:
    """Leave out the genes that have missing values, if `data.missing` says so; the check refuses others.

    Raises
    ------
    DataError
        If every gene has some.
    """
    missing_G = missing_of(matrix)
    n_genes = int((missing_G > 0).sum())
    if not n_genes or how != "drop_genes":
        return matrix
    if n_genes == matrix.n_genes:
        raise DataError(
            "every gene has missing values", where=matrix.source, expected="some genes without",
            fix="set `data.missing` to `median`, or import with --missing drop-samples",
        )  # fmt: skip
    log.warning("%s: %d genes with missing values are left out", matrix.source, n_genes)
    keep_G = missing_G == 0
    genes = tuple(gene for gene, keep in zip(matrix.genes, keep_G, strict=True) if keep)
    return replace(matrix, values=np.ascontiguousarray(matrix.values[:, keep_G]), genes=genes)


def filled(matrix: ExpressionMatrix, train_S: np.ndarray) -> ExpressionMatrix:
    """Give missing values the median that their gene has among training profiles, and note these medians.

    Genes that no training profile has are left out: nothing could be learnt of them.

    Parameters
    ----------
    train_S
        Mask of the training profiles.
    """
    missing_G = missing_of(matrix)
    if not missing_G.any():
        return matrix
    seen_G = ~np.isnan(matrix.values[train_S]).all(axis=0)
    if not seen_G.all():
        log.warning(
            "%s: %d genes are missing in all training profiles and left out", matrix.source, int((~seen_G).sum())
        )
    values_SG = np.array(matrix.values[:, seen_G])
    fill_G = np.nanmedian(values_SG[train_S], axis=0).astype(np.float32)
    rows, columns = np.nonzero(np.isnan(values_SG))
    values_SG[rows, columns] = fill_G[columns]
    genes = tuple(gene for gene, seen in zip(matrix.genes, seen_G, strict=True) if seen)
    return replace(matrix, values=values_SG, genes=genes, fill_G=fill_G)
