"""How well a model tells the cell types of another file, by its own labels.

Axes: S profiles, L labels of the file.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.evaluation.statistics.calibration import calibration_error, error_by_chance, reliability
from cic.evaluation.statistics.classification import score
from cic.evaluation.statistics.intervals import Interval, Resampling, ratio_interval, ratio_intervals, share_interval
from cic.model.familiarity import UNKNOWN
from cic.seeds import generator
from cic.validation.found import Calibration, CellTypes, Conformal

BY_LABEL = (
    "label", "known", "n", "right", "right_low", "right_high", "unknown", "ratio_to_pca", "low", "high", "taken_for",
)  # fmt: skip
"""Columns of the table by label; of labels that the model does not know `right` is missing."""


def cell_types(profiles: pd.DataFrame, plan: Resampling, error_rate: float, seed: int) -> CellTypes:
    """Score the answers on profiles of types that the model knows.

    Parameters
    ----------
    profiles
        Columns `label`, `likeliest`, `cell_type`, `probability`, and `types` where the model gives sets.
    plan
        Resamples them.
    error_rate
        Share of sets of answers that may miss the true type.
    seed
        Root of the simulation of what is chance in the calibration error.
    """
    label_S, likeliest_S = (profiles[name].to_numpy(dtype=str) for name in ("label", "likeliest"))
    probability_S = profiles["probability"].to_numpy(dtype=np.float64)
    hit_S, one_S = (label_S == likeliest_S).astype(np.float64), np.ones(len(profiles))
    answered_S = (profiles["cell_type"] != UNKNOWN).to_numpy(dtype=np.float64)
    n_types = len(np.unique(label_S))
    return CellTypes(
        profiles=len(profiles),
        types=n_types,
        **score(label_S, likeliest_S, plan).intervals,
        chance=1 / n_types,
        answered=share_interval(answered_S, one_S, plan),
        right_if_answered=share_interval(hit_S * answered_S, answered_S, plan)
        if answered_S.any()
        else Interval(np.nan, None, None),
        calibration=Calibration(
            error=calibration_error(reliability(probability_S, hit_S)),
            error_by_chance=error_by_chance(probability_S, generator(seed, "validation", "calibration")),
            too_sure=ratio_interval(probability_S - hit_S, one_S, plan),
        ),
        conformal=_conformal(profiles, label_S, error_rate, plan) if "types" in profiles else None,
    )


def _conformal(profiles: pd.DataFrame, label_S: np.ndarray, error_rate: float, plan: Resampling) -> Conformal | None:
    sets = profiles["types"]
    if sets.isna().all():
        return None
    answers = [str(one).split("|") if one else [] for one in sets.fillna("")]
    held_S = np.array([label in said for label, said in zip(label_S, answers, strict=True)], dtype=np.float64)
    size_S, one_S = np.array([len(said) for said in answers], dtype=np.float64), np.ones(len(profiles))
    coverage, size = share_interval(held_S, one_S, plan), ratio_interval(size_S, one_S, plan)
    return Conformal(asked=1 - error_rate, coverage=coverage, size=size)


def reliability_of(profiles: pd.DataFrame) -> pd.DataFrame:
    """Give probability and accuracy by bin, of profiles of known types; nothing of none."""
    if profiles.empty:
        return pd.DataFrame(columns=["bin", "confidence", "accuracy", "n"])
    hit_S = (profiles["label"] == profiles["likeliest"]).to_numpy()
    return reliability(profiles["probability"].to_numpy(dtype=np.float64), hit_S)


def confusions(profiles: pd.DataFrame) -> pd.DataFrame:
    """Count pairs of true and answered type: `true`, `predicted` and `n`; an answer may be that it is unknown."""
    if profiles.empty:
        return pd.DataFrame(columns=["true", "predicted", "n"])
    pairs = pd.DataFrame({"true": profiles["label"], "predicted": profiles["cell_type"]}).astype(str)
    return pairs.value_counts(sort=False).rename("n").reset_index()


def by_label(profiles: pd.DataFrame, plan: Resampling) -> pd.DataFrame:
    """Give a row a label, sorted by it, with the columns `BY_LABEL`; nothing without labels."""
    if "label" not in profiles or profiles["label"].isna().all():
        return pd.DataFrame(columns=list(BY_LABEL))
    names = sorted(profiles["label"].dropna().unique())
    member_SL = np.stack([(profiles["label"] == name).to_numpy() for name in names], axis=1).astype(np.float64)
    told = "likeliest" in profiles
    hit_S = (profiles["label"] == profiles["likeliest"]).to_numpy(dtype=np.float64) if told else np.zeros(len(profiles))
    model_SL, pca_SL = (profiles[f"squared_error_{one}"].to_numpy()[:, None] * member_SL for one in ("model", "pca"))
    ratios = ratio_intervals(model_SL, pca_SL, plan)
    rights = ratio_intervals(hit_S[:, None] * member_SL, member_SL, plan)
    rows = []
    for name, ratio, right in zip(names, ratios, rights, strict=True):
        own = profiles[profiles["label"] == name]
        known = told and bool(own["known"].iloc[0])
        wrong = own["cell_type"][~own["cell_type"].isin([name, UNKNOWN])] if told else own["label"].iloc[:0]
        rows.append(
            {
                "label": name,
                "known": known,
                "n": len(own),
                "right": right.value if known else np.nan,
                "right_low": right.low if known else np.nan,
                "right_high": right.high if known else np.nan,
                "unknown": (own["cell_type"] == UNKNOWN).mean() if told else np.nan,
                "ratio_to_pca": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "taken_for": wrong.value_counts().sort_index(kind="stable").idxmax() if len(wrong) else "",
            }
        )
    return pd.DataFrame(rows, columns=list(BY_LABEL))
