"""Pictures of a search: error by depth and width, and which parameters mattered."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
import optuna
from matplotlib.figure import Figure

from cic.search.proposals import ranked_study
from cic.search.records import Record
from cic.search.selection import Finalist
from cic.search.space import Space

DEPTH_COLOURS = ("#555555", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
"""Okabe and Ito's, which colour-blind readers can tell apart; grey is depth 0."""
DEPTH_MARKERS = "oosD^v"
MIN_TRIALS_FOR_IMPORTANCE = 8


def surface_figure(records: Sequence[Record], chosen: Finalist | None = None) -> Figure:
    """Draw the best error at each depth and width, all trials faintly behind, and PCA dashed.

    Parameters
    ----------
    records
        The trial table.
    chosen
        Marked with a ring, at the mean error of its new trainings.
    """
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    complete = [record for record in records if record.state == "complete" and record.error is not None]
    pca = {}
    for record in complete:
        assert record.error is not None and record.error_ratio_to_pca is not None, "complete trials have both"
        pca[record.hyper.bottleneck_width] = record.error / record.error_ratio_to_pca
    axes.plot(*_sorted_points(pca), "--o", color=DEPTH_COLOURS[0], label="depth 0 (PCA)", zorder=2)
    for depth in sorted({record.hyper.depth for record in complete} - {0}):
        colour, marker = DEPTH_COLOURS[depth], DEPTH_MARKERS[depth]
        points = [(r.hyper.bottleneck_width, r.score) for r in complete if r.hyper.depth == depth]
        best = {width: min(error for at, error in points if at == width) for width, _ in points}
        widths, errors = zip(*points, strict=True)
        axes.scatter(widths, errors, s=14, color=colour, marker=marker, alpha=0.3, linewidths=0, zorder=1)
        axes.plot(*_sorted_points(best), "-", color=colour, marker=marker, label=f"depth {depth}", zorder=3)
    if chosen is not None:
        axes.scatter(
            [chosen.hyper.bottleneck_width],
            [chosen.mean],
            s=190,
            facecolors="none",
            edgecolors="black",
            linewidths=1.6,
            label=f"chosen: width {chosen.hyper.bottleneck_width}, depth {chosen.hyper.depth}",
            zorder=4,
        )
    if pca:
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted(pca), [str(width) for width in sorted(pca)])
        axes.minorticks_off()
    axes.set_xlabel("bottleneck width (length of the code)")
    axes.set_ylabel("validation unexplained variance")
    axes.set_title("Best error by depth and width", loc="left")
    _tidy(figure)
    if complete:
        axes.legend(frameon=False)
    return figure


def _sorted_points(error_at: dict[int, float]) -> tuple[list[int], list[float]]:
    widths = sorted(error_at)
    return widths, [error_at[width] for width in widths]


def importances(space: Space, records: Sequence[Record]) -> dict[str, float]:
    """Give each parameter's share of what told good trials from bad ones of the same width; empty if too few."""
    study = ranked_study(space, records)
    if len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))) < MIN_TRIALS_FOR_IMPORTANCE:
        return {}
    return optuna.importance.get_param_importances(study)


def importance_figure(space: Space, records: Sequence[Record]) -> Figure:
    """Draw `importances` as bars, the largest on top."""
    shares = sorted(importances(space, records).items(), key=lambda item: (item[1], item[0]))
    figure = Figure(figsize=(7.2, 0.9 + 0.42 * max(len(shares), 3)), layout="constrained")
    axes = figure.subplots()
    axes.set_title("What told good trials from bad ones of the same width", loc="left")
    if shares:
        names = [name.replace("_", " ") for name, _ in shares]
        bars = axes.barh(names, [share for _, share in shares], color="#0072B2")
        axes.bar_label(bars, labels=[f"{share:.0%}" for _, share in shares], padding=3)
        axes.set_xlim(0, 1.12 * max(share for _, share in shares))
        axes.set_xlabel("share of importance (PED-ANOVA)")
    else:
        axes.text(0.5, 0.5, "too few complete trials to tell", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
    _tidy(figure)
    return figure


def _tidy(figure: Figure) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)


def svg(figure: Figure) -> bytes:
    """Give the figure as SVG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "cic", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
