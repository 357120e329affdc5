"""From a `Spec` to a figure of matplotlib's: the one place that draws."""

from __future__ import annotations

from functools import singledispatch
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from cic.evaluation.drawing.marks import (
    RING,
    Axis,
    Cells,
    Hexagons,
    Look,
    Mark,
    Names,
    Panel,
    Rule,
    Series,
    Spec,
)
from cic.evaluation.drawing.placing import log_ticks, opacity, spread_apart
from cic.evaluation.drawing.style import INK, PAPER, SMALL, WIDTH

RASTER_FROM = 3000
"""Dots of a panel from which they are drawn as a picture: the page would be too heavy."""
Keys = dict[str, Look]
"""Entries of a legend."""


def render(spec: Spec) -> Figure:
    """Draw `spec`, the legend outside of the panels and above (or below) their heights."""
    marks = [mark for row in spec.rows for panel in row for mark in panel.marks]
    lines, columns = _legend_lines([str(getattr(mark, "label", "")) for mark in marks])
    lines += bool(spec.legend_title)
    figure = Figure(figsize=(WIDTH, sum(spec.heights) + 0.165 * lines + 0.1 * bool(lines)), layout="constrained")
    keys: Keys = {}
    if len({len(row) for row in spec.rows}) == 1:
        grid = figure.subplots(len(spec.rows), len(spec.rows[0]), squeeze=False, height_ratios=spec.heights)
    else:
        parts = figure.subfigures(len(spec.rows), 1, height_ratios=spec.heights)
        grid = [part.subplots(1, len(row), squeeze=False)[0] for part, row in zip(parts, spec.rows, strict=True)]
    for row, all_axes in zip(spec.rows, grid, strict=True):
        for panel, axes in zip(row, all_axes, strict=True):
            keys |= _panel(axes, panel)
    if keys:
        handles = [Line2D([], [], **_line(look), label=label) for label, look in keys.items()]
        figure.legend(
            handles=handles, loc=f"outside {spec.legend} center", ncols=columns, title=spec.legend_title or None
        )
    return figure


def _legend_lines(labels: list[str]) -> tuple[int, int]:
    """Give how many lines and columns the labels take at the width of a figure."""
    told = list(dict.fromkeys(filter(None, labels)))
    for columns in range(min(len(told), 4), 1, -1):
        letters = sum(max(map(len, part)) for part in np.array_split(np.array(told, dtype=object), columns))
        if SMALL * (0.56 * letters + 3.8 * columns) <= 72 * WIDTH:
            return -(-len(told) // columns), columns
    return len(told), 1


def _panel(axes: Axes, panel: Panel) -> Keys:
    for axis, side in ((panel.x, "x"), (panel.y, "y")):
        base = {"linear": {}, "log": {}, "symlog": {"linthresh": axis.linear, "base": 2}, "asinh": {
            "linear_width": axis.linear}}[axis.scale]  # fmt: skip
        axes.set(**{f"{side}scale": axis.scale} if not base else {})
        if base:
            getattr(axes, f"set_{side}scale")(axis.scale, **base)
    n_dots = sum(np.size(mark.x) for mark in panel.marks if isinstance(mark, Series) and not mark.look.line)
    keys: Keys = {}
    names = [mark for mark in panel.marks if isinstance(mark, Names)]
    for layer, mark in enumerate(panel.marks):
        if not isinstance(mark, Names):
            keys |= _draw(mark, axes, panel, 2 + layer / 100, n_dots > RASTER_FROM)
    axes.set(xlabel=panel.x.label, ylabel=panel.y.label, title=panel.title)
    for axis, side in ((panel.x, "x"), (panel.y, "y")):
        _axis(axes, axis, side)
    if panel.square:
        axes.set_aspect("equal")
    for mark in names:  # they need the final limits
        _write(mark, axes)
    for at, note in enumerate(panel.notes):
        _note(axes, note, (1, at), ("axes fraction", "data"), (4, 0), va="center")
    if panel.notes_head:
        _note(axes, panel.notes_head, (1, 1), "axes fraction", (4, 2))
    return keys


def _note(axes: Axes, text: str, at: tuple[float, float], unit: Any, away: tuple[float, float], **how: Any) -> None:
    axes.annotate(
        text, at, xycoords=unit, xytext=away, textcoords="offset points", fontsize=SMALL, annotation_clip=False,
        zorder=6, **how,
    )  # fmt: skip


def _axis(axes: Axes, axis: Axis, side: str) -> None:
    own = getattr(axes, f"{side}axis")
    getattr(axes, f"set_{side}lim")(*axis.limits)
    own.set_minor_locator(NullLocator())
    ticks = axis.ticks
    if ticks is None and axis.scale == "log":
        ticks = log_ticks(*getattr(axes, f"get_{side}lim")(), axis.most)
    if ticks is None:
        own.set_major_locator(MaxNLocator(axis.most, steps=[1, 2, 5, 10]))
    else:
        own.set_major_locator(FixedLocator([at for at, _ in ticks]))
        own.set_ticklabels([name for _, name in ticks], rotation=90 if axis.upright else 0)
    axes.grid(visible=axis.grid, axis=side)


def _line(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour, "marker": look.marker or "none", "linestyle": look.line or "none",
        "markersize": look.size, "linewidth": look.width, "markeredgewidth": look.rim,
        "markerfacecolor": look.face or look.colour, "markeredgecolor": look.edge or look.colour, "alpha": look.alpha,
    }  # fmt: skip


@singledispatch
def _draw(mark: Mark, axes: Axes, panel: Panel, layer: float, raster: bool) -> Keys:
    """Draw a mark and give what the legend says of it."""
    raise TypeError(f"{type(mark).__name__} is no mark")


@_draw.register
def _series(mark: Series, axes: Axes, panel: Panel, layer: float, raster: bool) -> Keys:
    look = mark.look
    x, y, low, high = (np.asarray(values, dtype=np.float64) for values in (mark.x, mark.y, mark.low, mark.high))
    if mark.band:
        axes.fill_between(x, low, high, color=look.colour, alpha=0.18, linewidth=0, zorder=layer)
    elif low.size:
        known = np.isfinite(low) & np.isfinite(high)
        bars = axes.hlines if mark.along == "x" else axes.vlines
        bars((y if mark.along == "x" else x)[known], low[known], high[known], look.colour, lw=look.bar, zorder=layer)
    if (np.isfinite(x) & np.isfinite(y)).any():  # a line of nothing would lie in the corner of the figure
        # a dot at the edge is drawn whole, while a curve may leave the panel
        whole = not look.line
        axes.plot(x, y, **_line(look), zorder=layer, clip_on=not whole, rasterized=raster and whole)
    return {mark.label: look} if mark.label else {}


@_draw.register
def _rule(mark: Rule, axes: Axes, panel: Panel, layer: float, raster: bool) -> Keys:
    how: Any = {"color": mark.look.colour, "linestyle": mark.look.line, "linewidth": mark.look.width, "zorder": layer}
    if mark.span is not None:
        (axes.vlines if mark.along == "x" else axes.hlines)(mark.at, *mark.span, **how)
    else:
        (axes.axvline if mark.along == "x" else axes.axhline)(mark.at, **how)
    return {mark.label: mark.look} if mark.label else {}


@_draw.register
def _hexagons(mark: Hexagons, axes: Axes, panel: Panel, layer: float, raster: bool) -> Keys:
    drawn = axes.hexbin(
        np.asarray(mark.x), np.asarray(mark.y), gridsize=(34, 22), mincnt=1, linewidths=0, zorder=layer,
        xscale="log" if panel.x.scale == "log" else "linear", yscale="log" if panel.y.scale == "log" else "linear",
    )  # fmt: skip
    counts = np.asarray(drawn.get_array(), dtype=np.float64)
    most = int(counts.max())
    drawn.set_array(None)
    drawn.set_facecolor([to_rgba(mark.colour, opacity(n, most)) for n in counts])
    return {
        f"{n:,} {mark.thing}{'s' * (n != 1)}, {mark.label}":
            Look(mark.colour, "h", size=9, rim=0, alpha=opacity(n, most)) for n in sorted({1, most})
    }  # fmt: skip


@_draw.register
def _cells(mark: Cells, axes: Axes, panel: Panel, layer: float, raster: bool) -> Keys:
    at = np.argwhere(np.isfinite(mark.values_RC))
    strength = mark.values_RC[tuple(at.T)] / mark.largest
    colours = [to_rgba(mark.above if one > 0 else mark.below, min(1, abs(one))) for one in strength]
    squares = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in at]
    axes.add_collection(PatchCollection(squares, facecolors=colours, edgecolors=PAPER, lw=0.4, zorder=layer))
    n_rows, n_columns = mark.values_RC.shape
    axes.set(xlim=(-0.5, n_columns - 0.5), ylim=(n_rows - 0.5, -0.5))
    if mark.grid:
        axes.set_xticks(np.arange(n_columns + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(n_rows + 1) - 0.5, minor=True)
        axes.grid(which="minor")
    for row, column in mark.dots:
        axes.plot(column, row, "o", ms=2.6, mfc="white", mec="black", mew=0.5, zorder=layer)
    for row, column, text in mark.texts:
        axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, zorder=6)
    if mark.scale:
        axes.spines[:].set_visible(False)
        sides = [(0.0, to_rgba(mark.below, 1)), (0.5, to_rgba(mark.below, 0)), (0.5, to_rgba(mark.above, 0)),
                 (1.0, to_rgba(mark.above, 1))]  # fmt: skip
        colours_of = LinearSegmentedColormap.from_list("sides", sides)
        scale = ScalarMappable(Normalize(-mark.largest, mark.largest), colours_of)
        bar = axes.figure.colorbar(scale, ax=axes, location="top", shrink=0.7, aspect=30, pad=0.01)
        bar.set_label(mark.scale)
        bar.outline.set_visible(False)  # type: ignore[operator]
    return {}


def _write(mark: Names, axes: Axes) -> None:
    """Write names, whose places depend on the limits of the panel."""
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    to_unit = axes.transData + axes.transAxes.inverted()
    xy_N2 = np.stack([np.asarray(mark.x, dtype=np.float64), np.asarray(mark.y, dtype=np.float64)], axis=1)
    unit_N2 = to_unit.transform(xy_N2).reshape(-1, 2)
    if mark.place == "beside":
        for xy_2, (right, _), name in zip(xy_N2, unit_N2, mark.names, strict=True):
            away, side = (-6, "right") if right > 0.5 else (6, "left")
            _note(axes, name, tuple(xy_2), "data", (away, 0), va="center", ha=side)
        return
    if mark.place == "margin":
        axes.plot(*xy_N2.T, **_line(RING) | {"markersize": 5, "markeredgewidth": 1}, zorder=6)
        place_N2, lowest = np.full_like(unit_N2, 1.03), 1.05
        for number in np.argsort(-unit_N2[:, 1], kind="stable"):
            lowest = place_N2[number, 1] = min(lowest - 0.06, unit_N2[number, 1])
    else:
        place_N2 = spread_apart(unit_N2, 0.07)
    for xy_2, place_2, name, colour in zip_longest(xy_N2, place_N2, mark.names, mark.colours):
        frame = None if colour is None else {
            "boxstyle": "round,pad=0.15", "facecolor": PAPER, "edgecolor": colour, "linewidth": 1
        }  # fmt: skip
        axes.annotate(
            name, tuple(xy_2), xytext=tuple(place_2), textcoords="axes fraction", va="center", fontsize=SMALL,
            ha="left" if frame is None else "center", annotation_clip=False, bbox=frame, zorder=6,
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
