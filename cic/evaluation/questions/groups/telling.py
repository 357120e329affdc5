"""How well groups are told apart from codes, within labels, and how well they would be by chance.

Means of labels are taken off the code first, as groups of other cells would be told by these. What is right by chance
is had by shuffling the groups of each label among its replicate sets, which are also kept whole in cross-validation:
replicates lie close to each other, whatever group they are of.

Axes: S profiles, W code, T replicate sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from cic.data.split import grouped_folds
from cic.model.group_share import group_share, kin_of
from cic.model.threads import one_thread
from cic.seeds import derive_seed, generator

FOLDS = 5
SHUFFLES = 20
SHRINKAGE = 0.1
"""Of the discriminant's covariance, towards that of independent numbers: groups have few profiles."""


@dataclass(frozen=True)
class Telling:
    """Whether the group of each profile was told, 0 or 1; how often by chance; and the share of variance likewise."""

    hit_S: np.ndarray
    chance_S: np.ndarray
    share: float
    share_by_chance: float


def comparable(samples: pd.DataFrame) -> np.ndarray:
    """Mask the profiles by which groups can be compared.

    Their label, if there are labels, is in two groups or more, and their group has two replicate sets or more of such
    labels; else a group is told by its cells, or has nothing left to be learnt from.
    """
    known = pd.DataFrame({"group": samples["group"], "label": _labels(samples), "set": sets_of(samples)})
    keep_S = known["label"].notna().to_numpy()
    while keep_S.any():
        kept = known[keep_S]
        groups = kept.groupby("label")["group"].transform("nunique")
        sets = kept.groupby("group")["set"].transform("nunique")
        fine_S = ((groups >= 2) & (sets >= 2)).to_numpy()
        if fine_S.all():
            break
        keep_S[keep_S] = fine_S
    return keep_S


def sets_of(samples: pd.DataFrame) -> np.ndarray:
    """Give each profile the number of its replicate set, cut by group and label; one without a set is its own."""
    name = "profile " + pd.Series(np.arange(len(samples)), index=samples.index).astype(str)
    if "replicate" in samples:
        name = name.where(samples["replicate"].isna(), "set " + samples["replicate"].astype(str))
    parts = [samples["group"], _labels(samples), name]
    return name.groupby(parts, dropna=False, sort=False).ngroup().to_numpy()


def told(code_SW: np.ndarray, samples: pd.DataFrame, seed: int) -> Telling:
    """Tell the groups of comparable profiles from their codes; the same seed gives the same folds and shuffles."""
    group_S, label_S = _numbers(samples)
    set_S = sets_of(samples)
    fold_S = grouped_folds(samples.drop(columns="group"), FOLDS, derive_seed(seed, "folds"))
    draw = generator(seed, "shuffles")
    dealt = [group_S, *(_shuffled(group_S, label_S, set_S, draw) for _ in range(SHUFFLES))]
    with one_thread():
        within_SW = _within(code_SW.astype(np.float64), label_S)
        hit_S, *by_chance = (_hits(within_SW, one_S, fold_S) for one_S in dealt)
        share, *shares = (_share(within_SW, one_S, label_S) for one_S in dealt)
    return Telling(hit_S, np.mean(by_chance, axis=0), share, float(np.mean(shares)))


def variance_told(code_SW: np.ndarray, samples: pd.DataFrame) -> float:
    """Give the share of the variance of codes within labels by which groups are told apart."""
    group_S, label_S = _numbers(samples)
    with one_thread():
        return _share(_within(code_SW.astype(np.float64), label_S), group_S, label_S)


def _numbers(samples: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give the number of each profile's group, and of its label."""
    return pd.factorize(samples["group"])[0].astype(np.int64), pd.factorize(_labels(samples))[0].astype(np.int64)


def _labels(samples: pd.DataFrame) -> pd.Series:
    return samples["label"] if "label" in samples else pd.Series("", index=samples.index)


def _within(code_SW: np.ndarray, label_S: np.ndarray) -> np.ndarray:
    """Take off the means of labels; each number has a variance of 1 then, or 0."""
    within_SW = code_SW - pd.DataFrame(code_SW).groupby(label_S).transform("mean").to_numpy()
    spread_W = within_SW.std(axis=0)
    return within_SW / np.where(spread_W > 0, spread_W, 1)


def _shuffled(group_S: np.ndarray, label_S: np.ndarray, set_S: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Deal the groups of each label out anew among its replicate sets."""
    _, first_T, set_S = np.unique(set_S, return_index=True, return_inverse=True)
    group_T, label_T = group_S[first_T], label_S[first_T]
    for label in np.unique(label_T):
        group_T[label_T == label] = draw.permutation(group_T[label_T == label])
    return group_T[set_S]


def _hits(within_SW: np.ndarray, group_S: np.ndarray, fold_S: np.ndarray) -> np.ndarray:
    """Tell each profile's group by the profiles of the other folds, and give 1 where that is right."""
    hit_S = np.zeros(len(group_S))
    for fold in np.unique(fold_S):
        own_S = fold_S == fold
        known = np.unique(group_S[~own_S])
        said = known[0]
        if len(known) > 1:
            teller = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
            said = teller.fit(within_SW[~own_S], group_S[~own_S]).predict(within_SW[own_S])
        hit_S[own_S] = said == group_S[own_S]
    return hit_S


def _share(within_SW: np.ndarray, group_S: np.ndarray, label_S: np.ndarray) -> float:
    code = torch.from_numpy(within_SW)
    kin = kin_of(group_S, label_S, code)
    assert kin is not None, "there are groups"
    return float(group_share(code, kin))
