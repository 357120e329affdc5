"""The table of `bench.given_sets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

RESAMPLES = 2000
MEANS = (
    "axes", "seconds", "told", "recurrence", "drawn_features", "drawn_sets", "random", "recurs", "links", "pairs",
    "true_pairs",
)  # fmt: skip
"""Columns whose mean over seeds is shown."""


def table(found: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Give one line a method, over all seeds; leads over features without sets are paired over sets or programs."""
    rows = pd.DataFrame(found)
    plain = rows[rows["method"] == "features"]
    return pd.DataFrame([_line(str(name), own, plain) for name, own in rows.groupby("method", sort=False)])


def _line(name: str, own: pd.DataFrame, plain: pd.DataFrame) -> dict[str, Any]:
    line: dict[str, Any] = {"method": name}
    for column in MEANS:
        if column in own and own[column].notna().any():
            line[column] = round(float(own[column].mean()), 3)
    if "expected" in own:
        line["expected"] = "; ".join(f"{found} of {of}" for found, of in zip(own["expected"], own["of"], strict=True))
    for which in ("", " other", " given"):
        if f"r_P{which}" not in own:
            continue
        one, other = (np.concatenate([*of[f"r_P{which}"]]) for of in (own, plain))
        drawn_RP = np.random.default_rng(1).integers(len(one), size=(RESAMPLES, len(one)))
        line[f"r{which}"] = round(float(np.median(one)), 3)
        line[f"lead{which}"] = _bounds(np.median(one[drawn_RP], axis=1) - np.median(other[drawn_RP], axis=1))
        if which:
            share, share_R, recall = _shares(own, which, drawn_RP)
            line[f"precision{which}"], line[f"recall{which}"] = share, recall
            line[f"lead in precision{which}"] = _bounds(share_R - _shares(plain, which, drawn_RP)[1])
    return line


def _shares(rows: pd.DataFrame, which: str, drawn_RP: np.ndarray) -> tuple[float, np.ndarray, float]:
    links_P, true_P = (np.concatenate([*rows[f"{name}{which}"]]) for name in ("links_P", "true_P"))
    share_R = true_P[drawn_RP].sum(axis=1) / links_P[drawn_RP].sum(axis=1)
    return round(true_P.sum() / links_P.sum(), 3), share_R, round(float((true_P > 0).mean()), 3)


def _bounds(value_R: np.ndarray) -> str:
    low, high = np.quantile(value_R, [0.025, 0.975])
    return f"{low:+.3f} to {high:+.3f}"
