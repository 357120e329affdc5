"""How well counts are foretold: the deviance of what was counted from rates that a reconstruction gives.

Squared errors depend on the scale that they are taken on, so that of two models on two scales neither could be called
the better one. What was counted does not: given the total of a profile, counts are multinomial, and half the deviance
is how much less likely they are under the rates than they could be under any (Townes et al. 2019, Genome Biology
20:295).

A reconstruction on a logarithmic or square-root scale is the mean of logarithms or roots, not of counts, and may say
that a gene cannot be seen at all. So what each method says is brought to the level of the training counts, gene by gene
(the smearing of Duan 1983), and mixed with the mean profile, as much as the validation profiles like best: the same for
every method.

Axes: S profiles, B of a block, G genes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Of the mean profile in the mixture: those that are tried."""
LEAST_RATE = 1e-10

Blocks = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
"""Gives counts and the rates foretold of them, both B x G, block by block and as often as asked."""


@dataclass(frozen=True)
class Levels:
    """What brings the rates of one method to the level of counts.

    Attributes
    ----------
    factor_G
        By which the rate of each gene is multiplied.
    mean_G
        Share of each gene in all counts of the training profiles.
    share
        Of the mean profile in the mixture.
    """

    factor_G: np.ndarray
    mean_G: np.ndarray
    share: float

    def expected(self, counts_BG: np.ndarray, rate_BG: np.ndarray) -> np.ndarray:
        """Give the counts expected of profiles with the totals of these (float64, B x G)."""
        own_BG = _shares(rate_BG * self.factor_G, self.mean_G)
        total_B1 = counts_BG.sum(axis=1, keepdims=True, dtype=np.float64)
        return total_B1 * ((1 - self.share) * own_BG + self.share * self.mean_G)


def _shares(rate_BG: np.ndarray, mean_G: np.ndarray) -> np.ndarray:
    total_B1 = rate_BG.sum(axis=1, keepdims=True, dtype=np.float64)
    return np.where(total_B1 > 0, rate_BG / np.where(total_B1 > 0, total_B1, 1), mean_G)


def deviances(counts_BG: np.ndarray, expected_BG: np.ndarray) -> np.ndarray:
    """Give the multinomial deviance of each profile (float64, B); not finite where something impossible was counted."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms_BG = counts_BG * np.log(counts_BG / expected_BG)
    return 2 * np.where(counts_BG > 0, terms_BG, 0.0).sum(axis=1, dtype=np.float64)


def fit_levels(training: Blocks, validation: Blocks) -> Levels:
    """Learn the level of each gene from training profiles, and the share of the mean profile from validation profiles.

    A gene that was never counted in training keeps no rate at all, and gets the rate of half a count from the mean.
    """
    counted_G = said_G = np.zeros(1)
    for counts_BG, rate_BG in training():
        total_B1 = counts_BG.sum(axis=1, keepdims=True, dtype=np.float64)
        counted_G = counted_G + counts_BG.sum(axis=0, dtype=np.float64)
        said_G = said_G + (total_B1 * _shares(rate_BG, np.zeros(1))).sum(axis=0)
    factor_G = np.where(said_G > 0, counted_G / np.where(said_G > 0, said_G, 1), 0.0)
    mean_G = (counted_G + 0.5) / (counted_G + 0.5).sum()
    tried = [Levels(factor_G, mean_G, share) for share in SHARES]
    total = np.zeros(len(tried))
    for counts_BG, rate_BG in validation():
        total += [deviances(counts_BG, one.expected(counts_BG, rate_BG)).sum() for one in tried]
    return tried[int(np.argmin(total))]


def noise_alone(expected_BG: np.ndarray) -> np.ndarray:
    """Give the deviance to expect of each profile if its expected counts were the true ones (float64, B)."""
    log_rate_T, deviance_T = _noise_table()
    return np.interp(np.log(np.maximum(expected_BG, LEAST_RATE)), log_rate_T, deviance_T).sum(axis=1)


@cache
def _noise_table() -> tuple[np.ndarray, np.ndarray]:
    """Give the mean of 2 x log(x / m) over Poisson counts x of mean m, for logarithms of m; near 1 from the last on."""
    log_rate_T1 = np.linspace(np.log(LEAST_RATE), np.log(1000.0), 400)[:, None]
    count_N = np.arange(1, 1500, dtype=np.float64)
    chance_TN = np.exp(count_N * log_rate_T1 - np.exp(log_rate_T1) - special.gammaln(count_N + 1))
    return log_rate_T1[:, 0], (chance_TN * 2 * count_N * (np.log(count_N) - log_rate_T1)).sum(axis=1)
