"""Counts as Cell Ranger writes them: a folder with a sparse matrix and two lists, or one `.h5` file."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse

from cic.data.limits import MOST_COLUMNS, check_stored
from cic.data.sparse import Values, as_kept
from cic.data.stores import check_arrays, is_array, opened, sparse_rows
from cic.data.text import NOT_TEXT, first_line, open_text
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")
GENES = "Gene Expression"
NAMES = ("gene_id", "gene_name")
WHOLE = "fetch the folder again, or write it again with `cellranger`"


def matrix_of(folder: Path) -> Path | None:
    """Give the sparse matrix of a folder, if it has one."""
    return next((file for name in ("matrix.mtx.gz", "matrix.mtx") if (file := folder / name).is_file()), None)


def read_10x_folder(folder: Path) -> Wide:
    """Read `matrix.mtx`, `barcodes.tsv` and `features.tsv` or `genes.tsv`, each perhaps gzipped.

    Features that are no genes (antibodies, guides) are left out, with a warning.

    Raises
    ------
    DataError
        If a file is missing or damaged, or they do not fit each other.
    """
    matrix = matrix_of(folder)
    barcodes, features = (_list(folder, names) for names in (("barcodes.tsv",), ("features.tsv", "genes.tsv")))
    if matrix is None:
        raise DataError("there is no matrix.mtx", where=str(folder), expected="the folder that Cell Ranger wrote")
    try:
        rows, columns, stored, *_ = scipy.io.mminfo(matrix)
        check_stored(columns, rows, stored, matrix)
        x_GS = scipy.io.mmread(matrix)
    except (ValueError, OverflowError, *NOT_TEXT) as error:
        raise DataError(f"not readable as a sparse matrix: {error}", where=str(matrix), fix=WHOLE) from None
    if x_GS.shape != (len(features), len(barcodes)):
        raise DataError(
            f"a matrix of {x_GS.shape[0]} x {x_GS.shape[1]}", where=str(matrix),
            expected=f"{len(features)} features x {len(barcodes)} barcodes, as the lists have", fix=WHOLE,
        )  # fmt: skip
    x_SG = scipy.sparse.csr_array(x_GS.T)
    x_SG.sum_duplicates()
    kinds = [cells[2] if len(cells) > 2 else GENES for cells in features]
    about = pd.DataFrame([(cells[0], cells[1] if len(cells) > 1 else cells[0]) for cells in features], columns=NAMES)
    return _genes(x_SG, [cells[0] for cells in barcodes], about, kinds, folder)


def _list(folder: Path, names: tuple[str, ...]) -> list[list[str]]:
    file = next((one for name in names for one in (folder / f"{name}.gz", folder / name) if one.is_file()), None)
    if file is None:
        raise DataError(f"there is no {' or '.join(names)}", where=str(folder), expected="beside matrix.mtx", fix=WHOLE)
    try:
        with open_text(file) as opened:
            found = list(csv.reader(iter(lambda: first_line(file, opened), ""), delimiter="\t"))
    except NOT_TEXT as error:
        raise DataError(f"not readable as text: {error}", where=str(file), fix=WHOLE) from None
    if any(not cells for cells in found):
        raise DataError("there is an empty line", where=str(file), expected="a name in each line", fix=WHOLE)
    return found


def read_10x_h5(path: Path) -> Wide:
    """Read the `.h5` file of Cell Ranger 3 and later.

    Raises
    ------
    DataError
        If it is damaged, or of an older layout.
    """
    with opened(path) as file:
        group = file.get("matrix")
        parts = (
            "barcodes",
            "data",
            "indices",
            "indptr",
            "shape",
            "features/id",
            "features/name",
            "features/feature_type",
        )
        if group is None or any(not is_array(group.get(name)) for name in parts):
            raise DataError(
                "the file has not all of " + ", ".join(f"matrix/{name}" for name in parts), where=str(path),
                expected="what Cell Ranger 3 and later writes", fix="of older ones take the folder with matrix.mtx",
            )  # fmt: skip
        check_arrays([group[name] for name in parts], path)
        n_features, n_cells = (int(size) for size in group["shape"][()][:2])
        if n_features > MOST_COLUMNS:
            raise DataError(f"{n_features} features", where=str(path), expected=f"at most {MOST_COLUMNS}")
        x_SG = sparse_rows(group, "csr_matrix", (n_cells, n_features), path, "matrix")
        barcodes = [_text(one) for one in group["barcodes"][()]]
        about = pd.DataFrame({name: [_text(one) for one in group[f"features/{key}"][()]] for name, key in
                              zip(NAMES, ("id", "name"), strict=True)})  # fmt: skip
        kinds = [_text(one) for one in group["features/feature_type"][()]]
    if len(barcodes) != n_cells or len(about) != n_features or len(kinds) != n_features:
        raise DataError("its lists and its matrix differ in length", where=str(path), fix=WHOLE)
    return _genes(x_SG, barcodes, about, kinds, path)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _genes(x_SG: Values, barcodes: list[str], about: pd.DataFrame, kinds: list[str], path: Path) -> Wide:
    """Keep the features that are genes."""
    other_G = np.array([kind != GENES for kind in kinds])
    if other_G.any():
        named = ", ".join(sorted({kind for kind in kinds if kind != GENES}))
        log.warning("%s: %d features are no genes and are left out: %s", path, int(other_G.sum()), named)
        x_SG, about = x_SG[:, ~other_G], about[~other_G].reset_index(drop=True)
    values = as_kept(x_SG).astype(np.float32, copy=False)
    return Wide(values, barcodes, list(about["gene_id"]), None, about)
