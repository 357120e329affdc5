"""Sample columns that play a role, picked out by name from a table that no `params.yaml` speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pandas as pd

from cic.data.matrix import ROLES
from cic.errors import DataError


def role_columns(samples: pd.DataFrame, named: Mapping[str, str | None], where: str) -> pd.DataFrame:
    """Give the columns `label`, `group` and `replicate`, as text, as far as there are any.

    Parameters
    ----------
    named
        The column of each role; where it is left out, or `None`, the column that is called as the role, if there is
        one.

    Raises
    ------
    DataError
        If a column that was named is not there.
    """
    found = pd.DataFrame(index=samples.index)
    for role in ROLES:
        column = named.get(role)
        if column is not None and column not in samples:
            raise DataError(
                f"the profiles have no column `{column}`",
                where=f"{role} of {where}",
                expected=", ".join(map(str, samples.columns)) or "no sample columns at all",
                fix=f"name one of these as the {role}, or none",
            )
        if (name := column or role) in samples:
            values = samples[name]
            known = values.notna() & (values.astype(str) != "")
            found[role] = values.astype(str).astype(object).where(known, cast(Any, None))
    return found
