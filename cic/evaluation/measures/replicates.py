"""The replicate ceiling: how far apart technical replicates of one sample lie.

A reconstruction nearer to its profile than two replicates are to each other is as accurate as measuring again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.evaluation.intervals import FEWEST_UNITS, Interval, Resampling, ratio_interval, resampling, root
from cic.model.bundle import Bundle


@dataclass(frozen=True)
class Ceiling:
    """Replicate disagreement beside reconstruction error, over the same replicate sets.

    Attributes
    ----------
    n_sets, n_profiles
        Replicate sets used, and the profiles in them.
    of
        `test` when the sets are held out, `all` when too few are and those of every part are used.
    rmse_between
        Root mean square over genes and sets of the difference of two replicates (preprocessed units).
    rmse_model, rmse_pca, rmse_span_ceiling
        The same between a profile and its reconstruction, or the nearest point of the training span.
    ratio, ratio_pca
        Reconstruction over replicates; at most 1 is as accurate as replicates.
    pearson_median
        Median over pairs of replicates of Pearson r on log2 scale.
    """

    n_sets: int
    n_profiles: int
    of: str
    rmse_between: float
    rmse_model: float
    rmse_pca: float
    rmse_span_ceiling: float
    ratio: Interval
    ratio_pca: Interval
    pearson_median: float


def replicate_sets(samples: pd.DataFrame) -> list[np.ndarray]:
    """Give the positions of the profiles of each sample that was measured at least twice."""
    if "replicate" not in samples:
        return []
    position = pd.Series(np.arange(len(samples)), index=samples["replicate"].to_numpy())
    sets = [rows.to_numpy() for _, rows in position[position.index.notna()].groupby(level=0, sort=True)]
    return [rows for rows in sets if len(rows) >= 2]


def choose_sets(samples: pd.DataFrame, test_S: np.ndarray) -> tuple[list[np.ndarray], str]:
    """Give the replicate sets of the test part, if at least `FEWEST_UNITS` lie in it, else those of all parts."""
    sets = replicate_sets(samples)
    held_out = [rows for rows in sets if test_S[rows].all()]
    return (held_out, "test") if len(held_out) >= FEWEST_UNITS else (sets, "all")


def squared_difference(x_MG: np.ndarray) -> float:
    """Give the mean over pairs of M replicates of their squared distance: twice the summed variance."""
    return float(2 * np.var(x_MG, axis=0, ddof=1, dtype=np.float64).sum())


def pair_correlations(log2_MG: np.ndarray) -> np.ndarray:
    """Give Pearson r of every pair of M replicates."""
    return np.corrcoef(log2_MG)[np.triu_indices(len(log2_MG), k=1)]


def measure_sets(bundle: Bundle, values_SG: np.ndarray, sets: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Give the squared difference between replicates a set (T), and Pearson r on log2 scale of every pair."""
    between_T, pearson = np.zeros(len(sets)), []
    for index, rows in enumerate(sets):
        x_MG = bundle.preprocessor.transform(values_SG[rows])
        between_T[index] = squared_difference(x_MG)
        pearson.append(pair_correlations(bundle.preprocessor.inverse(x_MG)))
    return between_T, np.concatenate(pearson)


def ceiling(
    sets: list[np.ndarray],
    of: str,
    measured: tuple[np.ndarray, np.ndarray],
    errors: dict[str, np.ndarray],
    n_genes: int,
    samples: pd.DataFrame,
    plan: Resampling,
) -> Ceiling:
    """Compare reconstruction error with replicate disagreement over `sets`.

    Parameters
    ----------
    sets, of
        From `choose_sets`; at least one set.
    measured
        From `measure_sets`.
    errors
        Squared error of every profile by method, over the same `n_genes` genes.
    samples
        All profiles, for the groups that sets belong to.
    plan
        Gives number of resamples, confidence and seed; sets are resampled by group where there are enough.
    """
    between_T, pearson = measured
    model_T, pca_T, span_T = (
        np.array([errors[name][rows].mean() for rows in sets]) for name in ("model", "pca", "span_ceiling")
    )
    firsts = samples.iloc[[rows[0] for rows in sets]]
    by_group = firsts[[name for name in ("group",) if name in firsts]]
    over_sets = resampling(by_group, plan.n_resamples, plan.confidence, plan.seed)
    return Ceiling(
        n_sets=len(sets),
        n_profiles=sum(map(len, sets)),
        of=of,
        rmse_between=float(np.sqrt(between_T.mean() / n_genes)),
        rmse_model=float(np.sqrt(model_T.mean() / n_genes)),
        rmse_pca=float(np.sqrt(pca_T.mean() / n_genes)),
        rmse_span_ceiling=float(np.sqrt(span_T.mean() / n_genes)),
        ratio=root(ratio_interval(model_T, between_T, over_sets)),
        ratio_pca=root(ratio_interval(pca_T, between_T, over_sets)),
        pearson_median=float(np.nanmedian(pearson)),
    )
