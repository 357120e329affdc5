"""Train, validation and test: groups and replicates stay whole, labels are spread evenly.

Samples that share a group or a replicate set, directly or through others, form one unit. Units are placed one
after another where they are most wanted; of several random orders the best balanced is taken. A study to which others
were corrected is placed in training before all.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from cic.config import Split
from cic.data.corrected import CORRECTION, is_reference
from cic.errors import DataError
from cic.seeds import generator

PARTS = ("train", "validation", "test", "sealed")
MOST_ORDERS = 200
PLACEMENTS = 40_000


def split_samples(samples: pd.DataFrame, config: Split, seed: int) -> pd.Series:
    """Place every sample in a part.

    Parameters
    ----------
    samples
        One row a sample, indexed by sample id, with columns `label`, `group` and `replicate` as far as there are any.
        A sample without `replicate` has no replicates; every sample needs a `group` once there is such a column.
    config
        The asked shares.
    seed
        Another seed gives another split. The order of the rows has no influence.

    Returns
    -------
    pandas.Series
        `train`, `validation`, `test` or, where a share of them is asked for, `sealed`; named `part`, indexed and
        ordered as `samples`.

    Raises
    ------
    DataError
        If a part would stay empty, because there are fewer groups than parts, or a sample has no group, or the groups
        do not keep studies whole that were corrected to one another.
    """
    _check_corrected(samples)
    asked = {"validation": config.validation, "test": config.test, "sealed": config.sealed}
    if config.validation_from == "training":
        del asked["validation"]
    held_out = {name: share for name, share in asked.items() if share}
    shares_P = np.array([1 - sum(held_out.values()), *held_out.values()])
    part_S = np.array(["train", *held_out], dtype=object)[_place(samples, shares_P, seed, "split")]
    if config.validation_from == "training":
        train = np.flatnonzero(part_S == "train")
        share = config.validation / shares_P[0]
        # of these groups training has profiles too: only replicates stay together
        alone = samples.iloc[train].drop(columns=["group", CORRECTION], errors="ignore")
        inner = _place(alone, np.array([1 - share, share]), seed, "validation")
        part_S[train[inner == 1]] = "validation"
    return pd.Series(part_S, index=samples.index, name="part")


def _check_corrected(samples: pd.DataFrame) -> None:
    """Refuse groups that do not keep whole what was corrected together."""
    if CORRECTION not in samples:
        return
    sets_of = pd.Series(unit_of_samples(samples)).groupby(samples[CORRECTION].to_numpy()).nunique()
    if (astride := sets_of[sets_of > 1]).size:
        raise DataError(
            f"studies were corrected to one another, and {len(astride)} of them are not in one group each: "
            f"{', '.join(astride.index[:3])}",
            where="data.group",
            expected="groups that keep each study whole, as its profiles have shaped one another",
            fix="name the column `study` in data.group, or merge the data with --correct none",
        )


def grouped_folds(samples: pd.DataFrame, n_folds: int, seed: int) -> np.ndarray:
    """Give each sample its fold, 0 to `n_folds` - 1: groups and replicates whole, labels spread, as in the split.

    Raises
    ------
    DataError
        If there are fewer groups than folds.
    """
    return _place(samples, np.full(n_folds, 1 / n_folds), seed, "folds")


def unit_of_samples(samples: pd.DataFrame) -> np.ndarray:
    """Give each sample the number of its set: samples linked by shared groups or replicates, however indirectly.

    Raises
    ------
    DataError
        If there are groups, and a sample has none.
    """
    n_samples = len(samples)
    rows, columns, n_nodes = [np.arange(n_samples)], [np.arange(n_samples)], n_samples
    for role in ("group", "replicate"):
        if role not in samples.columns:
            continue
        codes_S, names = pd.factorize(samples[role])  # missing is -1
        if role == "group" and (codes_S < 0).any():
            missing = [str(name) for name in samples.index[codes_S < 0]]
            raise DataError(
                f"{len(missing)} sample(s) have no group: {', '.join(missing[:5])}",
                where="column `group`",
                expected="a group for every sample, since groups must not straddle a split",
                fix="fill the column, or name another in data.group",
            )
        has = np.flatnonzero(codes_S >= 0)
        rows.append(has)
        columns.append(n_nodes + codes_S[has])
        n_nodes += len(names)
    row, column = np.concatenate(rows), np.concatenate(columns)
    links = coo_matrix((np.ones(len(row), dtype=np.int8), (row, column)), shape=(n_nodes, n_nodes))
    return connected_components(links, directed=False)[1][:n_samples]


def _place(samples: pd.DataFrame, shares_P: np.ndarray, seed: int, role: str) -> np.ndarray:
    """Give the part (position in `shares_P`) of every sample."""
    by_id = np.argsort(samples.index.to_numpy().astype(str), kind="stable")
    ordered = samples.iloc[by_id]
    unit_S = pd.factorize(unit_of_samples(ordered))[0]  # numbered by first sample id, whatever the order of rows
    n_units = int(unit_S.max()) + 1
    if n_units < len(shares_P):
        two_groups = role == "split" and (n_units, len(shares_P)) == (2, 3)
        raise DataError(
            f"{n_units} set(s) of samples that must stay together (by group and replicate) for {len(shares_P)} parts",
            where="column `group`" if "group" in samples.columns else "the samples",
            expected=f"at least {len(shares_P)}",
            fix="name a finer group (donor rather than study), or none, in data.group; or bring more profiles"
            + ("; or test on one and validate in the other: split.validation_from: training" * two_groups),
        )
    label_S = _label_codes(ordered)
    counts_UL = np.zeros((n_units, int(label_S.max()) + 1))
    np.add.at(counts_UL, (unit_S, label_S), 1)
    n_orders = int(np.clip(PLACEMENTS // n_units, 1, MOST_ORDERS))
    first = np.flatnonzero(is_reference(ordered)) if role == "split" else np.array([], dtype=int)
    in_first_U = np.isin(np.arange(n_units), unit_S[first])
    tries = [_place_units(counts_UL, shares_P, seed, role, order, in_first_U) for order in range(n_orders)]
    part_U = min(tries, key=lambda tried: tried[0])[1]
    part_S = np.empty(len(samples), dtype=np.int64)
    part_S[by_id] = part_U[unit_S]
    return part_S


def _label_codes(samples: pd.DataFrame) -> np.ndarray:
    """Give each label a number; samples without one count as a label of their own."""
    if "label" not in samples.columns:
        return np.zeros(len(samples), dtype=np.int64)
    codes_S = pd.factorize(samples["label"], sort=True)[0]
    return np.where(codes_S < 0, codes_S.max() + 1, codes_S)


def _place_units(
    counts_UL: np.ndarray, shares_P: np.ndarray, seed: int, role: str, order: int, in_first_U: np.ndarray
) -> tuple[float, np.ndarray]:
    """Place units in one random order, each where it is most wanted; give the imbalance and the part of each unit.

    Those of the mask `in_first_U` go to the first part before all others.
    """
    n_units, n_labels = counts_UL.shape
    # One column more, for the size alone: it weighs as much as all labels together.
    sized_UL = np.column_stack([counts_UL, counts_UL.sum(axis=1)])
    total_L = sized_UL.sum(axis=0)
    weight_L = np.append(np.full(n_labels, 1 / n_labels), 1.0) / total_L**2
    wanted_PL = shares_P[:, None] * total_L
    part_U = np.zeros(n_units, dtype=np.int64)
    wanted_PL[0] -= sized_UL[in_first_U].sum(axis=0)
    order_U = generator(seed, role, order).permutation(n_units)
    for unit in order_U[~in_first_U[order_U]]:
        # Squared distance from what is wanted falls most where the weighted shortage is largest.
        part = int(np.argmax(wanted_PL @ (sized_UL[unit] * weight_L)))
        wanted_PL[part] -= sized_UL[unit]
        part_U[unit] = part
    _fill_empty_parts(part_U, sized_UL, wanted_PL, weight_L, in_first_U)
    return float((wanted_PL**2 @ weight_L).sum()), part_U


def _fill_empty_parts(
    part_U: np.ndarray, sized_UL: np.ndarray, wanted_PL: np.ndarray, weight_L: np.ndarray, stays_U: np.ndarray
) -> None:
    """Move into each empty part the unit whose move costs least, from parts that keep another; in place."""
    n_parts = len(wanted_PL)
    for empty in range(n_parts):
        if (part_U == empty).any():
            continue
        held_P = np.bincount(part_U, minlength=n_parts)
        movable = np.flatnonzero((held_P[part_U] > 1) & ~stays_U)
        moved_UL = sized_UL[movable]
        out = ((wanted_PL[part_U[movable]] + moved_UL) ** 2 - wanted_PL[part_U[movable]] ** 2) @ weight_L
        into = ((wanted_PL[empty] - moved_UL) ** 2 - wanted_PL[empty] ** 2) @ weight_L
        unit = movable[int(np.argmin(out + into))]
        wanted_PL[part_U[unit]] += sized_UL[unit]
        wanted_PL[empty] -= sized_UL[unit]
        part_U[unit] = empty
