"""The roles that sample columns play: label, group, replicate."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from cic.config import Params
from cic.data.matrix import ROLES, ExpressionMatrix
from cic.errors import ConfigError


def with_roles(matrix: ExpressionMatrix, params: Params) -> ExpressionMatrix:
    """Rename the sample columns that the parameters name to `label`, `group` and `replicate`.

    Raises
    ------
    ConfigError
        If a named column is not in the data.
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
    return replace(matrix, samples=samples)
