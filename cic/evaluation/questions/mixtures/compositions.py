"""What profiles are made of, as the data say it.

Axes: S profiles, C components, D dimensions of whatever a profile is described by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data.roles import PROPORTION
from cic.evaluation.subject import Subject

PURE_FROM = 0.999
"""Share of one component from which a profile counts as pure."""
SUM_WITHIN = 0.05
"""Shares of a profile may miss 1 by this much, and are brought to it; others name no whole mixture."""


@dataclass(frozen=True)
class Compositions:
    """What all profiles are made of.

    Attributes
    ----------
    components
        Names.
    share_SC
        Shares, which add up to 1; 0 where they are unknown.
    whole_S
        Whether the shares of a profile are known.
    train_S
        Whether it is in the training part, with known shares.
    """

    components: tuple[str, ...]
    share_SC: np.ndarray
    whole_S: np.ndarray
    train_S: np.ndarray

    @property
    def pure_S(self) -> np.ndarray:
        """Whether a profile is of one component alone."""
        """Whether each profile is of one component alone."""
        return self.share_SC.max(axis=1) >= PURE_FROM

    @property
    def mixed_S(self) -> np.ndarray:
        """Whether a profile is a mixture of known shares."""
        """Whether each profile is a mixture with known shares."""
        return self.whole_S & ~self.pure_S

    @property
    def component_S(self) -> np.ndarray:
        """Which component a pure profile is; -1 of others."""
        """Which component a pure profile is; -1 of others."""
        return np.where(self.pure_S, self.share_SC.argmax(axis=1), -1)

    @property
    def n_pure(self) -> list[int]:
        """Pure training profiles of each component."""
        return [int(one_S.sum()) for one_S in self._pure_training()]

    def pure(self, x_SD: np.ndarray) -> np.ndarray:
        """Give the mean of the pure training profiles of each component (float64, C x D)."""
        return np.stack([x_SD[one_S].mean(axis=0, dtype=np.float64) for one_S in self._pure_training()])

    def _pure_training(self) -> list[np.ndarray]:
        return [self.train_S & (self.component_S == number) for number in range(len(self.components))]


def compositions(subject: Subject) -> Compositions | str:
    """Read what all profiles are made of, or say why nothing can be told of mixtures."""
    names = [name for name in subject.samples if str(name).startswith(PROPORTION)]
    if len(names) < 2:
        return "the data name no two columns with shares of a mixture (`data.proportions`)."
    share_SC, whole_S = known_shares(subject.samples[names])
    components = tuple(str(name).removeprefix(PROPORTION) for name in names)
    found = Compositions(components, share_SC, whole_S, (subject.part_S == "train") & whole_S)
    if min(found.n_pure) == 0:
        lacking = ", ".join(name for name, n in zip(components, found.n_pure, strict=True) if not n)
        return f"no training profile is pure {lacking}, and so the codes of mixtures lie between nothing."
    return found if found.mixed_S.any() else "no profile is a mixture."


def known_shares(columns: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give shares that add up to 1 (S x C, 0 where unknown), and which profiles name a whole mixture."""
    share_SC = columns.to_numpy(dtype=np.float64)
    total_S = share_SC.sum(axis=1)
    whole_S = np.abs(total_S - 1) <= SUM_WITHIN  # a missing share makes the sum missing, and this false
    known_SC = np.zeros_like(share_SC)
    known_SC[whole_S] = share_SC[whole_S] / total_S[whole_S, None]
    return known_SC, whole_S
