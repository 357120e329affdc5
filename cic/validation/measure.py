"""Measure a trained model on profiles that it never saw: errors, cell types, what is unknown, what is shifted.

Nothing is trained or chosen here, so the intervals hold for the file as it is. Axes: S profiles, T types of the file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.config import Evaluate
from cic.data.matrix import ExpressionMatrix
from cic.errors import DataError
from cic.evaluation.profiles.reconstruction import root_mean_squares, unexplained
from cic.evaluation.statistics.intervals import (
    Resampling,
    ratio_interval,
    resampling,
    share_interval,
)
from cic.model.familiarity import UNKNOWN, verdict
from cic.model.inputs import positions
from cic.seeds import derive_seed
from cic.using.model import Model
from cic.validation.cell_types import by_label, cell_types, confusions, reliability_of
from cic.validation.found import About, Genes, Intervals, Reconstruction, Seen, Shift, Unknowns, Validation
from cic.validation.profiles import Reproduced, answers, reproduced

MOST_NAMED = 100
SHOWN = ("model", "pca", "span_ceiling")


@dataclass(frozen=True)
class Validated:
    """What was found, and the tables behind it.

    Attributes
    ----------
    profiles
        A row a profile that counts: its roles, whether its label is `known` to the model or `foreign` to it,
        squared errors, and what the model says of it.
    types
        A row a label: `label`, `known` to the model, `n`, `right`, `unknown` and `ratio_to_pca` with their intervals,
        and the most frequent wrong answer, `taken_for`.
    confusions, reliability
        Of the profiles of known types; empty without any: `true`, `predicted`, `n`, and from
        `cic.evaluation.statistics.calibration.reliability`.
    """

    found: Validation
    profiles: pd.DataFrame
    types: pd.DataFrame
    confusions: pd.DataFrame
    reliability: pd.DataFrame


def measure(model: Model, matrix: ExpressionMatrix, name: str, sha256: str, evaluate: Evaluate, seed: int) -> Validated:
    """Measure a model on profiles with the columns `label`, `group` and `replicate` as far as there are any.

    Parameters
    ----------
    name
        What the validation is called.
    sha256
        Of the file that the profiles came from.
    evaluate
        Number of resamples and confidence of the intervals, and the error rate of sets of answers.
    seed
        Root of the random numbers.

    Raises
    ------
    DataError
        If the model was trained on all of the profiles.
    ModelError
        If they do not fit the model.
    """
    made = reproduced(model.bundle, matrix)
    new_S = ~(made.trained_on_S | made.near_S)
    if not new_S.any():
        raise DataError(
            f"the model was trained on all {matrix.n_samples} profiles, or on copies of them",
            where=matrix.source,
            expected="profiles that it never saw",
            fix="validate on other ones; how it does on these is in its report",
        )
    fresh = matrix.select(new_S)
    told = answers(model, fresh)
    errors = {method: error_S[new_S] for method, error_S in made.errors.items()}
    plan = resampling(fresh.samples, evaluate.bootstrap, evaluate.confidence, derive_seed(seed, "validation", name))
    profiles = _profiles(fresh.samples, errors, told, model.bundle.labels)
    of_known = profiles[profiles["known"]]
    found = Validation(
        about=_about(model, matrix, name, sha256, profiles),
        seen=_seen(matrix, made),
        genes=_genes(model, matrix, told),
        interval=Intervals(confidence=plan.confidence, resamples=plan.n_resamples, units=plan.n_units, by=plan.by),
        cautions=(plan.caution,) if plan.caution else (),
        reconstruction=_reconstruction(errors, made.n_genes, plan),
        cell_types=cell_types(of_known, plan.over(of_known), evaluate.error_rate, seed) if len(of_known) else None,
        unknowns=_unknowns(profiles, plan) if model.bundle.labels else None,
        shift=_shift(told, plan),
    )
    return Validated(found, profiles, by_label(profiles, plan), confusions(of_known), reliability_of(of_known))


def _profiles(
    samples: pd.DataFrame, errors: dict[str, np.ndarray], told: pd.DataFrame, labels: tuple[str, ...]
) -> pd.DataFrame:
    label = samples["label"] if "label" in samples else pd.Series(None, index=samples.index, dtype=object)
    table = samples.assign(known=label.isin(list(labels)), foreign=label.notna() & ~label.isin(list(labels)))
    for method, error_S in errors.items():
        table[f"squared_error_{method}"] = error_S
    codes = [name for name in told if str(name).startswith("code_") and str(name)[5:].isdigit()]
    return table.join(told.drop(columns=[*codes, "model"]))


def _about(model: Model, matrix: ExpressionMatrix, name: str, sha256: str, profiles: pd.DataFrame) -> About:
    return About(
        name=name,
        model=model.stamp,
        file=matrix.source,
        sha256=sha256,
        profiles=matrix.n_samples,
        measured=len(profiles),
        groups=int(profiles["group"].nunique()) if "group" in profiles else 0,
    )


def _seen(matrix: ExpressionMatrix, made: Reproduced) -> Seen:
    ids = matrix.samples.index[made.trained_on_S | made.near_S]
    return Seen(
        trained_on=int(made.trained_on_S.sum()),
        nearly_trained_on=int(made.near_S.sum()),
        samples=tuple(str(one) for one in ids[:MOST_NAMED]),
    )


def _genes(model: Model, matrix: ExpressionMatrix, told: pd.DataFrame) -> Genes:
    needed = model.bundle.genes_in
    matched = int((positions(pd.Index(matrix.genes), needed, matrix.source, partly=True) >= 0).sum())
    return Genes(model=len(needed), file=matrix.n_genes, matched=matched, coverage=float(told["coverage"].iloc[0]))


def _reconstruction(errors: dict[str, np.ndarray], n_genes: int, plan: Resampling) -> Reconstruction:
    return Reconstruction(
        ratio_to_pca=ratio_interval(errors["model"], errors["pca"], plan),
        unexplained={name: one for name, one in unexplained(errors, plan).items() if name in SHOWN},
        rmse=root_mean_squares(errors, n_genes, plan),
    )


def _unknowns(profiles: pd.DataFrame, plan: Resampling) -> Unknowns | None:
    foreign = profiles[profiles["foreign"]]
    if foreign.empty:
        return None
    found_S = (foreign["cell_type"] == UNKNOWN).to_numpy(dtype=np.float64)
    return Unknowns(
        profiles=len(foreign),
        types=tuple(sorted(foreign["label"].unique())),
        found=share_interval(found_S, np.ones(len(foreign)), plan.over(foreign)),
    )


def _shift(told: pd.DataFrame, plan: Resampling) -> Shift | None:
    if told["familiar"].isna().all():
        return None
    said, one_S = verdict(told), np.ones(len(told))
    return Shift(
        median_error_ratio=float(told["error_ratio"].astype(float).median()),
        mean_percentile=ratio_interval(told["percentile"].to_numpy(dtype=np.float64), one_S, plan),
        unfamiliar=share_interval((~told["familiar"].astype(bool)).to_numpy(dtype=np.float64), one_S, plan),
        foreign=said.foreign,
        verdict=said.text,
    )
