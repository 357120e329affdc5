"""Pictures: architectures/section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from cic.evaluation.drawing.drawing import BLUE, GREEN, GREY, INK, PURPLE, VERMILION, new_figure

DEPTH_STYLES = ((VERMILION, "s"), (BLUE, "o"), (GREEN, "^"), (PURPLE, "D"), ("#997700", "v"), (GREY, "P"))
"""By depth. Depth 0 has PCA's colour and mark, since it is PCA."""


def surface(cells: pd.DataFrame, contests: pd.DataFrame | None) -> Figure:
    """Draw error over seeds and ratio to PCA over splits, from `architectures` and `architecture_splits`."""
    widths = sorted(cells["bottleneck_width"].unique())
    at = {width: position for position, width in enumerate(widths)}
    figure, panels = new_figure(2.9 if contests is None else 4.9, rows=1 if contests is None else 2)
    _errors(panels[0], cells, at)
    if contests is not None:
        _ratios(panels[1], cells, contests[contests["split"] > 0], at)
    for axes in panels:
        axes.set_xticks(range(len(widths)), [str(width) for width in widths])
        axes.set_xlim(-0.5, len(widths) - 0.5)
        axes.tick_params(length=0, which="both")
    panels[-1].set_xlabel("bottleneck width (numbers a profile)")
    figure.legend(handles=_handles(cells), loc="outside upper center", ncols=3)
    return figure


def _errors(axes: Axes, cells: pd.DataFrame, at: Mapping[int, int]) -> None:
    for depth, own in cells.groupby("depth"):
        colour, marker = _style(depth)
        x = own["bottleneck_width"].map(at).to_numpy() + _shift(cells, depth)
        # what was not trained again has only its trial's error, which is too good to be true
        again = own["mean_error"].notna().to_numpy()
        error = own["mean_error"].fillna(own["trial_error"]).to_numpy()
        axes.plot(x, error, color=colour, linewidth=1.4, linestyle="--" if depth == 0 else "-")
        for mask, face in ((again, colour), (~again, "none")):
            axes.plot(x[mask], error[mask], marker, color=colour, markerfacecolor=face, markersize=6, zorder=3)
        axes.vlines(x[again], own["low"][again], own["high"][again], color=colour, linewidth=2.2, zorder=2)
        for position in np.flatnonzero(own["chosen"]):
            _ring(axes, x[position], error[position])
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.12)
    axes.set_ylabel("unexplained variance")
    axes.set_title("Validation error; bars: over new seeds", loc="left")


def _ratios(axes: Axes, cells: pd.DataFrame, others: pd.DataFrame, at: Mapping[int, int]) -> None:
    axes.axhline(1, color=_style(0)[0], linestyle="--", linewidth=1.4)
    for depth, own in cells[cells["depth"] > 0].groupby("depth"):
        colour, marker = _style(depth)
        x = own["bottleneck_width"].map(at).to_numpy() + _shift(cells, depth)
        axes.plot(x, own["split_ratio"], marker, color=colour, markersize=6, zorder=3)
        axes.vlines(x, own["split_low"], own["split_high"], color=colour, linewidth=2.2, zorder=2)
        single = others[others["depth"] == depth]
        beside = single["bottleneck_width"].map(at) + _shift(cells, depth) + 0.38 * _step(cells)
        size = 20 * _step(cells)
        axes.plot(beside, single["ratio_to_pca"], "_", color=INK, markersize=size, markeredgewidth=1.1, zorder=4)
        for position in np.flatnonzero(own["chosen"]):
            _ring(axes, x[position], own["split_ratio"].iloc[position])
    axes.margins(y=0.12)
    axes.set_ylabel("error over that of PCA")
    axes.set_title("On other splits; each dash is one", loc="left")


def _style(depth: Any) -> tuple[str, str]:
    return DEPTH_STYLES[int(depth) % len(DEPTH_STYLES)]


def _shift(cells: pd.DataFrame, depth: Any) -> float:
    """Set marks of different depths beside each other, depth 0 in the middle of its width."""
    deeper = sorted(set(cells["depth"]) - {0})
    return 0.0 if depth == 0 else _step(cells) * (deeper.index(depth) - (len(deeper) - 1) / 2)


def _step(cells: pd.DataFrame) -> float:
    return min(0.26, 0.8 / max(1, len(set(cells["depth"]) - {0})))


def _ring(axes: Axes, x: float, y: float) -> None:
    axes.plot([x], [y], "o", markersize=13, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.4, zorder=5)


def _handles(cells: pd.DataFrame) -> list[Line2D]:
    handles = []
    for depth in sorted(cells["depth"].unique()):
        colour, marker = _style(depth)
        name = "PCA (depth 0)" if depth == 0 else f"depth {depth}"
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="--" if depth == 0 else "-", label=name))
    handles.append(_hollow("chosen", INK, 10))
    if cells["mean_error"].isna().any():
        handles.append(_hollow("one trial only", GREY, 6))
    return handles


def _hollow(label: str, colour: str, size: int) -> Line2D:
    handle = Line2D([], [], marker="o", linestyle="none", color=colour, markersize=size, label=label)
    handle.set_markerfacecolor("none")
    return handle


def search_surface(trials: pd.DataFrame, chosen: tuple[int, int]) -> Figure:
    """Draw the validation error of every trial by width and depth, and over PCA's; `chosen` is (depth, width)."""
    scored = trials[trials["error"].notna()]
    complete = scored[scored["state"] == "complete"]
    widths = sorted(scored["bottleneck_width"].unique())
    at = {width: index for index, width in enumerate(widths)}
    depths = sorted(scored["depth"].unique())
    figure, panels = new_figure(4.6, rows=2)
    for axes, column in zip(panels, ("error", "error_ratio_to_pca"), strict=True):
        for order, depth in enumerate(depths):
            colour, marker = DEPTH_STYLES[int(depth) % len(DEPTH_STYLES)]
            shift = 0.12 * (order - (len(depths) - 1) / 2)
            own = scored[scored["depth"] == depth]
            for state, face in (("complete", colour), ("pruned", "none")):
                part = own[own["state"] == state]
                axes.plot(
                    part["bottleneck_width"].map(at) + shift, part[column], marker, color=colour, alpha=0.45,
                    markerfacecolor=face, markersize=3.5, linestyle="none",
                )  # fmt: skip
            best = complete[complete["depth"] == depth].groupby("bottleneck_width")[column].min()
            axes.plot(
                [at[width] + shift for width in best.index], best.to_numpy(), marker=marker, color=colour,
                markersize=6, linewidth=1.4, label=f"depth {depth}" + (" (PCA)" if depth == 0 else ""),
            )  # fmt: skip
            if depth == chosen[0] and chosen[1] in best.index:
                axes.plot(
                    [at[chosen[1]] + shift], [best[chosen[1]]], "o", markersize=13, markerfacecolor="none",
                    markeredgecolor=INK, markeredgewidth=1.4,
                )  # fmt: skip
        axes.set_xticks(range(len(widths)), [str(width) for width in widths])
        axes.set_xlim(-0.5, len(widths) - 0.5)
        axes.margins(y=0.14)
    panels[0].set_ylabel("unexplained variance")
    panels[1].axhline(1, color=GREY, linestyle="--", linewidth=1, zorder=1)
    panels[1].set_ylabel("over that of PCA")
    panels[1].set_xlabel("bottleneck width (numbers a profile)")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(3, len(depths)), fontsize=8
    )
    return figure
