"""Profiles on the scale of the model, as they lie in memory: gene by gene, as `Preprocessor.transform` gives them.

Axes: S profiles, G genes.
"""

from __future__ import annotations

import numpy as np

from cic.data.preprocess import Preprocessor

ROWS_AT_A_TIME = 256


def preprocessed(preprocessor: Preprocessor, values_SG: np.ndarray) -> np.ndarray:
    """Give `preprocessor.transform(values_SG)` without the copies in float64 that it makes of all profiles at once."""
    x_SG = np.empty((len(values_SG), len(preprocessor.kept)), dtype=np.float32, order="F")
    for start in range(0, len(values_SG), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        x_SG[rows] = preprocessor.transform(values_SG[rows])
    return x_SG


def rows_of(x_SG: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Give the profiles at positions, or under a mask, gene by gene too, so that sums over them come out the same."""
    positions = np.flatnonzero(rows) if rows.dtype == bool else rows
    return x_SG.T.take(positions, axis=1).T
