"""A fold: the profiles that a network is trained on, and those that judge it, in the basis of the training ones.

Axes: S samples, K coordinates of the basis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fold:
    """Training and validation profiles in the basis of the training ones.

    Attributes
    ----------
    z_train_SK, z_validation_SK
        Coordinates, float32.
    unit_train_S
        Number of the group that each training profile belongs to (int64).
    outside_validation_S, total_validation_S
        Squared norm outside the basis, and in all, of each validation profile, in units of the basis (float64).
    label_train_S, label_validation_S
        Class indices, -1 where there is no label; `None` where there are no labels at all.
    n_labels
        Number of classes.
    group_train_S, kind_train_S
        Number of the group (study, donor) and of the label of each training profile, for a penalty on what tells groups
        apart within labels (int64); `None` where there is no penalty, or no label.
    shift_train_S
        Number of the group that shifts each training profile (`cic.model.shifts`); `None` where no group does.
    n_lent
        How many of the training profiles, the last of them, another model lends (`cic.model.start`).
    lent_weight
        What each of these counts beside an own one.
    """

    z_train_SK: np.ndarray
    z_validation_SK: np.ndarray
    unit_train_S: np.ndarray
    outside_validation_S: np.ndarray
    total_validation_S: np.ndarray
    label_train_S: np.ndarray | None = None
    label_validation_S: np.ndarray | None = None
    n_labels: int = 0
    group_train_S: np.ndarray | None = None
    kind_train_S: np.ndarray | None = None
    shift_train_S: np.ndarray | None = None
    n_lent: int = 0
    lent_weight: float = 1.0

    @property
    def own_train_SK(self) -> np.ndarray:
        """Coordinates of the training profiles that are of the data themselves."""
        return self.z_train_SK[: len(self.z_train_SK) - self.n_lent]

    @property
    def root_weight_train_S(self) -> np.ndarray | None:
        """Square root of the weight of each training profile (float32); `None` where all count the same."""
        if not self.n_lent:
            return None
        root_S = np.ones(len(self.z_train_SK), dtype=np.float32)
        root_S[-self.n_lent :] = math.sqrt(self.lent_weight)
        return root_S

    @property
    def error_alone(self) -> bool:
        """Whether nothing but the error is trained: no head, no penalty."""
        return not self.n_labels and self.group_train_S is None


def pca_error(fold: Fold, width: int) -> float:
    """Give the validation unexplained variance of PCA with `width` components, in gene space."""
    left_S = np.square(fold.z_validation_SK[:, width:], dtype=np.float64).sum(axis=1)
    return float((left_S.sum() + fold.outside_validation_S.sum()) / fold.total_validation_S.sum())
