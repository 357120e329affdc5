"""Picture of the error of every gene."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.evaluation.drawing.marks import Axis, Hexagons, Look, Mark, Names, Panel, Series, Spec
from cic.evaluation.drawing.style import BLUE, GREEN, GREY, PAPER, VERMILION, shorten

BINS, IN_A_BIN = 16, 20
"""At most so many bins of at least so many genes, for the median lines."""
SQUARED = {"log2": "log2²", "standard deviations": "SD²", "square roots": "roots²", "normal scores": "scores²"}
LOWEST = 0.001
"""Share of genes that may lie below the axes; they are drawn at the edge."""


def gene_errors(table: pd.DataFrame, named: pd.DataFrame, gene_unit: str, level: str = "mean level (log2)") -> Spec:
    """Show the model's error of every gene against its noise, or its level, with the medians of model and PCA.

    Parameters
    ----------
    table, named
        From `measure`, and those of its rows whose genes are named.
    gene_unit
        What the error of a gene is in, before it is squared.
    level
        What to call the mean of a gene.
    """
    unit = SQUARED[gene_unit]
    with_noise = bool(table["noise"].notna().any())
    model_G, pca_G = (_above_zero(table[name]) for name in ("error_model", "error_pca"))
    x_G = _above_zero(table["noise"]) if with_noise else table["mean_log2"].to_numpy()
    marks: list[Mark] = [Hexagons(x_G, model_G, BLUE, "gene", "model")]
    if with_noise:
        ends = np.array([x_G.min(), x_G.max()])
        marks += [
            Series(ends, ends, Look(GREY, line=":", width=1.6), label="error = noise (perfect)"),
            Series(ends, 2 * ends, Look(GREEN, line="-.", width=1.6), label="error = 2 noise (a replicate)"),
        ]
    order = np.argsort(x_G, kind="stable")
    bins = np.array_split(order, max(1, min(BINS, len(order) // IN_A_BIN)))
    middle = [np.median(x_G[part]) for part in bins]
    for error_G, look, name in (
        (pca_G, Look(VERMILION, "s", "--", size=4), "PCA, median of genes"),
        (model_G, Look(BLUE, "o", "-", size=4), "model, median of genes"),
    ):
        medians = [np.median(error_G[part]) for part in bins]
        marks += [
            Series(middle, medians, Look(PAPER, line="-", width=3.2)),
            Series(middle, medians, look, label=name),
        ]
    names = [shorten(str(name), 16) for name in named["gene"]]
    marks.append(Names(x_G[named.index], model_G[named.index], names, "margin"))
    x = Axis(f"noise: variance between replicates ({unit})", "log") if with_noise else Axis(level)
    return Spec([[Panel(marks, x, Axis(f"mean squared error ({unit})", "log"))]], [3.5])


def _above_zero(values: pd.Series) -> np.ndarray:
    """Give values for a logarithmic axis; the lowest, and what is not above 0, come to the edge."""
    value_G = values.to_numpy(dtype=np.float64)
    above_G = value_G[value_G > 0]
    return np.maximum(value_G, np.quantile(above_G, LOWEST) if len(above_G) else 1.0)
