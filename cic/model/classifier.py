"""The classifier of a model: two linear heads, one for profiles, and one for codes that come without them.

What tells types best is not all in the code, which is there to reproduce profiles. So the head for profiles reads the
code and the first coordinates of the profile itself; a code that comes alone is told by a head of its own. Both are
found after training (`cic.model.classifier_fit`).

Axes: S profiles, W code, K coordinates of the basis, X code and coordinates, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class Classifier:
    """Weights and constants of both heads, float32.

    Attributes
    ----------
    code_LW, code_L
        Of the head for codes alone.
    profile_LX, profile_L
        Of the head for profiles: code first, then as many coordinates as it reads.
    """

    code_LW: np.ndarray
    code_L: np.ndarray
    profile_LX: np.ndarray
    profile_L: np.ndarray

    def __post_init__(self) -> None:
        """Refuse heads that do not fit each other.

        Raises
        ------
        ValueError
            If they are of different labels, or the one for profiles reads less than the code.
        """
        n_labels, width = self.code_LW.shape
        shapes = (self.code_L.shape, self.profile_LX.shape[:1], self.profile_L.shape)
        if any(shape != (n_labels,) for shape in shapes) or self.profile_LX.shape[1] < width:
            raise ValueError(f"heads of {n_labels} labels and {width} numbers beside {shapes}")

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the numbers that it consists of."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def code_logits(self, code_SW: np.ndarray) -> np.ndarray:
        """Give the logits l_SL of codes."""
        return code_SW @ self.code_LW.T + self.code_L

    def profile_logits(self, code_SW: np.ndarray, z_SK: np.ndarray) -> np.ndarray:
        """Give the logits l_SL of profiles by their codes and coordinates."""
        width = code_SW.shape[1]
        of_code_LW, of_profile_LK = self.profile_LX[:, :width], self.profile_LX[:, width:]
        return code_SW @ of_code_LW.T + z_SK[:, : of_profile_LK.shape[1]] @ of_profile_LK.T + self.profile_L

    def cooled(self, of_codes: float, of_profiles: float) -> Classifier:
        """Divide the logits of both heads by a temperature each."""
        return replace(
            self,
            code_LW=self.code_LW / np.float32(of_codes),
            code_L=self.code_L / np.float32(of_codes),
            profile_LX=self.profile_LX / np.float32(of_profiles),
            profile_L=self.profile_L / np.float32(of_profiles),
        )


def probabilities(logit_SL: np.ndarray) -> np.ndarray:
    """Give the probability of each label."""
    from scipy.special import softmax  # takes as long to import as all else: whoever loads a model may not classify

    return softmax(logit_SL, axis=1)
