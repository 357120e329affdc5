"""Profiles as they are handed to a model: a file, a table, an AnnData or a matrix.

Axes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.readers import read_table
from cic.data.terms import UNITS, DeclaredUnit, SamplesIn, Unit
from cic.errors import ConfigError, ModelError
from cic.model.bundle import Bundle
from cic.model.inputs import check_values
from cic.model.missing_genes import LEAST_COVERAGE
from cic.using.gene_names import called_alike
from cic.using.units import check_way, in_unit, tell_way


def where_from(profiles: Any) -> str:
    """Give what to call profiles in messages."""
    if isinstance(profiles, ExpressionMatrix):
        return profiles.source
    return str(profiles) if isinstance(profiles, str | Path) else "profiles"


@dataclass(frozen=True)
class Reading:
    """How profiles are read.

    Attributes
    ----------
    unit
        Of the values; `None`: what the file says, and the model's where it says nothing.
    samples_in
        Of a file: where its samples are; a row each unless given or fixed by the kind of file.
    gene_map
        A table by which genes are found that are called otherwise than the model's.
    least_coverage
        Share of what the code carries that the genes have to tell.
    otherwise
        Further options of `cic.data.readers.read_table`, for files.
    """

    unit: DeclaredUnit | None = None
    samples_in: SamplesIn | None = None
    gene_map: str | Path | None = None
    least_coverage: float = LEAST_COVERAGE
    otherwise: Mapping[str, Any] = field(default_factory=dict)


def taken(
    bundle: Bundle, profiles: Any, where: str, how: Reading | None = None
) -> Iterator[tuple[np.ndarray, pd.Index]]:
    """Yield profiles as the model takes them, and their ids: all at once where they are few.

    Missing genes are columns of NaN; what that means is told once.
    """
    how = how or Reading()
    if isinstance(profiles, str | Path):
        profiles = _read(bundle, Path(profiles), how)
    elif how.samples_in is not None or how.otherwise:
        said = "samples_in" if how.samples_in is not None else next(iter(how.otherwise))
        raise ConfigError(f"`{said}` is of a file", where=where, expected="a file, or a table with a row a sample")
    if not isinstance(profiles, ExpressionMatrix):
        frame = _as_frame(profiles, where)
        if how.unit in (None, bundle.unit) and how.gene_map is None:
            yield bundle.taken(frame, bundle.unit, where, how.least_coverage), frame.index
            return
        profiles = _as_matrix(frame, bundle, how, where)
    check_way(profiles.unit, bundle.unit, where)
    tell_way(profiles.unit, bundle.unit, where)
    if how.gene_map is not None:
        duplicate_genes = how.otherwise.get("duplicate_genes", "error")
        profiles = called_alike(profiles, bundle.genes_in, Path(how.gene_map), duplicate_genes, where)
    for number, part in enumerate(profiles.parts()):
        part = in_unit(part, bundle.unit)
        yield bundle.taken(part, part.unit, where, how.least_coverage, tell=not number), part.samples.index


def _read(bundle: Bundle, path: Path, how: Reading) -> ExpressionMatrix:
    missing = "error" if bundle.preprocessor.fill_G is None else "keep"
    return read_table(
        path, samples_in=how.samples_in, unit=how.unit or bundle.unit, tables_in="rows", or_as_said=how.unit is None,
        **({"missing": missing} | dict(how.otherwise)),
    )  # fmt: skip


def _as_matrix(frame: pd.DataFrame, bundle: Bundle, how: Reading, where: str) -> ExpressionMatrix:
    """Give the columns of numbers of a table; the unit may be one that files alone are brought from."""
    unit = how.unit or bundle.unit
    if unit not in UNITS:
        raise ConfigError(f"`{unit}` is of a file", where=where, expected=", ".join(UNITS), fix="convert the values")
    columns = [name for name, kind in frame.dtypes.items() if getattr(kind, "kind", "O") in "fiu"]
    values_SG = frame[columns].to_numpy(dtype=np.float32, na_value=np.nan)
    names = [str(name) for name in columns]
    check_values(values_SG, cast(Unit, unit), [str(name) for name in frame.index], names, where)
    return ExpressionMatrix(values_SG, tuple(names), pd.DataFrame(index=frame.index), cast(Unit, unit), where)


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
