"""GCTX, the Connectivity Map's form of GCT in HDF5.

The layout is that of https://clue.io/connectopedia/gctx_format: the matrix has a row for each column of the GCT file it
stands for, so samples in rows, and what is said of genes (`ROW`) and samples (`COL`) has an array a column.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cic.data.sparse import as_kept
from cic.data.stores import WHOLE, Group, check_arrays, columns, dense_rows, is_array, opened, texts
from cic.data.wide import Wide
from cic.errors import DataError

MATRIX, GENES, SAMPLES = "0/DATA/0/matrix", "0/META/ROW", "0/META/COL"
MISSING = ("-666", "-666.0")
"""How the Connectivity Map writes that something is not known."""


def read_gctx(path: Path) -> Wide:
    """Read a GCTX file; what it says of genes and samples comes along.

    Raises
    ------
    DataError
        If it is damaged, or its matrix does not fit the names.
    """
    with opened(path) as file:
        for name in (MATRIX, f"{GENES}/id", f"{SAMPLES}/id"):
            if not is_array(file.get(name)):
                raise DataError(f"the file has no `/{name}`", where=str(path), expected="a GCTX file", fix=WHOLE)
        genes, samples = (_names(file, place, path) for place in (GENES, SAMPLES))
        about_genes, about_samples = (
            _about(file[place], len(names), path) for place, names in ((GENES, genes), (SAMPLES, samples))
        )
        values_SG = dense_rows(file[MATRIX], (len(samples), len(genes)), path)
    values_SG = as_kept(values_SG).astype(np.float32, copy=False)
    return Wide(values_SG, samples, genes, about_samples.drop(columns="id"), about_genes)


def _names(file: Group, place: str, path: Path) -> list[str]:
    ids = file[f"{place}/id"]
    check_arrays([ids], path)
    return [str(one).strip() for one in np.ravel(texts(ids[:]))]


def _about(group: Group, n: int, path: Path) -> pd.DataFrame:
    """Read what is said about genes or samples; numbers stay what they are."""
    found = {name: pd.Series(values) for name, values in columns(group, n, path).items()}
    return pd.DataFrame({name: values.mask(values.astype(str).isin(MISSING)) for name, values in found.items()})
