"""Stage `evaluate`: one bundle, measured once on the held-out part, written as figures, tables and a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from cic.config import Params
from cic.data.matrix import ExpressionMatrix
from cic.data.spreadsheet import write_csv
from cic.errors import DataError
from cic.evaluation.drawing.maps import in_two_dimensions
from cic.evaluation.facts import Facts
from cic.evaluation.measure import Measured, measure
from cic.evaluation.metrics import Metrics, as_json
from cic.evaluation.report.headlines import headline_values
from cic.evaluation.report.page import write_report
from cic.evaluation.section import Evidence
from cic.evaluation.subject import Given, sample_column
from cic.model.threads import one_thread
from cic.workers.workers import Workers

FEWEST_TEST = 2


def evaluate(given: Given, params: Params, workers: Workers, seed: int, out: Path) -> Metrics:
    """Measure a model beside replicates, PCA and what else it must be held against, and write what was found.

    Parameters
    ----------
    given
        The model, all profiles, and what the stages before found.
    params
        The section `evaluate` says what is measured; retrainings follow the section `training`.
    workers
        What runs retrainings. Not part of the outcome.
    seed
        Of resamples and retrainings.
    out
        Folder for metrics.json, headline.json, profiles.csv, labels.csv, codes.csv, codes_2d.csv, curves.csv,
        surface.csv, report.html, figures/ and tables/.

    Returns
    -------
    Metrics
        What metrics.json holds; see `measure`.
    """
    out.mkdir(parents=True, exist_ok=True)
    measured = measure(given, params, workers, seed)
    subject = measured.subject
    with one_thread():
        xy_S2, shares = in_two_dimensions(subject.profiles.code_SW, subject.part_S == "train")
    write_tables(out, measured, xy_S2)
    write_curves(out, given.curves, given.trials, measured.metrics)
    write_report(
        out,
        measured.metrics,
        Evidence(
            facts=measured.metrics,
            labels=measured.tables["labels"],
            tables=measured.tables,
            trials=given.trials,
            choice=given.choice,
            curves=given.curves,
            audit=given.audit,
            checks=given.checks,
            about=given.bundle.about,
            data=params.data.name,
            samples=subject.samples,
            part_S=subject.part_S,
            xy_S2=xy_S2,
            shares=shares,
            gene_unit=given.bundle.preprocessor.gene_unit,
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


def write_tables(out: Path, measured: Measured, xy_S2: np.ndarray) -> None:
    """Write metrics.json, headline.json, profiles.csv, labels.csv, codes.csv, codes_2d.csv, and tables/ with the rest.

    `headline.json` is what DVC shows and compares: of the hundreds of numbers in metrics.json the declared dozen.
    """
    samples, part_S, errors = measured.subject.samples, measured.subject.part_S, measured.subject.errors
    (out / "tables").mkdir()
    for name in sorted(set(measured.tables) - {"profiles", "labels"}):
        write_csv(measured.tables[name], out / "tables" / f"{name}.csv")
    plain = as_json(measured.metrics)
    for name, content in (("metrics.json", plain), ("headline.json", headline_values(measured.metrics))):
        (out / name).write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    test_S = part_S == "test"
    named = pd.DataFrame({"sample_id": samples.index.astype(str), "part": part_S})
    for role in ("label", "group"):
        named[role] = sample_column(samples, role).to_numpy()
    by_profile = named.drop(columns="part").assign(
        squared_error=errors["model"],
        squared_error_pca=errors["pca"],
        squared_error_mean=errors["mean_profile"],
        outside_span=errors["span_ceiling"],
    )
    detailed = pd.concat([by_profile[test_S].reset_index(drop=True), measured.tables["profiles"]], axis=1)
    write_csv(detailed, out / "profiles.csv")
    write_csv(measured.tables["labels"], out / "labels.csv")
    code_SW = measured.subject.profiles.code_SW
    codes = pd.DataFrame(code_SW, columns=measured.subject.bundle.code_columns)
    known = named[["sample_id", "part", "label"]]
    write_csv(pd.concat([known, codes], axis=1), out / "codes.csv")
    write_csv(known.assign(x=xy_S2[:, 0], y=xy_S2[:, 1]), out / "codes_2d.csv")


def write_curves(out: Path, curves: pd.DataFrame, trials: pd.DataFrame | None, facts: Facts) -> None:
    """Write curves.csv of the kept training beside PCA, and surface.csv: the least error by depth and width."""
    kept = curves[curves["kept"].astype(bool)][["epoch", "train_error", "validation_error"]]
    pca_error = facts.model.validation_unexplained_variance_pca
    kept.assign(validation_error_pca=pca_error).to_csv(out / "curves.csv", index=False)
    columns = ["depth", "bottleneck_width", "error", "error_ratio_to_pca"]
    surface = pd.DataFrame(columns=columns)
    if trials is not None:
        complete = trials[trials["state"] == "complete"]
        surface = (
            complete.astype(dict.fromkeys(columns[:2], int)).groupby(columns[:2], as_index=False)[columns[2:]].min()
        )
    surface.to_csv(out / "surface.csv", index=False)
