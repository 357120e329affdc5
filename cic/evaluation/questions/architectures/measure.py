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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cic.data.split import grouped_folds, unit_of_samples
from cic.evaluation.finding import Answer
from cic.evaluation.questions.architectures.cost import multiply_adds, parameters
from cic.evaluation.questions.architectures.found import Found
from cic.evaluation.retrainings.retraining import retrain_all
from cic.evaluation.statistics.intervals import Interval
from cic.evaluation.subject import Subject
from cic.model.training import Hyperparameters
from cic.seeds import derive_seed

CELL = ["depth", "bottleneck_width"]


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
    cells_C["chosen"] = _is(cells_C, subject.hyper.model_dump())
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
        cells_C = cells_C.merge(_over_splits(contests, config.confidence, _overlap(subject, splits)), on=CELL)
    else:
        left_out["architectures.splits"] = (
            "all training and validation profiles are linked by group or replicates, so they cannot be split otherwise."
        )
    metrics = _of_search(cells_C) | {
        "splits": _of_splits(subject, cells_C, contests, splits) if splits else None,
    }
    tables = {"architectures": cells_C.drop(columns="hyper")} | ({"architecture_splits": contests} if splits else {})
    return Answer(Found.model_validate(metrics), left_out, {}, tables)


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
            half = found["standard_error"] * _t(confidence, found["trainings"])
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


def other_splits(subject: Subject) -> list[np.ndarray]:
    """Give masks of the validation profiles: those of the search's split, then those of `evaluate.split_seeds` others.

    The others are folds of the profiles outside the test part, whole by group and replicates and as large as the
    validation part is. Their validation profiles are disjoint until every profile has been among them once. Nothing
    is given where all profiles belong together.
    """
    seen_S, subset_S = subject.part_S != "test", subject.part_S == "validation"
    samples = subject.samples[seen_S]
    n_folds = min(max(2, round(seen_S.sum() / subset_S.sum())), len(np.unique(unit_of_samples(samples))))
    if n_folds < 2:
        return []
    masks = [subset_S]
    for number in range(subject.params.evaluate.split_seeds):
        again, fold = divmod(number, n_folds)
        fold_S = np.full(len(seen_S), -1)
        fold_S[seen_S] = grouped_folds(samples, n_folds, derive_seed(subject.seed, "architectures", "folds", again))
        masks.append(fold_S == fold)
    return masks


def contest(subject: Subject, cells_C: pd.DataFrame, splits: Sequence[np.ndarray]) -> pd.DataFrame:
    """Train every cell on every split: the table `architecture_splits`.

    One training a cell and split, so the rule takes the standard error of a single one: the spread between the
    search's seeds.
    """
    # PCA comes with any training of its width; depth 0 is only trained, in no time, where nothing deeper is
    deeper = set(cells_C.loc[cells_C["depth"] > 0, "bottleneck_width"])
    trained_C = cells_C[(cells_C["depth"] > 0) | ~cells_C["bottleneck_width"].isin(deeper)]
    seen_S = subject.part_S != "test"
    bouts = [(split, row) for split in range(len(splits)) for row in trained_C.to_dict("records")]
    specs = []
    for split, row in bouts:
        name = f"architectures/split {split}/depth {row['depth']}, width {row['bottleneck_width']}"
        spec = subject.retraining(name, seen_S & ~splits[split], splits[split], hyper=row["hyper"])
        specs.append(replace(spec, hyper=row["hyper"]))  # hidden layers keep their width
    rows = {}
    for (split, row), found in zip(bouts, retrain_all(specs, subject.workers, "architectures"), strict=True):
        width, validation_S = row["bottleneck_width"], splits[split]
        total = found.mean_error_S[validation_S].sum()
        pca_error = float(found.pca_error_S[validation_S].sum() / total)
        rows[split, 0, width] = (pca_error, pca_error)
        if row["depth"]:
            rows[split, row["depth"], width] = (float(found.error_S[validation_S].sum() / total), pca_error)
    spread_C = cells_C["standard_error"] * np.sqrt(cells_C["trainings"])
    spread_C = spread_C.fillna(spread_C[cells_C["depth"] > 0].median()).fillna(0.0)
    tables = []
    for split in range(len(splits)):
        cells = cells_C[CELL].copy()
        cells.insert(0, "split", split)
        cells[["error", "pca_error"]] = [rows[split, depth, width] for depth, width in cells[CELL].to_numpy()]
        cells["ratio_to_pca"] = cells["error"] / cells["pca_error"]
        cells["selected"] = cells.index == rule(cells_C, cells["error"], spread_C)
        cells["won"] = cells.index == cells["error"].idxmin()
        tables.append(cells)
    return pd.concat(tables, ignore_index=True)


def t_interval(value_J: np.ndarray, confidence: float, overlap: float) -> Interval:
    """Give the mean over splits with Student's t interval; none of fewer than two splits.

    `overlap`, validation over training profiles, widens it for training sets that share profiles: the corrected
    resampled t test (Nadeau and Bengio 2003).
    """
    mean, n = float(np.mean(value_J)), len(value_J)
    if n < 2:
        return Interval(mean, None, None)
    half = _t(confidence, n) * math.sqrt((1 / n + overlap) * float(np.var(value_J, ddof=1)))
    return Interval(mean, mean - half, mean + half)


def _t(confidence: float, n: int) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, n - 1)) if n > 1 else 0.0


def _overlap(subject: Subject, splits: Sequence[np.ndarray]) -> float:
    n_validation = float(np.mean([validation_S.sum() for validation_S in splits[1:]]))
    return n_validation / ((subject.part_S != "test").sum() - n_validation)


def _over_splits(contests: pd.DataFrame, confidence: float, overlap: float) -> pd.DataFrame:
    """Give what the splits other than the search's come to, a row a cell."""
    rows = []
    for cell, cells in contests[contests["split"] > 0].groupby(CELL):
        ratio = t_interval(cells["ratio_to_pca"].to_numpy(), confidence, overlap)
        rows.append(
            dict(zip(CELL, cell, strict=True))
            | {"split_error": cells["error"].mean(), "split_ratio": ratio.value}
            | {"split_low": ratio.low, "split_high": ratio.high}
            | {name: int(cells[name].sum()) for name in ("selected", "won")}
        )
    return pd.DataFrame(rows).astype({"split_low": float, "split_high": float})


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
        "selected_as_own": int(_is(picked, preferred).sum()),
        "won": chosen["won"],
        "ratio_to_pca": _interval(chosen, "split_ratio", "split_low", "split_high"),
        "rival": None,
        "over_rival": None,
    }
    if len(rivals_C):
        rival = _row(cells_C, rivals_C.idxmin())
        over_J = others["error"][_is(others, chosen)].to_numpy() / others["error"][_is(others, rival)].to_numpy()
        over = t_interval(over_J, subject.params.evaluate.confidence, _overlap(subject, splits))
        found |= {"rival": _cell(rival), "over_rival": over}
    return found


def _is(table: pd.DataFrame, cell: Mapping[str, Any]) -> pd.Series:
    """Tell which rows are of the cell; those of `architecture_splits` are in order of split."""
    return (table["depth"] == cell["depth"]) & (table["bottleneck_width"] == cell["bottleneck_width"])


def _row(table: pd.DataFrame, index: Any) -> dict[str, Any]:
    return table.loc[[index]].to_dict("records")[0]  # type: ignore[return-value]


def _cell(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in CELL}


def _interval(row: dict[str, Any], value: str, low: str, high: str) -> Interval:
    low_, high_ = (row[name] if math.isfinite(row[name]) else None for name in (low, high))
    return Interval(row[value], low_, high_)
