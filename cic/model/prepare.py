"""From profiles and their parts to what a training takes: everything fitted on training profiles only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.config import Params
from cic.data.matrix import ExpressionMatrix
from cic.data.passes import Over, here
from cic.data.preprocess import Preprocessor
from cic.data.split import grouped_folds, unit_of_samples
from cic.errors import ConfigError
from cic.model.basis import SampleBasis, squared_norms
from cic.model.rows import PreprocessedRows
from cic.model.threads import one_thread
from cic.model.training import Fold
from cic.seeds import derive_seed

FEWEST_UNITS = 5
"""Groups of training profiles below which leaving one out leaves too little."""


@dataclass(frozen=True)
class Prepared:
    """Training and validation profiles in the basis, and what brought them there."""

    preprocessor: Preprocessor
    basis: SampleBasis
    fold: Fold
    labels: tuple[str, ...]


def prepare(
    train: ExpressionMatrix, validation: ExpressionMatrix, params: Params, rank: int, over: Over = here
) -> Prepared:
    """Fit preprocessing and sample basis on `train`, and bring both parts into the basis.

    Parameters
    ----------
    rank
        Components of the basis; 0 is full rank, where training in the basis is exact.
    over
        What passes over many profiles.

    Raises
    ------
    ConfigError
        If a classifier is asked for and the training profiles have fewer than two labels, or a penalty on groups and
        they have fewer than two groups.
    """
    with one_thread():
        preprocessor = Preprocessor.fit(train, params.preprocess, derive_seed(params.seed, "preprocess"), over)
        basis, z_train_SK = _based(train, preprocessor, rank, derive_seed(params.seed, "basis"), over)
        z_validation_SK, outside_S, total_S = in_basis(validation, preprocessor, basis, over)
    labels = label_names(train) if params.training.label_weight else ()
    group_S, kind_S = untold(train.samples) if params.training.group_penalty else (None, None)
    return Prepared(
        preprocessor,
        basis,
        Fold(
            z_train_SK,
            z_validation_SK,
            left_out_units(train.samples),
            outside_S / basis.scale**2,
            total_S / basis.scale**2,
            label_indices(train.samples, labels) if labels else None,
            label_indices(validation.samples, labels) if labels else None,
            len(labels),
            group_S,
            kind_S,
        ),
        labels,
    )


def _based(
    train: ExpressionMatrix, preprocessor: Preprocessor, rank: int, seed: int, over: Over
) -> tuple[SampleBasis, np.ndarray]:
    """Give the basis of training profiles and their coordinates in it."""
    if train.is_few:
        x_SG = preprocessor.transform(train.dense())
        basis = SampleBasis.fit(x_SG, rank, seed)
        return basis, basis.project(x_SG)[0]
    rows = PreprocessedRows(train, preprocessor, over)
    basis = SampleBasis.fit(rows, rank, seed)
    return basis, basis.project_rows(rows)[0]


def in_basis(
    matrix: ExpressionMatrix, preprocessor: Preprocessor, basis: SampleBasis, over: Over = here
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give coordinates z_SK of profiles, and their squared norms outside the basis and in all (S), in gene units."""
    if not matrix.is_few:
        return basis.project_rows(PreprocessedRows(matrix, preprocessor, over))
    x_SG = preprocessor.transform(matrix.dense())
    return *basis.project(x_SG), squared_norms(x_SG)


def left_out_units(samples: pd.DataFrame, fewest: int = FEWEST_UNITS) -> np.ndarray:
    """Give each profile the group that training leaves out with it: that of the split, or its replicates if too few."""
    unit_S = unit_of_samples(samples)
    if len(np.unique(unit_S)) < fewest:
        unit_S = unit_of_samples(samples.drop(columns="group", errors="ignore"))
    return unit_S.astype(np.int64)


def untold(samples: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
    """Give the group that is not to be told from the code, and the label within which, of each training profile.

    Raises
    ------
    ConfigError
        If the profiles have fewer than two groups.
    """
    group_S = pd.factorize(samples["group"])[0] if "group" in samples else np.zeros(0)
    if len(np.unique(group_S)) < 2:
        raise ConfigError(
            "the training profiles are of one group" if len(group_S) else "the data name no group",
            where="training.group_penalty",
            expected="at least two groups (studies, platforms, donors) among the training profiles",
            fix="name their column in `data.group`, or set `training.group_penalty: 0`",
        )
    kind_S = pd.factorize(samples["label"])[0].astype(np.int64) if "label" in samples else None
    return group_S.astype(np.int64), kind_S


def label_names(train: ExpressionMatrix) -> tuple[str, ...]:
    """Give the labels that the training profiles have, sorted."""
    labels = sorted(train.samples["label"].dropna().astype(str).unique()) if "label" in train.samples else []
    if len(labels) < 2:
        raise ConfigError(
            f"a classifier needs at least two labels, the training profiles have {len(labels)}",
            where="training.label_weight or fit.classifier",
            fix="name the column of labels in `data.label`, or set `training.label_weight: 0` and "
            "`fit.classifier: false`",
        )
    return tuple(labels)


def label_indices(samples: pd.DataFrame, labels: tuple[str, ...]) -> np.ndarray:
    """Give each sample's position in `labels`, -1 where it has none or another."""
    return pd.Index(labels).get_indexer(pd.Index(samples["label"].astype(str))).astype(np.int64)


def search_folds(matrix: ExpressionMatrix, part: pd.Series, params: Params, over: Over = here) -> tuple[Fold, ...]:
    """Give the folds that trials are scored on: the validation part, or grouped folds of train and validation.

    What is held out is never touched. A basis is fitted for every fold.
    """
    part_S = part.loc[matrix.samples.index].to_numpy()
    rank = params.search.rank or params.training.rank
    if not params.search.folds:
        train, validation = (matrix.select(part_S == name) for name in ("train", "validation"))
        return (prepare(train, validation, params, rank, over).fold,)
    seen = matrix.select(np.isin(part_S, ("train", "validation")))
    fold_S = grouped_folds(seen.samples, params.search.folds, derive_seed(params.seed, "folds"))
    return tuple(
        prepare(seen.select(fold_S != fold), seen.select(fold_S == fold), params, rank, over).fold
        for fold in range(params.search.folds)
    )
