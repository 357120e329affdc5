"""The scale on which profiles are modelled, from log2 scale and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cic.config import Transform


def transformed(log2: np.ndarray, transform: Transform) -> np.ndarray:
    """Bring values on log2 scale to the scale of the model; 0 stays 0.

    Parameters
    ----------
    transform
        `log2` leaves them. `sqrt` gives the square roots of the linear values: of what is counted, the noise of these
        is as large at every level (Bartlett 1936), while on log2 scale that of a handful of counts outweighs all.

    Returns
    -------
    numpy.ndarray
        Of the shape of `log2`; float32 where that is.
    """
    return log2 if transform == "log2" else np.sqrt(np.maximum(np.exp2(log2) - 1, 0))


def untransformed(values: np.ndarray, transform: Transform) -> np.ndarray:
    """Bring values on the scale of the model back to log2 scale; square roots below 0 are 0."""
    return values if transform == "log2" else np.log2(np.square(np.maximum(values, 0)) + 1)
