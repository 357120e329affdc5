"""Picture of the shares of components that are told from codes of mixtures."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from cic.evaluation.drawing.marks import REFERENCE, Axis, Look, Mark, Panel, Series, Spec
from cic.evaluation.drawing.style import BLUE, GREEN, GREY, INK, PAPER, PURPLE, VERMILION, shorten

MARKS = ("o", "s", "^", "D", "v", "P", "X")
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, GREY)
"""Marks and colours are as many as share no divisor, so that no two of 35 components look alike."""


def estimated_shares(table: pd.DataFrame) -> Spec:
    """Show estimated against true shares, the model left and PCA right, one mark a component, and the means large."""
    components = list(dict.fromkeys(table["component"]))
    quarters = Axis("true share", limits=(-0.09, 1.09), ticks=[(at / 4, f"{at / 4:g}") for at in range(5)])
    panels = []
    for method, title in (("model", "model"), ("pca", "PCA of equal width")):
        single, mean = [], []
        for number, name in enumerate(components):
            own = table[table["component"] == name]
            # apart from each other, since several components often have the same few shares
            shift = 0.08 * (number - (len(components) - 1) / 2) / max(1, len(components) - 1)
            colour, model = COLOURS[number % len(COLOURS)], method == "model"
            look = Look(colour, MARKS[number % len(MARKS)], size=3, face=None if model else "none", alpha=0.35)
            single.append(Series(own["true"] + shift, own[method], look))
            means = own.groupby(own["true"].round(3))[method].mean()
            face, edge = (None, INK) if model else (PAPER, colour)
            look = replace(look, size=7.5, face=face, edge=edge, rim=1.2, alpha=1)
            mean.append(Series(means.index + shift, means, look, label=shorten(str(name), 20) if model else ""))
        marks: list[Mark] = [Series([0, 1], [0, 1], REFERENCE), *single, *mean]
        y = replace(quarters, label="share told from the code" if model else "")
        panels.append(Panel(marks, quarters, y, title, square=True))
    return Spec([panels], [2.3])
