"""How much worse measurements may get before the model fails: more noise, and missing genes.

The held-out profiles are disturbed, the measured model is not trained again. Its reconstructions of disturbed profiles
are compared with the clean ones, and cell types are told by classifiers that were fitted on clean training profiles.
Beside it stand PCA of equal width, the training span (all coordinates kept, nothing reduced), the disturbed profile
itself, and classifiers on whole profiles.

Noise is Gaussian, in units of the noise between technical replicates where there are some. Missing genes are drawn at
random, the same ones for all profiles, as when another platform does not measure them. A served model refuses such
profiles: this tells how few genes would be enough, when every method fills what is missing by its own means (a
classifier without filling of its own looks at the measured genes only); and, for comparison, what comes of putting
missing genes at their training mean.

Axes: S disturbed profiles, A those with a label, X levels, G genes, K coordinates of the sample basis, W code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.finding import Answer
from cic.evaluation.profiles.preprocessed import rows_of
from cic.evaluation.profiles.replicates import replicate_sets
from cic.evaluation.questions.noise import disturbances
from cic.evaluation.questions.noise.found import Found
from cic.evaluation.questions.noise.noise_bench import RECONSTRUCTIONS, Bench, Condition, bench_of, labels_said
from cic.evaluation.questions.noise.noise_curves import accuracy_curves, crossing, unexplained_curves
from cic.evaluation.statistics.intervals import FEWEST_UNITS
from cic.evaluation.subject import Subject
from cic.model.threads import one_thread
from cic.seeds import generator

REPLICATE_LEVELS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Of noise, in units of replicate noise."""
SPREAD_LEVELS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Of noise where there are no replicates, in standard deviations of each gene."""
MISSING_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)
NOISE_DRAWS, GENE_DRAWS = 2, 2
MOST_ROUNDS = 30
"""Of filling missing genes."""
HOLDS = 0.9
"""Accuracy holds as long as it is at least this share of that on clean profiles."""


def measure(subject: Subject) -> Answer:
    """Disturb the held-out profiles, and see what is still reproduced and recognised.

    Returns
    -------
    Answer
        Metrics: `n` (profiles disturbed) of `n_held_out`, `by` (what is resampled), `n_labelled`, `n_labels`, `chance`
        (of balanced accuracy; these three null where cell types cannot be scored), and for each of `gaussian` and
        `missing`:

        - `levels`: of noise, or shares of genes missing; `draws` behind each
        - `unexplained`: by method a list, squared error against the clean profile over that profile's squared distance
          from the training mean; methods model, pca, span, profile (as disturbed, missing genes at their mean),
          mean_profile (1 by definition)
        - `accuracy`: likewise the balanced accuracy of code_logistic, pca_logistic, profile_centroid, profile_lda
        - `robustness_unexplained`, `robustness_accuracy`: by method an interval, the mean of the curve over the range
          of levels (trapezoids); low is good for the first, high for the second
        - `ratio_to_pca`, `ratio_to_profile`: intervals of the first, model over PCA and over the
          disturbed profile, paired
        - `difference_to_pca`, `difference_to_lda`: intervals of the second, code_logistic minus pca_logistic and
          minus profile_lda, paired

        What speaks of accuracy is null without labels. `gaussian` has besides: `unit` (`replicate noise` or `gene
        standard deviation`), `n_sets` (of replicates, behind the unit; 0 without), `unexplained_by_one` (what noise of
        level 1 adds, as unexplained variance), `denoises_from` (by model and pca: the level from which the
        reconstruction is nearer to the clean profile than the noisy profile is; null if at none). `missing` has
        besides: `most_rounds` of filling; `holds_to` (by classifier: the share of missing genes at which accuracy falls
        below 0.9 of that on clean profiles; null if at none); and `mean_filled`, all of the above with missing genes at
        their training mean.

        Table `noise_curves`: kind (gaussian, missing, missing_mean_filled), level, method, measure (unexplained,
        accuracy), value, low, high.
    """
    with one_thread():
        bench, left_out = bench_of(subject)
        gaussian, cautions = _gaussian(bench)
        filled, mean_filled = _missing(bench)
    chance = 1 / len(set(bench.true_A)) if bench.classes else None
    gaussian.metrics["draws"] = NOISE_DRAWS
    missing = {"draws": GENE_DRAWS, "most_rounds": MOST_ROUNDS, **filled.metrics, "mean_filled": mean_filled.metrics}
    return Answer(
        Found.model_validate(
            {
                "n": len(bench.x_SG),
                "n_held_out": int(subject.test_S.sum()),
                "by": bench.plan.by,
                "n_labelled": len(bench.true_A) if bench.classes else None,
                "n_labels": len(set(bench.true_A)) if bench.classes else None,
                "chance": chance,
                "gaussian": gaussian.metrics,
                "missing": missing,
            }
        ),
        left_out,
        cautions,
        {"noise_curves": pd.concat([gaussian.table, filled.table, mean_filled.table], ignore_index=True)},
    )


def unit_of_noise(subject: Subject) -> tuple[np.ndarray, str, int, dict[str, str]]:
    """Give each gene's standard deviation at level 1, the name of that unit, replicate sets behind it, and cautions."""
    sets = replicate_sets(subject.samples)
    seen = [rows for rows in sets if not subject.test_S[rows].any()]
    cautions = {}
    if sets:
        if len(seen) < FEWEST_UNITS:
            cautions["noise.replicates"] = (
                f"Only {len(seen)} replicate set{'s' * (len(seen) != 1)} lie outside the held-out part: the unit of "
                "noise is estimated from held-out sets too."
            )
        used = seen if len(seen) >= FEWEST_UNITS else sets
        deviation_G = disturbances.replicate_noise(subject.x_SG, used)
        if deviation_G.any():
            return deviation_G, "replicate noise", len(used), cautions
    why = "All replicates agree exactly" if sets else "The data have no technical replicates"
    cautions = {
        "noise.unit": f"{why}, so noise is counted in standard deviations of each gene over the training profiles, "
        "which hold biology too."
    }
    spread_G = disturbances.spread(rows_of(subject.x_SG, subject.part_S == "train"))
    return spread_G, "gene standard deviation", 0, cautions


@dataclass(frozen=True)
class Curves:
    """Numbers for `metrics.json`, and the same curves with their intervals."""

    metrics: dict[str, Any]
    table: pd.DataFrame


def _gaussian(bench: Bench) -> tuple[Curves, dict[str, str]]:
    deviation_G, unit, n_sets, cautions = unit_of_noise(bench.subject)
    levels = REPLICATE_LEVELS if n_sets else SPREAD_LEVELS
    conditions: list[list[Condition]] = [[] for _ in levels]
    one_S = np.zeros(len(bench.x_SG))
    for number in range(NOISE_DRAWS):
        noise_SK, norm_S = disturbances.drawn_noise(
            bench.subject.bundle.basis, deviation_G, len(bench.x_SG), generator(bench.subject.seed, "noise", number)
        )
        one_S += norm_S / NOISE_DRAWS
        for at, level in enumerate(levels):
            if level or not number:  # without noise all draws are the same
                z_SK = bench.z_SK + np.float32(level) * noise_SK
                given = dict.fromkeys(("model", "pca", "span"), z_SK)
                conditions[at].append(bench.condition(given, level**2 * norm_S, z_SK))
    curves = _curves(bench, "gaussian", levels, conditions)
    numbers, unexplained = curves.metrics, curves.metrics["unexplained"]
    numbers |= {
        "unit": unit,
        "n_sets": n_sets,
        "unexplained_by_one": float(one_S.sum() / bench.total_S.sum()),
        "denoises_from": {
            name: denoises_from(levels, unexplained[name], unexplained["profile"]) for name in ("model", "pca")
        },
    }
    return curves, cautions


def denoises_from(levels: Sequence[float], made_X: Sequence[float], noisy_X: Sequence[float]) -> float | None:
    """Give the level from which reconstructions are nearer to the clean profiles than the noisy ones are."""
    # both errors are near to straight lines in the square of the level
    found = crossing(np.square(levels), np.subtract(made_X, noisy_X))
    return None if found is None else found**0.5


def _missing(bench: Bench) -> tuple[Curves, Curves]:
    """Measure missing genes, filled by each method's own means and at the training mean."""
    filled: list[list[Condition]] = [[] for _ in MISSING_SHARES]
    mean_filled: list[list[Condition]] = [[] for _ in MISSING_SHARES]
    # nothing is missing at the first share, so filling changes nothing there
    clean = bench.condition(dict.fromkeys(("model", "pca", "span"), bench.z_SK), np.zeros(len(bench.x_SG)), bench.z_SK)
    filled[0].append(clean)
    mean_filled[0].append(clean)
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "model": lambda z_SK: bench.made(z_SK)[1],
        "pca": bench.pca,
        "span": lambda z_SK: z_SK,
    }
    for number in range(GENE_DRAWS):
        draw = generator(bench.subject.seed, "noise", "genes", number)
        masks = disturbances.masked(bench.subject.bundle.basis, bench.x_SG, MISSING_SHARES[1:], draw)
        for at, mask in enumerate(masks, start=1):
            given = {name: disturbances.filled(mask, way, MOST_ROUNDS) for name, way in ways.items()}
            filled[at].append(bench.condition(given, mask.lost_S, mask.z_SK, mask.observed_KK))
            mean_filled[at].append(bench.condition(dict.fromkeys(ways, mask.z_SK), mask.lost_S, mask.z_SK))
    found = (
        _curves(bench, "missing", MISSING_SHARES, filled),
        _curves(bench, "missing_mean_filled", MISSING_SHARES, mean_filled),
    )
    for curves in found:
        accuracy = curves.metrics["accuracy"]
        curves.metrics["holds_to"] = accuracy and {
            name: crossing(np.array(MISSING_SHARES), np.subtract(curve, HOLDS * curve[0]))
            for name, curve in accuracy.items()
        }
    return found


def _curves(bench: Bench, kind: str, levels: Sequence[float], conditions: Sequence[Sequence[Condition]]) -> Curves:
    """Average over the draws of each level, and give curves with intervals."""
    error = {name: _averaged([[one.error[name] for one in draws] for draws in conditions]) for name in RECONSTRUCTIONS}
    found, rows = unexplained_curves(error, bench.total_S, levels, bench.plan)
    metrics: dict[str, Any] = {"levels": list(levels), **found}
    metrics |= dict.fromkeys(("accuracy", "robustness_accuracy", "difference_to_pca", "difference_to_lda"))
    if bench.classes is not None:
        hit = {
            name: _averaged([[one == bench.true_A for one in draws] for draws in by_level])
            for name, by_level in labels_said(bench, conditions).items()
        }
        found, more = accuracy_curves(hit, bench.true_A, levels, bench.label_plan)
        metrics |= found
        rows += more
    table = pd.DataFrame(rows, columns=["level", "method", "measure", "value", "low", "high"])
    table.insert(0, "kind", kind)
    return Curves(metrics, table.astype({"low": float, "high": float}))


def _averaged(by_level: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Give the mean over draws, profiles x levels."""
    return np.stack([np.mean(draws, axis=0) for draws in by_level], axis=1)
