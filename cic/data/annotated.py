"""AnnData `.h5ad` files: `X` with `obs` and `var`, dense or sparse, genes only.

Nothing else in the file is read. The layout of `X` is checked before it is used: indices out of range would write
outside of memory.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import scipy.sparse
from anndata.io import read_elem

from cic.data.limits import check_packed, check_stored, check_values
from cic.data.sparse import Values, as_kept
from cic.errors import DataError

log = logging.getLogger("cic.data")
GENES = "Gene Expression"
SPARSE = {"csr_matrix": scipy.sparse.csr_array, "csc_matrix": scipy.sparse.csc_array}
STORED_A_TIME = 1 << 24
"""Values of a sparse `X` that are read at once: what they are in the file, such as float64, is not held whole."""


def read_h5ad(path: Path) -> tuple[Values, list[str], list[str], pd.DataFrame]:
    """Read `X` of an AnnData file.

    Returns
    -------
    tuple
        float32 values (samples, genes), dense or sparse as a matrix keeps them; sample ids, gene names, and the columns
        of `obs`. Features that are no genes by `var["feature_types"]` (antibodies, peaks) are left out, with a warning.

    Raises
    ------
    DataError
        If the file cannot be read, or has no `X` of numbers that fits `obs` and `var`.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        first = (str(error).splitlines() or [""])[0]
        raise DataError(f"not readable as .h5ad: {first}", where=str(path), fix="write or fetch it again") from None
    with file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files of old releases are welcome
        for name, holds in (("X", "expression values"), ("obs", "the sample ids"), ("var", "the names of the genes")):
            if name not in file:
                raise DataError(f"the file has no `{name}`", where=str(path), expected=f"{holds} in `{name}`")
        about = [file[name] for name in ("obs", "var")]
        check_packed([part for table in about for part in _datasets(table)], path)
        obs, var = (_frame(file, name, path) for name in ("obs", "var"))
        x_SG = _values(file["X"], (len(obs), len(var)), path)
    if "feature_types" in var.columns:
        other_G = (var["feature_types"] != GENES).to_numpy()
        if other_G.any():
            kinds = ", ".join(sorted({str(kind) for kind in var["feature_types"][other_G]}))
            log.warning("%s: %d features are no genes and are left out: %s", path, int(other_G.sum()), kinds)
            x_SG, var = x_SG[:, ~other_G], var[~other_G]
    for name in obs.columns:
        if not pd.api.types.is_numeric_dtype(obs[name].dtype):
            text = obs[name].astype(object)
            obs[name] = text.where(text.isna(), text.map(str)).astype(object)
    x_SG = as_kept(x_SG).astype(np.float32, copy=False)
    return x_SG, [str(name) for name in obs.index], [str(name) for name in var.index], obs


def _datasets(item: Any) -> list[h5py.Dataset]:
    """Give all arrays in a group, or the one that it is."""
    if isinstance(item, h5py.Dataset):
        return [item]
    found: list[h5py.Dataset] = []
    item.visititems(lambda _, part: found.append(part) if isinstance(part, h5py.Dataset) else None)
    return found


def _frame(file: h5py.File, name: str, path: Path) -> pd.DataFrame:
    """Read `obs` or `var`."""
    if not isinstance(file[name], h5py.Dataset):
        frame = read_elem(file[name])
        if not isinstance(frame, pd.DataFrame):
            raise DataError(f"`{name}` is no table", where=str(path), fix="write the file with a newer anndata")
        return frame.copy()
    # before anndata 0.7: one array of records, texts as codes whose meaning stands in `uns`
    records = file[name][()]
    if records.dtype.names is None:
        raise DataError(f"`{name}` is no table", where=str(path), fix="write the file with a newer anndata")
    index, *columns = records.dtype.names
    frame = pd.DataFrame({column: _texts(records[column]) for column in columns}, index=_texts(records[index]))
    for column in columns:
        meaning = f"uns/{column}_categories"
        if meaning in file:
            check_packed([file[meaning]], path)
            names = _texts(file[meaning][()])
            frame[column] = [names[code] if 0 <= code < len(names) else None for code in frame[column]]
    return frame


def _texts(values: np.ndarray) -> np.ndarray:
    """Give bytes as text, and anything else as it is."""
    if values.dtype.kind not in "SO":
        return values
    return np.array([one.decode() if isinstance(one, bytes) else one for one in values], dtype=object)


def _values(x: Any, shape: tuple[int, int], path: Path) -> Any:
    """Read `X`, dense or sparse, once its layout is that of so many samples and genes."""

    def wrong(found: str) -> DataError:
        where, expected = f"{path}, X", f"numbers for {shape[0]} samples (obs) and {shape[1]} genes (var)"
        return DataError(found, where=where, expected=expected, fix="write or fetch it again")

    if isinstance(x, h5py.Dataset):
        if x.shape != shape:
            raise wrong(f"`X` has the shape {x.shape}")
        if x.dtype.kind not in "iufb":
            raise wrong(f"`X` holds {x.dtype}")
        check_values(*shape, path)
        check_packed([x], path)
        return x[()]
    kind = str(x.attrs.get("encoding-type", x.attrs.get("h5sparse_format", "")))
    kind = kind if kind in SPARSE else f"{kind}_matrix"
    if kind not in SPARSE or not all(isinstance(x.get(name), h5py.Dataset) for name in ("data", "indices", "indptr")):
        raise wrong("`X` is neither dense nor sparse in rows or columns")
    declared = tuple(int(size) for size in np.ravel(x.attrs.get("shape", x.attrs.get("h5sparse_shape", ()))))
    if declared != shape:
        raise wrong(f"`X` is declared with the shape {declared}")
    return sparse_rows(x, kind, shape, path, "X")


def sparse_rows(x: h5py.Group, kind: str, shape: tuple[int, int], path: Path, name: str) -> Any:
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
        return DataError(found, where=where, expected=expected, fix="write or fetch it again")

    lines, across = shape if kind == "csr_matrix" else shape[::-1]
    parts = {name: x[name] for name in ("data", "indices", "indptr")}
    if any(part.ndim != 1 for part in parts.values()) or parts["data"].dtype.kind not in "iufb":
        raise wrong(f"the parts of the sparse `X` hold {', '.join(str(part.dtype) for part in parts.values())}")
    if parts["indices"].dtype.kind not in "iu" or parts["indptr"].dtype.kind not in "iu":
        raise wrong("the indices of the sparse `X` are no whole numbers")
    if parts["data"].shape != parts["indices"].shape or parts["indptr"].shape != (lines + 1,):
        raise wrong(f"the sparse `X` has {len(parts['indptr']) - 1} lines, {len(parts['indices'])} indices and values")
    check_packed(parts.values(), path)
    check_stored(*shape, len(parts["data"]), path)
    starts = parts["indptr"][()].astype(np.int64)
    if starts[0] != 0 or starts[-1] != len(parts["data"]) or (np.diff(starts) < 0).any():
        raise wrong("the lines of the sparse `X` do not follow each other")
    data = np.empty(len(parts["data"]), dtype=np.float32)
    index = np.empty(len(data), dtype=np.int32)
    for start in range(0, len(data), STORED_A_TIME):
        block = slice(start, start + STORED_A_TIME)
        places = parts["indices"][block].astype(np.int64)
        if not 0 <= places.min() <= places.max() < across:
            raise wrong(f"the sparse `X` has indices from {places.min()} to {places.max()}, for {across} places")
        index[block], data[block] = places, parts["data"][block]
    if len(data) <= np.iinfo(np.int32).max:
        starts = starts.astype(np.int32)
    rows_SG = SPARSE[kind]((data, index, starts), shape=shape).tocsr()
    rows_SG.sum_duplicates()
    return rows_SG
