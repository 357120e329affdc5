"""Stage `search`: trials in rounds, and the choice."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from cic.config import Params, digest
from cic.data.matrix import ExpressionMatrix
from cic.dependencies import closure, code_digest, libraries, versions_of
from cic.digests import data_digest
from cic.folders import Folders, read_part, read_parts, write_json
from cic.model.prepare import search_folds
from cic.model.scale_choice import with_transform
from cic.model.training import Hyperparameters
from cic.model.trial import TrialSpec, run_trial
from cic.search.figures import importance_figure, surface_figure, svg
from cic.search.records import records_frame
from cic.search.selection import Choice, finalists_frame
from cic.search.space import Space
from cic.search.study import SearchOutcome
from cic.search.study import search as search_study
from cic.settings import Settings
from cic.tracking.searches import shown_search
from cic.workers.executor import make_executor

TRIALS = ("cic.model.prepare", "cic.model.trial", "cic.search.study")
"""Modules on whose code the outcome of a trial depends."""
SURFACE, IMPORTANCE = "surface.svg", "importance.svg"


def search(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Search over depth and bottleneck width in rounds, and choose; MLflow shows it meanwhile, a run a trial."""
    matrix, part_S = read_parts(folders)
    params = with_transform(params, matrix, part_S)
    identity = _identity(params, matrix, part_S)
    # the workers start while this process prepares what they are given
    with make_executor(params.search.workers, params.search.scheduler, [run_trial]) as workers:
        folds = search_folds(matrix, read_part(folders), params)

        def make_spec(
            number: int, hyper: Hyperparameters, seed: int, thresholds: tuple[tuple[int, float], ...]
        ) -> TrialSpec:
            return TrialSpec(number, hyper, seed, params.training, folds, thresholds, params.search.trial_seconds)

        with shown_search(params, identity, settings) as shown:
            outcome = search_study(
                params.search,
                seed=params.seed,
                identity=identity,
                storage_url=settings.optuna_url,
                make_spec=make_spec,
                run=run_trial,
                workers=workers,
                on_round=shown.log_round,
            )
            _write_outcome(outcome, params, shown.run_id, out)
            _draw(outcome, Space.of(params.search), out)
            shown.close(outcome, out / SURFACE, [out / IMPORTANCE])


def _identity(params: Params, matrix: ExpressionMatrix, part_S: np.ndarray) -> dict[str, str]:
    """Give digests of what the outcome of a trial depends on beside the space and the seed."""
    return {
        "data": data_digest(matrix),
        "split": hashlib.sha256("\n".join(part_S).encode()).hexdigest(),
        "training": digest(params.preprocess, params.training),
        # trials of other code must not be taken for those of this one
        "code": code_digest(closure(*TRIALS)),
        "versions": json.dumps(versions_of(libraries(closure(*TRIALS)))),
    }


def _write_outcome(outcome: SearchOutcome, params: Params, run_id: str, out: Path) -> None:
    records_frame(outcome.records).to_csv(out / "trials.csv", index=False)
    finalists_frame(outcome.finalists).to_csv(out / "finalists.csv", index=False)
    seconds = pd.Series(outcome.seconds, name="seconds").rename_axis("number")
    seconds.to_csv(out / "timing.csv")
    write_json(out / "choice.json", _choice(outcome.choice, params))
    write_json(
        out / "study.json",
        {
            "study": outcome.study,
            "trials": len(outcome.records),
            "search_run_id": run_id,
            "wall_seconds": outcome.timing.wall,
            "training_seconds": outcome.timing.training,
            "workers": outcome.timing.workers,
            "not_training": outcome.timing.not_training,
        },
    )


def _choice(choice: Choice, params: Params) -> dict[str, object]:
    """Give the choice as `choice.json` has it: the architecture and scale that `fit` trains, why, and the error."""
    chosen = choice.finalist
    return {
        "hyperparameters": chosen.hyper.model_dump(mode="json"),
        "transform": params.preprocess.transform,
        "reason": choice.reason,
        "trial": chosen.number,
        "mean_error": chosen.mean,
        "standard_error": chosen.standard_error,
        "pca_error": chosen.pca_error,
    }


def _draw(outcome: SearchOutcome, space: Space, out: Path) -> None:
    (out / SURFACE).write_bytes(svg(surface_figure(outcome.records, outcome.choice.finalist)))
    (out / IMPORTANCE).write_bytes(svg(importance_figure(space, outcome.records)))
