"""The profiles of a validation: read, labelled in the model's words, and as the model sees them.

Axes: S profiles, G genes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.data.guarded import guarded
from cic.data.label_words import read_label_map, relabelled
from cic.data.matrix import ExpressionMatrix
from cic.data.readers import read_table
from cic.data.role_columns import role_columns
from cic.errors import DataError
from cic.evaluation.profiles.preprocessed import preprocessed
from cic.evaluation.profiles.reconstruction import errors_over, project, squared_errors
from cic.model.bundle import Bundle
from cic.model.copies import nearly_trained_on, trained_on
from cic.using.model import Model
from cic.using.profiles import Reading, alike, of_matrix


def read_profiles(
    file: Path, bundle: Bundle, reading: Mapping[str, Any], columns: Mapping[str, str | None], label_map: Path | None
) -> ExpressionMatrix:
    """Read a file of profiles with the roles of its sample columns, labels in the model's words.

    Parameters
    ----------
    reading
        What is declared of the file, as `cic.data.readers.read_table` takes it; the unit unless given is what the file
        says of itself, else the model's, and is brought to that, as names are by `gene_map`.
    columns
        The sample columns that are `label`, `group` and `replicate`; without one, the column of that name.
    label_map
        A table with columns `from` and `to` of words to replace.

    Raises
    ------
    DataError
        If the file cannot be read, a column is not there, or the map names a label that is not.
    """
    given = {name: value for name, value in reading.items() if value is not None}
    gene_map, unit = given.pop("gene_map", None), given.pop("unit", None)
    if given.get("missing", "error") == "error" and bundle.preprocessor.fill_G is not None:
        given["missing"] = "keep"
    matrix = read_table(file, tables_in="rows", unit=unit or bundle.unit, or_as_said=unit is None, **given)
    otherwise = {"duplicate_genes": given.get("duplicate_genes", "error")}
    matrix = alike(bundle, matrix, str(file), Reading(gene_map=gene_map, otherwise=otherwise))
    samples = role_columns(matrix.samples, columns, str(file))
    if label_map is not None:
        if "label" not in samples:
            raise DataError(
                "there are no labels to replace", where=str(label_map), expected="labels beside the profiles",
                fix="name the table with them by --labels and its column by --label",
            )  # fmt: skip
        words = guarded(read_label_map, label_map)
        name = file.name.removesuffix(".parquet")
        samples["label"] = relabelled({name: samples["label"]}, words, str(label_map))[name]
    return replace(matrix, samples=samples)


@dataclass(frozen=True)
class Reproduced:
    """Profiles beside what is made of them.

    Attributes
    ----------
    errors
        Squared error of each over the modelled genes that the file has, by method (float64, S).
    n_genes
        So many.
    trained_on_S, near_S
        Which the model has seen, by content and nearly (`cic.model.copies`); none where genes are missing, without
        which it cannot be told.
    """

    errors: dict[str, np.ndarray]
    n_genes: int
    trained_on_S: np.ndarray
    near_S: np.ndarray


def reproduced(bundle: Bundle, matrix: ExpressionMatrix) -> Reproduced:
    """Reconstruct profiles, as many at a time as memory is for.

    Raises
    ------
    ModelError
        If they do not fit the model.
    """
    parts = []
    for values_SG, _ in of_matrix(bundle, matrix, matrix.source):
        x_SG, inferred = bundle.completed(preprocessed(bundle.preprocessor, values_SG))
        projected = project(bundle, x_SG)
        if inferred is not None:
            nobody_S = np.zeros(len(x_SG), dtype=bool)
            errors = errors_over(bundle, projected, x_SG, inferred.present_G)
            parts.append(Reproduced(errors, int(inferred.present_G.sum()), nobody_S, nobody_S))
            continue
        trained_on_S = trained_on(bundle, values_SG)
        near_S = nearly_trained_on(bundle, projected.outside_S, projected.total_S) & ~trained_on_S
        parts.append(Reproduced(squared_errors(projected), x_SG.shape[1], trained_on_S, near_S))
    errors = {name: np.concatenate([part.errors[name] for part in parts]) for name in parts[0].errors}
    trained_on_S = np.concatenate([part.trained_on_S for part in parts])
    return Reproduced(errors, parts[0].n_genes, trained_on_S, np.concatenate([part.near_S for part in parts]))


def answers(model: Model, matrix: ExpressionMatrix) -> pd.DataFrame:
    """Give what the model says of each profile."""
    return model.encode(matrix)
