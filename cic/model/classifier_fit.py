"""How a classifier is found once the autoencoder is trained, which leaves the code as it is.

Several linear heads (`cic.model.discriminant`) are fitted: logistic regression and discriminants on the code, and
discriminants on the profile itself, which knows what the code left out. Each is fitted to the labelled profiles alone,
and with the unlabelled ones, which help much where labels are few, and mislead where labels are not what profiles
differ by most. The classifier is the mean of their logits; a head counts as much as it tells labelled profiles of
groups that it was not fitted to.

Axes: S profiles, N labelled ones, X features, K coordinates of the basis, W code, L labels, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_softmax, softmax

from cic.model.calibration import temperature
from cic.model.classifier import Classifier
from cic.model.discriminant import belonging, discriminants, logistic
from cic.model.fold import Fold
from cic.model.inference import TrainedNetwork
from cic.model.threads import one_thread
from cic.seeds import generator

MOST_PROFILES = 2048
"""Of more, so many spread evenly, those with a label first."""
MOST_COORDINATES = 512
"""Later ones of so few profiles are noise, and the cost grows with the third power."""
DECODED = 64
"""Coordinates of decoded profiles by which those without a label are told."""
CODE_SHRINKAGES, PROFILE_SHRINKAGES = (0.02, 0.1), (0.3, 0.9)
"""Less for profiles tells clean ones as well and noisy ones far worse (docs/results.md, "What did not help")."""
STRENGTHS = (30.0, 300.0)
"""Inverse penalties of logistic regression on the code, whose mean squared norm is made 1."""
FOLDS = 5
TRUST = 0.3
"""How far left-out labels decide between heads: their likelihood to this power, as they are no independent draws."""
LEAD = 4.0
"""Nats by which the likeliest label usually is before the next, until left-out labels say more."""
WORST = 12.0
"""Surprise, in nats, beyond which a wrong answer is no worse."""
NEVER = -1e4
"""Constant of a label that nothing is known of."""


@dataclass(frozen=True)
class Labelled:
    """Profiles to find a classifier by.

    Attributes
    ----------
    code_SW, decoded_SK, z_SK
        Codes, what the decoder makes of them, and the profiles themselves, the last two in the basis.
    label_S
        -1 where there is none.
    unit_S
        Number of the group that is left out with each profile.
    n_genes
        That the coordinates stand for.
    """

    code_SW: np.ndarray
    decoded_SK: np.ndarray
    z_SK: np.ndarray
    label_S: np.ndarray
    unit_S: np.ndarray
    n_labels: int
    n_genes: int

    def at(self, index_S: np.ndarray) -> Labelled:
        """Give some of the profiles."""
        names = ("code_SW", "decoded_SK", "z_SK", "label_S", "unit_S")
        return replace(self, **{name: getattr(self, name)[index_S] for name in names})


@dataclass(frozen=True)
class Head:
    """Logits x @ weight_XL + bias_L, of codes or of profiles."""

    of_code: bool
    weight_XL: np.ndarray
    bias_L: np.ndarray

    def logits(self, profiles: Labelled) -> np.ndarray:
        """Give the logits l_SL of profiles."""
        x_SX = profiles.code_SW if self.of_code else profiles.z_SK
        return x_SX @ self.weight_XL + self.bias_L


def fit_classifier(
    network: TrainedNetwork,
    fold: Fold,
    label_train_S: np.ndarray,
    unit_train_S: np.ndarray,
    label_validation_S: np.ndarray,
    n_genes: int,
    seed: int,
) -> Classifier:
    """Find the classifier of a trained network by its training profiles, and calibrate it by the validation ones.

    Parameters
    ----------
    label_train_S, label_validation_S
        Positions of their labels, -1 where there is none.
    unit_train_S
        Number of the group that is left out with each training profile, of which two are enough.
    n_genes
        That the coordinates stand for.
    seed
        Of the dealing of groups into folds.
    """
    with one_thread():
        some_S, n_labels = enough(label_train_S), int(label_train_S.max()) + 1
        z_SK, label_S, unit_S = fold.own_train_SK[some_S], label_train_S[some_S], unit_train_S[some_S]
        code_SW = network.encode(z_SK)
        found = _found(Labelled(code_SW, network.decode(code_SW), z_SK, label_S, unit_S, n_labels, n_genes), seed)
        code_SW, z_SK = network.encode(fold.z_validation_SK), fold.z_validation_SK
        logits = found.code_logits(code_SW), found.profile_logits(code_SW, z_SK)
        return found.cooled(*(temperature(logit_SL, label_validation_S) for logit_SL in logits))


def find_classifier(profiles: Labelled, seed: int) -> Classifier:
    """Find the classifier of a trained autoencoder.

    Parameters
    ----------
    profiles
        Those that it was trained on, centred, with at least two labels among them.
    seed
        Of the dealing into folds.
    """
    return _found(profiles.at(enough(profiles.label_S)), seed)


def _found(profiles: Labelled, seed: int) -> Classifier:
    """Do what `find_classifier` says, with all of the profiles."""
    profiles = _read(profiles)
    fold_S = _dealt(profiles, seed)
    heads = _heads(profiles)
    told = [np.full((len(fold_S), profiles.n_labels), -np.inf) for _ in heads]
    for fold in range(fold_S.max() + 1):
        out_S = fold_S == fold
        if len(np.unique(profiles.label_S[~out_S & (profiles.label_S >= 0)])) > 1:
            for logit_SL, head in zip(told, _heads(profiles.at(np.flatnonzero(~out_S))), strict=True):
                logit_SL[out_S] = head.logits(profiles.at(np.flatnonzero(out_S)))
    label_S = _tellable(told[0], profiles.label_S)
    divisors = [_divisor(logit_SL, label_S, head.logits(profiles)) for logit_SL, head in zip(told, heads, strict=True)]
    surprises = [_surprise(logit_SL / by, label_S) for logit_SL, by in zip(told, divisors, strict=True)]
    cooled = [
        Head(head.of_code, head.weight_XL / by, head.bias_L / by) for head, by in zip(heads, divisors, strict=True)
    ]
    n_told = int((label_S >= 0).sum())
    on_code = [position for position, head in enumerate(heads) if head.of_code]
    code_LW, _, code_L = _mean([cooled[at] for at in on_code], [surprises[at] for at in on_code], n_told)
    of_code_LW, of_profile_LK, profile_L = _mean(cooled, surprises, n_told)
    both_LX = np.concatenate([of_code_LW, of_profile_LK], axis=1)
    return Classifier(*(each.astype(np.float32) for each in (code_LW, code_L, both_LX, profile_L)))


def enough(label_S: np.ndarray) -> np.ndarray:
    """Give the positions of some of many profiles, ascending: those with a label first, and of every label one."""
    order_S = np.argsort(label_S, kind="stable")
    told_S = order_S[label_S[order_S] >= 0]
    one_each_L = told_S[np.unique(label_S[told_S], return_index=True)[1]]
    told_S = np.union1d(_spread(told_S, MOST_PROFILES), one_each_L)
    return np.union1d(told_S, _spread(np.flatnonzero(label_S < 0), MOST_PROFILES - len(told_S)))


def _read(profiles: Labelled) -> Labelled:
    """Give as much of the coordinates as heads read, in float64."""
    return replace(
        profiles,
        code_SW=profiles.code_SW.astype(np.float64),
        decoded_SK=profiles.decoded_SK[:, :DECODED].astype(np.float64),
        z_SK=profiles.z_SK[:, :MOST_COORDINATES].astype(np.float64),
    )


def _spread(at_S: np.ndarray, most: int) -> np.ndarray:
    """Give so many positions at most, evenly spread."""
    return at_S[:: -(-len(at_S) // most) or 1] if most > 0 else at_S[:0]


def _dealt(profiles: Labelled, seed: int) -> np.ndarray:
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


def _heads(profiles: Labelled) -> list[Head]:
    """Fit all heads to labelled profiles, and again with the unlabelled ones where there are any."""
    told_S = profiles.label_S >= 0
    of_label_SL = np.eye(profiles.n_labels)[np.maximum(profiles.label_S, 0)] * told_S[:, None]
    count_L = of_label_SL.sum(axis=0)
    fitted_to = [of_label_SL] if told_S.all() else [of_label_SL, belonging(profiles.decoded_SK, of_label_SL)]
    with np.errstate(divide="ignore"):
        prior_L = np.log(count_L / count_L.sum())  # of types as they are labelled, whatever the unlabelled are
    heads = []
    for to_SL in fitted_to:
        used_S = to_SL.sum(axis=1) > 0
        code_SW, z_SK, to_SL = profiles.code_SW[used_S], profiles.z_SK[used_S], to_SL[used_S]
        for weight_XL, bias_L in logistic(code_SW, to_SL, STRENGTHS):
            frequency_L = np.log(np.maximum(to_SL.sum(axis=0), 1e-9) / to_SL.sum())
            heads.append(Head(True, weight_XL, bias_L - frequency_L + prior_L))
        for weight_XL, bias_L in discriminants(code_SW, to_SL, CODE_SHRINKAGES, code_SW.shape[1]):
            heads.append(Head(True, weight_XL, bias_L + prior_L))
        for weight_XL, bias_L in discriminants(z_SK, to_SL, PROFILE_SHRINKAGES, profiles.n_genes):
            heads.append(Head(False, weight_XL, bias_L + prior_L))
    return heads


def _tellable(logit_SL: np.ndarray, label_S: np.ndarray) -> np.ndarray:
    """Give the labels of profiles that were left out and could be told; -1 for all others."""
    own_S = logit_SL[np.arange(len(label_S)), label_S]
    return np.where((label_S >= 0) & np.isfinite(own_S), label_S, -1)


def _divisor(left_out_SL: np.ndarray, label_S: np.ndarray, fitted_SL: np.ndarray) -> float:
    """Give what to divide logits by: first to a usual lead of `LEAD`, then by the temperature of left-out labels.

    Discriminants of many features are surer than anything, so where all are right only a common scale makes a mean.
    Where no label could be left out, the lead is that of the profiles that the head was fitted to.
    """
    told_S = label_S >= 0
    logit_SL = left_out_SL[told_S] if told_S.any() else fitted_SL
    second_S, first_S = np.sort(logit_SL, axis=1)[:, -2:].T
    unit = float(np.median(first_S - second_S)) / LEAD or 1.0
    return unit * temperature(left_out_SL / unit, label_S)


def _surprise(logit_SL: np.ndarray, label_S: np.ndarray) -> float:
    """Give the mean surprise by left-out labels, all labels counting the same; 0 if there are none."""
    told_S = label_S >= 0
    if not told_S.any():
        return 0.0
    log_NL, label_N = log_softmax(logit_SL[told_S], axis=1), label_S[told_S]
    surprise_N = np.minimum(-log_NL[np.arange(len(label_N)), label_N], WORST)
    return float(np.average(surprise_N, weights=1 / np.bincount(label_N)[label_N]))


def _mean(heads: Sequence[Head], surprises: Sequence[float], n_told: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give weights of the code L x W, of the profile L x K, and constants: the mean of the better heads."""
    trust_H = softmax(-TRUST * n_told * np.array(surprises))
    of_code = sum(trust * head.weight_XL for trust, head in zip(trust_H, heads, strict=True) if head.of_code)
    of_profile = sum(trust * head.weight_XL for trust, head in zip(trust_H, heads, strict=True) if not head.of_code)
    bias_L = sum(trust * np.maximum(head.bias_L, NEVER) for trust, head in zip(trust_H, heads, strict=True))
    return np.transpose(of_code), np.transpose(of_profile), np.asarray(bias_L)
