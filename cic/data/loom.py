"""Loom files: genes x cells in HDF5, with what is said of either, and layers of the same shape.

The layout is that of https://linnarssonlab.org/loompy/format.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cic.data.layers import chosen
from cic.data.sparse import as_kept
from cic.data.stores import WHOLE, columns, dense_rows, is_array, opened
from cic.data.wide import Wide
from cic.errors import DataError

GENES, CELLS = "row_attrs", "col_attrs"
NAMES = {
    GENES: ("Gene", "gene", "Genes", "GeneName", "gene_name", "gene_names", "var_names", "Accession", "gene_id"),
    CELLS: ("CellID", "cell_id", "CellId", "Cell", "obs_names", "cell_names", "barcode", "barcodes", "Barcode"),
}
"""What the names of genes and cells are called; the first that is there counts."""
MATRIX = "matrix"


def read_loom(path: Path, layer: str | None = None) -> tuple[Wide, list[str]]:
    """Read one matrix of a Loom file; what it says of genes and cells comes along.

    Parameters
    ----------
    layer
        Which: `matrix`, which is the usual one, or one of its layers.

    Returns
    -------
    tuple
        The profiles; and what other matrices there are.

    Raises
    ------
    DataError
        If it is damaged, has no such matrix, or no names.
    """
    with opened(path) as file:
        if not is_array(file.get(MATRIX)) or len(file[MATRIX].shape) != 2 or CELLS not in file:
            raise DataError("the file has no `matrix` with `col_attrs`", where=str(path), expected="Loom", fix=WHOLE)
        layers = {} if "layers" not in file else {name: file[f"layers/{name}"] for name in file["layers"]}
        matrices = {name: one for name, one in layers.items() if is_array(one)} | {MATRIX: file[MATRIX]}
        name, others = chosen(matrices, layer, MATRIX, path)
        n_genes, n_cells = matrices[MATRIX].shape
        genes, cells = columns(file[GENES], n_genes, path), columns(file[CELLS], n_cells, path)
        gene_names, cell_names = _names(genes, GENES, path), _names(cells, CELLS, path)
        values_SG = dense_rows(matrices[name], (n_cells, n_genes), path, turned=True)
    values_SG = np.ascontiguousarray(values_SG) if isinstance(values_SG, np.ndarray) else values_SG
    values_SG = as_kept(values_SG).astype(np.float32, copy=False)
    return Wide(values_SG, cell_names, gene_names, pd.DataFrame(cells), pd.DataFrame(genes)), others


def _names(about: dict[str, np.ndarray], place: str, path: Path) -> list[str]:
    found = next((name for name in NAMES[place] if name in about), None)
    if found is None:
        raise DataError(
            f"nothing in `{place}` is known to be the names", where=str(path),
            expected="one of: " + ", ".join(NAMES[place]),
            fix="rename the one that holds them; there are " + (", ".join(f"`{name}`" for name in about) or "none"),
        )  # fmt: skip
    return [str(one) for one in about[found]]
