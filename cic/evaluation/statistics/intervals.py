"""Bootstrap intervals that respect what is independent: groups where there are some, else samples.

Axes: S profiles, U units that are resampled whole, R resamples, X columns of whatever is summed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import BeforeValidator

from cic.data.split import unit_of_samples

FEWEST_UNITS = 5
"""Below this many independent units an interval would pretend to knowledge: none is given."""
BLOCK = 1 << 22
"""Resample counts held in memory at a time."""


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval.

    Attributes
    ----------
    value
        Not finite where it is undefined, which is null in JSON and read from there as NaN.
    low, high
        Finite, or `None` where too few units allow none.
    """

    value: Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
    low: float | None
    high: float | None

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            bound = getattr(self, name)
            if bound is not None and not math.isfinite(bound):
                object.__setattr__(self, name, None)

    @property
    def is_defined(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Both ends, or `None` where there are not both."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Resampling:
    """Units drawn with replacement, the same ones for every quantity, so that differences are paired.

    Attributes
    ----------
    unit_S
        Index of the unit that each profile belongs to.
    by
        What a unit is: `group`, `replicate set` or `profile`.
    caution
        What a reader must know about the choice of unit; empty if nothing.
    """

    unit_S: np.ndarray
    by: str
    caution: str
    n_resamples: int
    confidence: float
    seed: int

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self.unit_S.max()) + 1 if len(self.unit_S) else 0

    def over(self, samples: pd.DataFrame) -> Resampling:
        """Choose anew what to resample, of these profiles; number, confidence and seed stay."""
        return resampling(samples, self.n_resamples, self.confidence, self.seed)

    def interval(self, value: float, value_R: np.ndarray) -> Interval:
        """Give the percentile interval of a value that was resampled over all units."""
        return percentile_interval(value, value_R, self.confidence, self.n_units)

    def sums(self, value_SX: np.ndarray) -> np.ndarray:
        """Give the sums over profiles of each column in each resample, R x X (float64)."""
        per_unit_UX = np.zeros((self.n_units, value_SX.shape[1]))
        np.add.at(per_unit_UX, self.unit_S, value_SX)
        return np.concatenate([count_RU @ per_unit_UX for count_RU in self._counts()])

    def _counts(self) -> Iterator[np.ndarray]:
        draw = np.random.default_rng(self.seed)
        equal_U = np.full(self.n_units, 1 / self.n_units)
        step = max(1, BLOCK // self.n_units)
        for start in range(0, self.n_resamples, step):
            yield draw.multinomial(self.n_units, equal_U, size=min(step, self.n_resamples - start)).astype(np.float64)


def resampling(samples: pd.DataFrame, n_resamples: int, confidence: float, seed: int) -> Resampling:
    """Choose what to resample for profiles with the columns `group` and `replicate`, as far as they are there.

    Groups, since profiles of one study resemble each other, and those that share a replicate set together, as the split
    keeps them; replicate sets or profiles where there are no groups or fewer than `FEWEST_UNITS`, which `caution` then
    says.
    """
    unit_S, by, caution = np.arange(len(samples)), "profile", ""
    if "replicate" in samples and (known := samples["replicate"].notna()).any():
        own = pd.Series(samples.index.astype(str), index=samples.index)
        sets = ("set " + samples["replicate"].astype(str)).where(known, "profile " + own)
        unit_S, by = pd.factorize(sets)[0], "replicate set"
    if "group" in samples and samples["group"].notna().all():
        linked_S = pd.factorize(unit_of_samples(samples))[0]
        n_units, n_groups = len(np.unique(linked_S)), samples["group"].nunique()
        if n_units >= FEWEST_UNITS:
            unit_S, by = linked_S, "group"
        else:
            linked = f" in {n_units} set{'s' * (n_units != 1)} that share no sample" if n_units < n_groups else ""
            caution = (
                f"The held-out profiles come from only {n_groups} group{'s' * (n_groups != 1)}{linked}, too few to "
                f"resample: intervals are over {by}s and too narrow for a profile from a new group."
            )
    return Resampling(np.asarray(unit_S), by, caution, n_resamples, confidence, seed)


def percentile_interval(value: float, value_R: np.ndarray, confidence: float, n_units: int) -> Interval:
    """Give the percentile interval of resampled values; none below `FEWEST_UNITS` units."""
    known_R = value_R[np.isfinite(value_R)]
    if n_units < FEWEST_UNITS or not len(known_R) or not np.isfinite(value):
        return Interval(float(value), None, None)
    low, high = np.quantile(known_R, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(low), float(high))


def ratio_intervals(numerator_SX: np.ndarray, denominator_SX: np.ndarray, plan: Resampling) -> list[Interval]:
    """Give, for each column, the ratio of sums over profiles with its paired interval.

    A column counts only the units in which its denominator is not zero, so that a cell type seen in two studies gets
    no interval from the others.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value_X = numerator_SX.sum(axis=0) / denominator_SX.sum(axis=0)
        value_RX = plan.sums(numerator_SX) / plan.sums(denominator_SX)
    intervals = []
    for column, value in enumerate(value_X):
        n_units = len(np.unique(plan.unit_S[denominator_SX[:, column] != 0]))
        intervals.append(percentile_interval(float(value), value_RX[:, column], plan.confidence, n_units))
    return intervals


def ratio_interval(numerator_S: np.ndarray, denominator_S: np.ndarray, plan: Resampling) -> Interval:
    """Give the ratio of two sums over the same profiles with its paired interval."""
    return ratio_intervals(numerator_S[:, None], denominator_S[:, None], plan)[0]


def share_interval(part_S: np.ndarray, whole_S: np.ndarray, plan: Resampling) -> Interval:
    """Give a share, 0 to 1, with its interval; never one of no width where all or none were drawn.

    Of 20 units that all agree, every resample says that all do. The bound is then that of Clopper and Pearson (1934)
    for as many units.
    """
    found = ratio_interval(part_S, whole_S, plan)
    if found.low is None or found.high is None or 0 < found.value < 1:
        return found
    away = ((1 - plan.confidence) / 2) ** (1 / len(np.unique(plan.unit_S[whole_S > 0])))
    return Interval(found.value, away, 1.0) if found.value == 1 else Interval(found.value, 0.0, 1 - away)


def root(interval: Interval) -> Interval:
    """Give the square root of an interval: from mean squares to root mean squares."""
    low = None if interval.low is None else interval.low**0.5
    high = None if interval.high is None else interval.high**0.5
    return Interval(interval.value**0.5, low, high)


def against(interval: Interval, line: float = 1.0) -> Literal["below", "above", "undecided"]:
    """Tell on which side of `line` an interval lies as a whole."""
    if interval.bounds is None:
        return "undecided"
    low, high = interval.bounds
    if high < line:
        return "below"
    return "above" if low > line else "undecided"
