"""Codes in two dimensions, drawn so that two labels and sixty can both be told apart.

Colour never stands alone: up to eight labels also differ in their marks, more carry numbers that the legend explains.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from cic.evaluation.drawing.marks import Axis, Look, Mark, Names, Panel, Series, Spec
from cic.evaluation.drawing.placing import asinh_ticks
from cic.evaluation.drawing.style import BLUE, GREEN, GREY, PURPLE, VERMILION, shorten

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, "#d9a400", "#4fb3e8", "#8c6d31", GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
DIRECT = 8
"""Labels up to which a legend of colours and marks is enough."""
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


def code_map(
    xy_S2: np.ndarray, label_S: pd.Series, held_out_S: np.ndarray, shares: tuple[float, float], what: str = "the codes"
) -> Spec:
    """Show codes, or `what` else, in two dimensions by label: training and validation profiles small, others large."""
    known_S = label_S.notna().to_numpy()
    name_S = label_S.astype(str).where(known_S, NO_LABEL).to_numpy()
    names = sorted(set(name_S[known_S])) + ([NO_LABEL] if not known_S.all() else [])
    many = len(names) > DIRECT
    marks: list[Mark] = []
    for index, name in enumerate(names):
        marker = MARKERS[(index // len(COLOURS) + index) % len(MARKERS)]
        look = Look(COLOURS[index % len(COLOURS)], marker, size=4.6, rim=0, alpha=0.9)
        text = f"{index + 1} · {shorten(name, 27)}" if many else shorten(name, 27)
        for part_S, own_look, label in (
            (~held_out_S, replace(look, size=2.4, alpha=0.4), ""),
            (held_out_S, look, text),
        ):
            x_N, y_N = xy_S2[(name_S == name) & part_S].T
            marks.append(Series(x_N, y_N, own_look, label=label))
    if many:
        x_L, y_L = np.stack([np.median(xy_S2[name_S == name], axis=0) for name in names]).T
        numbers = [str(number) for number in range(1, len(names) + 1)]
        marks.append(Names(x_L, y_L, numbers, "apart", [COLOURS[at % len(COLOURS)] for at in range(len(names))]))
    x = _axis(xy_S2[:, 0], f"first component of {what} ({100 * shares[0]:.0f}% of their variance)")
    y = _axis(xy_S2[:, 1], f"second ({100 * shares[1]:.0f}%)")
    return Spec([[Panel(marks, x, y)]], [3.4], legend="lower")


def _axis(value_S: np.ndarray, label: str) -> Axis:
    spread = float(np.median(np.abs(value_S - np.median(value_S))))
    if spread > 0 and np.ptp(value_S) > STRETCHED * spread:
        return Axis(label, "asinh", 2 * spread, ticks=asinh_ticks(value_S, 2 * spread))
    return Axis(label)
