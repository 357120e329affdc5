"""Pictures: genes/section."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cic.evaluation.drawing.drawing import BLUE, GREEN, GREY, INK, PAPER, VERMILION, new_figure

BINS, IN_A_BIN = 16, 20
"""At most so many bins of at least so many genes, for the median lines."""
LOWEST = 0.001
"""Share of genes that may lie below the axes; they are drawn at the edge."""
FAINTEST = 0.18


def gene_errors(table: pd.DataFrame, named: pd.DataFrame, scaled: bool) -> Figure:
    """Draw the model's error of every gene against its noise, or its level, with the medians of model and PCA.

    Parameters
    ----------
    table, named
        From `measure`, and those of its rows whose genes are named.
    scaled
        Whether errors are in standard deviations rather than log2 units.
    """
    unit = "SD²" if scaled else "log2²"
    with_noise = bool(table["noise"].notna().any())
    model_G, pca_G = (_log10(table[name]) for name in ("error_model", "error_pca"))
    x_G = _log10(table["noise"]) if with_noise else table["mean_log2"].to_numpy()
    figure, (axes,) = new_figure(4.3)
    most = _hexagons(axes, x_G, model_G)
    order = np.argsort(x_G, kind="stable")
    bins = [part for part in np.array_split(order, max(1, min(BINS, len(order) // IN_A_BIN)))]
    middle = [np.median(x_G[part]) for part in bins]
    for error_G, colour, style, marker in ((pca_G, VERMILION, "--", "s"), (model_G, BLUE, "-", "o")):
        medians = [np.median(error_G[part]) for part in bins]
        axes.plot(middle, medians, color=PAPER, linewidth=3.2, zorder=4)
        axes.plot(middle, medians, style, color=colour, marker=marker, markersize=4, linewidth=1.4, zorder=5)
    handles: list[Patch | Line2D] = [
        Line2D([], [], color=BLUE, marker="o", markersize=4, label="model, median of genes"),
        Line2D([], [], color=VERMILION, marker="s", markersize=4, linestyle="--", label="PCA, median of genes"),
    ]
    if with_noise:
        ends = np.array([x_G.min(), x_G.max()])
        axes.plot(ends, ends, ":", color=GREY, linewidth=1.6, zorder=3)
        axes.plot(ends, ends + np.log10(2), "-.", color=GREEN, linewidth=1.6, zorder=3)
        handles += [
            Line2D([], [], color=GREY, linestyle=":", label="error = noise (perfect)"),
            Line2D([], [], color=GREEN, linestyle="-.", label="error = 2 noise (a replicate)"),
        ]
    handles += [
        Patch(color=to_rgba(BLUE, _opacity(n, most)), label=f"{n:,} gene{'s' * (n != 1)}, model")
        for n in sorted({1, most})
    ]
    _name_genes(axes, x_G[named.index], model_G[named.index], named["gene"].astype(str).tolist())
    axes.set_xlabel(f"noise: variance between replicates ({unit})" if with_noise else "mean level (log2)")
    axes.set_ylabel(f"mean squared error ({unit})")
    axes.set_yticks(*_log_ticks(*axes.get_ylim()))
    if with_noise:
        axes.set_xticks(*_log_ticks(*axes.get_xlim()))
    axes.tick_params(length=0)
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=7.5)
    return figure


def _log_ticks(low: float, high: float) -> tuple[np.ndarray, list[str]]:
    """Give places and words of ticks on an axis of base 10 logarithms."""
    steps = tuple(np.arange(1.0, 10.0)) if high - low < 0.8 else (1.0, 2.0, 5.0) if high - low < 2.5 else (1.0,)
    every = 1 if high - low < 6 else 2
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1, every)
    values = [step * 10.0**decade for decade in decades for step in steps]
    shown = [value for value in values if low <= np.log10(value) <= high]
    return np.log10(shown), [f"{value:g}" for value in shown]


def _log10(values: pd.Series) -> np.ndarray:
    """Give base 10 logarithms; the lowest values, and what is not above 0, come to the edge."""
    value_G = values.to_numpy(dtype=np.float64)
    above_G = value_G[value_G > 0]
    lowest = np.quantile(above_G, LOWEST) if len(above_G) else 1.0
    return np.asarray(np.log10(np.maximum(value_G, lowest)))


def _hexagons(axes: Axes, x_G: np.ndarray, y_G: np.ndarray) -> int:
    """Draw how many genes lie where, by opacity, so that it reads on light and dark paper; give the largest count."""
    drawn = axes.hexbin(x_G, y_G, gridsize=(34, 22), mincnt=1, linewidths=0)
    counts = np.asarray(drawn.get_array(), dtype=np.float64)
    drawn.set_array(None)
    drawn.set_facecolor([to_rgba(BLUE, _opacity(n, counts.max())) for n in counts])
    return int(counts.max())


def _opacity(n: float, most: float) -> float:
    return FAINTEST + (1 - FAINTEST) * float(np.log(n) / np.log(most)) if most > 1 else 1.0


def _name_genes(axes: Axes, x_N: np.ndarray, y_N: np.ndarray, names: list[str]) -> None:
    """Ring genes, and write their names in the right margin from top to bottom, each with a line to its gene."""
    low, high = axes.get_ylim()
    order = sorted(range(len(names)), key=lambda number: -y_N[number])
    places = (y_N - low) / (high - low)
    place = 1.05
    for number in order:
        place = min(place - 0.06, float(places[number]))
        axes.plot(
            [x_N[number]], [y_N[number]], "o", markersize=5, markerfacecolor="none", markeredgecolor=INK, zorder=6
        )
        axes.annotate(
            names[number] if len(names[number]) <= 16 else names[number][:15] + "…",
            (x_N[number], y_N[number]), xytext=(1.03, place), textcoords="axes fraction", va="center", fontsize=7.5,
            annotation_clip=False, arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.5}, zorder=6,
        )  # fmt: skip
