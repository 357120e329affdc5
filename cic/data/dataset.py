"""A data set as a project keeps it: one folder with profiles, what is known of them, and where they came from.

`profiles.parquet` is what is read. `samples.csv` and `genes.csv` are for people to look at, and `provenance.json` for
whoever asks later what was read, what was declared, and what the import decided. Same sources, same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.data.matrix_file import PROFILES, genes_and_unit, read_matrix_rows
from cic.data.sparse import Values, is_sparse

SAMPLES, GENES, PROVENANCE = "samples.csv", "genes.csv", "provenance.json"


def write_dataset(folder: Path, matrix: ExpressionMatrix, provenance: Mapping[str, Any]) -> None:
    """Write a data set, whole or not at all.

    Parameters
    ----------
    folder
        Where; what is there is replaced.
    provenance
        Plain JSON.
    """
    made(folder, lambda part: write_matrix(part / PROFILES, matrix), provenance)


def made(folder: Path, write: Callable[[Path], None], provenance: Mapping[str, Any]) -> None:
    """Make a data set of what `write` leaves in the folder that it is handed, `profiles.parquet` at least."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write(partial)
        samples, seen_G, genes, unit = _looked_through(partial / PROFILES)
        samples.to_csv(partial / SAMPLES, lineterminator="\n")
        pd.DataFrame({"gene": genes, "samples_not_0": seen_G}).to_csv(partial / GENES, index=False, lineterminator="\n")
        about = {**provenance, "unit": unit, "n_samples": len(samples), "n_genes": len(genes)}
        text = json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False)
        (partial / PROVENANCE).write_text(text + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_provenance(folder: Path) -> dict[str, Any]:
    """Give what is known of where a data set came from; nothing of a single file of profiles."""
    path = folder / PROVENANCE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _looked_through(path: Path) -> tuple[pd.DataFrame, np.ndarray, tuple[str, ...], str]:
    """Give the sample columns, in how many samples each gene is not 0, the genes and their unit, a part at a time."""
    genes, unit = genes_and_unit(path)
    samples, seen_G = [], np.zeros(len(genes), dtype=np.int64)
    for about, values_SG in read_matrix_rows(path):
        samples.append(about)
        seen_G += _not_0(values_SG)
    return pd.concat(samples), seen_G, genes, unit


def _not_0(values_SG: Values) -> np.ndarray:
    if is_sparse(values_SG):
        return np.bincount(values_SG.indices[values_SG.data != 0], minlength=values_SG.shape[1])
    return ((values_SG != 0) & ~np.isnan(values_SG)).sum(axis=0)
