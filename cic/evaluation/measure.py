"""All measures of one bundle on the held-out part, as plain numbers. Nothing is written here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cic.config import MEASURES, Measure, Params
from cic.data.matrix import ExpressionMatrix
from cic.evaluation.held_out import measure_held_out
from cic.evaluation.intervals import resampling
from cic.evaluation.measures import reconstruction
from cic.evaluation.measures.architectures import measure_architectures
from cic.evaluation.measures.genes import measure_genes
from cic.evaluation.measures.identity import measure_identity
from cic.evaluation.measures.mixtures import measure_mixtures
from cic.evaluation.measures.noise import measure_noise
from cic.evaluation.measures.pathways import measure_pathways
from cic.evaluation.measures.unseen import measure_unseen_types
from cic.evaluation.measures.unseen_groups import measure_unseen_groups
from cic.evaluation.retraining import RetrainingError
from cic.evaluation.subject import Finding, Given, Subject
from cic.model.threads import one_thread
from cic.progress import track
from cic.seeds import derive_seed
from cic.workers import Workers


@dataclass(frozen=True)
class Measured:
    """Everything measured.

    Attributes
    ----------
    metrics
        What `metrics.json` holds.
    profiles
        One row a held-out profile, in their order; for model and PCA (`_pca`) rmse (a gene), unexplained (squared error
        over squared distance from the training mean), pearson and spearman (over genes, log2 scale); rmse, pearson and
        spearman `_type_mean`; the same three `_replicates` (a mean over the others of the sample). Empty where there
        is no type mean or replicate.
    labels
        One row a label of the held-out profiles: `reconstruction.BY_LABEL`, medians over its profiles of pearson and
        spearman (`_model`, `_pca`), and `replicates.BY_LABEL` where the label has replicates.
    tables
        The rest, by name.
    """

    metrics: dict[str, Any]
    subject: Subject
    profiles: pd.DataFrame
    labels: pd.DataFrame
    tables: dict[str, pd.DataFrame]


MEASURES_BAR = "measures"
MEASURE_FUNCTIONS: dict[Measure, Callable[[Subject], Finding]] = {
    "genes": measure_genes,
    "mixtures": measure_mixtures,
    "unseen_types": measure_unseen_types,
    "unseen_groups": measure_unseen_groups,
    "noise": measure_noise,
    "identity": measure_identity,
    "pathways": measure_pathways,
    "architectures": measure_architectures,
}
"""By the names of `evaluate.measures`, in the order in which they are measured."""


def measure(given: Given, params: Params, workers: Workers, seed: int) -> Measured:
    """Measure everything; nothing is written.

    Returns
    -------
    Measured
        Its `metrics` have these keys, whatever the data (an interval is `value`, `low`, `high`, the bounds null where
        there are too few independent units; what could not be measured is null, with the reason in `left_out`):

        - `profiles`: train, validation, test, genes (modelled), labels and groups among the test profiles
        - `model`: depth, bottleneck_width, hidden_width, validation_unexplained_variance and that of pca
        - `unexplained_variance`: intervals model, pca, type_mean (null without labels; over the profiles whose label
          was trained on), mean_profile (1 by definition), span_ceiling
        - `rmse`: the same methods, a gene, in preprocessed units
        - `ratio_to_pca`: interval of the model's unexplained variance over PCA's, paired
        - `ratio_to_type_mean`: the same over that of the mean of the type, on the profiles that have one; or null
        - `pearson_median`, `spearman_median`: model, pca, type_mean, mean_profile, over the genes of a profile on log2
          scale
        - `labels`: n, n_better_than_pca, n_worse_than_pca, n_undecided, worst_ratio_to_pca, by (what is resampled);
          n_with_replicates, n_as_accurate_as_replicates and n_less_accurate_than_replicates (by their whole intervals)
        - `replicates`: n_sets, n_profiles, held_out (1 or 0), rmse_between, rmse_model, rmse_pca, rmse_span_ceiling,
          pearson_median, spearman_median, and the intervals ratio, ratio_pca, ratio_mean_profile (a profile and its
          reconstruction, over two replicates), ratio_to_other, ratio_to_other_pca (one's reconstruction and the other
          replicates, likewise); floor, see `cic.evaluation.measures.noise_floor`
        - a key for each name of `evaluate.measures`; see the module of that name in `cic.evaluation.measures`
        - `search`: trials, complete, pruned, failed
        - `audit`: passed (1 or 0), blocking (findings that fail it), findings (all)
        - `interval`: confidence, resamples, units, by
        - `left_out`, `cautions`: sentences by name
    """
    subject = as_subject(given, params, workers, seed)
    with one_thread():
        metrics, by_profile, labels = measure_held_out(subject, given)
    left_out, cautions = metrics.pop("left_out"), metrics.pop("cautions")
    tables: dict[str, pd.DataFrame] = {}
    wanted = [name for name in MEASURE_FUNCTIONS if name in params.evaluate.measures]
    metrics |= dict.fromkeys(MEASURES)
    left_out |= {
        name: "it is switched off in `evaluate.measures`." for name in MEASURES if name not in params.evaluate.measures
    }
    for name in track(wanted, MEASURES_BAR):
        try:
            found = MEASURE_FUNCTIONS[name](subject)
        except RetrainingError as error:
            found = Finding(None, {name: f"{error.found}."})
        metrics[name] = found.metrics
        left_out |= found.left_out
        cautions |= found.cautions
        tables |= found.tables
    metrics |= {"left_out": left_out, "cautions": cautions}
    return Measured(_finite(metrics), subject, by_profile, labels, tables)


def as_subject(given: Given, params: Params, workers: Workers, seed: int) -> Subject:
    """Bring the model and all profiles together, with the errors that every measure starts from."""
    bundle, matrix = given.bundle, given.matrix
    values_SG = matrix.values if matrix.genes == bundle.genes_in else bundle.align(_frame(matrix), matrix.source)
    profiles = reconstruction.project(bundle, values_SG)
    held_out, config = matrix.samples[given.part_S == "test"], params.evaluate
    return Subject(
        bundle=bundle,
        values_SG=values_SG,
        samples=matrix.samples,
        part_S=given.part_S,
        profiles=profiles,
        errors=reconstruction.squared_errors(profiles),
        plan=resampling(held_out, config.bootstrap, config.confidence, derive_seed(seed, "bootstrap")),
        params=params,
        trials=given.trials,
        finalists=given.finalists,
        truth=given.truth,
        seed=seed,
        workers=workers,
    )


def _frame(matrix: ExpressionMatrix) -> pd.DataFrame:
    return pd.DataFrame(matrix.values, index=matrix.samples.index, columns=list(matrix.genes))


def _finite(content: Any) -> Any:
    """Replace numbers that are not finite by null: JSON has none."""
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
