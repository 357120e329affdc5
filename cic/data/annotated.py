"""AnnData, in `.h5ad` files and Zarr folders: one matrix with `obs` and `var`, dense or sparse, genes only.

Nothing else in the file is read.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata.io import read_elem

from cic.data.layers import chosen
from cic.data.sparse import Values, as_kept
from cic.data.stores import SPARSE, WHOLE, Array, Group, arrays, check_arrays, dense_rows, is_array, opened, sparse_rows
from cic.data.stores import texts as as_texts
from cic.data.tenx import GENES
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")
RAW = "raw"
"""What the values before normalisation are called; they have a `var` of their own."""


def read_anndata(path: Path, layer: str | None = None) -> tuple[Wide, list[str]]:
    """Read one matrix of an AnnData file or folder, with the columns of `obs` and `var`.

    Features that are no genes by `var["feature_types"]` (antibodies, peaks) are left out, with a warning.

    Parameters
    ----------
    layer
        Which: `X`, which is the usual one, `raw`, or one of its layers.

    Returns
    -------
    tuple
        The profiles; and what other matrices there are.

    Raises
    ------
    DataError
        If it cannot be read, or has no such matrix of numbers that fits `obs` and `var`.
    """
    with opened(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files of old releases are welcome
        for name, holds in (("obs", "the sample ids"), ("var", "the names of the genes")):
            if name not in file:
                raise DataError(f"the file has no `{name}`", where=str(path), expected=f"{holds} in `{name}`")
        places = _matrices(file)
        name, others = chosen({one: file[place] for one, place in places.items()}, layer, "X", path)
        of_genes = "var" if name != RAW else places[RAW].replace("X", "var")
        check_arrays([part for table in ("obs", of_genes) for part in arrays(file[table])], path)
        obs, var = (_frame(file, table, path) for table in ("obs", of_genes))
        x_SG = _values(file[places[name]], (len(obs), len(var)), path)
    if "feature_types" in var.columns:
        other_G = (var["feature_types"] != GENES).to_numpy()
        if other_G.any():
            kinds = ", ".join(sorted({str(kind) for kind in var["feature_types"][other_G]}))
            log.warning("%s: %d features are no genes and are left out: %s", path, int(other_G.sum()), kinds)
            x_SG, var = x_SG[:, ~other_G], var[~other_G]
    x_SG = as_kept(x_SG).astype(np.float32, copy=False)
    samples, genes = ([str(one) for one in table.index] for table in (obs, var))
    about_genes = _plain(var).reset_index(drop=True)
    return Wide(x_SG, samples, genes, _plain(obs), about_genes if len(about_genes.columns) else None), others


def _matrices(file: Group) -> dict[str, str]:
    """Give where the matrices of a file are, by name."""
    raw = {"raw/X": "raw/var", "raw.X": "raw.var"}  # the latter before anndata 0.7
    places = {} if "layers" not in file else {name: f"layers/{name}" for name in list(file["layers"].keys())}
    for x, var in raw.items():
        if x in file and var in file:
            places[RAW] = x
    return places | ({"X": "X"} if "X" in file else {})


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Give what is no number as text."""
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name].dtype):
            text = table[name].astype(object)
            table[name] = text.where(text.isna(), text.map(str)).astype(object)
    return table


def _frame(file: Group, name: str, path: Path) -> pd.DataFrame:
    """Read `obs` or `var`."""
    if not is_array(file[name]):
        frame = read_elem(file[name])
        if not isinstance(frame, pd.DataFrame):
            raise DataError(f"`{name}` is no table", where=str(path), fix="write the file with a newer anndata")
        return frame.copy()
    # before anndata 0.7: one array of records, texts as codes whose meaning stands in `uns`
    records = file[name][()]
    if records.dtype.names is None:
        raise DataError(f"`{name}` is no table", where=str(path), fix="write the file with a newer anndata")
    index, *columns = records.dtype.names
    frame = pd.DataFrame({column: as_texts(records[column]) for column in columns}, index=as_texts(records[index]))
    for column in columns:
        meaning = f"uns/{column}_categories"
        if meaning in file:
            check_arrays([file[meaning]], path)
            names = as_texts(file[meaning][()])
            frame[column] = [names[code] if 0 <= code < len(names) else None for code in frame[column]]
    return frame


def _values(x: Array | Group, shape: tuple[int, int], path: Path) -> Values:
    """Read a matrix, dense or sparse, once its layout is that of so many samples and genes."""
    if is_array(x):
        return dense_rows(x, shape, path)
    name = str(x.name).strip("/")

    def wrong(found: str) -> DataError:
        expected = f"numbers for {shape[0]} samples (obs) and {shape[1]} genes (var)"
        return DataError(found, where=f"{path}, {name}", expected=expected, fix=WHOLE)

    kind = str(x.attrs.get("encoding-type", x.attrs.get("h5sparse_format", "")))
    kind = kind if kind in SPARSE else f"{kind}_matrix"
    if kind not in SPARSE or not all(is_array(x.get(part)) for part in ("data", "indices", "indptr")):
        raise wrong(f"`{name}` is neither dense nor sparse in rows or columns")
    declared: Any = x.attrs.get("shape", x.attrs.get("h5sparse_shape", ()))
    if tuple(int(size) for size in np.ravel(declared)) != shape:
        raise wrong(f"`{name}` is declared with the shape {tuple(np.ravel(declared).tolist())}")
    return sparse_rows(x, kind, shape, path, name)
