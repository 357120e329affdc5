"""Linear heads that tell labels: of codes, of profiles, and of ranks within profiles.

Axes: S profiles, X features, K coordinates of the basis, R coordinates of ranks, W code, L labels, D disturbances, the
first of them none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cic.model.discriminant import belonging, discriminants, logistic
from cic.model.disturbance import Spread

CODE_SHRINKAGES, PROFILE_SHRINKAGES = (0.02, 0.1), (0.1, 0.5, 0.9, 0.99)
"""Profiles span few of as many directions as there are genes, so 0.99 shrinks what they span by half."""
STRENGTHS = (30.0, 300.0)
"""Inverse penalties of logistic regression on the code, whose mean squared norm is made 1."""


@dataclass(frozen=True)
class Labelled:
    """Profiles to find a classifier by.

    Attributes
    ----------
    code_SW, decoded_SK, z_SK
        Codes, what the decoder makes of them, and the profiles themselves, the last two in the basis.
    label_S
        -1 where there is none.
    unit_S
        Number of the group that is left out with each profile.
    n_genes
        That the coordinates stand for.
    outside_S
        Squared norms outside of the coordinates.
    rank_SR
        Normal scores of ranks within profiles, in a basis of their own; `None` where no head is to read them.
    """

    code_SW: np.ndarray
    decoded_SK: np.ndarray
    z_SK: np.ndarray
    label_S: np.ndarray
    unit_S: np.ndarray
    n_labels: int
    n_genes: int
    outside_S: np.ndarray
    rank_SR: np.ndarray | None = None

    def at(self, index_S: np.ndarray) -> Labelled:
        """Give some of the profiles."""
        names = ("code_SW", "decoded_SK", "z_SK", "label_S", "unit_S", "outside_S", "rank_SR")
        arrays = {name: getattr(self, name) for name in names}
        return replace(self, **{name: value[index_S] for name, value in arrays.items() if value is not None})


@dataclass(frozen=True)
class Head:
    """Logits x @ weight_DXL[d] + bias_DL[d]; `reads` names the array of `Labelled` that x is."""

    reads: str
    weight_DXL: np.ndarray
    bias_DL: np.ndarray

    def logits(self, disturbed: Sequence[Labelled]) -> np.ndarray:
        """Give the logits l_DSL of profiles disturbed in each of the first ways, as far as it knows these."""
        known = zip(disturbed, self.weight_DXL, self.bias_DL, strict=False)
        return np.stack([getattr(one, self.reads) @ weight_XL + bias_L for one, weight_XL, bias_L in known])


def fit_heads(profiles: Labelled, spreads: Mapping[str, Spread]) -> list[Head]:
    """Fit all heads to labelled profiles, and again with the unlabelled ones where there are any.

    Parameters
    ----------
    spreads
        How new profiles vary, by the name of the array that a head reads: such heads expect disturbed ones as well.
    """
    told_S = profiles.label_S >= 0
    of_label_SL = np.eye(profiles.n_labels)[np.maximum(profiles.label_S, 0)] * told_S[:, None]
    count_L = of_label_SL.sum(axis=0)
    fitted_to = [of_label_SL] if told_S.all() else [of_label_SL, belonging(profiles.decoded_SK, of_label_SL)]
    with np.errstate(divide="ignore"):
        prior_L = np.log(count_L / count_L.sum())  # of types as they are labelled, whatever the unlabelled are
    read = {"code_SW": profiles.code_SW, "z_SK": profiles.z_SK}
    if profiles.rank_SR is not None:
        read["rank_SR"] = profiles.rank_SR
    heads = []
    for to_SL in fitted_to:
        used_S = to_SL.sum(axis=1) > 0
        to_SL = to_SL[used_S]
        for weight_XL, bias_L in logistic(profiles.code_SW[used_S], to_SL, STRENGTHS):
            frequency_L = np.log(np.maximum(to_SL.sum(axis=0), 1e-9) / to_SL.sum())
            heads.append(Head("code_SW", weight_XL[None], (bias_L - frequency_L + prior_L)[None]))
        for name, x_SX in read.items():
            shrinkages = CODE_SHRINKAGES if name == "code_SW" else PROFILE_SHRINKAGES
            n_features = x_SX.shape[1] if name == "code_SW" else profiles.n_genes
            spread = spreads.get(name)
            noise_D = [0.0] if spread is None else spread.noise_D.tolist()
            found = discriminants(x_SX[used_S], to_SL, shrinkages, n_features, noise_D)
            for first in range(0, len(found), len(noise_D)):
                weights, biases = zip(*found[first : first + len(noise_D)], strict=True)
                weight_DXL = np.stack(weights) * (1.0 if spread is None else spread.restoring()[:, :, None])
                heads.append(Head(name, weight_DXL, np.stack(biases) + prior_L))
    return heads
