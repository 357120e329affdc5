"""Stage `search`: trials in rounds, and the choice."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cic.config import Params, digest
from cic.data.matrix import ExpressionMatrix
from cic.dependencies import closure, code_digest, libraries, versions_of
from cic.digests import data_digest
from cic.folders import Folders, read_part, read_parts, write_json
from cic.model.batched import run_trials
from cic.model.prepare import search_folds
from cic.model.scale_choice import with_scale
from cic.model.start import Start
from cic.model.training import Hyperparameters
from cic.model.trial import TrialSpec, run_trial
from cic.search.figures import importance_figure, surface_figure, svg
from cic.search.records import records_frame
from cic.search.selection import Choice, finalists_frame
from cic.search.space import Space
from cic.search.start_choice import chosen_start
from cic.search.study import SearchOutcome
from cic.search.study import search as search_study
from cic.settings import Settings
from cic.stages.crew import crew
from cic.stages.start import lender
from cic.tracking.searches import shown_search

TRIALS = ("cic.model.prepare", "cic.model.trial", "cic.search.study")
"""Modules on whose code the outcome of a trial depends."""
AT_ONCE = "cic.model.batched"
"""Likewise, where it does not run on processors."""
SURFACE, IMPORTANCE = "surface.svg", "importance.svg"


def search(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Search over depth and bottleneck width in rounds, and choose; MLflow shows it meanwhile, a run a trial."""
    matrix, part_S = read_parts(folders)
    params = with_scale(params, matrix, part_S)
    device = settings.torch_device
    lends = lender(params, matrix, settings)
    # the workers start while this process prepares what they are given
    with crew(params.search, device, run_trial, run_trials) as workers:
        start = chosen_start(lends, params, matrix, part_S, workers, device)
        folds = search_folds(matrix, read_part(folders), params, workers.pass_over, start)
        identity = identity_of(params, matrix, part_S, device, start)

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
                run=partial(run_trial, device=device),
                workers=workers,
                on_round=shown.log_round,
            )
            _write_outcome(outcome, params, start, shown.run_id, out)
            _draw(outcome, Space.of(params.search), out)
            shown.close(outcome, out / SURFACE, [out / IMPORTANCE])


def identity_of(
    params: Params, matrix: ExpressionMatrix, part_S: np.ndarray, device: str, start: Start | None = None
) -> dict[str, str]:
    """Give digests of what the outcome of a trial depends on beside the space and the seed.

    The device is named where it is not the processor: what it adds up in another order is another number.
    """
    begun = {} if start is None else {"start": f"{start.bundle.digest} {start.share}"}
    modules, on_device = (TRIALS, {}) if device == "cpu" else ((*TRIALS, AT_ONCE), {"device": device})
    return {
        "data": data_digest(matrix),
        "split": hashlib.sha256("\n".join(part_S).encode()).hexdigest(),
        "training": digest(params.preprocess, params.training),
        # trials of other code must not be taken for those of this one
        "code": code_digest(closure(*modules)),
        "versions": json.dumps(versions_of(libraries(closure(*modules)))),
        **on_device,
        **begun,
    }


def _write_outcome(outcome: SearchOutcome, params: Params, start: Start | None, run_id: str, out: Path) -> None:
    records_frame(outcome.records).to_csv(out / "trials.csv", index=False)
    finalists_frame(outcome.finalists).to_csv(out / "finalists.csv", index=False)
    seconds = pd.Series(outcome.seconds, name="seconds").rename_axis("number")
    seconds.to_csv(out / "timing.csv")
    write_json(out / "choice.json", _choice(outcome.choice, params, start))
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


def _choice(choice: Choice, params: Params, start: Start | None) -> dict[str, object]:
    """Give the choice as `choice.json` has it: architecture, scale and start that `fit` trains, why, and the error."""
    chosen = choice.finalist
    return {
        "hyperparameters": chosen.hyper.model_dump(mode="json"),
        "transform": params.preprocess.transform,
        "within_sample": params.preprocess.within_sample,
        "start_share": None if start is None else start.share,
        "reason": choice.reason,
        "trial": chosen.number,
        "mean_error": chosen.mean,
        "standard_error": chosen.standard_error,
        "pca_error": chosen.pca_error,
    }


def _draw(outcome: SearchOutcome, space: Space, out: Path) -> None:
    (out / SURFACE).write_bytes(svg(surface_figure(outcome.records, outcome.choice.finalist)))
    (out / IMPORTANCE).write_bytes(svg(importance_figure(space, outcome.records)))
