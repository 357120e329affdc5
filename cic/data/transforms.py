"""The scale on which profiles are modelled, from log2 scale and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cic.data.sparse_units import log2_sparse
from cic.data.terms import Unit
from cic.data.units import log2_scale
from cic.data.within import normalised

if TYPE_CHECKING:
    import scipy.sparse

    from cic.config import Transform, Within


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


@dataclass(frozen=True)
class Scale:
    """From profiles in a unit to the scale of a model, before a gene is centred; fields as of `Preprocessor`."""

    unit: Unit
    onto: Transform = "log2"
    within: Within = "none"
    curve_Q: np.ndarray | None = None

    @property
    def keeps_zeros(self) -> bool:
        """Whether 0 stays 0, so that what is sparse stays so."""
        return self.within == "none"

    def __call__(self, values_SG: np.ndarray) -> np.ndarray:
        """Give float32, shape as of `values_SG`."""
        return self.from_log2(log2_scale(values_SG, self.unit))

    def from_log2(self, log2_SG: np.ndarray) -> np.ndarray:
        """Give the same of profiles on log2 scale; NaN where they are."""
        return transformed(normalised(log2_SG, self.within, self.curve_Q), self.onto)

    def sparse(self, values_SG: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Give compressed rows, where the scale keeps zeros."""
        x_SG = log2_sparse(values_SG, self.unit)
        x_SG.data = transformed(x_SG.data, self.onto)
        return x_SG
