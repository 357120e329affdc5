"""Profiles as they are handed to a model: a file, a table, an AnnData or a matrix.

Axes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.terms import COUNT_UNITS, DeclaredUnit, SamplesIn
from cic.errors import ConfigError, ModelError
from cic.model.bundle import Bundle
from cic.model.inputs import aligned, check_samples
from cic.using.adata import is_anndata, matrix_of


def where_from(profiles: Any) -> str:
    """Give what to call profiles in messages."""
    if isinstance(profiles, ExpressionMatrix):
        return profiles.source
    return str(profiles) if isinstance(profiles, str | Path) else "profiles"


def taken(
    bundle: Bundle,
    profiles: Any,
    where: str,
    unit: DeclaredUnit | None = None,
    samples_in: SamplesIn | None = None,
    layer: str | None = None,
) -> Iterator[tuple[np.ndarray, pd.Index]]:
    """Yield profiles as the model takes them, and their ids: all at once where they are few."""
    fill_G = bundle.preprocessor.fill_G
    if isinstance(profiles, str | Path):
        from cic.data.readers import read_table  # takes a while to import, which who has a table need not wait for

        profiles = read_table(
            Path(profiles), samples_in=samples_in, unit=unit or bundle.unit, tables_in="rows", layer=layer,
            missing="error" if fill_G is None else "keep",
        )  # fmt: skip
    elif is_anndata(profiles) and samples_in is None:
        check_samples(profiles.obs_names, profiles.var_names, bundle.genes_in, where)
        profiles = matrix_of(profiles, layer, unit or bundle.unit, where)
    elif (unit, samples_in, layer) != (None, None, None):
        raise ConfigError(
            "`unit`, `samples_in` and `layer` are of a file, the first and the last also of an AnnData", where=where,
            expected="profiles in the model's unit",
        )  # fmt: skip
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
    if type(profiles).__module__.partition(".")[0] == "polars" and hasattr(profiles, "to_pandas"):
        return _of_polars(profiles)
    raise ModelError(
        f"a {type(profiles).__name__} has no names of genes",
        where=where,
        expected="a file, a table of pandas or polars with genes as columns, an AnnData or an ExpressionMatrix",
        fix="give a table, or Model.bundle.encode an array whose columns are the model's genes in their order",
    )


def _of_polars(profiles: Any) -> pd.DataFrame:
    """Give a table of polars as one of pandas, its ids taken from the first column if that is of text."""
    frame = profiles.to_pandas()
    first = frame.columns[0] if len(frame.columns) else None
    return frame.set_index(first) if first is not None and pd.api.types.is_string_dtype(frame[first]) else frame
