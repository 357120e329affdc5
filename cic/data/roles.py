"""The roles that sample columns play: label, group, replicate."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from cic.config import Params
from cic.data.corrected import CORRECTION
from cic.data.matrix import ROLES, ExpressionMatrix
from cic.errors import ConfigError

PROPORTION = "proportion "
"""Begins the name of a sample column that holds the share of one component of a mixture."""


def with_roles(matrix: ExpressionMatrix, params: Params) -> ExpressionMatrix:
    """Rename the sample columns that the parameters name to `label`, `group`, `replicate` and `proportion …`.

    What a merge noted of corrections (`cic.data.corrected`) stays: split and audit go by it.

    Raises
    ------
    ConfigError
        If a named column is not in the data, or does not hold what it must.
    """
    samples = pd.DataFrame(index=matrix.samples.index)
    for role in ROLES:
        column = getattr(params.data, role)
        if column is None:
            continue
        if column not in matrix.samples:
            raise ConfigError(
                f"the data have no column `{column}`",
                where=f"data.{role}, {params.data.file}",
                expected=", ".join(map(str, matrix.samples.columns)) or "no sample columns at all",
                fix=f"name one of these in `data.{role}`, or null",
            )
        values = matrix.samples[column]
        samples[role] = values.astype(str).where(values.notna() & (values.astype(str) != ""), None)
    for column in params.data.proportions:
        samples[f"{PROPORTION}{column}"] = _shares(matrix, column, params.data.file)
    if CORRECTION in matrix.samples:
        samples[CORRECTION] = matrix.samples[CORRECTION]
    return replace(matrix, samples=samples)


def without_roles(matrix: ExpressionMatrix, params: Params) -> pd.DataFrame:
    """Give the sample columns that the parameters name for nothing."""
    named = {getattr(params.data, role) for role in ROLES} | {*params.data.proportions, CORRECTION}
    return matrix.samples.drop(columns=[name for name in matrix.samples if name in named])


def _shares(matrix: ExpressionMatrix, column: str, file: str) -> pd.Series:
    """Give a column of shares of a mixture, 0 to 1, or missing."""
    if column not in matrix.samples:
        raise ConfigError(
            f"the data have no column `{column}`",
            where=f"data.proportions, {file}",
            expected=", ".join(map(str, matrix.samples.columns)) or "no sample columns at all",
            fix="name columns that the data have in `data.proportions`, or none",
        )
    share_S = pd.to_numeric(matrix.samples[column], errors="coerce")
    wrong_S = (share_S.isna() & matrix.samples[column].notna()) | (share_S < 0) | (share_S > 1)
    if wrong_S.any():
        sample = wrong_S.index[wrong_S][0]
        raise ConfigError(
            f"`{matrix.samples.loc[sample, column]}` at sample {sample}",
            where=f"data.proportions, column `{column}` of {file}",
            expected="shares from 0 to 1",
            fix="correct the labels table and import it again, or leave the column out of `data.proportions`",
        )
    return share_S
