"""One search on a file of profiles, outside of the pipeline: what several benches begin with."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from cic.config import Params
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.roles import with_roles
from cic.data.split import split_samples
from cic.model.prepare import search_folds
from cic.model.scale_choice import with_scale
from cic.model.trial import TrialSpec, run_trial
from cic.search.study import SearchOutcome, search
from cic.seeds import derive_seed
from cic.workers.workers import Workers


def searched(params: Params, workers: Workers) -> tuple[ExpressionMatrix, pd.Series, SearchOutcome]:
    """Split the profiles that the parameters name, and search, in a study that nobody keeps."""
    matrix = with_roles(read_matrix(Path(params.data.file)), params)
    part = split_samples(matrix.samples, params.split, derive_seed(params.seed, "split"))
    folds = search_folds(matrix, part, with_scale(params, matrix, part.to_numpy()))
    with tempfile.TemporaryDirectory() as scratch:
        outcome = search(
            params.search,
            seed=params.seed,
            identity={},
            storage_url=f"sqlite:///{scratch}/optuna.db",
            make_spec=lambda number, hyper, seed, thresholds: TrialSpec(
                number, hyper, seed, params.training, folds, thresholds
            ),
            run=run_trial,
            workers=workers,
        )
    return matrix, part, outcome
