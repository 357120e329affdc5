"""Draw the figures of docs/method.md into docs/figures/. `make docs` runs it; the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from cic.evaluation.drawing.style import BLUE, GREEN, GREY, INK, PAPER, RULE, SMALL, STYLE, VERMILION
from cic.model.left_out import groups_by_size, left_out_error

FOLDER = Path(__file__).parent.parent / "docs" / "figures"
WIDTH = 5.2
"""Inches."""
DIGITS = 3
"""Of what is calculated: the last bits differ between processors."""


def basis() -> Figure:
    """Draw what the span of the training profiles is, and what the error on left-out profiles is good for."""
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    span, errors = figure.subplots(2, 1, height_ratios=(1.15, 1))
    _span(span)
    _errors(errors)
    return figure


def _span(axes: Axes) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, 10), ylim=(0, 6.2), aspect="equal")
    axes.set_title("A  Training profiles span few of the dimensions that genes have")
    axes.add_patch(Polygon([(0.3, 0.7), (7, 0.3), (9.4, 3.1), (2.7, 3.5)], facecolor=RULE, alpha=0.5, edgecolor=GREY))
    training = np.array([(1.7, 1.3), (2.6, 2.4), (3.4, 1.1), (4.4, 2.9), (6.9, 0.9), (5.3, 0.8), (7.9, 2.6)])
    axes.plot(*training.T, "o", color=GREY, markersize=5)
    profile, foot, rebuilt = (6.2, 5.2), (6.2, 2.3), (4.9, 1.7)
    axes.plot(*zip(profile, foot, strict=True), "--", color=VERMILION, linewidth=1.3)
    axes.plot(*zip(foot, rebuilt, strict=True), "-", color=BLUE, linewidth=2)
    axes.plot(*profile, "o", color=INK, markersize=7)
    axes.plot(*foot, "o", color=PAPER, markeredgecolor=INK, markersize=6)
    axes.plot(*rebuilt, "s", color=BLUE, markersize=6)
    for text, at, colour, side in (
        ("held-out profile", (6.45, 5.2), INK, "left"),
        ("outside the span:\nno model can learn it, a constant", (6.4, 4.0), VERMILION, "left"),
        ("inside: what training changes", (6.5, 2.0), BLUE, "left"),
        ("its reconstruction", (4.7, 1.55), BLUE, "right"),
        ("training profiles", (2.85, 3.15), GREY, "left"),
    ):
        axes.text(*at, text, color=colour, ha=side, va="center", fontsize=SMALL)


def _errors(axes: Axes) -> None:
    """Calculate, for regressions on ever more features, the error on what they were fitted to and on what not."""
    draw = np.random.default_rng(5)
    n_training, n_new, n_targets, true = 48, 400, 12, 6
    hidden = draw.normal(size=(n_training + n_new, true))
    target = hidden @ draw.normal(size=(true, n_targets)) + 1.6 * draw.normal(size=(n_training + n_new, n_targets))
    feature = np.concatenate([hidden, draw.normal(size=(n_training + n_new, 34))], axis=1)
    numbers = np.arange(1, 39)
    lines = np.array([_three_errors(feature[:, :n], target, n_training) for n in numbers]).round(DIGITS)
    for line, colour, style, name in (
        (lines[:, 0], GREY, "--", "on the profiles that it was fitted to"),
        (lines[:, 1], BLUE, "-", "on each training profile, left out (training minimises this)"),
        (lines[:, 2], GREEN, ":", "on new profiles"),
    ):
        axes.plot(numbers, line, style, color=colour, linewidth=2, label=name)
    axes.set(xlabel="features that the last layer has to work with", ylim=(0, 2.2))
    axes.set_ylabel("squared error over that of the mean")
    axes.set_title("B  The error on left-out profiles tells that on new ones")
    axes.legend(loc="upper left")


def _three_errors(feature: np.ndarray, target: np.ndarray, n_training: int) -> tuple[float, float, float]:
    """Give the error of ridge regression as fitted, left out, and on new rows, over that of the mean."""
    ridge = 0.5
    x, y = feature[:n_training], target[:n_training]
    weights = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    variance = float((target[n_training:] ** 2).mean())
    fitted = float(((y - x @ weights) ** 2).mean())
    new = float(((target[n_training:] - feature[n_training:] @ weights) ** 2).mean())
    penalty, group = torch.full((x.shape[1],), ridge, dtype=torch.float64), torch.arange(n_training)
    left_out = float(left_out_error(torch.from_numpy(x), torch.from_numpy(y), penalty, groups_by_size(group))) / y.size
    return fitted / variance, left_out / variance, new / variance


def rounds() -> Figure:
    """Draw the trials of three rounds on two and on four workers."""
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    for axes, workers in zip(figure.subplots(2, 1, height_ratios=(2.4, 4), sharex=True), (2, 4), strict=True):
        _gantt(axes, workers)
    figure.axes[1].set_xlabel("time")
    return figure


def _gantt(axes: Axes, workers: int) -> None:
    """Give each trial of a round, the longest first, to the worker that is free first; a round waits for its last."""
    pca, pruned = {0, 1, 2}, {9, 12, 17, 19, 20}
    seconds = [1.3 if n in pca else 1.5 if n in pruned else 2.6 + 1.3 * (n % 3) for n in range(24)]
    start = 0.0
    for first in range(0, 24, 8):
        free = [start] * workers
        for number in sorted(range(first, first + 8), key=lambda n: (-seconds[n], n)):
            worker = int(np.argmin(free))
            colour = GREY if number in pca else VERMILION if number in pruned else BLUE
            axes.barh(worker, seconds[number] - 0.12, left=free[worker], height=0.76, color=colour)
            middle = free[worker] + seconds[number] / 2 - 0.06
            axes.text(middle, worker, str(number), color=PAPER, ha="center", va="center", fontsize=SMALL)
            free[worker] += seconds[number]
        start = max(free)
        axes.axvline(start, color=INK, linewidth=1)
        start += 0.25
    axes.set(yticks=range(workers), yticklabels=[f"worker {n + 1}" for n in range(workers)], xticks=[])
    axes.set(ylim=(workers - 0.45, -0.55), xlim=(0, 38), title=f"{workers} workers")
    axes.grid(visible=False)
    if workers == 2:
        for colour, text in ((GREY, "depth 0, PCA"), (BLUE, "trained"), (VERMILION, "stopped early")):
            axes.plot([], [], "s", color=colour, label=text, markersize=7)
        axes.figure.legend(loc="outside upper right", ncols=3)


FIGURES: dict[str, Callable[[], Figure]] = {"basis": basis, "rounds": rounds}


def drawn(name: str) -> str:
    """Give a figure as SVG, its letters as outlines, so that it looks alike everywhere."""
    with matplotlib.rc_context(STYLE | {"svg.fonttype": "path"}):
        figure = FIGURES[name]()
        FigureCanvasAgg(figure)
        content = BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue().decode()


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for name in FIGURES:
        (FOLDER / f"{name}.svg").write_text(drawn(name))


if __name__ == "__main__":
    main()
