"""Stage `evaluate`: one bundle, measured once on the held-out part, written as figures, tables and a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.config import Evaluate
from cic.data.matrix import ExpressionMatrix
from cic.errors import DataError
from cic.evaluation.measure import Measured, measure, sample_column
from cic.evaluation.report.maps import in_two_dimensions
from cic.evaluation.report.page import write_report
from cic.evaluation.report.section import Evidence
from cic.model.bundle import Bundle
from cic.model.threads import one_thread

FEWEST_TEST = 2


def evaluate(
    bundle: Bundle,
    matrix: ExpressionMatrix,
    part: pd.Series,
    trials: pd.DataFrame | None,
    choice: dict[str, Any],
    curves: pd.DataFrame,
    audit: dict[str, Any],
    checks: dict[str, Any],
    config: Evaluate,
    seed: int,
    out: Path,
) -> dict[str, Any]:
    """Measure `bundle` on the test part beside replicates and PCA, and write what was found into `out`.

    Parameters
    ----------
    bundle
        The trained model.
    matrix
        All profiles, with the sample columns `label`, `group` and `replicate` as far as there are any.
    part
        `train`, `validation` or `test`, by sample id.
    trials
        One row a trial of the search; `None` if there was none.
    choice
        The chosen hyperparameters and the `reason`.
    curves
        One row an epoch of each final training: training, kept, epoch, train_error, validation_error.
    audit, checks
        What the leakage audit and the checks of the data found.
    seed
        Of the resamples.
    out
        Folder for metrics.json, profiles.csv, labels.csv, codes.csv, codes_2d.csv, curves.csv, surface.csv,
        report.html and figures/.

    Returns
    -------
    dict
        What metrics.json holds; see `measure`.

    Raises
    ------
    DataError
        If fewer than two profiles are held out, or profiles have no part.
    """
    out.mkdir(parents=True, exist_ok=True)
    part_S = parts_of(matrix, part)
    with one_thread():
        measured = measure(bundle, matrix, part_S, trials, audit, checks, config, seed)
        xy_S2, shares = in_two_dimensions(measured.profiles.code_SW, part_S == "train")
    write_tables(out, matrix.samples, part_S, measured, xy_S2)
    write_curves(out, curves, trials, measured.metrics)
    write_report(
        out,
        Evidence(
            metrics=measured.metrics,
            labels=measured.labels,
            trials=trials,
            choice=choice,
            curves=curves,
            audit=audit,
            checks=checks,
            about=bundle.about,
            samples=matrix.samples,
            part_S=part_S,
            xy_S2=xy_S2,
            shares=shares,
            scaled=bool((bundle.preprocessor.scale_G != 1).any()),
        ),
    )
    return measured.metrics


def parts_of(matrix: ExpressionMatrix, part: pd.Series) -> np.ndarray:
    """Give the part of each profile in the order of `matrix`.

    Raises
    ------
    DataError
        If profiles have no part, or there are too few in the training or the test part.
    """
    part_S = part.reindex(matrix.samples.index)
    if part_S.isna().any():
        lost = [str(name) for name in part_S.index[part_S.isna()]]
        raise DataError(
            f"{len(lost)} profiles have no part, such as {lost[0]}",
            where="evaluate",
            expected="train, validation or test for every profile",
            fix="run the split again on these data",
        )
    for name in ("train", "test"):
        n = int((part_S == name).sum())
        if n < FEWEST_TEST:
            raise DataError(f"the part `{name}` has {n} profiles", where="evaluate", expected=f"{FEWEST_TEST} or more")
    return part_S.to_numpy()


def write_tables(out: Path, samples: pd.DataFrame, part_S: np.ndarray, measured: Measured, xy_S2: np.ndarray) -> None:
    """Write metrics.json, profiles.csv, labels.csv, codes.csv and codes_2d.csv."""
    (out / "metrics.json").write_text(json.dumps(measured.metrics, indent=1, allow_nan=False) + "\n")
    test_S = part_S == "test"
    named = pd.DataFrame({"sample_id": samples.index.astype(str), "part": part_S})
    for role in ("label", "group"):
        named[role] = sample_column(samples, role).to_numpy()
    by_profile = named.drop(columns="part").assign(
        squared_error=measured.errors["model"],
        squared_error_pca=measured.errors["pca"],
        squared_error_mean=measured.errors["mean_profile"],
        outside_span=measured.errors["span_ceiling"],
    )
    by_profile[test_S].to_csv(out / "profiles.csv", index=False)
    measured.labels.to_csv(out / "labels.csv", index=False)
    code_SW = measured.profiles.code_SW
    names = [f"code_{number}" for number in range(1, code_SW.shape[1] + 1)]
    codes = pd.DataFrame(code_SW, columns=names)
    pd.concat([named[["sample_id", "part", "label"]], codes], axis=1).to_csv(out / "codes.csv", index=False)
    named[["sample_id", "part", "label"]].assign(x=xy_S2[:, 0], y=xy_S2[:, 1]).to_csv(out / "codes_2d.csv", index=False)


def write_curves(out: Path, curves: pd.DataFrame, trials: pd.DataFrame | None, metrics: Mapping[str, Any]) -> None:
    """Write what DVC plots: curves.csv of the kept training beside PCA, and surface.csv of the search."""
    kept = curves[curves["kept"].astype(bool)][["epoch", "train_error", "validation_error"]]
    pca_error = metrics["model"]["validation_unexplained_variance_pca"]
    kept.assign(validation_error_pca=pca_error).to_csv(out / "curves.csv", index=False)
    columns = ["depth", "bottleneck_width", "error", "error_ratio_to_pca"]
    surface = pd.DataFrame(columns=columns)
    if trials is not None:
        complete = trials[trials["state"] == "complete"]
        surface = complete.groupby(columns[:2], as_index=False)[columns[2:]].min()
    surface.to_csv(out / "surface.csv", index=False)
