"""What the benches train on: profiles split as the pipeline splits them, in the basis and over genes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from cic.config import Data, Params
from cic.data.matrix import read_matrix
from cic.data.roles import with_roles
from cic.data.split import split_samples
from cic.model.prepare import Prepared, prepare


def load(file: str) -> tuple[Params, Any, Any]:
    """Read the profiles and split them."""
    params = Params(seed=1, data=Data(file=file, label="cell_type", group="study", replicate="replicate_of"))
    matrix = with_roles(read_matrix(Path(file)), params)
    return params, matrix, split_samples(matrix.samples, params.split, 1)


def prepared(file: str, rank: int) -> Prepared:
    """Bring training and validation profiles into the basis."""
    params, matrix, part = load(file)
    part_S = part.to_numpy()
    return prepare(matrix.select(part_S == "train"), matrix.select(part_S == "validation"), params, rank)


def preparing_seconds(file: str, rank: int) -> float:
    """Give the seconds from profiles to coordinates, which a search takes once for all its trials."""
    params, matrix, part = load(file)
    train, validation = (matrix.select((part == name).to_numpy()) for name in ("train", "validation"))
    started = time.perf_counter()
    prepare(train, validation, params, rank)
    return time.perf_counter() - started


def over_genes(file: str) -> tuple[np.ndarray, np.ndarray]:
    """Give training and validation profiles over genes, centred, on the scale of the basis."""
    _, matrix, part = load(file)
    ready = prepared(file, 0)
    x_SG, held_SG = (
        ready.preprocessor.transform(matrix.values[(part == name).to_numpy()]) / np.float32(ready.basis.scale)
        for name in ("train", "validation")
    )
    return x_SG, held_SG
