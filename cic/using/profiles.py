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
from cic.data.terms import UNITS, DeclaredUnit, SamplesIn, Unit
from cic.errors import ConfigError, ModelError
from cic.model.bundle import Bundle
from cic.model.inputs import check_samples, check_values
from cic.model.missing_genes import LEAST_COVERAGE
from cic.using.adata import is_anndata, matrix_of
from cic.using.units import check_way, in_unit, tell_way

# what reads files takes a while to import, which who has a table need not wait for


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
    layer
        Which matrix of a file or an AnnData with several.
    gene_map
        A table by which genes are found that are called otherwise than the model's.
    least_coverage
        Share of what the code carries that the genes have to tell; `None` asks for all genes.
    otherwise
        Further options of `cic.data.readers.read_table`, for files.
    """

    unit: DeclaredUnit | None = None
    samples_in: SamplesIn | None = None
    layer: str | None = None
    gene_map: str | Path | None = None
    least_coverage: float | None = LEAST_COVERAGE
    otherwise: Mapping[str, Any] = field(default_factory=dict)


def taken(
    bundle: Bundle, profiles: Any, where: str, how: Reading | None = None
) -> Iterator[tuple[np.ndarray, pd.Index]]:
    """Yield profiles as the model takes them, and their ids: all at once where they are few.

    Missing genes are columns of NaN; what that means is told once.
    """
    how = how or Reading()
    if isinstance(profiles, str | Path):
        profiles = read_file(bundle, Path(profiles), how)
    elif is_anndata(profiles) and how.samples_in is None and not {*how.otherwise} - {"duplicate_genes"}:
        check_samples(profiles.obs_names, profiles.var_names, bundle.genes_in, where)
        profiles = matrix_of(profiles, how.layer, how.unit or bundle.unit, where)
    else:
        _check_no_file(how, where)
    if not isinstance(profiles, ExpressionMatrix):
        frame = _as_frame(profiles, where)
        if how.unit in (None, bundle.unit) and how.gene_map is None:
            yield bundle.taken(frame, bundle.unit, where, how.least_coverage), frame.index
            return
        profiles = _as_matrix(frame, bundle, how, where)
    yield from of_matrix(bundle, alike(bundle, profiles, where, how), where, how.least_coverage)


def alike(bundle: Bundle, matrix: ExpressionMatrix, where: str, how: Reading) -> ExpressionMatrix:
    """Give profiles whose genes are called as the model's, in a unit that can be brought to its own.

    Raises
    ------
    DataError
        If the table of names does not fit.
    ModelError
        If their unit cannot.
    """
    check_way(matrix.unit, bundle.unit, where)
    tell_way(matrix.unit, bundle.unit, where)
    if how.gene_map is None:
        return matrix
    from cic.using.gene_names import called_alike

    duplicate_genes = how.otherwise.get("duplicate_genes", "error")
    return called_alike(matrix, bundle.genes_in, Path(how.gene_map), duplicate_genes, where)


def of_matrix(
    bundle: Bundle, matrix: ExpressionMatrix, where: str, least_coverage: float | None = LEAST_COVERAGE
) -> Iterator[tuple[np.ndarray, pd.Index]]:
    """Yield what `alike` gave as the model takes it, and the ids; what missing genes mean is told once."""
    for number, part in enumerate(matrix.parts()):
        part = in_unit(part, bundle.unit)
        yield bundle.taken(part, part.unit, where, least_coverage, tell=not number), part.samples.index


def read_file(bundle: Bundle, path: Path, how: Reading) -> ExpressionMatrix:
    """Read a file for a model: in the unit that it says, that was declared, or else the model's.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    from cic.data.readers import read_table

    missing = "error" if bundle.preprocessor.fill_G is None else "keep"
    return read_table(
        path, samples_in=how.samples_in, unit=how.unit or bundle.unit, tables_in="rows", or_as_said=how.unit is None,
        layer=how.layer, **({"missing": missing} | dict(how.otherwise)),
    )  # fmt: skip


def _check_no_file(how: Reading, where: str) -> None:
    """Refuse what is said of a file where there is none."""
    said = {"samples_in": how.samples_in, "layer": how.layer, **how.otherwise}
    for name, value in said.items():
        if value is not None and name != "duplicate_genes":
            raise ConfigError(
                f"`{name}` is of a file" + ", or an AnnData" * (name == "layer"), where=where,
                expected="a file, or a table with a row a sample",
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
