"""One function a stage: parameters and folders in, files out. Both doors, DVC and Prefect, run these.

A stage reads the folders of the stages it needs and writes its own, whole or not at all.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cic.config import Params, digest
from cic.data.audit import audit_split
from cic.data.checks import check_matrix
from cic.data.matrix import fingerprints, read_matrix, write_matrix
from cic.data.roles import with_roles, without_roles
from cic.data.split import split_samples
from cic.data.synthetic import planted_activity
from cic.digests import data_digest, gene_sets_digest, model_digest, source_digest
from cic.errors import DataError, ModelError, ServiceError
from cic.evaluation.evaluate import evaluate as evaluate_bundle
from cic.evaluation.evaluate import parts_of
from cic.evaluation.subject import Given
from cic.folders import Folders, read_json, read_part, read_parts, write_json
from cic.model.bundle import Bundle, bundle_digest, load_bundle, save_bundle
from cic.model.calibration import calibrated
from cic.model.prepare import prepare, search_folds
from cic.model.training import Fold, Hyperparameters, pca_error
from cic.model.trial import Fitted, NotFitted, TrialSpec, fit_from_spec, run_trial
from cic.progress import track
from cic.search.figures import importance_figure, surface_figure, svg
from cic.search.records import records_frame
from cic.search.selection import finalists_frame
from cic.search.space import Space
from cic.search.storage import Finished
from cic.search.study import Round
from cic.search.study import search as search_study
from cic.seeds import derive_seed
from cic.settings import Settings
from cic.tracking.runs import TrialRow, finish_search_run, log_trials, open_search_run, reap_dead_runs
from cic.workers import make_executor

EXPERIMENT = "cic"
CURVE_COLUMNS = ["training", "kept", "epoch", "train_error", "validation_error", "validation_accuracy"]


@dataclass(frozen=True)
class Stage:
    """What a stage is called, what it runs, and what its outcome depends on.

    Attributes
    ----------
    needs
        Stages whose folders it reads.
    sections
        Sections of `params.yaml` that it reads, besides `seed`.
    files
        What it leaves behind, relative to its folder.
    """

    name: str
    run: Callable[[Params, Folders, Path, Settings], None]
    needs: tuple[str, ...]
    sections: tuple[str, ...]
    files: tuple[str, ...]


def ingest(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Read the profiles that the parameters name, give the sample columns their roles, and check them."""
    found = read_matrix(Path(params.data.file))
    matrix = with_roles(found, params)
    write_matrix(out / "matrix.parquet", matrix)
    write_json(out / "checks.json", check_matrix(matrix, without_roles(found, params)))


def split(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Split into train, validation and test, and audit the split for leakage."""
    matrix = read_matrix(folders["ingest"] / "matrix.parquet")
    part = split_samples(matrix.samples, params.split, derive_seed(params.seed, "split"))
    part.rename("part").rename_axis("sample_id").to_csv(out / "split.csv")
    write_json(out / "audit.json", audit_split(matrix, part, params.split).to_json())


def search(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Search over depth and bottleneck width in rounds, and choose; one MLflow run a trial."""
    matrix, part_S = read_parts(folders)
    space = Space.of(params.search)
    identity = {
        "data": data_digest(matrix),
        "split": hashlib.sha256("\n".join(part_S).encode()).hexdigest(),
        "training": digest(params.preprocess, params.training),
        # trials of another release must not be taken for those of this one
        "code": source_digest(),
    }
    folds = search_folds(matrix, read_part(folders), params)
    uri = settings.tracking_uri
    reap_dead_runs(uri, EXPERIMENT)
    run_id = open_search_run(
        uri,
        EXPERIMENT,
        digest(params.seed, params.search, *identity.values()),
        {"seed": params.seed, **params.search.model_dump(mode="json"), **params.training.model_dump(mode="json")},
        {"cic.data_file": params.data.file},
        settings.artifact_location,
    )

    def log_round(finished: Round) -> None:
        log_trials(uri, run_id, [_trial_row(each) for each in finished.finished])

    def make_spec(
        number: int, hyper: Hyperparameters, seed: int, thresholds: tuple[tuple[int, float], ...]
    ) -> TrialSpec:
        return TrialSpec(number, hyper, seed, params.training, folds, thresholds, params.search.trial_seconds)

    try:
        with make_executor(params.search.workers, params.search.scheduler) as workers:
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
    summary = {"best_val_unexplained": chosen.mean, "best_val_ratio_to_pca": chosen.mean / chosen.pca_error}
    figures = (out / "surface.svg", out / "importance.svg")
    finish_search_run(uri, run_id, summary, figures, {"cic.choice": outcome.choice.reason})


def _trial_row(finished: Finished) -> TrialRow:
    record = finished.record
    metrics: dict[str, float] = {"epochs": record.epochs, "seconds": finished.seconds}
    if record.error is not None and record.error_ratio_to_pca is not None:
        metrics |= {"val_unexplained": record.error, "val_ratio_to_pca": record.error_ratio_to_pca}
    parameters = {**record.hyper.model_dump(), "seed": record.seed}
    return TrialRow(record.number, record.state, record.reason, parameters, metrics)


def fit(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Train the chosen architecture from several seeds, and keep the best by validation error."""
    matrix, part_S = read_parts(folders)
    train, validation = (matrix.select(part_S == name) for name in ("train", "validation"))
    hyper = Hyperparameters.model_validate(read_json(folders["search"] / "choice.json")["hyperparameters"])
    prepared = prepare(train, validation, params, params.training.rank)
    fitted, failed = fit_seeds(prepared.fold, hyper, params, settings)
    best = min(fitted, key=lambda one: one.validation_error)
    bundle = Bundle(
        prepared.preprocessor,
        prepared.basis,
        calibrated(best.network, prepared.fold),
        prepared.labels,
        about={
            "hyperparameters": hyper.model_dump(),
            "seed": best.seed,
            "validation_error": best.validation_error,
            "trained_on": sorted(fingerprints(np.concatenate([train.values, validation.values]))),
            "data_digest": data_digest(matrix),
            "params_digest": model_digest(params),
            "versions": {name: importlib.metadata.version(name) for name in ("cic", "torch", "numpy")},
        },
    )
    save_bundle(out / "bundle", bundle)
    curves = [
        {"training": number, "kept": one is best, **asdict(epoch)}
        for number, one in enumerate(fitted)
        for epoch in one.curve
    ]
    pd.DataFrame(curves, columns=CURVE_COLUMNS).to_csv(out / "curves.csv", index=False)
    write_json(
        out / "fit.json",
        {
            "best_epoch": best.best_epoch,
            "validation_error": best.validation_error,
            "validation_error_pca": pca_error(prepared.fold, hyper.bottleneck_width),
            "validation_errors": [one.validation_error for one in fitted],
            "failed": [asdict(one) for one in failed],
            "rank": prepared.basis.rank,
            "variance_left_out": prepared.basis.left_out,
            "bundle_digest": bundle_digest(out / "bundle"),
        },
    )


def fit_seeds(
    fold: Fold, hyper: Hyperparameters, params: Params, settings: Settings
) -> tuple[list[Fitted], list[NotFitted]]:
    """Train from `fit.seeds` seeds; where a training comes to nothing another seed takes over, as many times at most.

    Raises
    ------
    ModelError
        If no training succeeds.
    """
    wanted, fitted, failed = params.fit.seeds, list[Fitted](), list[NotFitted]()
    with make_executor(1 if settings.torch_device != "cpu" else params.search.workers, params.search.scheduler) as crew:
        for first in (0, wanted):
            numbers = range(first, first + wanted - len(fitted))
            seeds = [derive_seed(params.seed, "fit", number) for number in numbers]
            specs = [
                TrialSpec(number, hyper, seed, params.training, (fold,))
                for number, seed in zip(numbers, seeds, strict=True)
            ]
            run = partial(fit_from_spec, device=settings.torch_device)
            for one in track(crew.map(run, specs), "fit", total=len(specs)):
                if isinstance(one, Fitted):
                    fitted.append(one)
                else:
                    failed.append(one)
            if len(fitted) == wanted:
                break
    if not fitted:
        raise ModelError(
            f"none of {len(failed)} trainings came to anything: {failed[0].reason}",
            where="fit",
            fix="search lower learning rates (`search.learning_rate`), or leave the architecture out of the search",
        )
    return fitted, failed


def evaluate(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Measure the model beside replicates, PCA and what else it must be held against; write the report."""
    matrix = read_matrix(folders["ingest"] / "matrix.parquet")
    given = Given(
        bundle=load_bundle(folders["fit"] / "bundle"),
        matrix=matrix,
        part_S=parts_of(matrix, read_part(folders)),
        trials=pd.read_csv(folders["search"] / "trials.csv"),
        finalists=pd.read_csv(folders["search"] / "finalists.csv"),
        choice=read_json(folders["search"] / "choice.json"),
        curves=pd.read_csv(folders["fit"] / "curves.csv"),
        audit=read_json(folders["split"] / "audit.json"),
        checks=read_json(folders["ingest"] / "checks.json"),
        truth=planted_activity(Path(params.data.file), matrix.samples.index),
    )
    with make_executor(params.search.workers, params.search.scheduler) as workers:
        evaluate_bundle(given, params, workers, derive_seed(params.seed, "evaluate"), out)


STAGES = {
    stage.name: stage
    for stage in (
        Stage("ingest", ingest, (), ("data",), ("matrix.parquet", "checks.json")),
        Stage("split", split, ("ingest",), ("split",), ("split.csv", "audit.json")),
        Stage(
            "search",
            search,
            ("ingest", "split"),
            ("preprocess", "training", "search"),
            (
                "trials.csv",
                "finalists.csv",
                "choice.json",
                "study.json",
                "timing.csv",
                "surface.svg",
                "importance.svg",
            ),
        ),
        Stage(
            "fit",
            fit,
            ("ingest", "split", "search"),
            ("preprocess", "training", "fit"),
            ("bundle/model.safetensors", "bundle/model.json", "bundle/origin.json", "curves.csv", "fit.json"),
        ),
        Stage(
            "evaluate",
            evaluate,
            ("ingest", "split", "search", "fit"),
            ("data", "training", "search", "evaluate"),
            (
                "metrics.json",
                "report.html",
                "profiles.csv",
                "labels.csv",
                "codes.csv",
                "codes_2d.csv",
                "curves.csv",
                "surface.csv",
                "figures",
                "tables",
            ),
        ),
    )
}


def run_stage(name: str, params: Params, folders: Folders, settings: Settings) -> None:
    """Run one stage, and put its folder in place only when it is whole.

    Raises
    ------
    DataError
        If a stage before it has not been run.
    """
    stage = STAGES[name]
    for before in stage.needs:
        missing = [file for file in STAGES[before].files if not (folders[before] / file).exists()]
        if missing:
            raise DataError(
                f"stage `{name}` needs {missing[0]} of stage `{before}`",
                where=str(folders[before]),
                fix=f"run `cic {before}` first, or `dvc repro`",
            )
    out = folders[name]
    work = out.with_name(f".{out.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        stage.run(params, folders, work, settings)
        shutil.rmtree(out, ignore_errors=True)
        work.replace(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def stage_keys(params: Params, data_md5: str) -> dict[str, str]:
    """Give a digest a stage of all that its outcome depends on: data, parameters, the stages before it, the code."""
    keys: dict[str, str] = {}
    for stage in STAGES.values():
        sections = [getattr(params, name) for name in stage.sections]
        before = [keys[name] for name in stage.needs] or [data_md5]
        if stage.name == "evaluate":
            before.append(gene_sets_digest(Path(params.evaluate.gene_sets)))
        keys[stage.name] = digest(stage.name, source_digest(), params.seed, *sections, *before)
    return keys


def workspace(root: Path) -> dict[str, Path]:
    """Give the folder of each stage below `root`, as `dvc.yaml` names them."""
    return {name: root / name for name in STAGES}
