"""The cells of a search: its best configuration of each depth and width, and the rule that takes one of them.

Axes: C cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cic.evaluation.statistics.student import t_quantile
from cic.model.training import Hyperparameters

CELL = ["depth", "bottleneck_width"]


def search_cells(
    trials: pd.DataFrame, finalists: pd.DataFrame, only_width: int | None, confidence: float
) -> pd.DataFrame:
    """Give a row a cell, ordered by depth and width: its best configuration, by mean error where trained again.

    Intervals are Student's t over trainings from new seeds; depth 0 is exact.
    """
    complete = trials[trials["state"] == "complete"]
    if only_width is not None:
        complete = complete[complete["bottleneck_width"] == only_width]
    best = complete.sort_values(["error", "number"]).drop_duplicates(CELL)
    again = finalists.sort_values(["mean_error", "number"]).drop_duplicates(CELL).set_index(CELL)
    rows = []
    for trial in best.sort_values(CELL).to_dict("records"):
        cell = (trial["depth"], trial["bottleneck_width"])
        row = {"depth": cell[0], "bottleneck_width": cell[1], "number": trial["number"], "trainings": 0}
        row |= dict.fromkeys(("mean_error", "low", "high", "standard_error"), math.nan)
        if cell in again.index:
            found = again.loc[cell]
            half = found["standard_error"] * t_quantile(confidence, found["trainings"])
            row |= {
                "number": int(found["number"]), "trainings": int(found["trainings"]),
                "mean_error": found["mean_error"], "standard_error": found["standard_error"],
                "low": found["mean_error"] - half, "high": found["mean_error"] + half,
            }  # fmt: skip
        searched = trials[trials["number"] == row["number"]].to_dict("records")[0]
        row |= {"trial_error": searched["error"], "pca_error": trial["error"] / trial["error_ratio_to_pca"]}
        row["ratio_to_pca"] = row["mean_error"] / row["pca_error"]
        row["hyper"] = Hyperparameters.model_validate({name: searched[name] for name in Hyperparameters.model_fields})
        rows.append(row)
    cells_C = pd.DataFrame(rows)
    cells_C.insert(3, "hidden_width", [hyper.hidden_width if hyper.depth else 0 for hyper in cells_C["hyper"]])
    best_row = cells_C.loc[cells_C["mean_error"].idxmin()]
    cells_C["within"] = cells_C["mean_error"] <= best_row["mean_error"] + best_row["standard_error"]
    return cells_C


def rule(cells_C: pd.DataFrame, error_C: pd.Series, standard_error_C: pd.Series) -> int:
    """Give the row of the smallest width within one standard error of the least error, and there the least depth.

    Of equal errors the earlier trial's counts as the least, as in the search.
    """
    best = cells_C["number"][error_C == error_C.min()].idxmin()
    within = cells_C[error_C <= error_C[best] + standard_error_C[best]]
    return int(within.sort_values(["bottleneck_width", "depth"]).index[0])


def is_cell(table: pd.DataFrame, cell: Mapping[str, Any]) -> pd.Series:
    """Tell which rows are of the cell; those of `architecture_splits` are in order of split."""
    return (table["depth"] == cell["depth"]) & (table["bottleneck_width"] == cell["bottleneck_width"])
