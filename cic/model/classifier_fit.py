"""How a classifier is found once the autoencoder is trained, which leaves the code as it is.

Several linear heads (`cic.model.discriminant`) are fitted: discriminants on the profile itself, which knows what the
code left out, and on the ranks within it, which stay where a laboratory or an amount of RNA moves a profile as a whole;
logistic regression and discriminants on the code, for codes that come alone. Each is fitted to the labelled profiles
alone, and with the unlabelled ones, which help much where labels are few, and mislead where labels are not what
profiles differ by most; who of these belongs where is told by what the model makes of them. The classifier is the mean
of their logits; a head counts as much as it tells labelled profiles of groups that it was not fitted to. For profiles
that come disturbed (`cic.model.disturbance`) there are the same means of discriminants that expect it.

Axes: S profiles, N labelled ones, X features, K coordinates of the basis, R coordinates of ranks, G genes, W code,
L labels, H heads, D disturbances, the first of them none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_softmax, softmax

from cic.data.matrix import ExpressionMatrix
from cic.data.within import normal_scores
from cic.model.basis import SampleBasis, squared_norms
from cic.model.calibration import temperature
from cic.model.classifier import Classifier
from cic.model.discriminant import belonging, discriminants, logistic
from cic.model.disturbance import Spread, spread_of, varies_beyond
from cic.model.inference import TrainedNetwork
from cic.model.prepare import Prepared, label_indices, label_names, left_out_units
from cic.model.threads import one_thread
from cic.seeds import generator

MOST_PROFILES = 2048
"""Of more, so many spread evenly, those with a label first."""
MOST_COORDINATES = 512
"""Later ones of so few profiles are noise, and the cost grows with the third power."""
DECODED = 64
"""Coordinates of decoded profiles by which those without a label are told."""
CODE_SHRINKAGES, PROFILE_SHRINKAGES = (0.02, 0.1), (0.1, 0.5, 0.9, 0.99)
"""Profiles span few of as many directions as there are genes, so 0.99 shrinks what they span by half."""
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
    outside_S
        Squared norms outside of the coordinates.
    rank_SR
        Normal scores of ranks within profiles, in a basis of their own; `None` where no head is to read them.
    """

    code_SW: np.ndarray
    decoded_SK: np.ndarray
    z_SK: np.ndarray
    label_S: np.ndarray
    unit_S: np.ndarray
    n_labels: int
    n_genes: int
    outside_S: np.ndarray
    rank_SR: np.ndarray | None = None

    def at(self, index_S: np.ndarray) -> Labelled:
        """Give some of the profiles."""
        names = ("code_SW", "decoded_SK", "z_SK", "label_S", "unit_S", "outside_S", "rank_SR")
        arrays = {name: getattr(self, name) for name in names}
        return replace(self, **{name: value[index_S] for name, value in arrays.items() if value is not None})


@dataclass(frozen=True)
class Head:
    """Logits x @ weight_DXL[d] + bias_DL[d]; `reads` names the array of `Labelled` that x is."""

    reads: str
    weight_DXL: np.ndarray
    bias_DL: np.ndarray

    def logits(self, profiles: Labelled) -> np.ndarray:
        """Give the logits l_SL of undisturbed profiles."""
        x_SX: np.ndarray = getattr(profiles, self.reads)
        return x_SX @ self.weight_DXL[0] + self.bias_DL[0]


def fit_classifier(
    network: TrainedNetwork, prepared: Prepared, train: ExpressionMatrix, validation: ExpressionMatrix, seed: int
) -> Classifier:
    """Find the classifier of a trained network by its training profiles, and calibrate it by the validation ones.

    Parameters
    ----------
    prepared
        Both in the basis, and what brought them there.
    train, validation
        Both as they were, with at least two labels among the first.
    seed
        Of the dealing of groups into folds.
    """
    labels, fold, preprocessor = label_names(train.samples), prepared.fold, prepared.preprocessor
    label_S, told_P = label_indices(train.samples, labels), label_indices(validation.samples, labels)
    some_S, some_P = enough(label_S), _spread(np.flatnonzero(told_P >= 0), MOST_PROFILES)
    # to a model of ranks the coordinates are those of ranks
    rank_SG, rank_PG = (
        normal_scores(preprocessor.log2(matrix.select(some).dense())).astype(np.float32)
        if preprocessor.within == "none" and len(some)
        else None
        for matrix, some in ((train, some_S), (validation, some_P))
    )
    with one_thread():
        z_SK, z_PK = fold.own_train_SK[some_S], fold.z_validation_SK[some_P]
        code_SW, code_PW = network.encode(z_SK), network.encode(z_PK)
        unit_S = left_out_units(train.samples, fewest=2)[some_S]
        left_out = prepared.basis.left_out
        outside_S = np.full(len(z_SK), squared_norms(z_SK).mean() * left_out / (1 - left_out))
        known = label_S[some_S], unit_S, len(labels), len(preprocessor.genes), outside_S
        found = _over_genes(Labelled(code_SW, network.decode(code_SW), z_SK, *known), rank_SG, seed)
        asked = code_PW, z_PK, fold.outside_validation_S[some_P], rank_PG
        logits = (found.code_logits(code_PW), found.profile_logits(*asked)) if len(some_P) else ()
        return found.cooled(*(temperature(logit_PL, told_P[some_P]) for logit_PL in logits)) if logits else found


def _over_genes(profiles: Labelled, rank_SG: np.ndarray | None, seed: int) -> Classifier:
    """Find the classifier with heads on ranks, whose weights are of genes."""
    if rank_SG is None:
        return _found(profiles, seed)
    mean_G = rank_SG.mean(axis=0, dtype=np.float64).astype(np.float32)
    basis = SampleBasis.fit(rank_SG - mean_G, MOST_COORDINATES)
    found = _found(replace(profiles, rank_SR=basis.project(rank_SG - mean_G)[0]), seed)
    assert found.rank_DLG is not None
    rank_DLG = found.rank_DLG @ basis.components_GK.T / np.float32(basis.scale)
    profile_DL = found.profile_DL - rank_DLG.astype(np.float64) @ mean_G
    return replace(found, rank_DLG=rank_DLG, profile_DL=profile_DL.astype(np.float32))


def find_classifier(profiles: Labelled, seed: int) -> Classifier:
    """Find the classifier of a trained autoencoder.

    Parameters
    ----------
    profiles
        Those that it was trained on, centred, with a label at least among them.
    seed
        Of the dealing into folds.
    """
    return _found(profiles.at(enough(profiles.label_S)), seed)


def _found(profiles: Labelled, seed: int) -> Classifier:
    """Do what `find_classifier` says, with all of the profiles."""
    profiles = _read(profiles)
    fold_S = _dealt(profiles, seed)
    spreads = _spreads(profiles, seed)
    heads = _heads(profiles, spreads)
    told = [np.full((len(fold_S), profiles.n_labels), -np.inf) for _ in heads]
    for fold in range(fold_S.max() + 1):
        out_S = fold_S == fold
        if len(np.unique(profiles.label_S[~out_S & (profiles.label_S >= 0)])) > 1:
            for logit_SL, head in zip(told, _heads(profiles.at(np.flatnonzero(~out_S))), strict=True):
                logit_SL[out_S] = head.logits(profiles.at(np.flatnonzero(out_S)))
    label_S = _tellable(told[0], profiles.label_S)
    divisors = [_divisor(logit_SL, label_S, head.logits(profiles)) for logit_SL, head in zip(told, heads, strict=True)]
    surprises = [_surprise(logit_SL / by, label_S) for logit_SL, by in zip(told, divisors, strict=True)]
    judged = list(zip(heads, divisors, surprises, strict=True))
    n_told = int((label_S >= 0).sum())
    code = _mean([one for one in judged if one[0].reads == "code_SW"], n_told)
    profile = _mean([one for one in judged if one[0].reads != "code_SW"], n_told)
    return Classifier(
        code["code_SW"][0], code["constant"][0], profile["z_SK"], profile["constant"], profile.get("rank_SR"),
        *spreads["z_SK"].normals(),
    )  # fmt: skip


def enough(label_S: np.ndarray) -> np.ndarray:
    """Give the positions of some of many profiles, ascending: those with a label first, and of every label one."""
    order_S = np.argsort(label_S, kind="stable")
    told_S = order_S[label_S[order_S] >= 0]
    one_each_L = told_S[np.unique(label_S[told_S], return_index=True)[1]]
    told_S = np.union1d(_spread(told_S, MOST_PROFILES), one_each_L)
    return np.union1d(told_S, _spread(np.flatnonzero(label_S < 0), MOST_PROFILES - len(told_S)))


def _read(profiles: Labelled) -> Labelled:
    """Give as much of the coordinates as heads read, in float64."""
    beyond_SK = profiles.z_SK[:, MOST_COORDINATES:]
    return replace(
        profiles,
        code_SW=profiles.code_SW.astype(np.float64),
        decoded_SK=profiles.decoded_SK[:, :DECODED].astype(np.float64),
        z_SK=profiles.z_SK[:, :MOST_COORDINATES].astype(np.float64),
        outside_S=profiles.outside_S + squared_norms(beyond_SK),
        rank_SR=None if profiles.rank_SR is None else profiles.rank_SR[:, :MOST_COORDINATES].astype(np.float64),
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


def _spreads(profiles: Labelled, seed: int) -> dict[str, Spread]:
    """Tell how new profiles vary along coordinates, and along those of ranks, which noise takes for as noisy."""
    of, outside_S = profiles.n_genes, profiles.outside_S
    beyond = varies_beyond(profiles.z_SK, outside_S, profiles.unit_S, of, seed)
    found = {"z_SK": spread_of(profiles.z_SK, outside_S, of, beyond)}
    if profiles.rank_SR is not None:
        found["rank_SR"] = spread_of(profiles.rank_SR, np.zeros_like(outside_S), of, beyond)
    return found


def _heads(profiles: Labelled, spreads: Mapping[str, Spread] | None = None) -> list[Head]:
    """Fit all heads to labelled profiles, and again with the unlabelled ones where there are any.

    With `spreads` those on the profile have discriminants for disturbed ones as well.
    """
    told_S = profiles.label_S >= 0
    of_label_SL = np.eye(profiles.n_labels)[np.maximum(profiles.label_S, 0)] * told_S[:, None]
    count_L = of_label_SL.sum(axis=0)
    fitted_to = [of_label_SL] if told_S.all() else [of_label_SL, belonging(profiles.decoded_SK, of_label_SL)]
    with np.errstate(divide="ignore"):
        prior_L = np.log(count_L / count_L.sum())  # of types as they are labelled, whatever the unlabelled are
    read = {"code_SW": profiles.code_SW, "z_SK": profiles.z_SK}
    if profiles.rank_SR is not None:
        read["rank_SR"] = profiles.rank_SR
    heads = []
    for to_SL in fitted_to:
        used_S = to_SL.sum(axis=1) > 0
        to_SL = to_SL[used_S]
        for weight_XL, bias_L in logistic(profiles.code_SW[used_S], to_SL, STRENGTHS):
            frequency_L = np.log(np.maximum(to_SL.sum(axis=0), 1e-9) / to_SL.sum())
            heads.append(Head("code_SW", weight_XL[None], (bias_L - frequency_L + prior_L)[None]))
        for name, x_SX in read.items():
            shrinkages = CODE_SHRINKAGES if name == "code_SW" else PROFILE_SHRINKAGES
            n_features = x_SX.shape[1] if name == "code_SW" else profiles.n_genes
            spread = (spreads or {}).get(name)
            noise_D = [0.0] if spread is None else spread.noise_D.tolist()
            found = discriminants(x_SX[used_S], to_SL, shrinkages, n_features, noise_D)
            for first in range(0, len(found), len(noise_D)):
                weights, biases = zip(*found[first : first + len(noise_D)], strict=True)
                weight_DXL = np.stack(weights) * (1.0 if spread is None else spread.restoring()[:, :, None])
                heads.append(Head(name, weight_DXL, np.stack(biases) + prior_L))
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


def _mean(judged: Sequence[tuple[Head, float, float]], n_told: int) -> dict[str, np.ndarray]:
    """Give the mean of the better heads, by what to divide their logits by and their surprise.

    Returns
    -------
    dict
        float32: weights D x L x X by what they are of, and the `constant` D x L.
    """
    trust_H = softmax([-TRUST * n_told * surprise for *_, surprise in judged])
    found: dict[str, np.ndarray] = {}
    for trust, (head, by, _) in zip(trust_H, judged, strict=True):
        constant_DL = np.maximum(head.bias_DL / by, NEVER)
        for name, own in ((head.reads, head.weight_DXL.swapaxes(1, 2) / by), ("constant", constant_DL)):
            found[name] = found.get(name, np.zeros(1)) + trust * own
    return {name: value.astype(np.float32) for name, value in found.items()}
