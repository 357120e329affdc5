"""Reconstruction error beside the disagreement of technical replicates: in all, by cell type, by profile.

Axes: S profiles, T replicate sets, M replicates of one set, L labels.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.evaluation.profiles.correlation import median
from cic.evaluation.profiles.replicates import Agreement, mean_to_others, of_sets, pairs
from cic.evaluation.questions.reconstruction.found import Ceiling
from cic.evaluation.statistics.intervals import Resampling, ratio_interval, ratio_intervals, root

BY_LABEL = (
    "label", "n_sets", "rmse_replicates", "pearson_replicates", "spearman_replicates", "ratio_to_replicates",
    "ratio_to_replicates_low", "ratio_to_replicates_high", "ratio_to_replicates_pca",
)  # fmt: skip


def ceiling(
    sets: list[np.ndarray],
    of: str,
    agreement: Agreement,
    errors: dict[str, np.ndarray],
    to_others: dict[str, np.ndarray],
    n_genes: int,
    plan: Resampling,
) -> Ceiling:
    """Compare reconstruction error with replicate disagreement over `sets`.

    Parameters
    ----------
    sets, of
        From `choose_sets`; at least one set.
    agreement, to_others
        From `measure_sets` and `distances_to_others`.
    errors
        Squared error of every profile by method, over the same `n_genes` genes.
    plan
        Over the sets, from `over_sets`.
    """
    between_T = agreement.between_T
    model_T, pca_T, mean_T, span_T = (
        of_sets(errors[name], sets) for name in ("model", "pca", "mean_profile", "span_ceiling")
    )
    return Ceiling(
        n_sets=len(sets),
        n_profiles=sum(map(len, sets)),
        held_out=int(of == "test"),
        rmse_between=float(np.sqrt(between_T.mean() / n_genes)),
        rmse_model=float(np.sqrt(model_T.mean() / n_genes)),
        rmse_pca=float(np.sqrt(pca_T.mean() / n_genes)),
        rmse_span_ceiling=float(np.sqrt(span_T.mean() / n_genes)),
        ratio=root(ratio_interval(model_T, between_T, plan)),
        ratio_pca=root(ratio_interval(pca_T, between_T, plan)),
        ratio_mean_profile=root(ratio_interval(mean_T, between_T, plan)),
        ratio_to_other=root(ratio_interval(to_others["model"], between_T, plan)),
        ratio_to_other_pca=root(ratio_interval(to_others["pca"], between_T, plan)),
        pearson_median=median(np.concatenate([pairs(r_MM) for r_MM in agreement.pearson])),
        spearman_median=median(np.concatenate([pairs(r_MM) for r_MM in agreement.spearman])),
    )


def by_label(
    sets: list[np.ndarray],
    agreement: Agreement,
    errors: dict[str, np.ndarray],
    label_S: pd.Series,
    n_genes: int,
    plan: Resampling,
) -> pd.DataFrame:
    """Compare reconstruction error with replicate disagreement, a row a label that has replicates which differ.

    Parameters
    ----------
    label_S
        Of all profiles; a set has the label of its first.
    plan
        Over the sets, from `over_sets`.

    Returns
    -------
    pandas.DataFrame
        Columns `BY_LABEL`, sorted by label; the ratios as in `Ceiling`.
    """
    label_T = label_S.iloc[np.array([rows[0] for rows in sets])]
    names = sorted(label_T[agreement.between_T > 0].dropna().astype(str).unique())
    if not names:
        return pd.DataFrame(columns=list(BY_LABEL))
    member_TL = np.stack([((label_T.astype(str) == name) & label_T.notna()).to_numpy() for name in names], axis=1)
    between_T = agreement.between_T
    between_TL = between_T[:, None] * member_TL
    model, pca = (
        [root(one) for one in ratio_intervals(of_sets(errors[name], sets)[:, None] * member_TL, between_TL, plan)]
        for name in ("model", "pca")
    )
    rows = []
    for index, name in enumerate(names):
        subset = np.flatnonzero(member_TL[:, index])
        rows.append(
            (
                name,
                len(subset),
                float(np.sqrt(between_T[subset].mean() / n_genes)),
                median(np.concatenate([pairs(agreement.pearson[number]) for number in subset])),
                median(np.concatenate([pairs(agreement.spearman[number]) for number in subset])),
                model[index].value,
                model[index].low,
                model[index].high,
                pca[index].value,
            )
        )
    return pd.DataFrame(rows, columns=list(BY_LABEL))


def by_profile(sets: list[np.ndarray], agreement: Agreement, n_profiles: int, n_genes: int) -> pd.DataFrame:
    """Compare each profile with the other replicates of its sample; NaN where there are none.

    Returns
    -------
    pandas.DataFrame
        In the order of all profiles: `rmse_replicates` (root mean square over genes and others), and the means of
        r as `pearson_replicates`, `spearman_replicates`.
    """
    found_S3 = np.full((n_profiles, 3), np.nan)
    for index, rows in enumerate(sets):
        found_S3[rows, 0] = np.sqrt(mean_to_others(agreement.squared[index]) / n_genes)
        found_S3[rows, 1] = mean_to_others(agreement.pearson[index])
        found_S3[rows, 2] = mean_to_others(agreement.spearman[index])
    return pd.DataFrame(found_S3, columns=["rmse_replicates", "pearson_replicates", "spearman_replicates"])
