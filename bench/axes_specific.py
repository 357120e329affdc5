"""Links with gene sets that random directions do not have: what an axis tells of a set beyond that profiles differ.

Nearly every direction in which profiles differ much follows many gene sets, so a link by itself names nothing. A link
is specific if the axis follows the set more closely than the best of as many random directions does in 95 of 100 draws.
Directions are drawn as profiles vary, in the span of the first 4, 8, 16 principal components and so on, and those
components count in which they follow the set best: in the span of few, directions have little noise and follow more.

Axes: N profiles, K principal components, F axes, P gene sets, D draws.
"""

from __future__ import annotations

import numpy as np

from cic.seeds import generator

FEWEST, DRAWS, CENTILE = 4, 200, 0.95
"""Components of the smallest span; draws in each, and which of them an axis has to exceed."""
NAMED = (1, 20)
"""Sets by which an axis could be given a name."""


def random_r(set_PN: np.ndarray, along_NK: np.ndarray, n_axes: int, seed: int) -> np.ndarray:
    """Give the |r| with each set that random directions seldom come to (P).

    Parameters
    ----------
    set_PN
        `set_expression` of the training profiles.
    along_NK
        The same profiles along their principal components, which are uncorrelated and by falling variance.
    n_axes
        Of how many directions the best counts.
    """
    centred_PN = set_PN - set_PN.mean(axis=1, keepdims=True)
    unit_PN = centred_PN / np.linalg.norm(centred_PN, axis=1, keepdims=True)
    centred_NK = (along_NK[:, :n_axes] - along_NK[:, :n_axes].mean(axis=0)).astype(np.float64)
    length_K = np.linalg.norm(centred_NK, axis=0)
    r_PK = (unit_PN @ (centred_NK / length_K)).astype(np.float32)
    draw = generator(seed, "random directions")
    highest_P = np.zeros(len(r_PK))
    for span in sorted({*(FEWEST << at for at in range(n_axes.bit_length())), len(length_K)}):
        if span <= len(length_K):
            best_DP = [_best(r_PK[:, :span], length_K[:span], n_axes, draw) for _ in range(DRAWS)]
            highest_P = np.maximum(highest_P, np.quantile(best_DP, CENTILE, axis=0))
    return highest_P


def _best(r_PK: np.ndarray, length_K: np.ndarray, n_axes: int, draw: np.random.Generator) -> np.ndarray:
    """Give the largest |r| of each set with some directions."""
    along_KF = draw.normal(size=(len(length_K), n_axes)) * length_K[:, None]
    along_KF /= np.linalg.norm(along_KF, axis=0)
    return np.abs(r_PK @ along_KF.astype(np.float32)).max(axis=1)


def named(specific_PF: np.ndarray) -> int:
    """Give how many axes have at least one specific set, and at most 20."""
    count_F = specific_PF.sum(axis=0)
    return int(((count_F >= NAMED[0]) & (count_F <= NAMED[1])).sum())
