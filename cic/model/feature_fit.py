"""Fitting features: from the training profiles, seen as genes that follow few activities.

Leading coordinates are those of the profiles themselves, since a code has no room for what is rare, as long as features
recur so; elsewhere noise is more than what could be told, and what the code is decoded to stands in their place. Of the
genes that are told best every other one is for the features, and the rest to find them again from another training, so
that what recurs is neither a training's nor a gene's own. Where gene sets are given (`cic.model.drawing`), each half
asks the other whether it agrees.

Axes: S profiles, K coordinates, G genes, H those of one half, R directions in which profiles differ, F
features, P given gene sets, T cell types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from cic.model.basis import SampleBasis
from cic.model.dictionary import learned
from cic.model.drawing import GenesInSets, drawn, membership
from cic.model.features import ACTIVE, Features, activities, with_own
from cic.model.inference import TrainedNetwork
from cic.model.recurrence import by_chance, recurrence
from cic.model.shown import Shown, directions
from cic.model.threads import one_thread
from cic.model.told_genes import slopes, told_genes
from cic.seeds import generator

TIMES_THE_WIDTH = 8
"""Features that are looked for, for each number of the code, unless so many are asked for."""
OWN = (0, 4)
"""Leading coordinates that are the profile's own, for each number of the code: those are taken with which features
recur best, the first of equal ones. Where profiles are noisy more of their own is more noise."""
TOLD_BY = 2
"""Features that tell a gene while they are sought."""
RECURS_AT = 0.8
"""Correlation with its match from which on a feature recurs, where few profiles do not make as much by chance."""
ROUNDING = 1e-6
"""By which correlations differ that are the same."""
MOST_PROFILES, MOST_GENES, FEWEST_GENES = 2048, 2500, 10
"""What features are learnt from; more are taken evenly from all."""
MOST_GENES_IN_SETS = 5000
"""Of each half, that gene sets are held against: sets are small, and most of their genes are not among the former."""
KEPT_BY_REST = 0.95
"""Share of a feature's variance that its level of rest leaves, at least."""
LEVELS = np.linspace(0.0, 0.9, 37)


@dataclass(frozen=True)
class Found:
    """Features before their genes are told: how activities are read off profiles, what drew them, which recur.

    Attributes
    ----------
    activity_SF
        Of the training profiles.
    held_SF, others
        Of the held-out ones, and what others found there; empty until it is known which recur.
    """

    n_own: int
    readout_KF: np.ndarray
    offset_F: np.ndarray
    activity_SF: np.ndarray
    by_PF: np.ndarray
    recurs_F: np.ndarray
    held_SF: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    others: tuple[np.ndarray, ...] = ()


def fit_features(
    networks: Sequence[TrainedNetwork],
    basis: SampleBasis,
    z_train_SK: np.ndarray,
    z_held_SK: np.ndarray,
    wanted: int | Literal["auto"],
    label_S: pd.Series | None = None,
    given: Mapping[str, np.ndarray] | None = None,
    own: Sequence[int] = OWN,
    seed: int = 0,
) -> Features | None:
    """Find features of profiles beside the first network's code.

    Parameters
    ----------
    networks
        Trained on the same profiles; the first is the one whose features are wanted, the others tell which recur. Of
        one alone other genes tell.
    z_train_SK, z_held_SK
        Training and validation profiles in the basis.
    wanted
        How many at most, of which those are kept that recur best, 0 for none; `auto`: those that recur beyond chance,
        at most `TIMES_THE_WIDTH` times as many as the code has numbers.
    label_S
        Labels of the training profiles, if they have any.
    given
        Gene sets that features are drawn towards where the data agree: positions of their genes, by name.
    own
        Leading coordinates that could be the profile's own, for each number of the code: with 0 features are of the
        code.
    seed
        Of the shuffled profiles that tell chance.

    Returns
    -------
    Features or None
        None where none is wanted or recurs, or there are too few genes.
    """
    width = networks[0].architecture.bottleneck_width
    n_wanted = TIMES_THE_WIDTH * width if wanted == "auto" else wanted
    if not n_wanted:
        return None
    every = -(-len(z_train_SK) // MOST_PROFILES)
    z_train_SK, labels = z_train_SK[::every], None if label_S is None else label_S.iloc[::every]
    z_held_SK = z_held_SK[:: -(-len(z_held_SK) // MOST_PROFILES)]
    with one_thread():
        sets = [*(given or {}).values()]
        decoded = [
            tuple(network.decode(network.encode(z_SK)) for z_SK in (z_train_SK, z_held_SK)) for network in networks
        ]
        tried = [
            one
            for times in own
            if (one := _recurring(decoded, basis, z_train_SK, z_held_SK, n_wanted, times * width, sets)) is not None
        ]
        if not tried:
            return None
        best = max(tried, key=lambda one: np.sort(one.recurs_F)[-n_wanted:].mean())
        kept_F = np.sort(np.argsort(-best.recurs_F, kind="stable")[:n_wanted])
        if wanted == "auto":
            chance = by_chance(best.held_SF, best.others, generator(seed, "chance")) + ROUNDING
            kept_F = kept_F[(best.recurs_F[kept_F] >= RECURS_AT) & (best.recurs_F[kept_F] > chance)]
        return _told(best, kept_F, basis, z_train_SK, labels, given or {}) if len(kept_F) else None


def _recurring(
    decoded: Sequence[tuple[np.ndarray, ...]],
    basis: SampleBasis,
    z_train_SK: np.ndarray,
    z_held_SK: np.ndarray,
    n_wanted: int,
    n_own: int,
    sets: Sequence[np.ndarray],
) -> Found | None:
    """Find features with so many coordinates of the profile's own; None where there are too few genes.

    Parameters
    ----------
    decoded
        What each network makes of the training profiles and of those held out.
    """
    seen = [directions(with_own(z_train_SK, train_SK, n_own), basis) for train_SK, _ in decoded]
    held = [with_own(z_held_SK, held_SK, n_own) for _, held_SK in decoded]
    mine_G, theirs_G, step = _halves(seen[0], basis, z_train_SK)
    if len(theirs_G[::step]) < FEWEST_GENES:
        return None

    def find(one: Shown, own_G: np.ndarray, other_G: np.ndarray) -> Found:
        atom_FR = learned(_of_length_1(one.row_GR[own_G[::step]]), n_wanted, TOLD_BY)
        by_PF = np.zeros((len(sets), len(atom_FR)), dtype=np.float32)
        if sets:
            own, other = (_in_sets(one, gene_H, sets) for gene_H in (own_G, other_G))
            atom_FR, by_PF = drawn(atom_FR, own, other, TOLD_BY)
        return _found(one, atom_FR, by_PF, n_own)

    found = find(seen[0], mine_G, theirs_G)
    held_SF = _activities(found, held[0])
    others = tuple(
        _activities(find(other, theirs_G, mine_G), other_SK)
        for other, other_SK in list(zip(seen, held, strict=True))[1:] or [(seen[0], held[0])]
    )
    recurs_F = np.mean([recurrence(held_SF, other_SF, signed=True) for other_SF in others], axis=0)
    return replace(found, recurs_F=recurs_F.astype(np.float32), held_SF=held_SF, others=others)


def _halves(seen: Shown, basis: SampleBasis, z_train_SK: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Part the half of the genes that is told best, or all where they are few, into two.

    The third is a step: of either part every gene at that distance is enough to learn from.
    """
    variance_G = np.square(basis.components_GK) @ z_train_SK.var(axis=0)
    told_G = np.einsum("gr,gr->g", seen.row_GR, seen.row_GR) / np.maximum(variance_G, 1e-30)
    n_best = max(-(-len(told_G) // 2), min(len(told_G), 2 * MOST_GENES))
    best_G = np.sort(np.argsort(-told_G, kind="stable")[:n_best])
    step = -(-len(best_G) // (2 * MOST_GENES))
    mine_G = np.arange(len(best_G)) % (2 * step) < step
    return best_G[mine_G], best_G[~mine_G], step


def _in_sets(seen: Shown, gene_H: np.ndarray, sets: Sequence[np.ndarray]) -> GenesInSets:
    """Give genes with the sets they are in; of many a part."""
    some_H = gene_H[:: -(-len(gene_H) // MOST_GENES_IN_SETS)]
    return GenesInSets(_of_length_1(seen.row_GR[some_H]), membership(sets, some_H, len(seen.row_GR)))


def _found(seen: Shown, atom_FR: np.ndarray, by_PF: np.ndarray, n_own: int) -> Found:
    """Make features of atoms, each pointing to where few profiles are, and at rest in the others."""
    raw_SF = (seen.z_SK - seen.mean_K) @ (seen.whitening_KR @ atom_FR.T)
    sign_F = np.where(np.power(raw_SF, 3).mean(axis=0) < 0, -1.0, 1.0)
    raw_SF *= sign_F
    rest_F = _rest(raw_SF)
    activity_SF = np.maximum(raw_SF - rest_F, 0)
    unit_F = activity_SF.sum(axis=0) / np.maximum((activity_SF > 0).sum(axis=0), 1)
    readout_KF = seen.whitening_KR @ atom_FR.T * (sign_F / np.where(unit_F > 0, unit_F, 1))
    offset_F = -seen.mean_K @ readout_KF - rest_F / np.where(unit_F > 0, unit_F, 1)
    readout_KF, offset_F = readout_KF.astype(np.float32), offset_F.astype(np.float32)
    found_SF = activities(seen.z_SK, readout_KF, offset_F)
    return Found(n_own, readout_KF, offset_F, found_SF, by_PF * sign_F.astype(np.float32), np.zeros(len(atom_FR)))


def _rest(raw_SF: np.ndarray) -> np.ndarray:
    """Give the highest level of rest of each feature that keeps `KEPT_BY_REST` of its variance, by correlation."""
    rest_F, going_F = raw_SF.min(axis=0), np.ones(raw_SF.shape[1], dtype=bool)
    centred_SF = raw_SF - raw_SF.mean(axis=0)
    for level_F in np.quantile(raw_SF, LEVELS, axis=0):
        above_SF = np.maximum(raw_SF - level_F, 0)
        above_SF -= above_SF.mean(axis=0)
        product_F = np.einsum("sf,sf->f", above_SF, centred_SF)
        squares_F = np.square(above_SF).sum(axis=0) * np.square(centred_SF).sum(axis=0)
        going_F &= np.square(product_F) >= KEPT_BY_REST * squares_F
        rest_F = np.where(going_F, level_F, rest_F)
    return rest_F


def _activities(found: Found, seen_SK: np.ndarray) -> np.ndarray:
    return activities(seen_SK, found.readout_KF, found.offset_F)


def _told(
    found: Found,
    kept_F: np.ndarray,
    basis: SampleBasis,
    z_train_SK: np.ndarray,
    label_S: pd.Series | None,
    given: Mapping[str, np.ndarray],
) -> Features:
    """Tell every gene by features, and sum up the training profiles; what moves most is first."""
    activity_SF = found.activity_SF[:, kept_F]
    slope_FK = slopes(activity_SF, z_train_SK, basis)
    chosen_GN, loading_GN = told_genes(activity_SF, slope_FK, basis)
    types: tuple[str, ...] = ()
    activity_TF = np.empty((0, 0), np.float32)
    if label_S is not None and label_S.notna().any():
        by_type = pd.DataFrame(activity_SF).groupby(label_S.astype("string").to_numpy(), sort=True).mean()
        types, activity_TF = tuple(map(str, by_type.index)), by_type.to_numpy(dtype=np.float32)
    moved_F = np.bincount(chosen_GN.ravel(), np.square(loading_GN).ravel(), len(kept_F)) * activity_SF.var(axis=0)
    order_F = np.argsort(-moved_F, kind="stable")
    by_PF = found.by_PF[:, kept_F[order_F]]
    set_D, feature_D = np.nonzero(by_PF)
    return Features(
        found.readout_KF[:, kept_F[order_F]],
        found.offset_F[kept_F[order_F]],
        np.argsort(order_F)[chosen_GN].astype(np.int32),
        loading_GN,
        found.recurs_F[kept_F[order_F]],
        (activity_SF > ACTIVE).mean(axis=0, dtype=np.float32)[order_F],
        types,
        activity_TF[:, order_F] if types else activity_TF,
        tuple(given),
        np.concatenate([np.empty(0), *given.values()]).astype(np.int32),
        np.cumsum([len(members) for members in given.values()], dtype=np.int32),
        set_D.astype(np.int32),
        feature_D.astype(np.int32),
        by_PF[set_D, feature_D],
        slope_FK[order_F].astype(np.float32),
        (z_train_SK.var(axis=0, dtype=np.float64) * basis.scale**2).astype(np.float32),
        found.n_own,
    )


def _of_length_1(row_GR: np.ndarray) -> np.ndarray:
    length_G = np.linalg.norm(row_GR, axis=1, keepdims=True)
    return (row_GR / np.where(length_G > 0, length_G, 1)).astype(np.float32)
