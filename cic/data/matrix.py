"""`ExpressionMatrix`: samples x genes with their units and sample columns, and its file (`cic.data.matrix_file`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cic.data import sparse
from cic.data.contents import check_contents, check_names
from cic.data.matrix_file import read_whole, write_whole
from cic.data.sparse import Values, dense_blocks
from cic.data.terms import UNITS, Unit
from cic.errors import DataError

ROLES = ("label", "group", "replicate")


@dataclass(frozen=True)
class ExpressionMatrix:
    """Gene expression profiles, samples x genes.

    Attributes
    ----------
    values
        float32, shape (n_samples, n_genes), finite: dense, or compressed rows (`scipy.sparse.csr_array`) without
        repeated positions. What reads them takes `blocks`, or `dense` of few. Dense ones may lack some, as NaN, until
        training profiles say what stands for these (`cic.data.missing`).
    genes
        Unique gene names, one a column of `values`.
    samples
        One row a sample, indexed by unique sample id (index name `sample_id`). After ingest the columns `label`,
        `group` and `replicate` are there as far as the parameters name them.
    unit
        What the numbers are: `log2`, `tpm`, `counts`, `intensity` (linear) or `log_ratio`.
    fill_G
        What stands for a value that was missing, a gene (float32); `None` where none was.

    Raises
    ------
    DataError
        If ids repeat, values are not finite, shapes disagree, or values contradict the unit.
    """

    values: Values
    genes: tuple[str, ...]
    samples: pd.DataFrame
    unit: Unit
    source: str = field(default="matrix", compare=False)
    fill_G: np.ndarray | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise DataError(f"unit `{self.unit}` is not known", where=self.source, expected=", ".join(UNITS))
        if self.values.shape != (len(self.samples), len(self.genes)) or self.values.dtype != np.float32:
            raise DataError(
                f"values are {self.values.dtype} of shape {self.values.shape}",
                where=self.source,
                expected=f"float32 of shape ({len(self.samples)}, {len(self.genes)})",
            )
        if 0 in self.values.shape:
            raise DataError(f"{self.n_samples} samples and {self.n_genes} genes", where=self.source, expected="some")
        check_names(self.samples.index, self.genes, self.source)
        check_contents(self.values, self.unit, self.samples.index, self.genes, self.source)

    @property
    def n_samples(self) -> int:
        """How many samples there are."""
        return self.values.shape[0]

    @property
    def n_genes(self) -> int:
        """How many genes there are."""
        return self.values.shape[1]

    def select(self, keep: np.ndarray) -> ExpressionMatrix:
        """Give the samples at the positions, or under the mask, `keep`, in that order; sparse ones stay sparse."""
        return replace(self, values=self.values[keep], samples=self.samples.iloc[keep])

    @property
    def is_few(self) -> bool:
        """Whether all profiles may be worked on at once."""
        return self.n_samples <= sparse.FEW

    def dense(self) -> np.ndarray:
        """Give all values as a dense array, for where the profiles are few.

        Raises
        ------
        DataError
            If they do not fit into the free memory.
        """
        return sparse.dense(self.values, self.source)

    def parts(self) -> Iterator[ExpressionMatrix]:
        """Yield the same as matrices of fewer profiles, in order; this one where they are few."""
        if self.is_few:
            yield self
            return
        for start in range(0, self.n_samples, sparse.BLOCK_ROWS):
            yield self.select(np.arange(start, min(start + sparse.BLOCK_ROWS, self.n_samples)))

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield dense blocks of profiles, in order: all in one where they are few."""
        return sparse.blocks(self.values)


def fingerprints(values_SG: Values) -> list[str]:
    """Give a content hash a profile, which stays when its id changes, and is that of its values, dense or sparse."""
    return [
        hashlib.sha256(row.tobytes()).hexdigest()[:16]
        for block_SG in dense_blocks(values_SG)
        for row in np.ascontiguousarray(block_SG, dtype="<f4")
    ]


def write_matrix(path: Path, matrix: ExpressionMatrix) -> None:
    """Write `matrix` to one Parquet file, whole or not at all, in the layout that its values have."""
    write_whole(path, matrix.values, matrix.genes, matrix.samples, matrix.unit)


def read_matrix(path: Path) -> ExpressionMatrix:
    """Read a file that `write_matrix` wrote.

    Raises
    ------
    DataError
        If it is missing or something else.
    """
    return ExpressionMatrix(*read_whole(path), str(path))
