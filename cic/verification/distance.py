"""How far apart two models are that should be one: on another kind of processor last bits differ.

Axes: S samples, W numbers of the code.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cic.data.matrix import read_matrix
from cic.model.bundle import Bundle

MOST_PROFILES = 256


def distance(one: Bundle, other: Bundle, matrix_file: Path) -> str:
    """Say how far apart weights, codes and errors of two models are, by a few profiles.

    Parameters
    ----------
    one
        The model that the other is held against.
    matrix_file
        Profiles as `cic.data.matrix.write_matrix` writes them, which both take.
    """
    shapes = [{name: weight.shape for name, weight in bundle.network.weights.items()} for bundle in (one, other)]
    if shapes[0] != shapes[1] or one.genes_in != other.genes_in:
        return f"it is of another shape: {other!r} in place of {one!r}"
    matrix = read_matrix(matrix_file)
    few = matrix.select(np.arange(min(matrix.n_samples, MOST_PROFILES)))
    values_SG = one.align(few, str(matrix_file))
    code_SW, other_SW, mean_W = one.encode(values_SG), other.encode(values_SG), one.encode(values_SG).mean(axis=0)
    codes = _relative(code_SW - mean_W, other_SW - mean_W)
    weights = _relative(
        *(np.concatenate([bundle.network.weights[name].ravel() for name in shapes[0]]) for bundle in (one, other))
    )
    error, other_error = (bundle.squared_errors(values_SG).sum() for bundle in (one, other))
    return (
        f"its weights are {weights:.1e} of their size apart, the codes of {len(code_SW)} profiles {codes:.1e} of their "
        f"spread, and the ratio of its error on them is {other_error / error:.6f}"
    )


def _relative(one: np.ndarray, other: np.ndarray) -> float:
    """Give the root mean square of a difference as a share of that of `one`."""
    return float(np.linalg.norm(np.subtract(other, one, dtype=np.float64)) / np.linalg.norm(one))
