"""Which genes are badly reproduced, and whether they are the noisy ones.

Gene by gene over the held-out profiles: mean squared error of the model, of PCA of equal width and of the mean profile,
beside the variance that technical replicates of one sample show (noise). Were a profile x = s + e, with e of variance
v, a perfect reconstruction s would still be in error by v, and another replicate differs from x by 2 v on average: a
gene with an error of at most 2 v is reproduced as well as replicates agree. Where there are no replicates, the mean
level of a gene stands in for its noise, since genes of low expression are measured less reliably.

Axes: S held-out profiles, M replicates of a set, G genes, U independent units, B blocks of them, X all profiles first
and then all but each block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cic.data.terms import CENTRED_UNITS
from cic.data.within import ranks
from cic.evaluation.finding import Answer
from cic.evaluation.profiles.correlation import row_correlations
from cic.evaluation.profiles.preprocessed import ROWS_AT_A_TIME, rows_of
from cic.evaluation.profiles.replicates import replicate_sets, variance_within
from cic.evaluation.questions.genes.found import Found
from cic.evaluation.statistics.intervals import FEWEST_UNITS, Interval
from cic.evaluation.statistics.student import t_quantile
from cic.evaluation.subject import Subject
from cic.model.threads import one_thread
from cic.seeds import generator

METHODS = ("model", "pca", "mean_profile")
MOST_BLOCKS = 40
"""Behind an interval: without each, all genes are ranked again."""


def measure(subject: Subject) -> Answer:
    """Compare each gene's error with its noise, or with its level where too little was measured twice.

    Returns
    -------
    Answer
        Metrics, with jackknife intervals over the held-out profiles (the noise is held fixed):

        - n_genes, n_profiles (held out), n_sets (replicate sets of all parts) and n_replicates (profiles in them)
        - share_better_than_pca: interval, of genes whose error is below that of PCA; equal ones count half
        - spearman_level: intervals model, pca, mean_profile, of a gene's error with its mean level; null for log ratios
        - noise: null without replicates, else

          - spearman: intervals model, pca, mean_profile, of a gene's error with its noise
          - share_as_replicates: intervals of the same, of genes whose error is at most twice their noise
          - n_as_replicates: model, pca, mean_profile
          - error_share_as_replicates: intervals of the same, of the squared error that lies in those genes
          - unavoidable: intervals of the same, summed noise over summed error: 1 for a perfect reconstruction

        Table `genes`, a row a modelled gene in the model's order: gene, mean_log2 (of the held-out profiles), variance
        (mean squared distance from the training mean), error_model, error_pca, unexplained_model, unexplained_pca,
        noise (empty without replicates). Errors, variance and noise are in squared preprocessed units.
    """
    with one_thread():
        errors = errors_without_blocks(subject)
        noise_G, n_sets, n_replicates = noise(subject)
        table = gene_table(subject, {name: error_XG[0] for name, error_XG in errors.items()}, noise_G)
        metrics, left_out = compare(subject, table, errors)
    counts = {
        "n_genes": len(table),
        "n_profiles": int(subject.test_S.sum()),
        "n_sets": n_sets,
        "n_replicates": n_replicates,
    }
    return Answer(Found.model_validate(counts | metrics), left_out, tables={"genes": table})


def errors_without_blocks(subject: Subject) -> dict[str, np.ndarray]:
    """Give each gene's mean squared error over the held-out profiles, and over all but one block of them, by method.

    A block is one of the units that the measured model's intervals resample, or several where there are more than
    `MOST_BLOCKS`.

    Returns
    -------
    dict
        By `METHODS`, float64, (1 + blocks) x genes: the error over all profiles comes first.
    """
    bundle, plan = subject.bundle, subject.plan
    profiles, x_test_SG = subject.profiles.select(subject.test_S), rows_of(subject.x_SG, subject.test_S)
    n_blocks = min(plan.n_units, MOST_BLOCKS)
    block_U = generator(subject.seed, "genes", "blocks").permutation(plan.n_units) % n_blocks
    within_BS = block_U[plan.unit_S] == np.arange(n_blocks)[:, None]
    count_XS = np.vstack([np.ones(len(x_test_SG)), 1.0 - within_BS])
    errors = {name: np.zeros((len(count_XS), profiles.n_genes)) for name in METHODS}
    for start in range(0, len(x_test_SG), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        x_SG = x_test_SG[rows]
        apart = {
            "model": x_SG - bundle.basis.lift(profiles.reconstruction_SK[rows]),
            "pca": x_SG - bundle.basis.lift(profiles.pca_reconstruction_SK[rows]),
            "mean_profile": x_SG,
        }
        for name, apart_SG in apart.items():
            errors[name] += count_XS[:, rows] @ np.square(apart_SG, dtype=np.float64)
    n_X = count_XS.sum(axis=1, keepdims=True)
    n_X[n_X == 0] = np.nan  # a single block leaves nothing, and no interval
    return {name: error_XG / n_X for name, error_XG in errors.items()}


def jackknife_interval(value_X: np.ndarray, confidence: float, lowest: float, highest: float) -> Interval:
    """Give the interval of a value from those that it takes without one block each; none below `FEWEST_UNITS` blocks.

    The delete-a-group jackknife with Student's t (Kott 2001, Journal of Official Statistics 17:521). A resample with
    replacement would not do: it holds fewer different profiles, so that the errors of single genes scatter more, and
    what is said of all genes together, such as a rank correlation, moves away from its value.

    Parameters
    ----------
    value_X
        The value, then those without each block.
    lowest, highest
        Values that cannot be passed.
    """
    value, n_blocks = float(value_X[0]), len(value_X) - 1
    if n_blocks < FEWEST_UNITS or not np.isfinite(value_X).all():
        return Interval(value, None, None)
    spread = np.sqrt((n_blocks - 1) / n_blocks * np.square(value_X[1:] - value_X[1:].mean()).sum())
    reach = float(t_quantile(confidence, n_blocks) * spread)
    return Interval(value, max(value - reach, lowest), min(value + reach, highest))


def noise(subject: Subject) -> tuple[np.ndarray | None, int, int]:
    """Give each gene's variance within replicate sets of all parts, and the numbers of sets and profiles in them.

    Pooled over sets, each with one degree of freedom less than it has profiles. `None` where there are fewer than
    `FEWEST_UNITS` degrees of freedom, or replicates do not differ.
    """
    sets = replicate_sets(subject.samples)
    n_replicates = sum(map(len, sets))
    if n_replicates - len(sets) < FEWEST_UNITS:
        return None, len(sets), n_replicates
    noise_G = variance_within(subject.x_SG, sets)
    return noise_G if noise_G.any() else None, len(sets), n_replicates


def gene_table(subject: Subject, errors: dict[str, np.ndarray], noise_G: np.ndarray | None) -> pd.DataFrame:
    """Give the table `genes` of `measure`, from the mean squared errors (G) by `METHODS`."""
    bundle = subject.bundle
    x_G = rows_of(subject.x_SG, subject.test_S).mean(axis=0, dtype=np.float64)
    model_G, pca_G, variance_G = (errors[name] for name in METHODS)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = {"unexplained_model": model_G / variance_G, "unexplained_pca": pca_G / variance_G}
    return pd.DataFrame(
        {
            "gene": bundle.genes,
            "mean_log2": bundle.preprocessor.inverse(x_G),
            "variance": variance_G,
            "error_model": model_G,
            "error_pca": pca_G,
            **shares,
            "noise": np.nan if noise_G is None else noise_G,
        }
    )


def worst_genes(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """Give the `n` genes whose error most exceeds what their noise accounts for; nothing, where it is unknown."""
    excess = table["error_model"] - table["noise"].fillna(0.0)
    return table.assign(excess=excess).sort_values(["excess", "gene"], ascending=[False, True]).head(n)


def compare(
    subject: Subject, table: pd.DataFrame, errors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Give what `measure` says of all genes together, and what it leaves out."""

    def interval(value_X: np.ndarray, lowest: float = 0.0, highest: float = 1.0) -> Interval:
        return jackknife_interval(value_X, subject.plan.confidence, lowest, highest)

    ranked = {name: ranks(error_XG) for name, error_XG in errors.items()}

    def spearman(other_G: np.ndarray) -> dict[str, Any]:
        rank_G = ranks(other_G[None])
        return {
            name: interval(row_correlations(rank_XG, np.broadcast_to(rank_G, rank_XG.shape)), lowest=-1.0)
            for name, rank_XG in ranked.items()
        }

    left_out: dict[str, str] = {}
    metrics: dict[str, Any] = {
        "share_better_than_pca": interval(_share_below(errors["model"], errors["pca"])),
        "spearman_level": None,
        "noise": None,
    }
    if subject.bundle.unit in CENTRED_UNITS:
        what = {"log_ratio": "log ratios", "scaled": "standardised"}[subject.bundle.unit]
        left_out["genes.level"] = f"the profiles are {what}, which does not tell how high a gene is expressed."
    else:
        metrics["spearman_level"] = spearman(table["mean_log2"].to_numpy())
    noise_G = table["noise"].to_numpy()
    if np.isnan(noise_G).all():
        left_out["genes.noise"] = (
            "there are too few technical replicates that differ to tell the noise of a gene; its mean "
            f"{'' if 'genes.level' in left_out else 'level '}stands in for it."
        )
        return metrics, left_out
    near = {name: error_XG <= 2 * noise_G for name, error_XG in errors.items()}
    metrics["noise"] = {
        "spearman": spearman(noise_G),
        "share_as_replicates": {name: interval(near_XG.mean(axis=1)) for name, near_XG in near.items()},
        "n_as_replicates": {name: int(near_XG[0].sum()) for name, near_XG in near.items()},
        "error_share_as_replicates": {
            name: interval((error_XG * near[name]).sum(axis=1) / error_XG.sum(axis=1))
            for name, error_XG in errors.items()
        },
        "unavoidable": {
            name: interval(noise_G.sum() / error_XG.sum(axis=1), highest=np.inf) for name, error_XG in errors.items()
        },
    }
    return metrics, left_out


def _share_below(error_XG: np.ndarray, other_XG: np.ndarray) -> np.ndarray:
    """Give the share of genes with the lesser error; equal ones count half, as all do where the model is PCA (X)."""
    same_XG = np.isclose(error_XG, other_XG, rtol=1e-5, atol=0)
    return np.where(same_XG, 0.5, error_XG < other_XG).mean(axis=1)
