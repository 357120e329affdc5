"""What profiles that a model was tried on came to, kept in its bundle so that later ones can be compared with them.

The measure is absolute: mean squared error over genes. The share that is left unexplained tells less: a profile from
elsewhere is far from the training mean as well, and divides its error by that. See docs/foreign.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cic.data.sparse import Values, blocks
from cic.model.threads import one_thread

if TYPE_CHECKING:
    from cic.model.bundle import Bundle

FEWEST = 5
"""Held-out profiles below which nothing is claimed of others."""
MOST_KEPT = 1000
SMALLEST = 1e-12
"""Errors below are rounding."""
FAR = 1.25
"""A profile is foreign beyond so many times the 95th percentile of held-out ones, which are few, and of few groups."""


@dataclass(frozen=True)
class Reference:
    """Held-out profiles in a few numbers, ascending; of more than `MOST_KEPT` profiles their quantiles.

    Attributes
    ----------
    error_P
        Mean squared reconstruction error over genes, on the scale of the model (float64).
    correlation_P
        Correlation with the mean training profile over genes, on log2 scale (float64).
    code_RW
        Codes of training profiles, `MOST_KEPT` at most, spread evenly (float32); none in older bundles.
    """

    error_P: np.ndarray
    correlation_P: np.ndarray
    code_RW: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @classmethod
    def of(cls, bundle: Bundle, values_SG: Values, *, z_train_SK: np.ndarray | None = None) -> Reference | None:
        """Measure held-out profiles, dense or sparse, in the unit of the model; `None` for fewer than `FEWEST`.

        Parameters
        ----------
        z_train_SK
            Training profiles in the basis, some of whose codes are kept.
        """
        if values_SG.shape[0] < FEWEST:
            return None
        with one_thread():
            found = [(mean_errors(bundle, part_SG), correlations(bundle, part_SG)) for part_SG in blocks(values_SG)]
        error_P, correlation_P = (_ascending(np.concatenate(parts)) for parts in zip(*found, strict=True))
        if z_train_SK is None:
            return cls(error_P, correlation_P)
        return cls(error_P, correlation_P, bundle.encode_basis(z_train_SK[:: -(-len(z_train_SK) // MOST_KEPT)]))

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Reference:
        """Build one from what `arrays` gave."""
        return cls(**arrays)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the numbers that `restore` needs."""
        found = {"error_P": self.error_P, "correlation_P": self.correlation_P, "code_RW": self.code_RW}
        return {name: value for name, value in found.items() if value.size}

    @property
    def median_error(self) -> float:
        """Median error of held-out profiles."""
        return max(float(np.median(self.error_P)), SMALLEST)

    @property
    def largest_familiar(self) -> float:
        """Error beyond which a profile is foreign."""
        return FAR * float(np.quantile(self.error_P, 0.95))

    def percentile(self, error_S: np.ndarray) -> np.ndarray:
        """Give the share of held-out profiles with a smaller error, in percent."""
        return 100 * np.searchsorted(self.error_P, error_S, side="left") / len(self.error_P)


def mean_errors(bundle: Bundle, values_SG: np.ndarray) -> np.ndarray:
    """Give each profile's mean squared error over the modelled genes (float64, S)."""
    return bundle.squared_errors(values_SG) / len(bundle.preprocessor.kept)


def correlations(bundle: Bundle, values_SG: np.ndarray) -> np.ndarray:
    """Give each profile's correlation with the mean training profile over genes, on log2 scale (0 for a flat one)."""
    x_SG = bundle.preprocessor.log2(values_SG).astype(np.float64)
    x_SG -= x_SG.mean(axis=1, keepdims=True)
    mean_G = bundle.preprocessor.inverse(np.zeros((1, x_SG.shape[1])))[0].astype(np.float64)
    mean_G -= mean_G.mean()
    length_S = np.sqrt(np.einsum("sg,sg->s", x_SG, x_SG) * (mean_G @ mean_G))
    return np.divide(x_SG @ mean_G, length_S, out=np.zeros(len(x_SG)), where=length_S > 0)


def _ascending(value_P: np.ndarray) -> np.ndarray:
    if len(value_P) > MOST_KEPT:
        value_P = np.quantile(value_P, np.linspace(0, 1, MOST_KEPT))
    return np.sort(value_P.astype(np.float64))
