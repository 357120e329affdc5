"""Values on another scale than the one that a model was trained on, which no check of the unit can see.

Natural logarithms taken for log2 keep a profile's shape, and barely raise its error. But read as what they are they are
nearer to the model, and that is the evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cic.model.reference import SMALLEST, correlations, mean_errors

if TYPE_CHECKING:
    from cic.model.bundle import Bundle

LOOKED_AT = 64
"""Profiles, spread evenly, that evidence is taken from: the scale is one of the file, not of a profile."""
LEAST_CORRELATION = 0.3
"""Correlation of held-out profiles with the training mean below which that of others says nothing."""
ABLE = 1.01
"""Share of the error as given that a reading's must be able to be below; 1 but for rounding."""
READINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "natural logarithms": lambda x_SG: x_SG / np.float32(np.log(2)),
    "logarithms to base 10": lambda x_SG: x_SG / np.float32(np.log10(2)),
    "linear values": lambda x_SG: np.log2(np.maximum(x_SG, 0) + np.float32(1)),
}
"""What values given as log2 may be, and how they become that."""


def scale_evidence(bundle: Bundle, values_SG: np.ndarray, error_S: np.ndarray | None = None) -> str | None:
    """Say what the values look like if not like the training data; `None` where nothing speaks against them.

    Parameters
    ----------
    values_SG
        Samples x `genes_in`, as `Bundle.align` gives them.
    error_S
        What `mean_errors` gives of them, if it is at hand.
    """
    if not len(values_SG):
        return None
    some = slice(None, None, -(-len(values_SG) // LOOKED_AT))
    values_SG = values_SG[some]
    reads_logarithms = bundle.unit == "log2" and bundle.preprocessor.within == "none"  # to ranks all bases are one
    if (evidence := _of_shape(bundle, values_SG)) or not reads_logarithms:
        return evidence
    return _of_logarithms(bundle, values_SG, mean_errors(bundle, values_SG) if error_S is None else error_S[some])


def _of_shape(bundle: Bundle, values_SG: np.ndarray) -> str | None:
    if bundle.reference is None:
        return None
    held_out, usual = bundle.reference.correlation_P, bundle.reference.least_correlation
    median = float(np.median(correlations(bundle, values_SG)))
    if usual < LEAST_CORRELATION or median >= usual / 2:
        return None
    return (
        f"the values do not go with the mean training profile (correlation over genes {median:.2f}; of held-out "
        f"profiles {held_out[0]:.2f} to {held_out[-1]:.2f}): are they z-scores or centred, or the genes misnamed?"
    )


def _of_logarithms(bundle: Bundle, values_SG: np.ndarray, error_S: np.ndarray) -> str | None:
    given_S = np.maximum(error_S, SMALLEST)
    # of most profiles no reading can be nearer to the model, which is known without making codes of each
    able = {
        name: read_SG
        for name, reading in READINGS.items()
        if np.median(least_errors(bundle, read_SG := reading(values_SG)) / given_S) < ABLE
    }
    read = {name: mean_errors(bundle, read_SG) for name, read_SG in able.items()}
    share = {name: float(np.median(read_S / given_S)) for name, read_S in read.items()}
    name = min(share, key=lambda one: share[one], default="")
    if not name or not share[name] < 1:
        return None
    if bundle.reference is not None and np.median(read[name]) > bundle.reference.largest_familiar:
        return None  # from elsewhere, however it is read
    return f"the values look like {name}, not log2: so read their error is {share[name]:.2g} times what it is as given"


def least_errors(bundle: Bundle, values_SG: np.ndarray) -> np.ndarray:
    """Give what no code can make the mean squared errors of log2 values smaller than (float64, S).

    0 where genes are missing.
    """
    weight_G, offset = bundle.unreached
    along_S = values_SG @ weight_G - offset
    return np.where(np.isnan(along_S), 0, along_S**2 / len(bundle.preprocessor.kept))
