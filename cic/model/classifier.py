"""The classifier of a model: two linear heads, one for profiles, and one for codes that come without them.

What tells types best is not all in the code, which is there to reproduce profiles. So the head for profiles reads the
first coordinates of the profile and the ranks within it; a code that comes alone is told by a head of its own. Both are
found after training (`cic.model.classifier_fit`).

Axes: S profiles, W code, K coordinates of the basis, G genes, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Classifier:
    """Weights and constants of both heads, float32.

    Attributes
    ----------
    code_LW, code_L
        Of the head for codes alone.
    profile_LK, profile_L
        Of the head for profiles: of as many coordinates as it reads, and its constants.
    rank_LG
        Of the head for profiles, over the normal scores of ranks within a profile, or whatever coordinates of these it
        was found in; `None` where it does not read ranks.
    beside_LW
        Of the code in the head for profiles; `None` but of a model made before format 7.
    """

    code_LW: np.ndarray
    code_L: np.ndarray
    profile_LK: np.ndarray
    profile_L: np.ndarray
    rank_LG: np.ndarray | None = None
    beside_LW: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuse heads that do not fit each other.

        Raises
        ------
        ValueError
            If they are of different labels, or of codes of different widths.
        """
        n_labels, width = self.code_LW.shape
        shapes = {name: value.shape for name, value in self.arrays().items()}
        if any(shape[0] != n_labels for shape in shapes.values()) or shapes.get("beside_LW", (0, width))[1] != width:
            raise ValueError(f"heads of {n_labels} labels and codes of {width} numbers beside {shapes}")

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> Classifier:
        """Build one from what `arrays` gave; format 6 has code and coordinates in one matrix.

        Raises
        ------
        ValueError, KeyError, TypeError
            If they are no such arrays.
        """
        kept = dict(arrays)
        if "profile_LX" in kept:
            width = kept["code_LW"].shape[1]
            kept["beside_LW"], kept["profile_LK"] = np.split(kept.pop("profile_LX"), [width], axis=1)
        return cls(**kept)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the numbers that it consists of."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in found.items() if value is not None}

    def code_logits(self, code_SW: np.ndarray) -> np.ndarray:
        """Give the logits l_SL of codes."""
        return code_SW @ self.code_LW.T + self.code_L

    def profile_logits(self, code_SW: np.ndarray, z_SK: np.ndarray, rank_SG: np.ndarray | None) -> np.ndarray:
        """Give the logits l_SL of profiles by their codes, coordinates and ranks; of what it does not read any will do.

        Raises
        ------
        ValueError
            If there are no ranks where it reads them.
        """
        logit_SL = z_SK[:, : self.profile_LK.shape[1]] @ self.profile_LK.T + self.profile_L
        if self.beside_LW is not None:
            logit_SL = logit_SL + code_SW @ self.beside_LW.T
        if self.rank_LG is None:
            return logit_SL
        if rank_SG is None:
            raise ValueError("the classifier reads ranks")
        return logit_SL + rank_SG @ self.rank_LG.T

    def cooled(self, of_codes: float, of_profiles: float) -> Classifier:
        """Divide the logits of both heads by a temperature each."""
        of = {name: of_codes if name.startswith("code") else of_profiles for name in self.arrays()}
        return Classifier(**{name: value / np.float32(of[name]) for name, value in self.arrays().items()})


def probabilities(logit_SL: np.ndarray) -> np.ndarray:
    """Give the probability of each label."""
    from scipy.special import softmax  # takes as long to import as all else: whoever loads a model may not classify

    return softmax(logit_SL, axis=1)
