"""HDF5 files and Zarr folders, opened alike: groups that hold arrays and other groups.

What an array declares is held against the file and the free memory before it is read, and the layout of a sparse matrix
is checked before it is used: indices out of range would write outside of memory. Nothing is followed out of the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
import scipy.sparse

from cic.data import sparse
from cic.data.limits import check_packed, check_stored, check_values
from cic.data.sparse import BLOCK_ROWS, SPARSE_BELOW, Values, compressed, stacked
from cic.errors import DataError

Group: TypeAlias = Any
"""An `h5py.Group` or a `zarr.Group`."""
Array: TypeAlias = Any
"""An `h5py.Dataset` or a `zarr.Array`."""
SPARSE = {"csr_matrix": scipy.sparse.csr_array, "csc_matrix": scipy.sparse.csc_array}
STORED_A_TIME = 1 << 24
"""Values of a sparse matrix that are read at once: what they are in the file, such as float64, is not held whole."""
WHOLE = "write or fetch it again"


@contextmanager
def opened(path: Path) -> Iterator[Group]:
    """Open an HDF5 file or a Zarr folder for reading.

    Raises
    ------
    DataError
        If it is none, or leads out of itself.
    """
    if path.is_dir():
        import zarr

        odd = next((one for one in path.rglob("*") if one.is_symlink() or not (one.is_dir() or one.is_file())), None)
        if odd is not None:
            raise DataError("it is a link, or no file", where=str(odd), expected="plain files and folders", fix=WHOLE)
        yield zarr.open_group(str(path), mode="r")
        return
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        first = (str(error).splitlines() or [""])[0]
        raise DataError(f"not readable as HDF5: {first}", where=str(path), fix=WHOLE) from None
    with file:
        yield file


def is_array(item: Any) -> bool:
    """Tell an array from a group, or from nothing."""
    return hasattr(item, "shape") and hasattr(item, "dtype")


def arrays(item: Group | Array) -> list[Array]:
    """Give all arrays in a group, or the one that it is."""
    if is_array(item):
        return [item]
    return [array for name in list(item.keys()) for array in arrays(item[name])]


def check_arrays(items: Iterable[Array], path: Path, *, at_once: bool = True) -> None:
    """Refuse arrays that declare more than their file can hold, or lie elsewhere.

    Parameters
    ----------
    at_once
        Whether they are read as a whole, so that they have to fit into the free memory.

    Raises
    ------
    DataError
        Saying which.
    """
    items = list(items)
    for item in items:
        hdf5 = isinstance(item, h5py.Dataset)
        if hdf5 and (item.external or item.is_virtual or Path(item.file.filename) != path):
            raise DataError(
                f"`{item.name}` is kept in another file", where=str(path), expected="a file that is whole",
                fix="write it anew, with all that it holds",
            )  # fmt: skip
    check_packed(items, path, at_once=at_once)


def texts(values: np.ndarray) -> np.ndarray:
    """Give bytes as text, and anything else as it is."""
    if values.dtype.kind not in "SOTU":
        return values
    return np.array([one.decode() if isinstance(one, bytes) else one for one in values.tolist()], dtype=object)


def columns(group: Group, n: int, path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a group that have a value for each of `n`, as columns of a table.

    Raises
    ------
    DataError
        If one declares more than the file holds.
    """
    found = {name: group[name] for name in list(group.keys()) if is_array(group[name]) and group[name].shape == (n,)}
    found = {name: array for name, array in found.items() if array.dtype.kind in "SOTUiufb"}
    check_arrays(found.values(), path)
    return {name: texts(array[:]) for name, array in found.items()}


def dense_rows(x: Array, shape: tuple[int, int], path: Path, *, turned: bool = False) -> Values:
    """Read a dense array, in blocks of samples; where most of many values are zero it becomes sparse on the way.

    Parameters
    ----------
    shape
        Samples x genes.
    turned
        Whether the array has its samples in columns.

    Raises
    ------
    DataError
        If the array has another shape, holds no numbers, or is too large.
    """
    name = str(x.name).strip("/")
    if tuple(x.shape) != (shape[::-1] if turned else shape):
        raise DataError(
            f"`{name}` has the shape {tuple(x.shape)}", where=f"{path}, {name}",
            expected=f"numbers for {shape[0]} samples and {shape[1]} genes", fix=WHOLE,
        )  # fmt: skip
    if x.dtype.kind not in "iufb":
        raise DataError(f"`{name}` holds {x.dtype}", where=f"{path}, {name}", expected="numbers", fix=WHOLE)
    if math.prod(shape) >= sparse.SPARSE_FROM:
        check_arrays([x], path, at_once=False)
        blocks = [compressed(_block(x, 0, turned))]
        if blocks[0].nnz < SPARSE_BELOW * math.prod(blocks[0].shape):
            for start in range(BLOCK_ROWS, shape[0], BLOCK_ROWS):
                blocks.append(compressed(_block(x, start, turned)))
                check_stored(*shape, sum(block.nnz for block in blocks), path)
            return stacked(blocks, shape[1])
    check_values(*shape, path)
    check_arrays([x], path)
    return x[:].T if turned else x[:]


def _block(x: Array, start: int, turned: bool) -> np.ndarray:
    rows = slice(start, start + BLOCK_ROWS)
    return np.asarray(x[:, rows].T if turned else x[rows], dtype=np.float32)


def sparse_rows(x: Group, kind: str, shape: tuple[int, int], path: Path, name: str) -> Values:
    """Read the datasets `data`, `indices` and `indptr` of a group as compressed rows, once their layout is sound.

    Parameters
    ----------
    kind
        `csr_matrix` or `csc_matrix`: whether the lines are the rows or the columns of `shape`.
    name
        Of the group, for errors.

    Raises
    ------
    DataError
        If it is not: indices out of range would write outside of memory.
    """

    def wrong(found: str) -> DataError:
        where, expected = f"{path}, {name}", f"numbers for {shape[0]} samples and {shape[1]} genes"
        return DataError(found, where=where, expected=expected, fix=WHOLE)

    lines, across = shape if kind == "csr_matrix" else shape[::-1]
    parts = {part: x[part] for part in ("data", "indices", "indptr")}
    if any(part.ndim != 1 for part in parts.values()) or parts["data"].dtype.kind not in "iufb":
        raise wrong(f"the parts of the sparse `{name}` hold {', '.join(str(part.dtype) for part in parts.values())}")
    if parts["indices"].dtype.kind not in "iu" or parts["indptr"].dtype.kind not in "iu":
        raise wrong(f"the indices of the sparse `{name}` are no whole numbers")
    if parts["data"].shape != parts["indices"].shape or parts["indptr"].shape != (lines + 1,):
        sizes = [part.shape[0] for part in parts.values()]
        raise wrong(f"the sparse `{name}` has {sizes[2] - 1} lines, {sizes[1]} indices and {sizes[0]} values")
    check_arrays(parts.values(), path)
    n_stored = parts["data"].shape[0]
    check_stored(*shape, n_stored, path)
    starts = parts["indptr"][:].astype(np.int64)
    if starts[0] != 0 or starts[-1] != n_stored or (np.diff(starts) < 0).any():
        raise wrong(f"the lines of the sparse `{name}` do not follow each other")
    data = np.empty(n_stored, dtype=np.float32)
    index = np.empty(len(data), dtype=np.int32)
    for start in range(0, len(data), STORED_A_TIME):
        block = slice(start, start + STORED_A_TIME)
        places = parts["indices"][block].astype(np.int64)
        if not 0 <= places.min() <= places.max() < across:
            raise wrong(f"the sparse `{name}` has indices from {places.min()} to {places.max()}, for {across} places")
        index[block], data[block] = places, parts["data"][block]
    if len(data) <= np.iinfo(np.int32).max:
        starts = starts.astype(np.int32)
    rows_SG = SPARSE[kind]((data, index, starts), shape=shape).tocsr()
    rows_SG.sum_duplicates()
    return rows_SG
