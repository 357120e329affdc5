"""Stage `search`: trials in rounds, and the choice; one MLflow run a trial."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pandas as pd

from cic.config import Params, digest
from cic.dependencies import closure, code_digest, libraries, versions_of
from cic.digests import data_digest
from cic.errors import ServiceError
from cic.folders import Folders, read_part, read_parts, write_json
from cic.model.prepare import search_folds
from cic.model.training import Hyperparameters
from cic.model.trial import TrialSpec, run_trial
from cic.search.figures import importance_figure, surface_figure, svg
from cic.search.note import search_note
from cic.search.records import records_frame
from cic.search.selection import finalists_frame
from cic.search.space import Space
from cic.search.storage import Finished
from cic.search.study import Round
from cic.search.study import search as search_study
from cic.settings import Settings
from cic.tracking.lineage import flat_params, shown_hyperparameters
from cic.tracking.pages import shown_artifact
from cic.tracking.runs import (
    TAG_NOTE,
    TrialRow,
    experiment_of,
    finish_search_run,
    log_trials,
    open_search_run,
    reap_dead_runs,
)
from cic.workers.executor import make_executor

TRIALS = ("cic.model.prepare", "cic.model.trial", "cic.search.study")
"""Modules on whose code the outcome of a trial depends."""


def search(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Search over depth and bottleneck width in rounds, and choose; one MLflow run a trial."""
    matrix, part_S = read_parts(folders)
    space = Space.of(params.search)
    identity = {
        "data": data_digest(matrix),
        "split": hashlib.sha256("\n".join(part_S).encode()).hexdigest(),
        "training": digest(params.preprocess, params.training),
        # trials of other code must not be taken for those of this one
        "code": code_digest(closure(*TRIALS)),
        "versions": json.dumps(versions_of(libraries(closure(*TRIALS)))),
    }
    folds = search_folds(matrix, read_part(folders), params)
    uri = settings.tracking_uri
    experiment = experiment_of(params.data.name)
    reap_dead_runs(uri, experiment)
    run_id = open_search_run(
        uri,
        experiment,
        digest(params.seed, params.search, *identity.values()),
        f"{params.data.name} search of {params.search.trials} trials",
        flat_params(
            {
                "seed": params.seed,
                "search": params.search.model_dump(mode="json"),
                "training": params.training.model_dump(mode="json"),
            }
        ),
        {"cic.data_file": params.data.file},
        settings.artifact_location,
    )

    def log_round(finished: Round) -> None:
        log_trials(uri, run_id, [_trial_row(each, params.data.name) for each in finished.finished])

    def make_spec(
        number: int, hyper: Hyperparameters, seed: int, thresholds: tuple[tuple[int, float], ...]
    ) -> TrialSpec:
        return TrialSpec(number, hyper, seed, params.training, folds, thresholds, params.search.trial_seconds)

    try:
        with make_executor(params.search.workers, params.search.scheduler, [run_trial]) as workers:
            outcome = search_study(
                params.search,
                seed=params.seed,
                identity=identity,
                storage_url=settings.optuna_url,
                make_spec=make_spec,
                run=run_trial,
                workers=workers,
                on_round=log_round,
            )
    except BaseException:
        with suppress(ServiceError):  # if MLflow is gone too, the first error is the one to show
            finish_search_run(uri, run_id, {}, status="KILLED")
        raise
    records_frame(outcome.records).to_csv(out / "trials.csv", index=False)
    finalists_frame(outcome.finalists).to_csv(out / "finalists.csv", index=False)
    seconds = pd.Series(outcome.seconds, name="seconds").rename_axis("number")
    seconds.to_csv(out / "timing.csv")
    chosen = outcome.choice.finalist
    write_json(
        out / "choice.json",
        {
            "hyperparameters": chosen.hyper.model_dump(mode="json"),
            "reason": outcome.choice.reason,
            "trial": chosen.number,
            "mean_error": chosen.mean,
            "standard_error": chosen.standard_error,
            "pca_error": chosen.pca_error,
        },
    )
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
    (out / "surface.svg").write_bytes(svg(surface_figure(outcome.records, chosen)))
    (out / "importance.svg").write_bytes(svg(importance_figure(space, outcome.records)))
    states = Counter(record.state for record in outcome.records)
    summary: dict[str, float] = {
        "error_over_pca_validation": chosen.mean / chosen.pca_error,
        "unexplained_validation": chosen.mean,
        **{f"trials_{state}": states[state] for state in ("complete", "pruned", "failed")},
    }
    figures = (out / "surface.svg", out / "importance.svg")
    note = search_note(outcome.records, outcome.choice) + "\n\n" + shown_artifact(run_id, "figures/surface.svg")
    tags = {"cic.choice": outcome.choice.reason, TAG_NOTE: note}
    finish_search_run(uri, run_id, summary, figures, tags)


def _trial_row(finished: Finished, data: str) -> TrialRow:
    record = finished.record
    metrics: dict[str, float] = {}
    if record.error is not None and record.error_ratio_to_pca is not None:
        metrics = {"error_over_pca_validation": record.error_ratio_to_pca, "unexplained_validation": record.error}
    metrics |= {"seconds": finished.seconds, "trained_epochs": record.epochs}
    parameters = {**shown_hyperparameters(record.hyper.model_dump()), "seed": record.seed}
    return TrialRow(record.number, record.state, record.reason, data, parameters, metrics)
