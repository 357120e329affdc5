"""All questions asked of one bundle on the held-out part, as plain numbers. Nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from cic.config import Params
from cic.evaluation.catalogue import Question, questions
from cic.evaluation.facts import Facts, facts
from cic.evaluation.finding import Answer
from cic.evaluation.metrics import Metrics, metrics_type
from cic.evaluation.profiles import reconstruction
from cic.evaluation.profiles.preprocessed import preprocessed
from cic.evaluation.retrainings.retraining import RetrainingError
from cic.evaluation.statistics.intervals import resampling
from cic.evaluation.subject import Given, Subject
from cic.progress import track
from cic.seeds import derive_seed
from cic.workers.workers import Workers

MEASURES_BAR = "measures"


@dataclass(frozen=True)
class Measured:
    """Everything measured.

    Attributes
    ----------
    metrics
        What `metrics.json` holds.
    tables
        By name; see the `measure` of each question.
    """

    metrics: Metrics
    subject: Subject
    tables: dict[str, pd.DataFrame]


def measure(given: Given, params: Params, workers: Workers, seed: int) -> Measured:
    """Measure everything; nothing is written.

    Returns
    -------
    Measured
        Its `metrics` are of `metrics_type`, whatever the data: what could not be measured is null, with the reason in
        `left_out`.
    """
    subject = as_subject(given, params, workers, seed)
    known = facts(subject, given)
    found: dict[str, Any] = {name: getattr(known, name) for name in Facts.model_fields}
    left_out, cautions = dict(known.left_out), dict(known.cautions)
    tables: dict[str, pd.DataFrame] = {}
    asked = [one for one in questions() if one.declared.always or one.name in params.evaluate.measures]
    for one in questions():
        if one not in asked:
            found[one.name] = None
            left_out[one.name] = "it is switched off in `evaluate.measures`."
    for one in track(asked, MEASURES_BAR):
        answer = _ask(one, subject)
        if one.declared.always:
            assert answer.finding is not None, "what is always measured can be"
            found |= {name: getattr(answer.finding, name) for name in one.found.model_fields}
        else:
            found[one.name] = answer.finding
        left_out |= answer.left_out
        cautions |= answer.cautions
        tables |= answer.tables
    return Measured(metrics_type()(**(found | {"left_out": left_out, "cautions": cautions})), subject, tables)


def _ask(question: Question, subject: Subject) -> Answer:
    try:
        return question.measure(subject)
    except RetrainingError as error:
        return Answer(None, {question.name: f"{error.found}."})


def as_subject(given: Given, params: Params, workers: Workers, seed: int) -> Subject:
    """Bring the model and all profiles together, with the errors that every measure starts from."""
    bundle, matrix = given.bundle, given.matrix
    values_SG = matrix.values if matrix.genes == bundle.genes_in else bundle.align(matrix, matrix.source)
    x_SG = preprocessed(bundle.preprocessor, values_SG)
    profiles = reconstruction.project(bundle, x_SG)
    held_out, config = matrix.samples[given.part_S == "test"], params.evaluate
    return Subject(
        bundle=bundle,
        values_SG=values_SG,
        x_SG=x_SG,
        samples=matrix.samples,
        part_S=given.part_S,
        profiles=profiles,
        errors=reconstruction.squared_errors(profiles),
        plan=resampling(held_out, config.bootstrap, config.confidence, derive_seed(seed, "bootstrap")),
        params=params,
        trials=given.trials,
        finalists=given.finalists,
        truth=given.truth,
        seed=seed,
        workers=workers,
    )
