"""Profiles as they are handed to a model: a file, a table, an AnnData or a matrix.

Axes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.readers import read_table
from cic.data.terms import COUNT_UNITS, DeclaredUnit, SamplesIn
from cic.errors import ConfigError, ModelError
from cic.model.bundle import Bundle
from cic.model.inputs import aligned


def where_from(profiles: Any) -> str:
    """Give what to call profiles in messages."""
    if isinstance(profiles, ExpressionMatrix):
        return profiles.source
    return str(profiles) if isinstance(profiles, str | Path) else "profiles"


def taken(
    bundle: Bundle, profiles: Any, where: str, unit: DeclaredUnit | None = None, samples_in: SamplesIn | None = None
) -> Iterator[tuple[np.ndarray, pd.Index]]:
    """Yield profiles as the model takes them, and their ids: all at once where they are few."""
    fill_G = bundle.preprocessor.fill_G
    if isinstance(profiles, str | Path):
        profiles = read_table(
            Path(profiles), samples_in=samples_in, unit=unit or bundle.unit, tables_in="rows",
            missing="error" if fill_G is None else "keep",
        )  # fmt: skip
    elif unit is not None or samples_in is not None:
        raise ConfigError("`unit` and `samples_in` are of a file", where=where, expected="profiles in the model's unit")
    if not isinstance(profiles, ExpressionMatrix):
        frame = _as_frame(profiles, where)
        yield aligned(frame, bundle.genes_in, bundle.unit, where, fill_G), frame.index
        return
    _check_same_unit(bundle, profiles, where)
    for part in profiles.parts():
        yield aligned(part, bundle.genes_in, profiles.unit, where, fill_G), part.samples.index


def _check_same_unit(bundle: Bundle, profiles: ExpressionMatrix, where: str) -> None:
    if profiles.unit != bundle.unit and not {profiles.unit, bundle.unit} <= {*COUNT_UNITS}:
        raise ModelError(
            f"the profiles are in `{profiles.unit}`",
            where=where,
            expected=f"`{bundle.unit}`, the unit of the training data",
            fix="convert the profiles: on log2 scale a model takes log2(x + 1) of linear values"
            if bundle.unit == "log2"
            else "convert the profiles",
        )


def _as_frame(profiles: Any, where: str) -> pd.DataFrame:
    if isinstance(profiles, pd.DataFrame):
        return profiles
    if hasattr(profiles, "obs_names") and hasattr(profiles, "to_df"):  # an AnnData, whose library need not be here
        return cast(pd.DataFrame, profiles.to_df())
    raise ModelError(
        f"a {type(profiles).__name__} has no names of genes",
        where=where,
        expected="a file, a pandas table with genes as columns, an AnnData or an ExpressionMatrix",
        fix="give a table, or Model.bundle.encode an array whose columns are the model's genes in their order",
    )
