"""The roles that sample columns play: label, group, replicate; and what the table about samples has to be for that."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real

import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaError, SchemaErrorReason

from cic.config import Params
from cic.data.corrected import CORRECTION
from cic.data.matrix import ROLES, ExpressionMatrix
from cic.errors import ConfigError

PROPORTION = "proportion "
"""Begins the name of a sample column that holds the share of one component of a mixture."""
ID = "sample_id"


def schema_of(params: Params) -> pandera.DataFrameSchema:
    """Declare what the columns that the parameters name, by these names, have to hold, and the ids of the samples."""
    is_id = pandera.Check(lambda id_: bool(str(id_).strip()), element_wise=True, error="an id for each sample")
    is_name = pandera.Check(pd.api.types.is_scalar, element_wise=True, error="one name a sample, or nothing")
    is_share = pandera.Check(
        lambda value: isinstance(value, Real) and 0 <= float(value) <= 1, element_wise=True, error="shares from 0 to 1"
    )
    named = [column for role in ROLES if (column := getattr(params.data, role)) is not None]
    return pandera.DataFrameSchema(
        {
            **{column: pandera.Column(None, is_name, nullable=True) for column in named},
            **{column: pandera.Column(None, is_share, nullable=True) for column in params.data.proportions},
        },
        index=pandera.Index(None, is_id, unique=True, name=ID),
    )


def with_roles(matrix: ExpressionMatrix, params: Params) -> ExpressionMatrix:
    """Rename the sample columns that the parameters name to `label`, `group`, `replicate` and `proportion …`.

    What a merge noted of corrections (`cic.data.corrected`) stays: split and audit go by it.

    Raises
    ------
    ConfigError
        If a named column is not in the data, or does not hold what it must.
    """
    told = matrix.samples.copy()
    for column in params.data.proportions:
        if column in told:  # numbers may have come as text
            numbers = pd.to_numeric(told[column], errors="coerce")
            told[column] = numbers.where(numbers.notna() | told[column].isna(), told[column])
    try:
        schema_of(params).validate(told)
    except SchemaError as error:
        raise _refused(error, matrix.samples, params) from None
    samples = pd.DataFrame(index=told.index)
    for role in ROLES:
        if (column := getattr(params.data, role)) is not None:
            values = told[column]
            samples[role] = values.astype(str).where(values.notna() & (values.astype(str) != ""), None)
    for column in params.data.proportions:
        samples[f"{PROPORTION}{column}"] = told[column].astype(float)
    if CORRECTION in told:
        samples[CORRECTION] = told[CORRECTION]
    return replace(matrix, samples=samples)


def _refused(error: SchemaError, samples: pd.DataFrame, params: Params) -> ConfigError:
    """Say which column the schema refuses, and why."""
    is_lost = error.reason_code is SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME
    column = str(error.failure_cases if is_lost else error.schema.name)
    setting = next((f"data.{role}" for role in ROLES if getattr(params.data, role) == column), "data.proportions")
    if is_lost:
        return ConfigError(
            f"the data have no column `{column}`",
            where=f"{setting}, {params.data.file}",
            expected=", ".join(map(str, samples.columns)) or "no sample columns at all",
            fix=f"name one of these in `{setting}`, or {'none' if setting == 'data.proportions' else 'null'}",
        )
    first = error.failure_cases.iloc[0]
    return ConfigError(
        f"`{first['failure_case']}` at sample {first['index']}",
        where=f"sample ids of {params.data.file}" if column == ID else f"{setting}, `{column}` of {params.data.file}",
        expected=getattr(error.check, "error", "every id once"),
        fix="correct the table about the samples and import it again"
        + (f", or leave the column out of `{setting}`" * (column != ID)),
    )


def without_roles(matrix: ExpressionMatrix, params: Params) -> pd.DataFrame:
    """Give the sample columns that the parameters name for nothing."""
    named = {getattr(params.data, role) for role in ROLES} | {*params.data.proportions, CORRECTION}
    return matrix.samples.drop(columns=[name for name in matrix.samples if name in named])
