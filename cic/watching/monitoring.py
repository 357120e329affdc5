"""Whether profiles scored lately are like those that were held out when the model was trained, and like earlier ones.

Axes: S scored profiles, P held-out ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.errors import ConfigError
from cic.model.reference import Reference
from cic.seeds import generator
from cic.watching.comparisons import RATE, adjusted, more_unknown, places_differ, together, types_differ
from cic.watching.window import Window

DRAWS = 25
"""Of one profile a group, where profiles come in groups."""
AS_TRAINED = 10
"""Percentile of held-out profiles below which half of the errors raise the question whether the model knows them."""
BY_CHANCE = 0.05
"""As likely as that, or likelier, among held-out profiles, they do not: a single profile is often there."""
SEED = 0
"""Of these draws, so that a check that is repeated says the same."""
TITLES = {"error": "error", "distance": "distance of the code", "unknown": "unknown profiles", "types": "mix of types"}
NO_REFERENCE = "the model keeps no reference of held-out profiles: train it again to have one"


@dataclass(frozen=True)
class Test:
    """One thing that was compared.

    Attributes
    ----------
    topic
        A key of `TITLES`.
    found
        The figures, in a sentence.
    p
        Adjusted for all tests of the check; `None` where nothing could be compared, and `found` says why.
    """

    topic: str
    found: str
    p: float | None = None

    @property
    def title(self) -> str:
        """What was compared, in words."""
        return TITLES[self.topic]


@dataclass(frozen=True)
class Checked:
    """What a check came to.

    Attributes
    ----------
    rate
        Share of the checks of unchanged profiles that find drift.
    unit
        What counts as one: `profile`, or `group`, where every profile has one.
    held_out
        Number of held-out profiles that are known; 0 where none are.
    """

    model: str
    window: Window
    tests: tuple[Test, ...]
    rate: float
    unit: str
    held_out: int

    @property
    def drifted(self) -> tuple[Test, ...]:
        """What differs by more than chance explains."""
        return tuple(one for one in self.tests if one.p is not None and one.p <= self.rate)

    @property
    def text(self) -> str:
        """The outcome in a sentence."""
        n = f"{len(self.window.now):,} profiles scored by {self.model} ({self.window.asked})"
        if not any(one.p is not None for one in self.tests):
            return f"Nothing can be said of {n}"
        if not self.drifted:
            return f"No drift is found in {n}"
        return f"Drift in {n}: {', '.join(one.title for one in self.drifted)}"


def check(model: str, reference: Reference | None, chosen: Window, rate: float = RATE) -> Checked:
    """Compare scored profiles with held-out ones, and their types with those of earlier profiles.

    Profiles of one group are no independent witnesses. Where every profile has a group, one of each group is drawn,
    `DRAWS` times, and the p-values are put together.

    Parameters
    ----------
    model
        What to call it.
    rate
        Share of the checks of unchanged profiles that may find drift.

    Raises
    ------
    ConfigError
        If the rate is none.
    """
    if not 0 < rate < 1:
        raise ConfigError(f"a rate of {rate:g}", where="--rate", expected="more than 0 and less than 1, such as 0.01")
    now, earlier = chosen.now, chosen.earlier
    grouped = all_there(now, "group")
    if grouped and not all_there(earlier, "group"):
        earlier = earlier.iloc[:0]  # of which nothing is known of who belongs together
    asked = {
        "error": _places("percentile", "error_ratio", reference),
        "distance": _places("distance_percentile", "distance_ratio", reference),
        "unknown": _unknown(reference),
        "types": _types,
    }
    draw = generator(SEED, "groups")
    drawn = [(_one_a_group(now, draw), _one_a_group(earlier, draw)) for _ in range(DRAWS if grouped else 0)]
    p, said = dict[str, float](), dict[str, str]()
    for topic, compare in asked.items():
        first, said[topic] = compare(now, earlier)
        if first is not None:
            found = [compare(*one)[0] for one in drawn]
            p[topic] = together(np.array([1.0 if one is None else one for one in found])) if grouped else first
    held = adjusted(p)
    tests = tuple(Test(topic, text, held.get(topic)) for topic, text in said.items())
    n_held_out = 0 if reference is None else len(reference.error_P)
    return Checked(model, chosen, tests, rate, "group" if grouped else "profile", n_held_out)


Compare = Callable[[pd.DataFrame, pd.DataFrame], tuple[float | None, str]]
"""Of the profiles now and earlier: the p-value, or `None` where nothing can be compared, and a sentence."""


def _places(percentile: str, ratio: str, reference: Reference | None) -> Compare:
    def compare(now: pd.DataFrame, earlier: pd.DataFrame) -> tuple[float | None, str]:
        if reference is None:
            return None, NO_REFERENCE
        if not all_there(now, percentile):
            return None, "the model says nothing of it"
        percentile_S = now[percentile].to_numpy(dtype=np.float64)
        beyond = float(np.mean(percentile_S >= 95))
        times = ""
        if all_there(now, ratio):
            times = f"{now[ratio].astype(float).median():.2f} times that of held-out profiles in the middle; "
        middle = np.median(percentile_S)
        told = f"{beyond:.0%} beyond their 95th percentile, the median at their percentile {middle:.0f}"
        p = places_differ(percentile_S, len(reference.error_P))
        if percentile == "percentile" and middle < AS_TRAINED and p < BY_CHANCE:
            told += "; so small are errors of profiles that the model was trained on: are they among these?"
        return p, times + told

    return compare


def _unknown(reference: Reference | None) -> Compare:
    def compare(now: pd.DataFrame, earlier: pd.DataFrame) -> tuple[float | None, str]:
        if reference is None:
            return None, NO_REFERENCE
        n, m = int(unknown(now, reference).sum()), int((reference.error_P > reference.largest_familiar).sum())
        told = f"{n:,} of {len(now):,} ({n / len(now):.1%}) have a larger error than a familiar profile has; of the "
        told += f"held-out ones {m:,} of {len(reference.error_P):,}"
        return more_unknown(n, len(now), m, len(reference.error_P)), told

    return compare


def unknown(scored: pd.DataFrame, reference: Reference) -> pd.Series:
    """Tell of each profile whether its error is beyond what a familiar one has."""
    return scored["error_ratio"].astype(float) * reference.median_error > reference.largest_familiar


def _types(now: pd.DataFrame, earlier: pd.DataFrame) -> tuple[float | None, str]:
    if not all_there(now, "likeliest"):
        return None, "the model has no classifier"
    if not all_there(earlier, "likeliest"):
        return None, "no profile was scored before these, with whose types theirs could be compared"
    most = shares(now, earlier).iloc[0]
    told = f"`{most.name}` changed most, from {most['earlier']:.0%} of {len(earlier):,} earlier profiles to "
    return types_differ(now["likeliest"], earlier["likeliest"]), told + f"{most['now']:.0%}"


def shares(now: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """Give the share of each type, `now` and `earlier`, those first that changed most."""
    both = {"now": now, "earlier": earlier}
    share = pd.DataFrame({name: one["likeliest"].value_counts(normalize=True) for name, one in both.items()}).fillna(0)
    return share.loc[(share["now"] - share["earlier"]).abs().sort_values(ascending=False, kind="stable").index]


def all_there(scored: pd.DataFrame, column: str) -> bool:
    """Tell whether every profile has a value in a column; not so where there is no profile."""
    return column in scored and len(scored) > 0 and bool(scored[column].notna().all())


def _one_a_group(scored: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    if scored.empty:
        return scored
    return scored.iloc[draw.permutation(len(scored))].drop_duplicates("group")


def figures(checked: Checked) -> Mapping[str, float]:
    """Give what MLflow is to draw over time."""
    now = checked.window.now
    found = {f"p_{one.topic}": one.p for one in checked.tests if one.p is not None}
    found |= {"drift": float(bool(checked.drifted)), "profiles": float(len(now))}
    for name in ("error_ratio", "distance_ratio", "coverage"):
        if all_there(now, name):
            found[f"median_{name}"] = float(now[name].astype(float).median())
    return found
