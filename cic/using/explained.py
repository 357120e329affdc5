"""What each feature of a model is: genes, cell types and gene sets, from the bundle alone.

Axes: G genes, F features, P gene sets, T cell types.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.errors import DataError
from cic.model.bundle import Bundle
from cic.model.named_sets import moved, named_by, rich_in, set_r

log = logging.getLogger("cic.data")
FEWEST_GENES = 5
"""Of a set, among those of the model."""
TYPES, SETS = 3, 5
"""Cell types and sets that are named, at most."""


@dataclass(frozen=True)
class Explained:
    """One feature.

    Attributes
    ----------
    feature
        Its column, such as ``feature_3``; the first move most.
    active
        Share of the training profiles in which it is active.
    recurrence
        Correlation with its match in another training, over validation profiles.
    genes
        How many it moves.
    up, down
        Those that change most, and by how much for one unit of activity, on the model's scale.
    types
        Cell types with the highest mean activity, highest first.
    sets
        Gene sets that the moved genes are rich in and whose expression goes with the feature's activity
        (`cic.model.named_sets`), with the false discovery rate of the former, surest first; none that was given.
    drawn
        Gene sets that it was drawn towards in training (`fit.gene_sets`), and by how much, most first; below 0 where
        their genes fall as it rises. It is what went in, and no finding.
    """

    feature: str
    active: float
    recurrence: float
    genes: int
    up: dict[str, float]
    down: dict[str, float]
    types: dict[str, float]
    sets: dict[str, float]
    drawn: dict[str, float]


def explained(
    bundle: Bundle, n_genes: int, gene_sets: Mapping[str, Collection[str]], types: pd.DataFrame | None
) -> list[Explained]:
    """Do what `cic.using.Model.explain` says; `types` has the mean activities in each cell type, if not training's."""
    features = bundle.known_features()
    loading_GF = features.loading_GF().astype(np.float64)
    moved_GF = moved(loading_GF)
    activity_TF, names = features.activity_TF, features.types
    if types is not None:
        activity_TF, names = types.to_numpy(dtype=np.float64), tuple(map(str, types.index))
    set_names, rate_PF = _named(bundle, moved_GF, _not_given(bundle, gene_sets))
    found = []
    for number, name in enumerate(features.columns):
        change_G = loading_GF[:, number] * moved_GF[:, number]
        found.append(
            Explained(
                name,
                round(float(features.active_F[number]), 4),
                round(float(features.recurrence_F[number]), 4),
                int(moved_GF[:, number].sum()),
                _largest(change_G, bundle.genes, n_genes),
                {gene: -change for gene, change in _largest(-change_G, bundle.genes, n_genes).items()},
                _largest(activity_TF[:, number], names, TYPES) if names else {},
                {
                    set_names[at]: float(f"{rate_PF[at, number]:.3g}")
                    for at in np.argsort(rate_PF[:, number], kind="stable")[:SETS]
                    if np.isfinite(rate_PF[at, number])
                },
                {str(one): float(f"{by:.3g}") for one, by in features.drawn_towards(number).items()},
            )
        )
    return found


def _not_given(bundle: Bundle, gene_sets: Mapping[str, Collection[str]]) -> Mapping[str, Collection[str]]:
    """Leave out sets that features were drawn towards, or others that have most of their genes."""
    position = {gene: at for at, gene in enumerate(bundle.genes)}
    members = [
        np.array([position[gene] for gene in {*genes} if gene in position], dtype=np.int64)
        for genes in gene_sets.values()
    ]
    given_P = bundle.known_features().knows([*gene_sets], members)
    if given_P.any():
        log.info("%d of %d gene sets were given in training, or nearly, and are left out", given_P.sum(), len(given_P))
    return {name: genes for (name, genes), given in zip(gene_sets.items(), given_P, strict=True) if not given}


def as_table(found: Sequence[Explained]) -> pd.DataFrame:
    """Give one row a feature, lists as text: names with their numbers, parted by commas."""

    def plain(value: Any) -> Any:
        return ", ".join(f"{name} {number:.2g}" for name, number in value.items()) if isinstance(value, dict) else value

    rows = [{name: plain(value) for name, value in vars(one).items()} for one in found]
    return pd.DataFrame(rows)


def _named(
    bundle: Bundle, moved_GF: np.ndarray, gene_sets: Mapping[str, Collection[str]]
) -> tuple[list[str], np.ndarray]:
    """Give sets of `FEWEST_GENES` known genes or more, and the rate at which each names each feature, or infinity.

    Of a bundle of before format 9 genes alone name features, which is said.
    """
    position, features = {gene: at for at, gene in enumerate(bundle.genes)}, bundle.known_features()
    known = {
        str(name): np.array([position[gene] for gene in {*members} if gene in position], dtype=np.int64)
        for name, members in gene_sets.items()
    }
    known = {name: positions for name, positions in known.items() if len(positions) >= FEWEST_GENES}
    if gene_sets:
        log.info("%d of %d gene sets have %d genes of the model or more", len(known), len(gene_sets), FEWEST_GENES)
    members = [*known.values()]
    rate_PF = rich_in(moved_GF, members)
    if features.slope_FK.size:
        r_PF = set_r(features.slope_FK, features.variance_K, bundle.basis, members)
    else:
        r_PF = np.ones_like(rate_PF)
        if known:
            log.warning("the model keeps nothing that tells whether profiles bear gene sets out: genes alone name them")
    return [*known], np.where(named_by(rate_PF, r_PF), rate_PF, np.inf)


def means_by_type(activity: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Give the mean activity in each cell type, a row a type.

    Raises
    ------
    DataError
        If a sample has no label, or more than one.
    """
    if labels.index.has_duplicates:
        twice = labels.index[labels.index.duplicated()][0]
        raise DataError(f"{twice} has more than one label", where="labels", expected="one cell type for each sample")
    found = labels.reindex(activity.index)
    if found.isna().any():
        sample = found.index[found.isna()][0]
        raise DataError(f"{sample} has no label", where="labels", expected="a cell type for each sample of the codes")
    return activity.groupby(found.astype(str).to_numpy(), sort=True).mean()


def _largest(value_X: np.ndarray, names: Sequence[str], most: int) -> dict[str, float]:
    """Give the largest values above 0, largest first, with four digits."""
    return {
        names[at]: float(f"{value_X[at]:.4g}") for at in np.argsort(-value_X, kind="stable")[:most] if value_X[at] > 0
    }
