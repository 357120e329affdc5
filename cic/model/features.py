"""Features of a code: more than it has numbers, each non-negative and at rest in many profiles, each moving few genes.

A feature is read off the profile that a code is decoded to, so it is a function of the code alone.
`cic.model.dictionary` says how features are found, `cic.model.feature_fit` fits them.

Axes: S profiles, K coordinates of the sample basis, G genes, F features, N features that a gene follows, T cell types.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

ACTIVE = 0.1
"""Activity above which a feature counts as active: 1 is its mean where it is not at rest."""


@dataclass(frozen=True)
class Features:
    """Features of a code, and which genes each moves.

    Attributes
    ----------
    readout_KF, offset_F
        A decoded profile times the former, plus the latter, is the activity where that is above 0 (float32).
    feature_GN, loading_GN
        Features that each gene follows (int32), and by how much the preprocessed gene changes (log2, where nothing is
        scaled) for each unit of their activity (float32).
    recurrence_F
        Correlation over validation profiles with the feature's match among those of another training, found from other
        genes (float32).
    active_F
        Share of the training profiles in which it is active (float32).
    types, activity_TF
        Labels of the training profiles, and the mean activity in each; empty where nothing was labelled.
    """

    readout_KF: np.ndarray
    offset_F: np.ndarray
    feature_GN: np.ndarray
    loading_GN: np.ndarray
    recurrence_F: np.ndarray
    active_F: np.ndarray
    types: tuple[str, ...] = ()
    activity_TF: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))

    def __len__(self) -> int:
        return len(self.offset_F)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of a table of activities."""
        return [f"feature_{number}" for number in range(1, len(self) + 1)]

    def activities(self, decoded_SK: np.ndarray) -> np.ndarray:
        """Give the activities, float32, samples x features, of profiles that codes are decoded to."""
        return activities(decoded_SK, self.readout_KF, self.offset_F)

    def loading_GF(self) -> np.ndarray:
        """Give the direction of each feature over genes, most of it 0 (float32)."""
        found_GF = np.zeros((len(self.feature_GN), len(self)), dtype=np.float32)
        np.put_along_axis(found_GF, self.feature_GN.astype(np.int64), self.loading_GN, axis=1)
        return found_GF

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the numbers that `restore` needs."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "types"}
        return {name: value for name, value in found.items() if value.size}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray], types: list[str]) -> Features:
        """Build them from what `arrays` gave."""
        return cls(**arrays, types=tuple(types))


def activities(decoded_SK: np.ndarray, readout_KF: np.ndarray, offset_F: np.ndarray) -> np.ndarray:
    """Read activities off decoded profiles (float32, S x F)."""
    return np.maximum(decoded_SK.astype(np.float32) @ readout_KF + offset_F, np.float32(0))
