"""Features of profiles: more than a code has numbers, each non-negative and at rest in many, each moving few genes.

A code of few numbers does not hold what is rare. So a feature is read off the leading coordinates of the profile itself
and, beyond these, of what its code is decoded to. `cic.model.dictionary` says how features are found, and
`cic.model.feature_fit` fits them.

Axes: S profiles, K coordinates of the sample basis, G genes, F features, N features that a gene follows, T cell types,
P given gene sets, M their genes, one set after the other, D pairs of a set and a feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

ACTIVE = 0.1
"""Activity above which a feature counts as active: 1 is its mean where it is not at rest."""
KNOWN = 0.5
"""Share of a set's genes that one given set may have; with more of them the set is as good as given."""
NO_ARRAYS = ("types", "given", "n_own")
"""Fields that are no arrays."""


@dataclass(frozen=True)
class Features:
    """Features, and which genes each moves.

    Attributes
    ----------
    readout_KF, offset_F
        A profile as features see it (`with_own`) times the former, plus the latter, is the activity where that is above
        0 (float32).
    feature_GN, loading_GN
        Features that each gene follows (int32), and by how much the preprocessed gene is higher (log2, where nothing is
        scaled) for each unit of their activity, with all that goes along with it (float32); 0 where it follows fewer.
    recurrence_F
        Correlation over validation profiles with the feature's match among those of another training, found from other
        genes (float32).
    active_F
        Share of the training profiles in which it is active (float32).
    types, activity_TF
        Labels of the training profiles, and the mean activity in each; empty where nothing was labelled.
    given, given_M, given_end_P
        Gene sets that features could be drawn towards (`cic.model.drawing`): names, positions of their genes among the
        model's, and where each set's end (int32); empty without any. Nothing about them may be called a finding.
    drawn_set_D, drawn_feature_D, drawn_by_D
        Which features were drawn towards which of these (int32), and by how much: what the genes of the set load on the
        feature more than others, below 0 where they fall as it rises (float32).
    slope_FK, variance_K
        By how much each coordinate rises for a standard deviation of each activity over the training profiles, and its
        variance, both unscaled (float32): by these one sees which gene sets a feature goes with. Empty in bundles of
        before format 9.
    n_own
        Leading coordinates that are the profile's own; 0 in bundles of before format 8, whose features are of the code.
    """

    readout_KF: np.ndarray
    offset_F: np.ndarray
    feature_GN: np.ndarray
    loading_GN: np.ndarray
    recurrence_F: np.ndarray
    active_F: np.ndarray
    types: tuple[str, ...] = ()
    activity_TF: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    given: tuple[str, ...] = ()
    given_M: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    given_end_P: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    drawn_set_D: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    drawn_feature_D: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    drawn_by_D: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    slope_FK: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    variance_K: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    n_own: int = 0

    def __len__(self) -> int:
        return len(self.offset_F)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of a table of activities."""
        return [f"feature_{number}" for number in range(1, len(self) + 1)]

    def activities(self, z_SK: np.ndarray, decoded_SK: np.ndarray) -> np.ndarray:
        """Give the activities, float32, samples x features, of profiles and what their codes are decoded to."""
        return activities(with_own(z_SK, decoded_SK, self.n_own), self.readout_KF, self.offset_F)

    def loading_GF(self) -> np.ndarray:
        """Give the direction of each feature over genes, most of it 0 (float32)."""
        found_GF = np.zeros((len(self.feature_GN), len(self)), dtype=np.float32)
        np.put_along_axis(found_GF, self.feature_GN.astype(np.int64), self.loading_GN, axis=1)
        return found_GF

    def drawn_towards(self, feature: int) -> dict[str, float]:
        """Give the given sets that a feature was drawn towards, and by how much, most first."""
        own_D = np.flatnonzero(self.drawn_feature_D == feature)
        order_D = own_D[np.argsort(-np.abs(self.drawn_by_D[own_D]), kind="stable")]
        return {self.given[self.drawn_set_D[at]]: float(self.drawn_by_D[at]) for at in order_D}

    def knows(self, names: Sequence[str], members: Sequence[np.ndarray]) -> np.ndarray:
        """Tell which sets are given ones, by name, or have more than `KNOWN` of their genes in a given one.

        Parameters
        ----------
        members
            Positions of the genes of each set among the model's.
        """
        from scipy.sparse import csr_array  # which only who has sets waits for

        def within(genes_M: np.ndarray, end_P: np.ndarray) -> csr_array:
            whole = np.concatenate([[0], end_P])
            return csr_array(
                (np.ones(len(genes_M), np.int32), genes_M, whole), shape=(len(end_P), len(self.feature_GN))
            )

        size_Q = np.array([len(one) for one in members], dtype=np.int64)
        asked = within(np.concatenate([np.empty(0, np.int64), *members]), np.cumsum(size_Q))
        most_Q = (asked @ within(self.given_M, self.given_end_P).T).max(axis=1).toarray() if self.given else 0
        return np.isin(names, self.given) | (most_Q > KNOWN * size_Q)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the arrays that `restore` needs."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in NO_ARRAYS}
        return {name: value for name, value in found.items() if value.size}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray], types: list[str], given: list[str], n_own: int) -> Features:
        """Build them from what `arrays` gave, and the rest."""
        return cls(**arrays, types=tuple(types), given=tuple(given), n_own=n_own)


def with_own(z_SK: np.ndarray, decoded_SK: np.ndarray, n_own: int) -> np.ndarray:
    """Give profiles as features see them: leading coordinates their own, the others those of what is decoded."""
    return np.concatenate([z_SK[:, :n_own], decoded_SK[:, n_own:]], axis=1)


def activities(seen_SK: np.ndarray, readout_KF: np.ndarray, offset_F: np.ndarray) -> np.ndarray:
    """Read activities off profiles as features see them (float32, S x F)."""
    return np.maximum(seen_SK.astype(np.float32) @ readout_KF + offset_F, np.float32(0))
