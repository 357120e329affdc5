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

log = logging.getLogger("cic.data")
MOVED = 0.1
"""A feature moves the genes that it changes by this share, at least, of its largest change."""
FEWEST_GENES = 5
"""Of a set, among those of the model."""
FALSE_DISCOVERIES = 0.05
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
        Gene sets that the moved genes are rich in, with the false discovery rate, surest first; none that was given.
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
    moved_GF = np.abs(loading_GF) > MOVED * np.abs(loading_GF).max(axis=0)
    activity_TF, names = features.activity_TF, features.types
    if types is not None:
        activity_TF, names = types.to_numpy(dtype=np.float64), tuple(map(str, types.index))
    fdr = rich_in(moved_GF, bundle.genes, _not_given(bundle, gene_sets))
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
                    str(one): float(f"{rate:.3g}")
                    for one, rate in fdr[name].nsmallest(SETS).items()
                    if rate <= FALSE_DISCOVERIES
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


def rich_in(moved_GF: np.ndarray, genes: Sequence[str], gene_sets: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """Give the false discovery rate, over all sets and features, at which the moved genes are rich in each set.

    By the binomial distribution, which is a little wider than the hypergeometric one and a hundred times as quick, and
    the step-up procedure of Benjamini and Hochberg (1995). Genes are taken for independent, which they are not: it says
    which sets go with a feature, not that another would not.

    Returns
    -------
    pandas.DataFrame
        A row a set of `FEWEST_GENES` known genes or more, a column a feature.
    """
    columns = [f"feature_{number}" for number in range(1, moved_GF.shape[1] + 1)]
    position = {gene: at for at, gene in enumerate(genes)}
    known = {name: [position[gene] for gene in {*members} if gene in position] for name, members in gene_sets.items()}
    known = {name: members for name, members in known.items() if len(members) >= FEWEST_GENES}
    if gene_sets:
        log.info("%d of %d gene sets have %d genes of the model or more", len(known), len(gene_sets), FEWEST_GENES)
    if not known:
        return pd.DataFrame(index=pd.Index([], dtype=object), columns=columns, dtype=float)
    from scipy.stats import binom, false_discovery_control  # takes a second, which only who has sets waits for

    shared_PF = np.array([moved_GF[members].sum(axis=0) for members in known.values()])
    size_P1 = np.array([[len(members)] for members in known.values()])
    p_PF = binom.sf(shared_PF - 1, size_P1, moved_GF.mean(axis=0))
    fdr_PF = false_discovery_control(p_PF.ravel()).reshape(p_PF.shape)
    return pd.DataFrame(fdr_PF, index=pd.Index([*known], dtype=object), columns=columns)


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
