"""How heads are weighed: by what they make of labelled profiles of groups that they were not fitted to.

Axes: S profiles, N labelled ones, X features, L labels, U groups, H heads, D disturbances, the first of them none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax

from cic.model.calibration import temperature
from cic.model.disturbance import MOSTLY_FILLED_D
from cic.model.heads import Head, Labelled
from cic.model.recalibration import recalibration
from cic.seeds import generator

FOLDS = 5
TRUST = 0.3
"""How far left-out labels decide between heads: their likelihood to this power, as they are no independent draws."""
LEAD = 4.0
"""Nats by which the likeliest label usually is before the next, until left-out labels say more."""
WORST = 12.0
"""Surprise, in nats, beyond which a wrong answer is no worse."""
NEVER = -1e4
"""Constant of a label that nothing is known of."""


def dealt(profiles: Labelled, seed: int) -> np.ndarray:
    """Give the fold of each labelled profile, -1 of the others: units whole, the units of each label spread evenly."""
    fold_S = np.full(len(profiles.label_S), -1)
    units, at_N = np.unique(profiles.unit_S[profiles.label_S >= 0], return_inverse=True)
    count_UL = np.zeros((len(units), profiles.n_labels))
    np.add.at(count_UL, (at_N, profiles.label_S[profiles.label_S >= 0]), 1)
    order_U = generator(seed, "classifier").permutation(len(units))
    order_U = order_U[np.argsort(count_UL[order_U].argmax(axis=1), kind="stable")]
    fold_U = np.empty(len(units), dtype=np.int64)
    fold_U[order_U] = np.arange(len(units)) % FOLDS
    fold_S[profiles.label_S >= 0] = fold_U[at_N]
    return fold_S


def tellable(logit_SL: np.ndarray, label_S: np.ndarray) -> np.ndarray:
    """Give the labels of profiles that were left out and could be told; -1 for all others."""
    own_S = logit_SL[np.arange(len(label_S)), label_S]
    return np.where((label_S >= 0) & np.isfinite(own_S), label_S, -1)


@dataclass(frozen=True)
class Judged:
    """A head, and what it makes of labelled profiles that it was not fitted to.

    Attributes
    ----------
    told_DSL
        Logits of profiles that were disturbed in each of the first ways; minus infinity where none could be left out.
    by
        What to divide logits by.
    surprise
        Mean surprise by undisturbed ones, so divided.
    """

    head: Head
    told_DSL: np.ndarray
    by: float
    surprise: float


def judged(head: Head, told_DSL: np.ndarray, label_S: np.ndarray, fitted_SL: np.ndarray) -> Judged:
    """Judge a head by what could be told (`tellable`); `fitted_SL` are its logits of what it was fitted to."""
    by = _divisor(told_DSL[0], label_S, fitted_SL)
    return Judged(head, told_DSL, by, _surprise(told_DSL[0] / by, label_S))


def mean_head(heads: Sequence[Judged], label_S: np.ndarray, unit_S: np.ndarray) -> dict[str, np.ndarray]:
    """Give the mean of heads, in which the better count more, mended by left-out labels (`cic.model.recalibration`).

    How sure it is of noisy profiles is told by left-out ones to which that noise was added. Completed ones it takes to
    leave it as unsure as they leave discriminants: those that one could make up here are told too well.

    Returns
    -------
    dict
        float32: weights D x L x X by what they are of, and the `constant` D x L.
    """
    trust_H = softmax([-TRUST * int((label_S >= 0).sum()) * one.surprise for one in heads])
    told_DSL = sum(trust * np.maximum(one.told_DSL / one.by, NEVER) for trust, one in zip(trust_H, heads, strict=True))
    warmth_D = np.full(max(len(one.head.bias_DL) for one in heads), temperature(told_DSL[0], label_S))
    warmth_D[: len(told_DSL)] = [temperature(told_SL, label_S) for told_SL in told_DSL]
    found: dict[str, np.ndarray] = {}
    for trust, one in zip(trust_H, heads, strict=True):
        by_D = one.by * warmth_D[:, None] / warmth_D[0]
        weight_DLX = one.head.weight_DXL.swapaxes(1, 2) / by_D[:, :, None]
        for name, own in ((one.head.reads, weight_DLX), ("constant", np.maximum(one.head.bias_DL / by_D, NEVER))):
            found[name] = found.get(name, np.zeros(1)) + trust * own
    told_S = label_S >= 0
    weight_LL, constant_L = recalibration(told_DSL[0, told_S], label_S[told_S], unit_S[told_S])
    mended = ~MOSTLY_FILLED_D[: len(warmth_D)]  # these are too unlike what was left out
    for name, value in found.items():
        value[mended] = value[mended] @ weight_LL + constant_L if name == "constant" else weight_LL.T @ value[mended]
    return {name: value.astype(np.float32) for name, value in found.items()}


def _divisor(left_out_SL: np.ndarray, label_S: np.ndarray, fitted_SL: np.ndarray) -> float:
    """Give what to divide logits by: first to a usual lead of `LEAD`, then by the temperature of left-out labels.

    Discriminants of many features are surer than anything, so where all are right only a common scale makes a mean.
    Where no label could be left out, the lead is that of the profiles that the head was fitted to.
    """
    told_S = label_S >= 0
    logit_SL = left_out_SL[told_S] if told_S.any() else fitted_SL
    second_S, first_S = np.sort(logit_SL, axis=1)[:, -2:].T
    lead = float(np.median(first_S - second_S))
    unit = lead / LEAD if 0 < lead < np.inf else 1.0  # before a label that nothing is known of there is no end to it
    return unit * temperature(left_out_SL / unit, label_S)


def _surprise(logit_SL: np.ndarray, label_S: np.ndarray) -> float:
    """Give the mean surprise by left-out labels, all labels counting the same; 0 if there are none."""
    told_S = label_S >= 0
    if not told_S.any():
        return 0.0
    log_NL, label_N = log_softmax(logit_SL[told_S], axis=1), label_S[told_S]
    surprise_N = np.minimum(-log_NL[np.arange(len(label_N)), label_N], WORST)
    return float(np.average(surprise_N, weights=1 / np.bincount(label_N)[label_N]))
