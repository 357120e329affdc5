"""How like profiles are to those that a model was tried on: columns beside its answers, and a sentence on them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cic.model.basis import squared_norms
from cic.model.scales import scale_evidence

if TYPE_CHECKING:
    from cic.model.bundle import Bundle, Encoded

COLUMNS = ("unexplained", "error_ratio", "percentile", "familiar", "note")
UNFAMILIAR = "unfamiliar"
"""In place of a cell type where a profile is foreign."""
NAMED = 3
ENOUGH = 5
"""Profiles from which on they are judged as a whole, too."""
AS_A_WHOLE = 90.0
"""More than half of the profiles beyond this percentile of held-out ones: as a whole they are from elsewhere."""


def judged(bundle: Bundle, values_SG: np.ndarray, samples: pd.Index, encoded: Encoded | None = None) -> pd.DataFrame:
    """Compare profiles with those that were held out when the model was trained.

    Parameters
    ----------
    values_SG
        Samples x `genes_in`, as `Bundle.align` gives them.
    encoded
        The same by `Bundle.encoded`, if it is at hand.

    Returns
    -------
    pandas.DataFrame
        One row a profile:

        - `unexplained`: squared error over squared distance from the training mean
        - `error_ratio`: its mean squared error over the median of held-out profiles
        - `percentile`: share of held-out profiles with a smaller error, 0 to 100
        - `familiar`: `False` beyond 1.25 times their 95th percentile, or where all values seem to be on a wrong scale
        - `note`: what seems wrong with the scale, or empty

        `error_ratio`, `percentile` and `familiar` are `None` where the model has no reference.
    """
    encoded = encoded or bundle.encoded(values_SG)
    n_genes = len(bundle.preprocessor.kept)
    error_S = bundle.errors_of(encoded) / n_genes
    total_S = (squared_norms(encoded.z_SK) * bundle.basis.scale**2 + encoded.outside_S) / n_genes
    unexplained_S = np.divide(error_S, total_S, out=np.ones(len(error_S)), where=total_S > 0)
    note = scale_evidence(bundle, values_SG, error_S) or ""
    told: dict[str, Any] = dict.fromkeys(COLUMNS) | {"unexplained": unexplained_S, "note": note}
    if bundle.reference is not None:
        told["error_ratio"] = error_S / bundle.reference.median_error
        told["percentile"] = bundle.reference.percentile(error_S)
        told["familiar"] = (error_S <= bundle.reference.largest_familiar) & (not note)
    return pd.DataFrame(told, index=samples)


def named_types(probability_SL: np.ndarray, labels: tuple[str, ...], table: pd.DataFrame) -> pd.DataFrame:
    """Give `cell_type`, which is `unfamiliar` where the profile is, `likeliest`, which never is, and `probability`."""
    likeliest_S = np.array(labels, dtype=object)[probability_SL.argmax(axis=1)]
    foreign_S = table["familiar"].map({True: False, False: True, None: False}).to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "cell_type": np.where(foreign_S, UNFAMILIAR, likeliest_S),
            "likeliest": likeliest_S,
            "probability": probability_SL.max(axis=1),
        },
        index=table.index,
    )


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
