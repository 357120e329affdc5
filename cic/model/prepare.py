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
from cic.model.fold import Fold
from cic.model.rows import PreprocessedRows
from cic.model.start import Lent, Start
from cic.model.threads import one_thread
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
    train: ExpressionMatrix,
    validation: ExpressionMatrix,
    params: Params,
    rank: int,
    over: Over = here,
    start: Start | None = None,
) -> Prepared:
    """Fit preprocessing and sample basis on `train`, and bring both parts into the basis.

    Parameters
    ----------
    rank
        Components of the basis; 0 is full rank, where training in the basis is exact.
    over
        What passes over many profiles.
    start
        A model to start from (`cic.model.start`).

    Raises
    ------
    ConfigError
        If a classifier is asked for and the training profiles have fewer than two labels, or a penalty on groups and
        they have fewer than two groups.
    """
    with one_thread():
        preprocessor = Preprocessor.fit(train, params.preprocess, derive_seed(params.seed, "preprocess"), over)
        lent = start.lent(preprocessor) if start is not None and start.share else None
        basis, z_train_SK = _based(train, preprocessor, rank, derive_seed(params.seed, "basis"), over, lent)
        z_validation_SK, outside_S, total_S = in_basis(validation, preprocessor, basis, over)
    labels = label_names(train.samples) if params.training.label_weight else ()
    group_S, kind_S = untold(train.samples) if params.training.group_penalty else (None, None)
    unit_S, label_S = left_out_units(train.samples), label_indices(train.samples, labels) if labels else None
    n_lent = 0 if lent is None else len(lent.x_RG)
    unit_S = np.concatenate([unit_S, unit_S.max() + 1 + np.arange(n_lent)])
    label_S = None if label_S is None else np.concatenate([label_S, np.full(n_lent, -1)])
    shift_S = shifting_groups(train.samples)
    shift_S = None if shift_S is None else np.concatenate([shift_S, np.full(n_lent, -1)])
    return Prepared(
        preprocessor,
        basis,
        Fold(
            z_train_SK,
            z_validation_SK,
            unit_S,
            outside_S / basis.scale**2,
            total_S / basis.scale**2,
            label_S,
            label_indices(validation.samples, labels) if labels else None,
            len(labels),
            group_S,
            kind_S,
            shift_S,
            n_lent,
            1.0 if lent is None else lent.weight,
        ),
        labels,
    )


def _based(
    train: ExpressionMatrix, preprocessor: Preprocessor, rank: int, seed: int, over: Over, lent: Lent | None
) -> tuple[SampleBasis, np.ndarray]:
    """Give the basis of training profiles, and coordinates in it: theirs, and behind them of profiles that are lent."""
    x_SG = preprocessor.transform(train.dense()) if train.is_few else None
    rows = PreprocessedRows(train, preprocessor, over)
    basis = SampleBasis.fit(rows if x_SG is None else x_SG, rank, seed)
    if lent is not None:
        basis = basis.extended(lent.x_RG, lent.weight)
    z_SK = basis.project_rows(rows)[0] if x_SG is None else basis.project(x_SG)[0]
    return basis, z_SK if lent is None else np.concatenate([z_SK, basis.project(lent.x_RG)[0]])


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


def shifting_groups(samples: pd.DataFrame) -> np.ndarray | None:
    """Give the number of the group that each profile is left out with where that is one of studies; else `None`.

    Replicate sets are left out whole as well, but what they share is what a code is to tell.
    """
    if "group" not in samples or len(np.unique(unit_S := unit_of_samples(samples))) < FEWEST_UNITS:
        return None
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


def label_names(samples: pd.DataFrame) -> tuple[str, ...]:
    """Give the labels that training profiles have, sorted.

    Raises
    ------
    ConfigError
        If they are fewer than two.
    """
    labels = sorted(samples["label"].dropna().astype(str).unique()) if "label" in samples else []
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


def search_folds(
    matrix: ExpressionMatrix, part: pd.Series, params: Params, over: Over = here, start: Start | None = None
) -> tuple[Fold, ...]:
    """Give the folds that trials are scored on: the validation part, or grouped folds of train and validation.

    What is held out is never touched. A basis is fitted for every fold.
    """
    part_S = part.loc[matrix.samples.index].to_numpy()
    rank = params.search.rank or params.training.rank
    if not params.search.folds:
        train, validation = (matrix.select(part_S == name) for name in ("train", "validation"))
        return (prepare(train, validation, params, rank, over, start).fold,)
    seen = matrix.select(np.isin(part_S, ("train", "validation")))
    fold_S = grouped_folds(seen.samples, params.search.folds, derive_seed(params.seed, "folds"))
    return tuple(
        prepare(seen.select(fold_S != fold), seen.select(fold_S == fold), params, rank, over, start).fold
        for fold in range(params.search.folds)
    )
