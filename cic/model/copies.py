"""Profiles that a model has seen already: by their content, or lying in the span of its training profiles.

Axes: S profiles, G genes.
"""

from __future__ import annotations

import numpy as np

from cic.data.matrix import fingerprints
from cic.data.sparse import Values
from cic.model.bundle import Bundle

NEAR = 1e-4
"""Share of a profile's squared distance from the training mean outside the span below which it is a copy: rounding to
two decimals leaves 1e-5, what is measured anew at least half of its noise."""


def trained_on(bundle: Bundle, values_SG: Values) -> np.ndarray:
    """Say of each profile, in the bundle's own genes and order, whether the bundle was trained on it."""
    known = set(bundle.about["trained_on"])
    return np.array([one in known for one in fingerprints(values_SG)], dtype=bool)


def nearly_trained_on(bundle: Bundle, outside_S: np.ndarray, total_S: np.ndarray) -> np.ndarray:
    """Say of each profile whether it is all but a training profile, or a mixture of some.

    The span of N training profiles has at most N dimensions of the many that genes have, and every one of them lies in
    it; a copy that was rounded lies beside it by no more than the rounding. Nothing is claimed (all `False`) where the
    basis leaves something out, or spans more than half of the dimensions, so that anything lies near it.

    Parameters
    ----------
    outside_S, total_S
        Squared norm of each preprocessed profile outside the basis, and in all.
    """
    if bundle.basis.left_out > NEAR or 2 * bundle.basis.rank > len(bundle.genes):
        return np.zeros(len(total_S), dtype=bool)
    return np.asarray(outside_S < NEAR * total_S)
