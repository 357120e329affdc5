"""Gene sets by which an axis is named: the genes that it moves are rich in them, and the profiles bear it out.

Genes of a set go together, so that tests which take them for independent name too many sets. An axis that is about a
set also rises and falls with the set's expression, profile by profile. What both say is told, and the rest is not.

Axes: G genes, K coordinates of the sample basis, F axes, P gene sets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cic.model.basis import SampleBasis

MOVED = 0.1
"""An axis moves the genes that it changes by this share, at least, of its largest change."""
FALSE_DISCOVERIES = 0.05
"""Over all pairs of set and axis."""
GOES_WITH = 0.6
"""|r| of an axis with the expression of a set from which on the profiles bear it out: somewhat above the 0.5 of a link
(`cic.evaluation.axes.set_links`), so that in other profiles it is one, too."""


def moved(loading_GF: np.ndarray) -> np.ndarray:
    """Tell which genes each axis moves."""
    return np.abs(loading_GF) > MOVED * np.abs(loading_GF).max(axis=0)


def rich_in(moved_GF: np.ndarray, members: Sequence[np.ndarray]) -> np.ndarray:
    """Give the false discovery rate, over all sets and axes, at which the moved genes are rich in each set (P x F).

    By the binomial distribution, which is a little wider than the hypergeometric one and a hundred times as quick, and
    the step-up procedure of Benjamini and Hochberg (1995). Genes are taken for independent, which they are not.

    Parameters
    ----------
    members
        Positions of the genes of each set.
    """
    if not len(members):
        return np.empty((0, moved_GF.shape[1]))
    from scipy.stats import binom, false_discovery_control  # takes a second, which only who has sets waits for

    shared_PF = np.array([moved_GF[positions].sum(axis=0) for positions in members])
    size_P1 = np.array([[len(positions)] for positions in members])
    p_PF = binom.sf(shared_PF - 1, size_P1, moved_GF.mean(axis=0))
    return np.asarray(false_discovery_control(p_PF.ravel()).reshape(p_PF.shape))


def named_by(rate_PF: np.ndarray, r_PF: np.ndarray) -> np.ndarray:
    """Tell which sets name which axes, by what `rich_in` and the profiles say."""
    return (rate_PF <= FALSE_DISCOVERIES) & (np.abs(r_PF) >= GOES_WITH)


def set_r(
    slope_FK: np.ndarray, variance_K: np.ndarray, basis: SampleBasis, members: Sequence[np.ndarray]
) -> np.ndarray:
    """Give Pearson r of each axis with each set's expression over the training profiles, without these (P x F).

    A set's expression is the mean of its genes, each over its standard deviation, less that of all genes. That is a
    weighted sum of coordinates, which are uncorrelated over the training profiles. So its covariance with an axis is
    that of the coordinates, weighted, and its variance a sum of theirs. What the basis leaves out of the profiles is
    taken for noise, alike for all genes and independent.

    Parameters
    ----------
    slope_FK
        Covariance of each coordinate with each axis, the axes of variance 1.
    variance_K
        Of the coordinates.
    """
    if not len(members):
        return np.empty((0, len(slope_FK)))
    components_GK = basis.components_GK
    outside = basis.left_out / (1 - basis.left_out) * float(variance_K.sum()) / len(components_GK)
    spread_G = np.sqrt(np.einsum("gk,gk,k->g", components_GK, components_GK, variance_K) + outside)
    part_G = 1 / np.where(spread_G > 0, spread_G, np.inf)
    weight_PK = np.array([part_G[one] @ components_GK[one] / len(one) for one in members])
    weight_PK -= part_G @ components_GK / len(part_G)
    noise_P = np.array([outside * np.square(part_G[one]).sum() / len(one) ** 2 for one in members])
    spread_P = np.sqrt(np.square(weight_PK) @ variance_K + noise_P)
    return np.asarray(weight_PK @ slope_FK.T / np.where(spread_P > 0, spread_P, np.inf)[:, None])
