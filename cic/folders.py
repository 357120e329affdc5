"""The files that stages hand to each other, in a folder a stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.missing import filled
from cic.data.spreadsheet import read_csv

Folders = Mapping[str, Path]


def read_part(folders: Folders) -> pd.Series:
    """Give the part of each sample, by sample id."""
    return read_csv(folders["split"] / "split.csv").set_index("sample_id")["part"]


def read_parts(folders: Folders) -> tuple[ExpressionMatrix, np.ndarray]:
    """Give the profiles and, in their order, the part of each; what was missing is filled from the training part."""
    matrix = read_matrix(folders["ingest"] / "matrix.parquet")
    part_S = read_part(folders).loc[matrix.samples.index].to_numpy()
    return filled(matrix, part_S == "train"), part_S


def read_json(path: Path) -> Any:
    """Read one JSON file."""
    return json.loads(path.read_text())


def write_json(path: Path, content: Any) -> None:
    """Write one JSON file, keys sorted."""
    path.write_text(json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n")
