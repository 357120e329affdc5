"""Stage `evaluate`: the model beside replicates, PCA and its other rivals; the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from cic.config import Params
from cic.data.synthetic import planted_activity
from cic.evaluation.evaluate import evaluate as evaluate_bundle
from cic.evaluation.evaluate import parts_of
from cic.evaluation.profiles.sample import measured
from cic.evaluation.retrainings.retraining import retrain
from cic.evaluation.subject import Given
from cic.folders import Folders, read_json, read_part, read_parts
from cic.model.bundle_files import load_bundle
from cic.seeds import derive_seed
from cic.settings import Settings
from cic.workers.executor import make_executor


def evaluate(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Measure the model beside replicates, PCA and what else it must be held against; write the report."""
    matrix, part_S = read_parts(folders)
    matrix = matrix.select(part_S != "sealed")  # nobody looks at these before the gate
    part_S, n_profiles = parts_of(matrix, read_part(folders)), matrix.n_samples
    truth = planted_activity(Path(params.data.file), matrix.samples.index)
    keep_S = measured(matrix.samples, part_S, params.evaluate.most_profiles, derive_seed(params.seed, "evaluate"))
    matrix = matrix.select(keep_S)
    given = Given(
        bundle=load_bundle(folders["fit"] / "bundle"),
        matrix=replace(matrix, values=matrix.dense()),
        part_S=part_S[keep_S],
        n_profiles=n_profiles,
        trials=pd.read_csv(folders["search"] / "trials.csv"),
        finalists=pd.read_csv(folders["search"] / "finalists.csv"),
        choice=read_json(folders["search"] / "choice.json"),
        curves=pd.read_csv(folders["fit"] / "curves.csv"),
        audit=read_json(folders["split"] / "audit.json"),
        checks=read_json(folders["ingest"] / "checks.json"),
        truth=None if truth is None else truth.loc[matrix.samples.index],
    )
    with make_executor(params.search.workers, params.search.scheduler, [retrain], params.search.shared) as workers:
        evaluate_bundle(given, params, workers, derive_seed(params.seed, "evaluate"), out)
