"""“Unknown” as an answer: sets of answers with a guarantee, and the rejection of cell types that training never had.

Each left-out type is judged by the retraining that never saw it, with a classifier that never saw it either. Four
scores say how foreign a profile looks: the reconstruction error of the model, that of PCA of equal width, one minus
the classifier's largest probability, and the distance to the nearest mean of a known type (which needs no model).

Axes: S all profiles, L classes, Y coordinates of all profiles, W code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.classifiers.logistic import class_probabilities
from cic.evaluation.finding import Answer
from cic.evaluation.left_out.types import without_types
from cic.evaluation.questions.unknown.found import Found
from cic.evaluation.questions.unknown.rejection import Judged, curves, operating_point, pooled_aurocs
from cic.evaluation.retrainings.retraining import Retrained
from cic.evaluation.statistics.conformal import answer_sets, enough
from cic.evaluation.statistics.intervals import Resampling
from cic.evaluation.subject import Subject
from cic.model.basis import squared_norms


def measure(subject: Subject) -> Answer:
    """Measure how well a foreign cell type is told from known ones, and how sets of answers cover known ones.

    Returns
    -------
    Answer
        Its `metrics`:

        - `conformal`: error_rate, guarantee (1 - error_rate), n_calibration, n (test profiles of known types),
          n_classes, by, and `methods` (code, pca) with the intervals coverage, set_size, single (share with one
          answer), empty (share with none) and single_right (share right of those with one); null where the validation
          part is too small for the error rate
        - `auroc`: by score of `rejection.SCORES`, an interval; pooled over types, each weighted by its profiles: the
          chance that a left-out profile scores above a known one that the same retraining judges, 0.5 where it cannot
          tell
        - `difference_to_pca`: by each score but `pca_error`, the interval of its AUROC minus that of PCA's error
        - `model_minus`: by each score but `model_error`, the interval of the AUROC of the model's error minus its own
        - `n_types`, `n_unknown`, `n_known` (test profiles as judged by one retraining, on average), `units`, `by`
        - `operating`: error_rate, n_types, unknown_share (of all judgements), `always` with the intervals error and
          error_known of a classifier that always answers, and `scores` with the intervals known_answered,
          unknown_rejected, error (among answered; an answered unknown is an error), error_known (among answered
          known); null where the validation part is too small

        Tables: `unknown_types` (a row a type: label, n, n_known, by each score its AUROC, model_error_low and
        model_error_high), `unknown_curve` (score, known_rejected, unknown_rejected: the ROC curve averaged over types
        as the AUROC is).
    """
    if subject.column("label").isna().all():
        return Answer(None, {"unknown": "the profiles have no labels (`data.label`)."})
    retrained = without_types(subject)
    if retrained.seen is None:
        text = "it takes a cell type among the held-out profiles that others are left to train without."
        return Answer(None, {"unknown": text})
    label_S, part_S = retrained.label_S, subject.part_S
    train_S, validation_S, test_S = ((part_S == part) & (label_S != "") for part in ("train", "validation", "test"))
    classes = sorted(set(label_S[train_S]))
    if len(classes) < 3:
        text = (
            "telling a foreign cell type from known ones takes three among the training profiles, so that two stay "
            f"known; there are {len(classes)}."
        )
        return Answer(None, {"unknown": text})
    rate = subject.params.evaluate.error_rate
    left_out: dict[str, str] = {}
    conformal = _conformal(subject, label_S, retrained.seen, classes, train_S)
    if conformal is None:
        left_out["unknown.conformal"] = (
            f"the validation part has {int((validation_S & np.isin(label_S, classes)).sum())} profiles of known types; "
            f"sets of answers that miss {rate:g} of known profiles take at least {int(np.ceil(1 / rate)) - 1}."
        )
    judged = [_judge(subject, label_S, name, one) for name, one in retrained.without.items()]
    judged = [one for one in judged if one.known_S.any()]
    if not judged:
        left_out["unknown"] = "no test profiles of other types are left to tell the left-out ones from."
        return Answer(None, left_out)
    plan = subject.resampling(subject.samples[test_S], "unknown")
    aurocs = pooled_aurocs(judged, test_S, plan)
    operating = _operating(judged, test_S, rate, plan)
    if operating is None:
        left_out["unknown.operating"] = f"the validation part is too small to reject at an error rate of {rate:g}."
    metrics = {
        "conformal": conformal,
        "n_types": len(judged),
        "n_unknown": int(sum(one.unknown_S.sum() for one in judged)),
        "n_known": round(float(np.mean([one.known_S.sum() for one in judged]))),
        "units": plan.n_units,
        "by": plan.by,
        "auroc": aurocs.pooled,
        "difference_to_pca": aurocs.to_pca,
        "model_minus": aurocs.model_minus,
        "operating": operating,
    }
    return Answer(
        Found.model_validate(metrics),
        left_out,
        _undercovered(conformal, rate),
        {"unknown_types": aurocs.by_type, "unknown_curve": curves(judged)},
    )


def _operating(judged: Sequence[Judged], test_S: np.ndarray, rate: float, plan: Resampling) -> dict[str, Any] | None:
    """Reject at the error rate, by the retrainings with enough validation profiles for it; `None` without any."""
    calibrated = [one for one in judged if enough(int(one.calibration_S.sum()), rate)]
    return operating_point(calibrated, test_S, rate, plan) if calibrated else None


def _undercovered(conformal: dict[str, Any] | None, rate: float) -> dict[str, str]:
    """Warn where sets of answers hold the truth less often than they were made to."""
    coverage = None if conformal is None else conformal["methods"]["code"]["coverage"]
    if coverage is None or coverage.high is None or coverage.high >= 1 - rate:
        return {}
    return {
        "unknown.coverage": f"Sets of answers hold the true cell type in {coverage.value:.2f} of the held-out profiles "
        f"of known types, less often than the {1 - rate:g} asked for: they differ from the validation profiles."
    }


def _judge(subject: Subject, label_S: np.ndarray, name: str, retrained: Retrained) -> Judged:
    part_S = subject.part_S
    train_S = (part_S == "train") & (label_S != "") & (label_S != name)
    classes = sorted(set(label_S[train_S]))
    known_S = np.isin(label_S, classes)
    probability_SL = class_probabilities(retrained.code_SW, train_S, label_S)
    y_SY = subject.coordinates.y_SY
    nearest_S = np.full(len(y_SY), np.inf)
    for one in classes:
        centre_Y = y_SY[train_S & (label_S == one)].mean(axis=0)
        nearest_S = np.minimum(nearest_S, squared_norms(y_SY - centre_Y))
    scores = {
        "model_error": retrained.error_S,
        "pca_error": retrained.pca_error_S,
        "max_probability": 1 - probability_SL.max(axis=1),
        "centroid": nearest_S + subject.coordinates.outside_S,
    }
    return Judged(
        name,
        scores,
        np.array(classes, dtype=object)[probability_SL.argmax(axis=1)] == label_S,
        (part_S == "test") & (label_S == name),
        (part_S == "test") & known_S,
        (part_S == "validation") & known_S,
    )


def _conformal(
    subject: Subject, label_S: np.ndarray, seen: Retrained, classes: Sequence[str], train_S: np.ndarray
) -> dict[str, Any] | None:
    """Give coverage and size of conformal sets of answers, of classifiers on the code and on PCA's."""
    known_S, rate = np.isin(label_S, classes), subject.params.evaluate.error_rate
    calibration_S, test_S = (known_S & (subject.part_S == part) for part in ("validation", "test"))
    if not test_S.any() or not enough(int(calibration_S.sum()), rate):
        return None
    plan = subject.resampling(subject.samples[test_S], "unknown")
    column_S = pd.Index(classes).get_indexer(pd.Index(label_S))
    return {
        "error_rate": rate,
        "guarantee": 1 - rate,
        "n_calibration": int(calibration_S.sum()),
        "n": int(test_S.sum()),
        "n_classes": len(classes),
        "by": plan.by,
        "methods": {
            name: answer_sets(
                class_probabilities(code_SW, train_S, label_S), column_S, calibration_S, test_S, rate, plan
            )
            for name, code_SW in (("code", seen.code_SW), ("pca", seen.pca_code_SW))
        },
    }
