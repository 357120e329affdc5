"""What came of draws of a setting: balanced accuracy of every method, and how far ours is from the best rival.

The best rival is the best in hindsight, by the very profiles that ours is measured on, which is stricter than any rival
that could be chosen before. Intervals resample draws and, apart from them, the units that the asked profiles come in
(Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1); they are rather too wide than too narrow.

Axes: T asked profiles, D draws, U units, L labels, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cic.evaluation.statistics.intervals import Interval, percentile_interval
from cic.seeds import generator

RESAMPLES, CONFIDENCE = 1000, 0.95


@dataclass(frozen=True)
class Asked:
    """What came of one draw of a setting: labels, units, and by method whether it told each profile (all T)."""

    label_T: np.ndarray
    unit_T: np.ndarray
    hit: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Scores:
    """Of one setting: balanced accuracy by method, and the same in each resample, paired.

    A type's recall is that over all draws; the balanced accuracy is the mean over types.
    """

    value: dict[str, float]
    resampled: dict[str, np.ndarray]
    n_units: int
    n_draws: int

    def interval(self, method: str) -> Interval:
        """Give the balanced accuracy of a method."""
        return percentile_interval(self.value[method], self.resampled[method], CONFIDENCE, self.n_units)

    def difference(self, method: str, other: str) -> Interval:
        """Give the paired difference, `method` minus `other`."""
        value = self.value[method] - self.value[other]
        return percentile_interval(value, self.resampled[method] - self.resampled[other], CONFIDENCE, self.n_units)

    def best(self, methods: Sequence[str]) -> str:
        """Give the best of `methods` in hindsight."""
        return max(methods, key=lambda method: self.value[method])


def scores(draws: Sequence[Asked], seed: int) -> Scores:
    """Score all methods of a setting over its draws."""
    labels, units = (
        np.unique(np.concatenate(of)) for of in ([one.label_T for one in draws], [one.unit_T for one in draws])
    )
    draw_of = generator(seed, "identity", "draws")
    draws_RD = draw_of.multinomial(len(draws), np.full(len(draws), 1 / len(draws)), size=RESAMPLES)
    units_RU = draw_of.multinomial(len(units), np.full(len(units), 1 / len(units)), size=RESAMPLES).astype(np.float64)
    methods = list(draws[0].hit)
    value, resampled = {}, {}
    for method in (None, *methods):
        whole_L, drawn_RL = np.zeros(len(labels)), np.zeros((RESAMPLES, len(labels)))
        for number, one in enumerate(draws):
            weight_T = 1.0 if method is None else one.hit[method].astype(np.float64)
            sum_UL = np.zeros((len(units), len(labels)))
            np.add.at(sum_UL, (np.searchsorted(units, one.unit_T), np.searchsorted(labels, one.label_T)), weight_T)
            whole_L += sum_UL.sum(axis=0)
            drawn_RL += draws_RD[:, number, None] * (units_RU @ sum_UL)
        if method is None:  # the profiles asked, told or not
            asked_L, asked_RL = whole_L, drawn_RL
            continue
        value[method] = float((whole_L / asked_L).mean())
        recall_RL = np.divide(drawn_RL, asked_RL, out=np.zeros_like(drawn_RL), where=asked_RL > 0)
        with np.errstate(invalid="ignore"):  # of a resample without a profile, which no interval takes
            resampled[method] = recall_RL.sum(axis=1) / (asked_RL > 0).sum(axis=1)
    return Scores(value, resampled, len(units), len(draws))
