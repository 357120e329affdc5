"""Which depth and width: error with intervals over new seeds, cost, and whether other splits would choose the same.

The search leaves the error of the best configuration of each depth and width (a cell), trained from several seeds on
one split. Here the training and validation profiles are split again into others, every cell is trained on each with
the hyperparameters that it has, and the rule of the search is applied there. Test profiles take no part. The split of
the search is among them once more, since retrainings are shorter than the search's: what the shorter training
changes shows there, what the split changes shows on the others. Hyperparameters were chosen on the search's validation
profiles, which are among those of the other splits too: that favours all trained cells over PCA a little. Hidden layers
keep their width, as that is part of what is compared.

Axes: C cells, J splits, S profiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.finding import Answer
from cic.evaluation.questions.architectures.cells import CELL, is_cell, search_cells
from cic.evaluation.questions.architectures.cost import multiply_adds, parameters
from cic.evaluation.questions.architectures.found import Found
from cic.evaluation.questions.architectures.splits import contest, other_splits, over_splits, overlap
from cic.evaluation.statistics.intervals import Interval
from cic.evaluation.statistics.student import t_interval
from cic.evaluation.subject import Subject


def measure(subject: Subject) -> Answer:
    """Compare the cells that the search has a complete trial of; with `search.width`, those of that width.

    Returns
    -------
    Answer
        `metrics`, where a cell is named by depth and bottleneck_width:

        - cells, trained_again (of those, how many from new seeds; depth 0 is exact and not counted)
        - chosen: the cell of the measured model, with the interval mean_error (validation unexplained variance; over
          its `trainings`), ratio_to_pca, place (1 is the least mean error), parameters, multiply_adds
        - best: the cell of least mean error, with the interval mean_error
        - deeper_at_width: how many cells with a hidden layer have the chosen width
        - within_one_standard_error: how many cells are within one standard error of the best
        - splits: null with a reason if there are no others; else n, validation_profiles (a split, on average),
          selected, selected_depth, selected_width (on how many the rule takes the chosen cell, depth, width), own (the
          cell that it takes on the split of the search after equally short training), selected_as_own (on how many of
          the others it takes that one), won (on how many the chosen cell's error is the least), interval ratio_to_pca,
          rival (the other cell of least mean error over the splits), interval over_rival (error over the rival's,
          paired)

        Table `architectures`, a row a cell: the cell, number and hidden_width (of its trial), trial_error, trainings,
        mean_error, low, high, standard_error (NaN where it was not trained again), pca_error, ratio_to_pca, chosen,
        within (one standard error of the best), parameters, multiply_adds, split_error, split_ratio, split_low,
        split_high (ratio to PCA over the other splits), selected, won.

        Table `architecture_splits`, a row a cell and split: split (0 is that of the search), the cell, error, pca_error
        (unexplained variance of that split's validation profiles), ratio_to_pca, selected, won.
    """
    if subject.finalists is None or subject.trials is None:
        return Answer(None, {"architectures": "there is no search whose architectures could be compared."})
    config = subject.params.evaluate
    cells_C = search_cells(subject.trials, subject.finalists, subject.params.search.width, config.confidence)
    cells_C["chosen"] = is_cell(cells_C, subject.hyper.model_dump())
    assert cells_C["chosen"].sum() == 1, "the model's architecture is one of the search"
    shapes = [
        hyper.architecture(subject.bundle.architecture.n_inputs, subject.params.training.refinements)
        for hyper in cells_C["hyper"]
    ]
    cells_C["parameters"] = [parameters(shape) for shape in shapes]
    cells_C["multiply_adds"] = [multiply_adds(shape) for shape in shapes]
    left_out: dict[str, str] = {}
    splits = other_splits(subject)
    contests = contest(subject, cells_C, splits) if splits else pd.DataFrame()
    if splits:
        cells_C = cells_C.merge(over_splits(contests, config.confidence, overlap(subject, splits)), on=CELL)
    else:
        left_out["architectures.splits"] = (
            "all training and validation profiles are linked by group or replicates, so they cannot be split otherwise."
        )
    metrics = _of_search(cells_C) | {
        "splits": _of_splits(subject, cells_C, contests, splits) if splits else None,
    }
    tables = {"architectures": cells_C.drop(columns="hyper")} | ({"architecture_splits": contests} if splits else {})
    return Answer(Found.model_validate(metrics), left_out, {}, tables)


def _of_search(cells_C: pd.DataFrame) -> dict[str, Any]:
    chosen, best = _row(cells_C, cells_C["chosen"].idxmax()), _row(cells_C, cells_C["mean_error"].idxmin())
    return {
        "cells": len(cells_C),
        "trained_again": int(((cells_C["depth"] > 0) & (cells_C["trainings"] > 0)).sum()),
        "chosen": {
            **_cell(chosen),
            "mean_error": _interval(chosen, "mean_error", "low", "high"),
            "trainings": chosen["trainings"],
            "ratio_to_pca": chosen["ratio_to_pca"],
            "place": int((cells_C["mean_error"] < chosen["mean_error"]).sum()) + 1,
            "parameters": chosen["parameters"],
            "multiply_adds": chosen["multiply_adds"],
        },
        "best": {**_cell(best), "mean_error": _interval(best, "mean_error", "low", "high")},
        "deeper_at_width": int(
            ((cells_C["depth"] > 0) & (cells_C["bottleneck_width"] == chosen["bottleneck_width"])).sum()
        ),
        "within_one_standard_error": int(cells_C["within"].sum()),
    }


def _of_splits(
    subject: Subject, cells_C: pd.DataFrame, contests: pd.DataFrame, splits: Sequence[np.ndarray]
) -> dict[str, Any]:
    chosen = _row(cells_C, cells_C["chosen"].idxmax())
    preferred = _row(contests, (contests["selected"] & (contests["split"] == 0)).idxmax())
    others = contests[contests["split"] > 0]
    picked = others.loc[others["selected"], CELL]
    rivals_C = cells_C.loc[~cells_C["chosen"], "split_error"]
    found: dict[str, Any] = {
        "n": len(splits) - 1,
        "validation_profiles": float(np.mean([validation_S.sum() for validation_S in splits[1:]])),
        "selected": chosen["selected"],
        "selected_depth": int((picked["depth"] == chosen["depth"]).sum()),
        "selected_width": int((picked["bottleneck_width"] == chosen["bottleneck_width"]).sum()),
        "own": _cell(preferred),
        "selected_as_own": int(is_cell(picked, preferred).sum()),
        "won": chosen["won"],
        "ratio_to_pca": _interval(chosen, "split_ratio", "split_low", "split_high"),
        "rival": None,
        "over_rival": None,
    }
    if len(rivals_C):
        rival = _row(cells_C, rivals_C.idxmin())
        mine_J, theirs_J = (others["error"][is_cell(others, cell)].to_numpy() for cell in (chosen, rival))
        over = t_interval(mine_J / theirs_J, subject.params.evaluate.confidence, overlap(subject, splits))
        found |= {"rival": _cell(rival), "over_rival": over}
    return found


def _row(table: pd.DataFrame, index: Any) -> dict[str, Any]:
    return table.loc[[index]].to_dict("records")[0]  # type: ignore[return-value]


def _cell(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in CELL}


def _interval(row: dict[str, Any], value: str, low: str, high: str) -> Interval:
    low_, high_ = (row[name] if math.isfinite(row[name]) else None for name in (low, high))
    return Interval(row[value], low_, high_)
