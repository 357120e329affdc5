"""Plain facts about a data set: sizes, values, and the table about its samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.value_facts import value_facts

CONFOUNDED_ABOVE = 0.9
FEW_PROFILES = 3
BY_CHANCE = 0.05
"""A label stands alone by a column if so many of its profiles would agree there by chance less often than this."""
GENE_IDS = {
    "Ensembl": re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?"),
    "Affymetrix probe": re.compile(r"\S+_at"),
    "Entrez": re.compile(r"\d+"),
}


def facts_of(matrix: ExpressionMatrix, others: pd.DataFrame | None = None) -> dict[str, Any]:
    """Describe a data set as plain JSON.

    Parameters
    ----------
    others
        Sample columns that play no role, in the order of `matrix`: one of them may be a batch that nobody named.

    Returns
    -------
    dict
        `n_samples`, `n_genes`, `unit`, `gene_ids` (the naming they follow), `values` (range, mean, share of zeros),
        `missing` (values, and genes and samples with any), `standardised_genes` (mean 0 and standard deviation 1 over
        all samples), `constant_genes`, `columns` (distinct and missing values of each), `labels` and `groups` (profiles
        in each), `replicates` (sets and profiles in them), `confounding` (Cramér's V of label and group, labels seen in
        a single group) and `confounded_columns` (likewise of columns that play no role, where cell type and they go
        together).
    """
    samples = matrix.samples
    return {
        "n_samples": matrix.n_samples,
        "n_genes": matrix.n_genes,
        "unit": matrix.unit,
        "gene_ids": naming_of(matrix.genes),
        **value_facts(matrix),
        "columns": columns_of(samples),
        "labels": _counts(samples, "label"),
        "groups": _counts(samples, "group"),
        "replicates": _replicates(samples),
        "confounding": _confounding(samples),
        "confounded_columns": _confounded_columns(samples, others),
    }


def naming_of(names: Sequence[str]) -> str:
    """Tell which naming of genes most of the names follow."""
    for name, pattern in GENE_IDS.items():
        if sum(pattern.fullmatch(one) is not None for one in names) > len(names) / 2:
            return name
    return "symbols or other names"


def _counts(samples: pd.DataFrame, role: str) -> dict[str, int]:
    if role not in samples.columns:
        return {}
    return {str(name): int(count) for name, count in samples[role].value_counts().sort_index().items()}


def _replicates(samples: pd.DataFrame) -> dict[str, int]:
    counts = np.array(list(_counts(samples, "replicate").values()), dtype=int)
    return {"sets": int((counts > 1).sum()), "profiles": int(counts[counts > 1].sum())}


def _confounding(samples: pd.DataFrame) -> dict[str, Any]:
    """Tell how far the group gives the label away: Cramér's V, 0 to 1, and the labels of a single group.

    Corrected for bias (Bergsma 2013, Journal of the Korean Statistical Society 42:323): otherwise donors of one profile
    each would give the label away completely, whatever it is.
    """
    if not {"label", "group"} <= set(samples.columns):
        return {}
    table = pd.crosstab(samples["label"], samples["group"])
    single = [str(label) for label in table.index[(table > 0).sum(axis=1) == 1]]
    if min(table.shape) < 2:
        return {"cramers_v": 0.0, "labels_in_one_group": single}
    counts = table.to_numpy(dtype=float)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    n, shape = counts.sum(), np.array(counts.shape, dtype=float)
    by_chance = (shape - 1).prod() / (n - 1)
    phi_square = max(0.0, ((counts - expected) ** 2 / expected).sum() / n - by_chance)
    most = min(shape - (shape - 1) ** 2 / (n - 1)) - 1
    v = float(np.sqrt(phi_square / most)) if most > 0 else 0.0
    return {"cramers_v": v, "labels_in_one_group": single}


def _confounded_columns(samples: pd.DataFrame, others: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Find columns of few values by which most labels stand alone: what tells the labels apart may be that column."""
    if others is None or "label" not in samples:
        return []
    found = []
    for name in others.columns:
        known_S = samples["label"].notna() & others[name].notna()
        label_S, value_S = samples.loc[known_S, "label"], others.loc[known_S, name]
        n_values = value_S.nunique()
        if label_S.nunique() < 2 or not 2 <= n_values <= len(value_S) / FEW_PROFILES or _measured(value_S):
            continue
        by_label = value_S.groupby(label_S)
        share_V = value_S.value_counts(normalize=True).to_numpy()
        by_chance_L = (share_V[:, None] ** by_label.size().to_numpy()).sum(axis=0)
        alone = int(((by_label.nunique() == 1).to_numpy() & (by_chance_L < BY_CHANCE)).sum())
        if alone > samples["label"].nunique() / 2:
            found.append({"column": str(name), "values": int(n_values), "labels_with_one_value": alone})
    return found


def _measured(value_S: pd.Series) -> bool:
    """Tell whether values are shares, such as those of a mixture, which number no batches."""
    number_S = pd.to_numeric(value_S, errors="coerce")
    return bool(number_S.between(0, 1).all() and (number_S % 1 != 0).any())


def columns_of(samples: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Give, of each column, how many values it has and how many are missing."""
    return {
        str(name): {"distinct": int(samples[name].nunique()), "missing": int(samples[name].isna().sum())}
        for name in samples.columns
    }
