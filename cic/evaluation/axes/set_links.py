"""Links of axes with gene sets, whose false discoveries are counted against shuffled profiles.

Rank sums and running sums take genes for independent, which those of a pathway are not: axes whose profiles were
shuffled, which stand for nothing, have as many links by them. Here an axis is held against the expression of a whole
set, profile by profile, and the null is that of shuffled profiles itself: how genes go together stays as it is, while
the axis is cut off from the profiles (the permuted phenotypes of Subramanian et al. 2005).

Axes: N profiles, G genes, F axes, P gene sets, B shuffles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cic.evaluation.gene_sets.enrichment import discovered
from cic.model.threads import one_thread
from cic.seeds import generator

FOLLOWS = 0.5
"""|r| from which on an axis is said to follow a set. Nearly every direction of real data goes a little with nearly
every set, and with some hundred profiles a little is beyond chance."""


@dataclass(frozen=True)
class SetLinks:
    """Of each set with each axis, P x F.

    Attributes
    ----------
    r
        Pearson r of the axis with the set's expression.
    p
        Two-sided, against shuffled profiles.
    beyond
        Within the false discovery rate over all pairs.
    found
        The links: of those the pairs with |r| of `FOLLOWS` at least.
    """

    r: np.ndarray
    p: np.ndarray
    beyond: np.ndarray
    found: np.ndarray


@dataclass(frozen=True)
class LinkSpec:
    """Axes to link with gene sets: pure data, so that it can be done anywhere.

    Attributes
    ----------
    set_PN
        `set_expression` of the profiles by which the axes are described.
    activity_NF
        Activities of the axes in the same profiles.
    shuffles
        Of each axis.
    rate
        Of false discoveries, over all pairs.
    """

    set_PN: np.ndarray
    activity_NF: np.ndarray
    shuffles: int
    rate: float
    seed: int


def set_expression(x_SG: np.ndarray, members: Sequence[np.ndarray], spread_G: np.ndarray) -> np.ndarray:
    """Give the expression of each set in each profile, P x S: the mean of its genes, less that of all genes.

    Each gene over `spread_G`, its standard deviation over the training profiles, so that the loudest do not decide;
    genes that do not vary are left out.
    """
    standard_SG = x_SG / np.where(spread_G > 1e-6, spread_G, np.inf)
    of_all_S = standard_SG.mean(axis=1)
    return np.array([standard_SG[:, positions].mean(axis=1) - of_all_S for positions in members], dtype=np.float64)


def set_links(spec: LinkSpec) -> SetLinks:
    """Link axes to the gene sets that they follow beyond what shuffled profiles come to.

    p is the share of shuffles of an axis's own activities in which any set, all counted alike, comes to as large an
    |r|; it is never below one over the number of sets times that of shuffles. Pairs are chosen among all of them by
    Benjamini and Hochberg (1995).
    """
    with one_thread():
        set_PN = (_standardised(spec.set_PN.T).T / spec.set_PN.shape[1]).astype(np.float32)
        activity_NF = _standardised(spec.activity_NF.astype(np.float64)).astype(np.float32)
        r_PF, p_PF = set_PN @ activity_NF, np.ones((len(set_PN), activity_NF.shape[1]))
        shuffled_NB = np.empty((len(activity_NF), spec.shuffles), dtype=np.float32)
        for axis, activity_N in enumerate(activity_NF.T):
            shuffled_NB[:] = activity_N[:, None]
            null_PB = set_PN @ generator(spec.seed, "shuffled profiles", axis).permuted(shuffled_NB, axis=0)
            ascending = np.sort(np.abs(null_PB), axis=None)
            as_much_P = len(ascending) - np.searchsorted(ascending, np.abs(r_PF[:, axis]))
            p_PF[:, axis] = (1 + as_much_P) / (1 + len(ascending))
        beyond_PF = discovered(p_PF, spec.rate)[1]
        return SetLinks(r_PF, p_PF, beyond_PF, beyond_PF & (np.abs(r_PF) >= FOLLOWS))


def held_out_r(train_PN: np.ndarray, train_NF: np.ndarray, test_PS: np.ndarray, test_SF: np.ndarray) -> np.ndarray:
    """Give r over held-out profiles of each set with the axis that follows it best over the training profiles (P).

    Its sign is that of training: below 0 an axis goes the other way in new profiles. Nothing is chosen by these, so
    that more axes are not better by chance.

    Parameters
    ----------
    train_PN, test_PS
        `set_expression` of the training and of the held-out profiles.
    train_NF, test_SF
        Activities of the axes in both.
    """
    r_PF, held_PF = (
        _standardised(set_PX.T).T @ _standardised(activity_XF.astype(np.float64)) / len(activity_XF)
        for set_PX, activity_XF in ((train_PN, train_NF), (test_PS, test_SF))
    )
    best_P, every_P = np.abs(r_PF).argmax(axis=1), np.arange(len(r_PF))
    return np.sign(r_PF[every_P, best_P]) * held_PF[every_P, best_P]


def _standardised(values_NX: np.ndarray) -> np.ndarray:
    centred_NX = values_NX - values_NX.mean(axis=0)
    spread_X = centred_NX.std(axis=0)
    return centred_NX / np.where(spread_X > 1e-6, spread_X, np.inf)
