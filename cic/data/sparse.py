"""Profiles of which most values are zero: compressed rows in memory, two lists a profile on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from cic.data.limits import check_dense

if TYPE_CHECKING:
    import scipy.sparse  # takes a while to import: only what is sparse does so

POSITIONS, STORED = "profile_positions", "profile_values"
"""Columns of the file: places of the genes that are not zero, ascending (int32), and their values (float32)."""
LAYOUT = {POSITIONS: pa.list_(pa.int32()), STORED: pa.list_(pa.float32())}
SPARSE_FROM = 100_000_000
"""Values, zeros included, from which on profiles may be kept sparse: dense these are 400 MB."""
SPARSE_BELOW = 0.25
"""And the share of them that may be other than zero: such a value takes 8 bytes sparse, and every one 4 dense."""
FEW = 4096
"""Profiles up to which all are worked on at once, dense; more pass by in blocks of `BLOCK_ROWS`."""
BLOCK_ROWS = 1024
"""Profiles at a time wherever many pass by. Sums over blocks depend on it, so it is fixed."""

Values: TypeAlias = Any
"""Profiles, samples x genes, float32: a `numpy.ndarray`, or a `scipy.sparse.csr_array` of ascending positions."""


def is_sparse(values_SG: Values) -> bool:
    """Tell whether values are kept as compressed rows."""
    return not isinstance(values_SG, np.ndarray)


def as_kept(values_SG: Values) -> Values:
    """Give values, dense or sparse, as a matrix keeps them, which depends on the values alone.

    Sparse are those of at least `SPARSE_FROM` values of which less than `SPARSE_BELOW` are other than zero.
    """
    n_rows, n_columns = values_SG.shape
    stored = values_SG.nnz if is_sparse(values_SG) else None
    if n_rows * n_columns >= SPARSE_FROM:
        if stored is None:
            stored = sum(int(np.count_nonzero(block_SG)) for block_SG in dense_blocks(values_SG))
        if stored < SPARSE_BELOW * n_rows * n_columns:
            return compressed(values_SG)
    return dense(values_SG)


def compressed(values_SG: Values) -> scipy.sparse.csr_array:
    """Give values as compressed rows of float32 without stored zeros, positions ascending."""
    import scipy.sparse

    if not is_sparse(values_SG):
        blocks = [scipy.sparse.csr_array(block_SG) for block_SG in dense_blocks(values_SG)]
        values_SG = scipy.sparse.vstack(blocks, format="csr")
    rows_SG = scipy.sparse.csr_array(values_SG)
    if not rows_SG.has_canonical_format:
        rows_SG = rows_SG.copy()
        rows_SG.sum_duplicates()
    if len(rows_SG.data) and not rows_SG.data.all():
        rows_SG = rows_SG.copy()
        rows_SG.eliminate_zeros()
    return rows_SG if rows_SG.dtype == np.float32 else rows_SG.astype(np.float32)


def blocks_as_kept(values_SG: Values) -> Iterator[Values]:
    """Yield blocks of `BLOCK_ROWS` profiles, in order, sparse or dense as they are."""
    for start in range(0, values_SG.shape[0], BLOCK_ROWS):
        yield values_SG[start : start + BLOCK_ROWS]


def dense_blocks(values_SG: Values) -> Iterator[np.ndarray]:
    """Yield dense blocks of `BLOCK_ROWS` profiles, in order."""
    for block_SG in blocks_as_kept(values_SG):
        yield block_SG.toarray() if is_sparse(block_SG) else block_SG


def blocks(values_SG: Values) -> Iterator[np.ndarray]:
    """Yield dense blocks of profiles, in order: all in one where they are few.

    Raises
    ------
    DataError
        If few sparse ones do not fit into the free memory.
    """
    if values_SG.shape[0] > FEW:
        yield from dense_blocks(values_SG)
    else:
        yield dense(values_SG)


def dense(values_SG: Values, where: str = "profiles") -> np.ndarray:
    """Give all values as a dense array, for where the profiles are few.

    Raises
    ------
    DataError
        If they do not fit into the free memory.
    """
    if not is_sparse(values_SG):
        return values_SG
    check_dense(values_SG.shape[0], values_SG.shape[1], where)
    return values_SG.toarray()


def totals(values_SG: Values) -> np.ndarray:
    """Sum each profile, in float64 (S); scipy's own sum of rows is in float32."""
    if not is_sparse(values_SG):
        return values_SG.sum(axis=1, dtype=np.float64)
    return weighted(values_SG, np.ones(values_SG.shape[1]))


def weighted(rows_SG: scipy.sparse.csr_array, weight_G: np.ndarray) -> np.ndarray:
    """Sum the values of each compressed row times weights, in float64 (S), of which there is a block at a time."""
    sums = [block_SG.astype(np.float64) @ weight_G for block_SG in blocks_as_kept(rows_SG)]
    return np.concatenate(sums) if sums else np.zeros(0)


def at(values_SG: scipy.sparse.csr_array, place: int) -> tuple[int, int]:
    """Give row and column of the stored value at `place`."""
    return int(np.searchsorted(values_SG.indptr, place, side="right")) - 1, int(values_SG.indices[place])


def as_columns(values_SG: scipy.sparse.csr_array) -> dict[str, pa.Array]:
    """Give compressed rows as the columns of a file, by name."""
    offsets = pa.array(values_SG.indptr.astype(np.int32))
    parts = {POSITIONS: values_SG.indices.astype(np.int32), STORED: values_SG.data.astype(np.float32)}
    return {name: pa.ListArray.from_arrays(offsets, pa.array(part)) for name, part in parts.items()}


def from_columns(batch: pa.RecordBatch, n_genes: int) -> scipy.sparse.csr_array:
    """Give the compressed rows that columns of a file hold.

    Raises
    ------
    ValueError
        With what is wrong with them, and the sample at fault.
    """
    positions, stored = batch.column(POSITIONS), batch.column(STORED)
    starts, others = (np.asarray(column.offsets, dtype=np.int64) for column in (positions, stored))
    starts, others = starts - starts[0], others - others[0]
    index, data = positions.flatten(), stored.flatten()
    if positions.null_count or stored.null_count or index.null_count or data.null_count:
        raise ValueError("values are missing")
    if (uneven := starts != others).any():
        raise ValueError(f"{_sample(batch, int(uneven.argmax()) - 1)} has not as many values as positions")
    index = index.to_numpy()
    wrong = np.zeros(len(index), dtype=bool)
    wrong[1:] = index[1:] <= index[:-1]
    firsts = starts[:-1]
    wrong[firsts[firsts < len(index)]] = False
    wrong |= (index < 0) | (index >= n_genes)
    if wrong.any():
        place = int(wrong.argmax())
        row = int(np.searchsorted(starts, place, side="right")) - 1
        found = f"{_sample(batch, row)} has the position {index[place]}"
        raise ValueError(f"{found}, where ascending ones below {n_genes} were to follow")
    return _rows((data.to_numpy(), index, starts.astype(np.int32)), shape=(len(batch), n_genes))


def _sample(batch: pa.RecordBatch, row: int) -> str:
    return f"sample {batch.column('sample_id')[row]}"


def apart(values_SG: Values) -> tuple[np.ndarray, ...]:
    """Give the arrays that values consist of."""
    return (values_SG.data, values_SG.indices, values_SG.indptr) if is_sparse(values_SG) else (values_SG,)


def together(arrays: tuple[np.ndarray, ...], n_genes: int) -> Values:
    """Put values together again from what `apart` gave."""
    if len(arrays) == 1:
        return arrays[0]
    return _rows(arrays, shape=(len(arrays[2]) - 1, n_genes))


def stacked(blocks: list[scipy.sparse.csr_array], n_genes: int) -> scipy.sparse.csr_array:
    """Put compressed rows below one another; `blocks` is emptied, so that little is held twice."""
    lengths = np.concatenate([np.diff(block.indptr) for block in blocks])
    parts = [(block.data, block.indices) for block in blocks]
    blocks.clear()
    data = np.concatenate([part for part, _ in parts])
    parts = [(data[:0], index) for _, index in parts]
    index = np.concatenate([part for _, part in parts])
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    if starts[-1] <= np.iinfo(np.int32).max:
        starts = starts.astype(np.int32)
    return _rows((data, index, starts), shape=(len(lengths), n_genes))


def _rows(arrays: tuple[np.ndarray, ...], shape: tuple[int, int]) -> scipy.sparse.csr_array:
    import scipy.sparse

    return scipy.sparse.csr_array(arrays, shape=shape)
