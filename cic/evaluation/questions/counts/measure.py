"""How well held-out counts are foretold by the model, by PCA of equal width and by the mean profile.

Axes: S profiles, B of a block, G modelled genes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from cic.data.terms import COUNT_UNITS
from cic.evaluation.finding import Answer
from cic.evaluation.profiles.preprocessed import ROWS_AT_A_TIME
from cic.evaluation.questions.counts.found import Found
from cic.evaluation.questions.counts.halves import half_errors
from cic.evaluation.statistics.intervals import ratio_interval
from cic.evaluation.subject import Subject
from cic.model.deviance import Levels, deviances, fit_levels, noise_alone
from cic.model.threads import one_thread

METHODS = ("model", "pca")
LEAST_EXPLAINABLE = 0.01
"""Share of the mean profile's error that must surely be more than noise, or there is nothing to miss a share of."""


def measure(subject: Subject) -> Answer:
    """Measure the deviance of held-out counts; nothing where the profiles are no counts."""
    unit = subject.bundle.unit
    if unit not in COUNT_UNITS:
        return Answer(None, {"counts": f"the unit of the profiles is `{unit}`, which is none of counts."})
    if not (subject.part_S == "validation").any():
        return Answer(None, {"counts": "there are no validation profiles to choose the share of the mean profile on."})
    with one_thread():
        return _measure(subject)


def _measure(subject: Subject) -> Answer:
    levels: dict[str, Levels] = {}
    for method in METHODS:
        training, validation = (
            partial(_blocks, subject, method, subject.part_S == part) for part in ("train", "validation")
        )
        levels[method] = fit_levels(training, validation)
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*METHODS, "mean", "noise")}
    totals = []
    for method in METHODS:
        for counts_BG, rate_BG in _blocks(subject, method, subject.test_S):
            expected_BG = levels[method].expected(counts_BG, rate_BG)
            found[method].append(deviances(counts_BG, expected_BG))
            if method == "model":
                total_B1 = counts_BG.sum(axis=1, keepdims=True, dtype=np.float64)
                totals.append(total_B1[:, 0])
                found["mean"].append(deviances(counts_BG, total_B1 * levels[method].mean_G))
                found["noise"].append(noise_alone(expected_BG))
    deviance_S = {name: np.concatenate(parts) for name, parts in found.items()}
    metrics: dict[str, Any] = {
        "n": int(subject.test_S.sum()),
        "counts_a_profile": float(np.median(np.concatenate(totals))),
        "deviance": {
            name: ratio_interval(deviance_S[name], deviance_S["mean"], subject.plan) for name in (*METHODS, "noise")
        },
        "ratio_to_pca": ratio_interval(deviance_S["model"], deviance_S["pca"], subject.plan),
        "mean_profile_share": {method: levels[method].share for method in METHODS},
        "halves": None,
    }
    left_out = {}
    try:
        metrics["halves"] = _halves(subject)
    except FloatingPointError as error:
        left_out["counts.halves"] = f"training on halves of the counts came to nothing: {error}."
    return Answer(Found.model_validate(metrics), left_out, _cautions(subject.bundle.unit))


def _halves(subject: Subject) -> dict[str, Any]:
    """Give what of the errors is counting noise."""
    plan = subject.plan
    # a retraining as those of other questions
    spec = subject.retraining("halves", subject.part_S == "train", subject.part_S == "validation")
    errors = half_errors(
        subject.values_SG,
        subject.samples,
        subject.part_S,
        subject.bundle.preprocessor,
        spec.hyper,
        spec.training,
        spec.rank,
        spec.seed,
    )
    of = {"model": errors.model_S, "pca": errors.pca_S}
    span_S = errors.mean_S - errors.noise_S
    explainable = ratio_interval(span_S, errors.mean_S, plan)
    told = explainable.low is not None and explainable.low >= LEAST_EXPLAINABLE
    return {
        "explainable": explainable,
        "noise_share": {method: ratio_interval(errors.noise_S, error_S, plan) for method, error_S in of.items()},
        "missed": {method: ratio_interval(error_S - errors.noise_S, span_S, plan) for method, error_S in of.items()}
        if told
        else None,
    }


def _cautions(unit: str) -> dict[str, str]:
    if unit == "counts":
        return {}
    return {
        "counts.estimated": "The counts are estimates: reads that fit several genes are shared out, so what chance in "
        "counting leaves, which is reckoned for whole counts, is near the truth only where such reads are few."
    }


def _blocks(subject: Subject, method: str, part_S: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give counts over the modelled genes, and the rates that a method foretells of them."""
    bundle, profiles = subject.bundle, subject.profiles
    made_SK = profiles.reconstruction_SK if method == "model" else profiles.pca_reconstruction_SK
    positions = np.flatnonzero(part_S)
    for start in range(0, len(positions), ROWS_AT_A_TIME):
        rows = positions[start : start + ROWS_AT_A_TIME]
        log2_BG = bundle.preprocessor.inverse(bundle.basis.lift(made_SK[rows]))
        yield subject.values_SG[rows][:, bundle.preprocessor.kept], bundle.preprocessor.to_unit(log2_BG)
