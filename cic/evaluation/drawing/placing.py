"""Where ticks, names and the entries of a legend stand, and how deep colours are."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from cic.evaluation.drawing.style import SMALL, WIDTH

FAINTEST = 0.18
STEPS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
"""Multiples of a decade's beginning that an axis of logarithms may name, from few to many."""


def legend_lines(labels: list[str]) -> tuple[int, int]:
    """Give how many lines and columns the labels take at the width of a figure."""
    told = list(dict.fromkeys(filter(None, labels)))
    for columns in range(min(len(told), 4), 1, -1):
        letters = sum(max(map(len, part)) for part in np.array_split(np.array(told, dtype=object), columns))
        if SMALL * (0.56 * letters + 3.8 * columns) <= 72 * WIDTH:
            return -(-len(told) // columns), columns
    return len(told), 1


def log_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Give ticks of a logarithmic axis: as many as `most` allows, and at least three."""
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    decades = range(first, last + 1, 1 + (last - first) // (most + 1))
    choices = [[step * 10.0**decade for decade in decades for step in steps] for steps in STEPS]
    shown = [[value for value in values if low <= value <= high] for values in choices]
    fitting = [values for values in shown if 3 <= len(values) <= most]
    best = max(fitting, key=len) if fitting else [
        float(value) for value in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= value <= high
    ]  # fmt: skip
    return [(value, f"{value:.6g}") for value in best]


def asinh_ticks(values: np.ndarray, linear: float, n: int = 6) -> list[tuple[float, str]]:
    """Give about `n` round numbers, evenly spread on an asinh axis over `values`."""
    low, high = np.arcsinh(np.array([values.min(), values.max()]) / linear)
    even = np.sinh(np.linspace(low, high, n)) * linear
    round_numbers = sorted({0.0, *(float(f"{value:.1g}") for value in even if abs(value) > 0.4 * linear)})
    return [(value, f"{value:g}") for value in round_numbers]


def opacity(n: float, most: float) -> float:
    """Give the opacity of a place with `n` points, where the fullest has `most`."""
    return FAINTEST + (1 - FAINTEST) * float(np.log(n) / np.log(most)) if most > 1 else 1.0


def spread_apart(place_L2: np.ndarray, distance: float, passes: int = 200) -> np.ndarray:
    """Move points of the unit square until no two are nearer than `distance`, as far as `passes` suffice."""
    turn_L = 2.4 * np.arange(len(place_L2))  # the golden angle: no two of equal place go the same way
    spiral_L2 = 1e-3 * np.sqrt(np.arange(len(place_L2)))[:, None] * np.stack([np.cos(turn_L), np.sin(turn_L)], 1)
    place_L2 = place_L2.astype(np.float64) + spiral_L2
    for _ in range(passes):
        away_LL2 = place_L2[:, None] - place_L2[None]
        length_LL = np.maximum(np.linalg.norm(away_LL2, axis=-1), 1e-9)
        short_LL = np.clip(distance - length_LL, 0, None)
        np.fill_diagonal(short_LL, 0)
        if not short_LL.any():
            break
        place_L2 += 0.5 * np.einsum("lm,lmd->ld", 1.02 * short_LL / length_LL, away_LL2)
        place_L2 = np.clip(place_L2, 0.02, 0.98)
    return place_L2
