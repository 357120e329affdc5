"""The search space, and which part of it each trial number is for.

A trial's number alone fixes its bottleneck width, and for the first trials its depth too:

1. depth 0 once at every width, which is PCA and needs no second try;
2. every width and depth once, at the centre of the other parameters: a surface at equal settings;
3. a few trials spread evenly over the other parameters, width and depth still in rotation;
4. from then on Optuna suggests all but the width.

Widths take turns to the end. A wider code always reproduces better, so a search free to choose the width would
spend its budget on the widest and leave nothing to tell the narrower ones by; the rule of `selection` needs a fair
try at each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats import qmc

from cic import config
from cic.seeds import derive_seed

SPREAD_TRIALS = 3
"""Trials spread evenly before Optuna suggests; the sampler gets at least half of the default budgets."""
DIGITS = 4
"""Significant digits of a sampled number: legible, and the same where a processor rounds its last bit differently."""

Value = int | float


@dataclass(frozen=True)
class Listed:
    """A parameter that takes one of a few integers."""

    name: str
    values: tuple[int, ...]

    def at(self, share: float) -> int:
        """Give the value that far along, from 0 (the lowest) to 1."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def near(self, value: Value) -> int:
        """Give a suggested value as it is used."""
        return int(value)

    def distribution(self) -> BaseDistribution:
        """Give Optuna's form; neighbours are alike only where the values are consecutive."""
        low, high = self.values[0], self.values[-1]
        if self.values == tuple(range(low, high + 1)):
            return IntDistribution(low, high)
        return CategoricalDistribution(self.values)


@dataclass(frozen=True)
class Range:
    """A parameter that takes any number between two, by orders of magnitude where `log`."""

    name: str
    low: float
    high: float
    log: bool

    def at(self, share: float) -> float:
        """Give the value that far along, from 0 (the lowest) to 1."""
        if self.log and self.low:
            return self.near(self.low * (self.high / self.low) ** share)
        return self.near(self.low + share * (self.high - self.low))

    def near(self, value: Value) -> float:
        """Give a suggested value as it is used: rounded to few digits, inside the bounds."""
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def distribution(self) -> BaseDistribution:
        """Give Optuna's form."""
        return FloatDistribution(self.low, self.high, log=self.log and self.low > 0)


Parameter = Listed | Range
LOG_INTERVALS = ("learning_rate", "weight_decay", "feature_scale")
LINEAR_INTERVALS = ("input_noise",)


def _range(search: config.Search, name: str) -> Range:
    low, high = getattr(search, name)
    return Range(name, low, high, log=name in LOG_INTERVALS)


@dataclass(frozen=True)
class Place:
    """What a trial number fixes before anything is sampled."""

    kind: Literal["pca", "centre", "spread", "suggested"]
    width: int
    depth: int | None


@dataclass(frozen=True)
class Space:
    """Widths, depths and the parameters searched at each.

    Attributes
    ----------
    widths
        Bottleneck widths, ascending.
    has_pca
        Whether depth 0 is in it.
    depth
        The depths above 0; `None` where there are none.
    others
        What else is searched, in a fixed order.
    """

    widths: tuple[int, ...]
    has_pca: bool
    depth: Listed | None
    others: tuple[Parameter, ...]

    @classmethod
    def of(cls, search: config.Search) -> Space:
        """Read the space from the configuration; the order in which values are listed does not matter."""
        depths = tuple(sorted(set(search.depth) - {0}))
        intervals = [_range(search, name) for name in (*LOG_INTERVALS, *LINEAR_INTERVALS)]
        return cls(
            widths=tuple(sorted(search.bottleneck_width)),
            has_pca=0 in search.depth,
            depth=Listed("depth", depths) if depths else None,
            others=(Listed("hidden_width", tuple(sorted(search.hidden_width))), *intervals),
        )

    @property
    def suggested(self) -> tuple[Parameter, ...]:
        """All that Optuna suggests: what has more than one value."""
        every = (*((self.depth,) if self.depth else ()), *self.others)
        return tuple(parameter for parameter in every if parameter.at(0.0) != parameter.at(1.0))

    def size(self, trials: int) -> int:
        """Give how many of that many trials there is anything to try in."""
        return trials if self.depth else min(trials, len(self.widths))

    def place(self, number: int) -> Place:
        """Give what a trial's number fixes."""
        n_widths = len(self.widths)
        if self.has_pca and number < n_widths:
            return Place("pca", self.widths[number], 0)
        turn = number - n_widths * self.has_pca
        width = self.widths[turn % n_widths]
        assert self.depth is not None, "`size` says how many trials depth 0 alone is"
        n_cells = n_widths * len(self.depth.values)
        if turn >= n_cells + SPREAD_TRIALS:
            return Place("suggested", width, None)
        depth = self.depth.values[turn // n_widths % len(self.depth.values)]
        return Place("centre" if turn < n_cells else "spread", width, depth)

    def centre(self) -> dict[str, Value]:
        """Give the middle of every other parameter."""
        return {parameter.name: parameter.at(0.5) for parameter in self.others}

    def spread(self, number: int, seed: int) -> dict[str, Value]:
        """Give point `number` of a low-discrepancy sequence over the other parameters."""
        sequence = qmc.Halton(len(self.others), seed=derive_seed(seed, "search", "spread"))
        sequence.fast_forward(number)
        (shares,) = sequence.random(1)
        return {parameter.name: parameter.at(share) for parameter, share in zip(self.others, shares, strict=True)}

    def used(self, suggestion: Mapping[str, Value]) -> dict[str, Value]:
        """Give a suggestion as it is used: rounded, and completed with what has one value only."""
        every = (*((self.depth,) if self.depth else ()), *self.others)
        return {p.name: p.near(suggestion[p.name]) if p.name in suggestion else p.at(0.0) for p in every}

    def describe(self) -> dict[str, object]:
        """Give the space as plain values, to tell one from another by and to say what changed."""
        described: dict[str, object] = {
            "bottleneck_width": list(self.widths),
            "depth": [*([0] if self.has_pca else []), *(self.depth.values if self.depth else ())],
        }
        for parameter in self.others:
            if isinstance(parameter, Listed):
                described[parameter.name] = list(parameter.values)
            else:
                described[parameter.name] = [parameter.low, parameter.high]
        return described
