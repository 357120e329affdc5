"""Codes in two dimensions, drawn so that two labels and sixty can both be told apart.

Colour never stands alone: up to eight labels also differ in their marks, more carry numbers that the legend explains.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from cic.evaluation.drawing.drawing import BLUE, GREEN, GREY, INK, PAPER, PURPLE, VERMILION, WIDTH

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, "#d9a400", "#4fb3e8", "#8c6d31", GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
DIRECT = 8
"""Labels up to which a legend of colours and marks is enough."""
RASTER_FROM = 3000
STRETCHED = 12.0
"""Range over median deviation from which an axis is compressed (asinh): a few far types would squash the rest."""
NO_LABEL = "no label"


def in_two_dimensions(code_SW: np.ndarray, train_S: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Give the first two principal components of codes, fitted on training profiles, and their share of variance.

    Returns
    -------
    tuple
        Coordinates S x 2 (the second is 0 where the code has one number), and the shares.
    """
    code_SW = code_SW.astype(np.float64)
    centred_SW = code_SW - code_SW[train_S].mean(axis=0)
    _, singular_W, axes_WW = np.linalg.svd(centred_SW[train_S], full_matrices=False)
    axes_WW = axes_WW * np.sign(axes_WW[np.arange(len(axes_WW)), np.abs(axes_WW).argmax(axis=1)])[:, None]
    share_W = singular_W**2 / max(float(np.sum(singular_W**2)), np.finfo(float).tiny)
    xy_S2 = np.zeros((len(code_SW), 2))
    shares = [0.0, 0.0]
    for axis in range(min(2, len(axes_WW))):
        xy_S2[:, axis] = centred_SW @ axes_WW[axis]
        shares[axis] = float(share_W[axis])
    return xy_S2, (shares[0], shares[1])


def code_map(xy_S2: np.ndarray, label_S: pd.Series, held_out_S: np.ndarray, shares: tuple[float, float]) -> Figure:
    """Draw codes in two dimensions by label: training and validation profiles small, held-out ones large."""
    known_S = label_S.notna().to_numpy()
    name_S = label_S.astype(str).where(known_S, NO_LABEL).to_numpy()
    names = sorted(set(name_S[known_S])) + ([NO_LABEL] if not known_S.all() else [])
    many = len(names) > DIRECT
    columns = 3 if many and max(map(len, names)) <= 13 else 2
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(WIDTH, 3.6 + 0.165 * lines), layout="constrained")
    axes = figure.subplots()
    raster = len(name_S) > RASTER_FROM
    handles = []
    for index, name in enumerate(names):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[(index // len(COLOURS) + index) % len(MARKERS)]
        for part_S, size, alpha in ((~held_out_S, 2.4, 0.4), (held_out_S, 4.6, 0.9)):
            own_S = (name_S == name) & part_S
            axes.plot(
                *xy_S2[own_S].T, marker, color=colour, markersize=size, alpha=alpha, linestyle="none",
                markeredgewidth=0, rasterized=raster,
            )  # fmt: skip
        text = f"{index + 1} · {_short(name)}" if many else _short(name)
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5, label=text))
    axes.set_xlabel(f"first component of the codes ({100 * shares[0]:.0f}% of their variance)")
    axes.set_ylabel(f"second ({100 * shares[1]:.0f}%)")
    axes.margins(0.08)
    sides = ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis))
    for (set_scale, axis), value_S in zip(sides, xy_S2.T, strict=True):
        spread = float(np.median(np.abs(value_S - np.median(value_S))))
        if spread > 0 and np.ptp(value_S) > STRETCHED * spread:
            set_scale("asinh", linear_width=2 * spread)
            axis.set_major_locator(FixedLocator(round_ticks(value_S, 2 * spread)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
    if many:
        middle_L2 = np.stack([np.median(xy_S2[name_S == name], axis=0) for name in names])
        _number(axes, middle_L2, [COLOURS[index % len(COLOURS)] for index in range(len(names))])
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, fontsize=7.5 if not many else 7, handletextpad=0.3,
        columnspacing=1.2, labelspacing=0.25,
    )  # fmt: skip
    return figure


def _number(axes: Axes, middle_L2: np.ndarray, colours: list[str]) -> None:
    """Write 1, 2, … at `middle_L2`, moved apart, with a line to where each belongs."""
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    to_unit = axes.transData + axes.transAxes.inverted()
    place_L2 = to_unit.inverted().transform(spread_apart(to_unit.transform(middle_L2), 0.062))
    for index, (place_2, middle_2) in enumerate(zip(place_L2, middle_L2, strict=True)):
        axes.plot(*np.stack([middle_2, place_2]).T, color=INK, linewidth=0.5, zorder=4)
        axes.text(
            place_2[0], place_2[1], str(index + 1), ha="center", va="center", fontsize=6.5, color=INK, zorder=5,
            bbox={"boxstyle": "round,pad=0.18", "facecolor": PAPER, "edgecolor": colours[index], "linewidth": 1},
        )  # fmt: skip


def round_ticks(value_S: np.ndarray, linear_width: float, n: int = 6) -> list[float]:
    """Give about `n` round numbers, evenly spread on an asinh axis over `value_S`."""
    low, high = np.arcsinh(np.array([value_S.min(), value_S.max()]) / linear_width)
    even = np.sinh(np.linspace(low, high, n)) * linear_width
    return sorted({0.0, *(float(f"{value:.1g}") for value in even if abs(value) > 0.4 * linear_width)})


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


def _short(name: str, most: int = 27) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
