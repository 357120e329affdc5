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

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cic.data.matrix import ExpressionMatrix
from cic.data.within import normal_scores
from cic.model.basis import SampleBasis, squared_norms
from cic.model.calibration import temperature
from cic.model.classifier import Classifier
from cic.model.disturbance import Spread, spread_of, varies_beyond
from cic.model.head_mean import dealt, judged, mean_head, tellable
from cic.model.heads import Labelled, fit_heads
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
    spreads = _spreads(profiles, seed)
    noisy = _noisy(profiles, spreads, seed)
    fold_S, heads = dealt(profiles, seed), fit_heads(profiles, spreads)
    told = [np.full_like(head.logits(noisy), -np.inf) for head in heads]
    for fold in range(fold_S.max() + 1):
        out_S, in_S = np.flatnonzero(fold_S == fold), np.flatnonzero(fold_S != fold)
        if len(np.unique(profiles.label_S[in_S][profiles.label_S[in_S] >= 0])) > 1:
            left_out = [one.at(out_S) for one in noisy]
            for told_DSL, head in zip(told, fit_heads(profiles.at(in_S), spreads), strict=True):
                told_DSL[:, out_S] = head.logits(left_out)
    label_S = tellable(told[0][0], profiles.label_S)
    known = [
        judged(head, told_DSL, label_S, head.logits([profiles])[0]) for head, told_DSL in zip(heads, told, strict=True)
    ]
    code = mean_head([one for one in known if one.head.reads == "code_SW"], label_S, profiles.unit_S)
    profile = mean_head([one for one in known if one.head.reads != "code_SW"], label_S, profiles.unit_S)
    return Classifier(
        code["code_SW"][0], code["constant"][0], profile["z_SK"], profile["constant"], profile.get("rank_SR"),
        *spreads["z_SK"].normals(),
    )  # fmt: skip


def _noisy(profiles: Labelled, spreads: Mapping[str, Spread], seed: int) -> list[Labelled]:
    """Give profiles without and with each noise, which comes to coordinates and to those of ranks by itself."""
    noisy = {
        name: spread.noisy(getattr(profiles, name), generator(seed, "noise", name)) for name, spread in spreads.items()
    }
    return [
        replace(profiles, **dict(zip(noisy, one_of_each, strict=True)))
        for one_of_each in zip(*noisy.values(), strict=True)
    ]


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


def _spreads(profiles: Labelled, seed: int) -> dict[str, Spread]:
    """Tell how new profiles vary along coordinates, and along those of ranks, which noise takes for as noisy."""
    of, outside_S = profiles.n_genes, profiles.outside_S
    beyond = varies_beyond(profiles.z_SK, outside_S, profiles.unit_S, of, seed)
    found = {"z_SK": spread_of(profiles.z_SK, outside_S, of, beyond)}
    if profiles.rank_SR is not None:
        found["rank_SR"] = spread_of(profiles.rank_SR, np.zeros_like(outside_S), of, beyond)
    return found
