"""How like profiles are to those that a model was tried on: columns beside its answers, and a sentence on them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cic.model.scales import scale_evidence
from cic.model.seen import Seen, seen

if TYPE_CHECKING:
    from cic.model.bundle import Bundle
    from cic.model.features import Features
    from cic.model.reference import Reference

COLUMNS = (
    "coverage", "unexplained", "error_ratio", "percentile", "distance_ratio", "distance_percentile", "familiar", "note"
)  # fmt: skip
TYPE_COLUMNS = ("cell_type", "likeliest", "probability", "types")
UNKNOWN = "unknown"
"""In place of a cell type where a profile is foreign."""
ERROR_RATE = 0.1
"""How often a set of cell types may miss the true one, of profiles like those held out."""
NAMED = 3
ENOUGH = 5
"""Profiles from which on they are judged as a whole, too."""
AS_A_WHOLE = 90.0
"""More than half of the profiles beyond this percentile of held-out ones: as a whole they are from elsewhere."""


def judged(bundle: Bundle, values_SG: np.ndarray, samples: pd.Index, found: Seen | None = None) -> pd.DataFrame:
    """Compare profiles with those that were held out when the model was trained.

    Parameters
    ----------
    values_SG
        Samples x `genes_in`, as `Bundle.align` gives them.
    found
        What the model sees in them, if that is known already.

    Returns
    -------
    pandas.DataFrame
        One row a profile:

        - `coverage`: share of what codes carry that the genes tell that are there, 1 where none is missing
        - `unexplained`: squared error over squared distance from the training mean
        - `error_ratio`: its mean squared error over the median of held-out profiles
        - `percentile`: share of held-out profiles with a smaller error, 0 to 100
        - `distance_ratio`: distance of its code from the nearest of training, over the median of held-out profiles
        - `distance_percentile`: share of held-out profiles whose code is nearer, 0 to 100
        - `familiar`: `False` beyond 1.25 times their 95th percentile of error, or where all values seem to be on a
          wrong scale
        - `note`: what seems wrong with the scale, or empty

        What the model has no reference for is `None`.
    """
    return pd.DataFrame(_judgement(bundle, values_SG, found or seen(bundle, values_SG)), index=samples)


def _judgement(bundle: Bundle, values_SG: np.ndarray, found: Seen) -> dict[str, np.ndarray]:
    n_profiles, note = len(values_SG), scale_evidence(bundle, values_SG, found.error_S) or ""
    told = dict.fromkeys(COLUMNS, np.full(n_profiles, None, dtype=object))
    told |= {"coverage": np.full(n_profiles, found.coverage), "unexplained": found.unexplained_S}
    told["note"] = np.full(n_profiles, note, dtype=object)
    if (known := bundle.reference) is not None:
        told["error_ratio"] = found.error_S / known.median_error
        told["percentile"] = known.percentile(found.error_S)
        if known.distance_P.size:
            told["distance_ratio"], told["distance_percentile"] = known.code_distances(bundle, found.code_SW)
        told["familiar"] = (found.error_S <= known.largest_familiar) & (not note)
    return told


def named_types(
    probability_SL: np.ndarray, labels: tuple[str, ...], foreign_S: np.ndarray, reference: Reference | None = None
) -> dict[str, np.ndarray]:
    """Name cell types by the probabilities of a classifier.

    Parameters
    ----------
    foreign_S
        Which profiles are not familiar, as `judged` has it.

    Returns
    -------
    dict
        A column each (S):

        - `cell_type`: the likeliest, or `unknown` where the profile is not familiar
        - `likeliest`: which never is `unknown`
        - `probability`: of the likeliest
        - `types`: the cell types, parted by `|`, that hold the true one of nine profiles in ten that are like those
          held out (split conformal prediction; the likeliest is always among them); `None` where that is not known
    """
    label_L = np.array(labels, dtype=object)
    likeliest_S = label_L[probability_SL.argmax(axis=1)]
    threshold = None if reference is None else reference.answer_threshold(ERROR_RATE)
    type_S = np.full(len(probability_SL), None, dtype=object)
    if threshold is not None:
        likely_SL = 1 - probability_SL.astype(np.float64) <= threshold
        likely_SL[np.arange(len(likely_SL)), probability_SL.argmax(axis=1)] = True
        type_S[:] = ["|".join(label_L[likely_L]) for likely_L in likely_SL]
    return {
        "cell_type": np.where(foreign_S, UNKNOWN, likeliest_S),
        "likeliest": likeliest_S,
        "probability": probability_SL.max(axis=1),
        "types": type_S,
    }


def answers(
    bundle: Bundle, values_SG: np.ndarray, features: Features | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Give all that a model says of profiles, seen once.

    Parameters
    ----------
    features
        Of the bundle, where their activities are wanted.

    Returns
    -------
    dict, numpy.ndarray or None
        A column each (S): `code_1` and so on, those of `judged`, with a classifier those of `named_types`, and
        activities as `feature_1` and so on; and the probability of each label (float32, S x L).
    """
    found = seen(bundle, values_SG)
    told = dict(zip(bundle.code_columns, found.code_SW.T, strict=True)) | _judgement(bundle, values_SG, found)
    probability_SL = None
    if bundle.labels:
        probability_SL = bundle.classify(values_SG, found.code_SW, found.z_SK, found.outside_S)
        foreign_S = np.zeros(len(values_SG), dtype=bool) if bundle.reference is None else ~told["familiar"]
        told |= named_types(probability_SL, bundle.labels, foreign_S, bundle.reference)
    if features is not None:
        told |= zip(features.columns, bundle.activities(found.z_SK, found.code_SW).T, strict=True)
    return told, probability_SL


@dataclass(frozen=True)
class Verdict:
    """What is to be said of all profiles.

    Attributes
    ----------
    foreign
        Whether they are from elsewhere: more than half of them are unfamiliar, or of `ENOUGH` profiles more than half
        are beyond the `AS_A_WHOLE` percentile of held-out ones.
    """

    text: str
    foreign: bool


def verdict(table: pd.DataFrame) -> Verdict:
    """Sum up what `judged` gave, but for the notes on scale."""
    n = len(table)
    if table["familiar"].isna().all():
        text = "nothing is known of whether these profiles are like those that the model was tried on"
        return Verdict(f"{text}: it keeps no reference of held-out profiles; train it again to have one", False)
    ratio_S = table["error_ratio"].astype(float)
    unfamiliar_S = ~table["familiar"].astype(bool)
    n_beyond = int((table["percentile"].astype(float) > AS_A_WHOLE).sum())
    n_unfamiliar = int(unfamiliar_S.sum())
    median = f"median error {ratio_S.median():.2g} times that of held-out profiles"
    as_a_whole = n >= ENOUGH and n_beyond > n / 2
    if not n_unfamiliar and not as_a_whole:
        return Verdict(f"all {n} profiles are like those that the model was tried on ({median})", False)
    text = f"{n_unfamiliar} of {n} profiles are unlike those that the model was tried on"
    worst = ratio_S[unfamiliar_S].sort_values(ascending=False, kind="stable").iloc[:NAMED]
    if n_unfamiliar:
        text += ": " + ", ".join(f"{sample} (error {ratio:.2g} times the usual)" for sample, ratio in worst.items())
        text += f" and {n_unfamiliar - NAMED} more" if n_unfamiliar > NAMED else ""
    if as_a_whole:
        text += f"; as a whole they are from elsewhere: {n_beyond} are further from the model than nine tenths of the "
        text += f"held-out profiles ({median})"
    if table["note"].astype(bool).all():
        text += "; all seem to be on another scale than those"
    return Verdict(text, bool(as_a_whole or n_unfamiliar > n / 2))
