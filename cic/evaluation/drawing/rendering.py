"""From a `Spec` to a figure of matplotlib's: the one place that draws."""

from __future__ import annotations

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

from cic.evaluation.drawing.marks import RING, Axis, Cells, Hexagons, Look, Mark, Names, Panel, Rule, Series, Side, Spec
from cic.evaluation.drawing.placing import legend_lines, log_ticks, opacity, spread_apart
from cic.evaluation.drawing.style import INK, PAPER, RULE, SMALL, WIDTH

RASTER_FROM = 3000
"""Dots of a panel from which they are drawn as a picture: the page would be too heavy."""
Keys = dict[str, Look]
"""Entries of a legend."""


def render(spec: Spec) -> Figure:
    """Draw `spec`; the legend takes its room besides the heights of the panels."""
    marks = [mark for row in spec.rows for panel in row for mark in panel.marks]
    n_lines, columns = legend_lines([label for mark in marks for label in _labels(mark)])
    n_lines += bool(spec.legend_title)
    figure = Figure(figsize=(WIDTH, sum(spec.heights) + 0.165 * n_lines + 0.1 * (n_lines > 0)), layout="constrained")
    if len({len(row) for row in spec.rows}) == 1:
        grid = list(figure.subplots(len(spec.rows), len(spec.rows[0]), squeeze=False, height_ratios=spec.heights))
    else:
        parts = figure.subfigures(len(spec.rows), 1, height_ratios=spec.heights, squeeze=False)[:, 0]
        grid = [part.subplots(1, len(row), squeeze=False)[0] for part, row in zip(parts, spec.rows, strict=True)]
    keys: Keys = {}
    for row, all_axes in zip(spec.rows, grid, strict=True):
        for panel, axes in zip(row, all_axes, strict=True):
            keys |= _panel(panel, axes)
    if keys:
        handles = [Line2D([], [], **_line(look), label=label) for label, look in keys.items()]
        where: Any = f"outside {spec.legend} center"
        figure.legend(handles=handles, loc=where, ncols=columns, title=spec.legend_title or None)
    return figure


def _labels(mark: Mark) -> tuple[str, ...]:
    """Give what a legend says of a mark; of hexagons the least and the largest number, here one as long as may be."""
    if isinstance(mark, Hexagons):
        return tuple(_counted(n, mark) for n in (1, np.size(mark.x)))
    return (getattr(mark, "label", ""),)


def _counted(n: int, mark: Hexagons) -> str:
    return f"{n:,} {mark.thing}{'s' * (n != 1)}, {mark.label}"


def _panel(panel: Panel, axes: Axes) -> Keys:
    """Draw a panel and give what the legend says of it."""
    sides: tuple[tuple[Axis, Side], ...] = ((panel.x, "x"), (panel.y, "y"))
    for axis, side in sides:
        how = {"symlog": {"linthresh": axis.linear, "base": 2}, "asinh": {"linear_width": axis.linear}}
        getattr(axes, f"set_{side}scale")(axis.scale, **how.get(axis.scale, {}))
    n_dots = sum(np.size(mark.x) for mark in panel.marks if isinstance(mark, Series) and not mark.look.line)
    keys: Keys = {}
    for layer, mark in enumerate(panel.marks):
        match mark:
            case Series():
                _series(mark, axes, 2 + layer / 100, n_dots > RASTER_FROM)
            case Rule():
                _rule(mark, axes, 2 + layer / 100)
            case Hexagons():
                keys |= _hexagons(mark, axes, panel)
            case Cells():
                _cells(mark, axes)
        if isinstance(mark, Series | Rule) and mark.label:
            keys.setdefault(mark.label, mark.look)
    axes.set(xlabel=panel.x.label, ylabel=panel.y.label, title=panel.title)
    for axis, side in sides:
        _axis(axis, axes, side)
    if panel.square:
        axes.set_aspect("equal")
    for mark in panel.marks:
        if isinstance(mark, Names):  # their places depend on the limits
            _names(mark, axes)
    for at, note in enumerate(panel.notes):
        _text(axes, note, (1, at), ("axes fraction", "data"), (4, 0), va="center")
    _text(axes, panel.notes_head, (1, 1), "axes fraction", (4, 2))
    return keys


def _text(axes: Axes, text: str, at: Any, unit: Any, away: tuple[float, float], **how: Any) -> None:
    how |= {"fontsize": SMALL, "annotation_clip": False, "zorder": 6}
    axes.annotate(text, at, xycoords=unit, xytext=away, **{"textcoords": "offset points"} | how)


def _axis(axis: Axis, axes: Axes, side: Side) -> None:
    own = getattr(axes, f"{side}axis")
    getattr(axes, f"set_{side}lim")(*axis.limits)
    own.set_minor_locator(NullLocator())
    ticks = axis.ticks
    if ticks is None and axis.scale == "log":
        low, high = getattr(axes, f"get_{side}lim")()
        ticks = log_ticks(low, high, axis.most)
    if ticks is None:
        own.set_major_locator(MaxNLocator(axis.most, steps=[1, 2, 5, 10]))
    else:
        own.set_major_locator(FixedLocator([at for at, _ in ticks]))
        own.set_ticklabels([name for _, name in ticks], rotation=90 if axis.upright else 0, fontsize=axis.size)
    axes.grid(visible=axis.grid, axis=side)


def _line(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour, "marker": look.marker or "none", "linestyle": look.line or "none",
        "markersize": look.size, "linewidth": look.width, "markeredgewidth": look.rim,
        "markerfacecolor": look.face or look.colour, "markeredgecolor": look.edge or look.colour, "alpha": look.alpha,
    }  # fmt: skip


def _series(mark: Series, axes: Axes, layer: float, raster: bool) -> None:
    look = mark.look
    x, y, low, high = (np.asarray(values, dtype=np.float64) for values in (mark.x, mark.y, mark.low, mark.high))
    if mark.band:
        axes.fill_between(x, low, high, color=look.colour, alpha=0.18, linewidth=0, zorder=layer)
    elif low.size:
        known = np.isfinite(low) & np.isfinite(high)
        bars, at = (axes.hlines, y) if mark.along == "x" else (axes.vlines, x)
        bars(at[known], low[known], high[known], look.colour, linewidth=look.bar, zorder=layer)
    if (np.isfinite(x) & np.isfinite(y)).any():  # a line of nothing would lie in the corner of the figure
        # a dot at the edge is drawn whole, while a curve may leave the panel
        whole = not look.line
        axes.plot(x, y, **_line(look), zorder=layer, clip_on=not whole, rasterized=raster and whole)


def _rule(mark: Rule, axes: Axes, layer: float) -> None:
    how: Any = {"color": mark.look.colour, "linestyle": mark.look.line, "linewidth": mark.look.width, "zorder": layer}
    if mark.span is None:
        (axes.axvline if mark.along == "x" else axes.axhline)(mark.at, **how)
    else:
        (axes.vlines if mark.along == "x" else axes.hlines)(mark.at, *mark.span, **how)


def _hexagons(mark: Hexagons, axes: Axes, panel: Panel) -> Keys:
    scales: Any = {f"{side}scale": axis.scale for side, axis in (("x", panel.x), ("y", panel.y))}
    drawn = axes.hexbin(np.asarray(mark.x), np.asarray(mark.y), gridsize=(34, 22), mincnt=1, linewidths=0, **scales)
    counts = np.asarray(drawn.get_array(), dtype=np.float64)
    drawn.set_array(None)
    # by opacity, so that it reads on light and dark paper
    drawn.set_facecolor([to_rgba(mark.colour, opacity(n, counts.max())) for n in counts])
    looks = {n: Look(mark.colour, "h", size=9, rim=0, alpha=opacity(n, counts.max())) for n in {1, int(counts.max())}}
    return {_counted(n, mark): look for n, look in sorted(looks.items())}


def _cells(mark: Cells, axes: Axes) -> None:
    n_rows, n_columns = mark.values_RC.shape
    known = np.argwhere(np.isfinite(mark.values_RC))
    strength = np.clip(mark.values_RC[tuple(known.T)] / mark.largest, -1, 1)
    colours = [to_rgba(mark.above if one > 0 else mark.below, abs(one)) for one in strength]
    squares = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in known]
    axes.add_collection(PatchCollection(squares, facecolors=colours, edgecolors=PAPER, linewidths=0.4))
    axes.set(xlim=(-0.5, n_columns - 0.5), ylim=(n_rows - 0.5, -0.5))
    for border, along in ((np.arange(n_columns + 1), axes.axvline), (np.arange(n_rows + 1), axes.axhline)):
        for at in border - 0.5 if mark.grid else ():
            along(at, color=RULE, linewidth=0.6, zorder=0.5)
    for row, column in mark.dots:
        axes.plot(
            column, row, "o", markersize=2.6, markerfacecolor="white", markeredgecolor="black", markeredgewidth=0.5
        )
    for row, column, text in mark.texts:
        axes.text(column, row, text, ha="center", va="center", fontsize=SMALL)
    if mark.scale:
        axes.spines[:].set_visible(False)
        ends = [(at, to_rgba(colour, alpha)) for at, colour, alpha in
                ((0, mark.below, 1), (0.5, mark.below, 0), (0.5, mark.above, 0), (1, mark.above, 1))]  # fmt: skip
        colours_of = LinearSegmentedColormap.from_list("sides", ends)
        scale = ScalarMappable(Normalize(-mark.largest, mark.largest), colours_of)
        bar = axes.figure.colorbar(scale, ax=axes, location="top", shrink=0.7, aspect=30, pad=0.01, label=mark.scale)
        bar.outline.set_visible(False)


def _names(mark: Names, axes: Axes) -> None:
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    xy_N2 = np.stack([np.asarray(mark.x, dtype=np.float64), np.asarray(mark.y, dtype=np.float64)], axis=1)
    unit_N2 = (axes.transData + axes.transAxes.inverted()).transform(xy_N2).reshape(-1, 2)
    if mark.place == "beside":
        for xy_2, right, name in zip(xy_N2, unit_N2[:, 0], mark.names, strict=True):
            away, side = (-6, "right") if right > 0.5 else (6, "left")
            _text(axes, name, xy_2, "data", (away, 0), va="center", ha=side)
        return
    if mark.place == "margin":
        axes.plot(*xy_N2.T, **_line(RING) | {"markersize": 5, "markeredgewidth": 1}, zorder=6)
        place_N2, lowest = np.full_like(unit_N2, 1.03), 1.05
        for number in np.argsort(-unit_N2[:, 1], kind="stable"):
            lowest = place_N2[number, 1] = min(lowest - 0.06, unit_N2[number, 1])
    else:
        place_N2 = spread_apart(unit_N2, 0.07)
    arrow = {"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}
    for xy_2, place_2, name, colour in zip_longest(xy_N2, place_N2, mark.names, mark.colours):
        frame = {"boxstyle": "round,pad=0.15", "facecolor": PAPER, "edgecolor": colour, "linewidth": 1}
        _text(
            axes, name, xy_2, "data", place_2, textcoords="axes fraction", va="center", arrowprops=arrow,
            ha="center" if colour else "left", bbox=frame if colour else None,
        )  # fmt: skip
