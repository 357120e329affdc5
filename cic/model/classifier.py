"""The classifier of a model: linear heads, some for profiles, and one for codes that come without them.

What tells types best is not all in the code, which is there to reproduce profiles. So the heads for profiles read the
first coordinates of the profile and the ranks within it, each for profiles that were disturbed in its way
(`cic.model.disturbance`); a code that comes alone is told by a head of its own. All are found after training
(`cic.model.classifier_fit`).

Axes: S profiles, W code, K coordinates of the basis, G genes, L labels, D disturbances, the first of them none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from cic.model.basis import squared_norms

DENSITY = ("precision_DK", "precision_D", "density_D")
"""Attributes that tell disturbances, not labels."""


@dataclass(frozen=True)
class Classifier:
    """Weights and constants of all heads, float32.

    Attributes
    ----------
    code_LW, code_L
        Of the head for codes alone.
    profile_DLK, profile_DL
        Of the heads for profiles: of as many coordinates as they read, and their constants.
    rank_DLG
        Of the heads for profiles, over the normal scores of ranks within a profile, or whatever coordinates of these
        they were found in; `None` where they do not read ranks.
    precision_DK, precision_D, density_D
        Inverse variances of profiles along the coordinates and outside of them, and constants of their log density, by
        which a profile tells how it was disturbed; `None` of a model made before format 8, which knows of no
        disturbance.
    beside_LW
        Of the code in the head for profiles; `None` but of a model made before format 7.
    """

    code_LW: np.ndarray
    code_L: np.ndarray
    profile_DLK: np.ndarray
    profile_DL: np.ndarray
    rank_DLG: np.ndarray | None = None
    precision_DK: np.ndarray | None = None
    precision_D: np.ndarray | None = None
    density_D: np.ndarray | None = None
    beside_LW: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuse heads that do not fit each other.

        Raises
        ------
        ValueError
            If they are of different labels or disturbances, or of codes of different widths.
        """
        (n_labels, width), (n_disturbances, _, n_coordinates) = self.code_LW.shape, self.profile_DLK.shape
        of = {"L": n_labels, "W": width, "D": n_disturbances, "K": n_coordinates}
        shapes = {name: value.shape for name, value in self.arrays().items()}
        fits = all(
            len(shape) == len(axes := name.rpartition("_")[2])
            and all(size == of.get(axis, size) for axis, size in zip(axes, shape, strict=True))
            for name, shape in shapes.items()
        )
        if not fits or (n_disturbances > 1 and {*DENSITY} - {*shapes}):
            raise ValueError(f"heads of {n_labels} labels and codes of {width} numbers beside {shapes}")

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> Classifier:
        """Build one from what `arrays` gave; before format 8 it has one head, in format 6 of code and coordinates.

        Raises
        ------
        ValueError, KeyError, TypeError
            If they are no such arrays.
        """
        kept = dict(arrays)
        if "profile_LX" in kept:
            width = kept["code_LW"].shape[1]
            kept["beside_LW"], kept["profile_LK"] = np.split(kept.pop("profile_LX"), [width], axis=1)
        for name in ("profile_LK", "profile_L", "rank_LG"):
            if name in kept:
                kept[name.replace("_", "_D")] = kept.pop(name)[None]
        return cls(**kept)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the numbers that it consists of."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in found.items() if value is not None}

    def code_logits(self, code_SW: np.ndarray) -> np.ndarray:
        """Give the logits l_SL of codes."""
        return code_SW @ self.code_LW.T + self.code_L

    def disturbance(self, z_SK: np.ndarray, outside_S: np.ndarray) -> np.ndarray:
        """Give the number of the disturbance that each profile is likeliest of, by itself."""
        if self.precision_DK is None or self.precision_D is None or self.density_D is None:
            return np.zeros(len(z_SK), dtype=np.int64)
        n_read = self.precision_DK.shape[1]
        outside_S = outside_S + squared_norms(z_SK[:, n_read:])
        square_SK = np.square(z_SK[:, :n_read], dtype=np.float64)
        energy_SD = square_SK @ self.precision_DK.T + outside_S[:, None] * self.precision_D
        number_S: np.ndarray = (self.density_D - energy_SD / 2).argmax(axis=1)
        return number_S

    def profile_logits(
        self, code_SW: np.ndarray, z_SK: np.ndarray, outside_S: np.ndarray, rank_SG: np.ndarray | None
    ) -> np.ndarray:
        """Give the logits l_SL of profiles; of what it does not read any will do.

        Parameters
        ----------
        code_SW, z_SK
            Their codes and coordinates.
        outside_S
            Their squared norms outside of the coordinates, in units of these.
        rank_SG
            Normal scores of their ranks.

        Raises
        ------
        ValueError
            If there are no ranks where it reads them.
        """
        if self.rank_DLG is not None and rank_SG is None:
            raise ValueError("the classifier reads ranks")
        number_S, read_SK = self.disturbance(z_SK, outside_S), z_SK[:, : self.profile_DLK.shape[2]]
        logit_SL = self.profile_DL[number_S]
        for number in np.unique(number_S):
            at_S = np.flatnonzero(number_S == number)
            logit_SL[at_S] += read_SK[at_S] @ self.profile_DLK[number].T
            if self.rank_DLG is not None and rank_SG is not None:
                logit_SL[at_S] += rank_SG[at_S] @ self.rank_DLG[number].T
        return logit_SL if self.beside_LW is None else logit_SL + code_SW @ self.beside_LW.T

    def cooled(self, of_codes: float, of_profiles: float) -> Classifier:
        """Divide the logits for codes and for profiles by a temperature each."""
        heads = {name: value for name, value in self.arrays().items() if name not in DENSITY}
        by = {name: np.float32(of_codes if name.startswith("code") else of_profiles) for name in heads}
        return replace(self, **{name: value / by[name] for name, value in heads.items()})


def probabilities(logit_SL: np.ndarray) -> np.ndarray:
    """Give the probability of each label."""
    from scipy.special import softmax  # takes as long to import as all else: whoever loads a model may not classify

    return softmax(logit_SL, axis=1)
