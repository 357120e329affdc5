"""The whole search and the whole evaluation, as the stages run them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from bench.data import load, prepared
from bench.rivals import SHAPE
from cic.checking.check import check
from cic.config import Params
from cic.data.audit import audit_split
from cic.data.synthetic import planted_activity
from cic.declarations import declarations
from cic.evaluation.evaluate import evaluate
from cic.evaluation.measure import MEASURES_BAR
from cic.evaluation.retrainings.retraining import retrain
from cic.evaluation.subject import Given
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.fold import Fold, pca_error
from cic.model.prepare import search_folds
from cic.model.training import Hyperparameters
from cic.model.trial import TrialSpec, fit_network, run_trial
from cic.progress import observed
from cic.search.study import search
from cic.workers.executor import make_executor


def whole_search(file: str, trials: int, rank: int) -> dict[str, float]:
    """Time a search as the stage runs it, and the share of its time that is not training."""
    params, matrix, part = load(file)
    params = params.model_copy(update={"search": params.search.model_copy(update={"trials": trials, "rank": rank})})
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, make_executor(running=[run_trial]) as workers:
        folds = search_folds(matrix, part, params)
        ready = time.perf_counter() - started
        outcome = search(
            params.search,
            seed=1,
            identity={"data": "bench"},
            storage_url=f"sqlite:///{scratch}/optuna.db",
            make_spec=lambda number, hyper, seed, thresholds: TrialSpec(
                number, hyper, seed, params.training, folds, thresholds
            ),
            run=run_trial,
            workers=workers,
        )
    wall = time.perf_counter() - started
    return {
        "seconds": wall,
        "preparing_seconds": ready,
        "trainings": outcome.timing.trials,
        "not_training": 1 - outcome.timing.training / (wall * outcome.timing.workers),
        "ratio_to_pca": outcome.choice.finalist.mean / outcome.choice.finalist.pca_error,
    }


def whole_evaluation(file: str, epochs: int, changes: Mapping[str, Any]) -> dict[str, float]:
    """Time the stage `evaluate` with every measure, and each measure by itself, after training what it needs.

    `changes` are parameters of its section that are not the customary ones.
    """
    params, matrix, part = load(file)
    params = params.model_copy(update={"evaluate": params.evaluate.model_copy(update=dict(changes))})
    ready = prepared(file, 0)
    fitted = fit_network(ready.fold, SHAPE, params.training.model_copy(update={"epochs": epochs}), 1)
    about = {"hyperparameters": SHAPE.model_dump(), "seed": 1, "trained_on": [], "data_digest": "bench"}
    bundle = Bundle(ready.preprocessor, ready.basis, frozen(fitted.network), ready.labels, about)
    trials, finalists = _cells(params, ready.fold)
    given = Given(
        bundle=bundle,
        matrix=matrix,
        part_S=part.to_numpy(),
        trials=trials,
        finalists=finalists,
        choice={"hyperparameters": SHAPE.model_dump(), "reason": "the bench asked for it"},
        curves=pd.DataFrame([{"training": 0, "kept": True, **asdict(one)} for one in fitted.curve]),
        audit=audit_split(matrix, part, params.split).to_json(),
        checks=check(matrix, params).to_json(),
        truth=planted_activity(Path(file), matrix.samples.index),
    )
    started = time.perf_counter()
    moments = []

    def note(label: str, done: int, total: int | None, text: str) -> None:
        if label == MEASURES_BAR:
            moments.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as scratch, make_executor(running=[retrain]) as workers, observed(note):
        evaluate(given, params, workers, 1, Path(scratch))
    ended = time.perf_counter()
    found = {"seconds": ended - started, "seconds_preparing": moments[0] - started}
    for one, (before, after) in zip(declarations(), pairwise(moments), strict=True):
        found[f"seconds_{one.name}"] = after - before
    return found | {"seconds_writing": ended - moments[-1]}


def _cells(params: Params, fold: Fold) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give a search of one trial for each depth and width, with made-up errors: only the retrainings are timed."""
    cells = [(depth, width) for depth in params.search.depth for width in params.search.bottleneck_width]
    rows = [
        {
            **Hyperparameters(depth=depth, bottleneck_width=width).model_dump(),
            "number": number,
            "state": "complete",
            "error": pca_error(fold, width) * 0.9**depth,
            "error_ratio_to_pca": 0.9**depth,
        }
        for number, (depth, width) in enumerate(cells)
    ]
    finalists = [
        {
            "number": row["number"],
            "bottleneck_width": row["bottleneck_width"],
            "depth": row["depth"],
            "mean_error": row["error"],
            "standard_error": 0.001 if row["depth"] else 0.0,
            "trainings": 3 if row["depth"] else 1,
            "ratio_to_pca": row["error_ratio_to_pca"],
        }
        for row in rows
    ]
    return pd.DataFrame(rows), pd.DataFrame(finalists)
