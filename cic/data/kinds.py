"""A file of any kind as a table of numbers, samples in rows: what `cic.data.formats` tells apart is read here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cic.data import formats
from cic.data.arrow_table import read_feather, read_wide_parquet
from cic.data.delimited import read_delimited
from cic.data.feature_counts import read_feature_counts
from cic.data.formats import Format, format_of
from cic.data.gct import read_gct
from cic.data.geo import read_series_matrix, read_soft
from cic.data.matrix import read_matrix
from cic.data.matrix_file import check_rows
from cic.data.said import refuse_other_logarithm, tell_contradiction
from cic.data.sample_files import read_sample_files
from cic.data.terms import DeclaredUnit, SamplesIn, Unit
from cic.data.wide import Wide
from cic.errors import DataError


@dataclass(frozen=True)
class Asked:
    """What was said of a file, as `cic.data.readers.read_table` explains it.

    Attributes
    ----------
    missing
        Whether values may be missing.
    """

    unit: DeclaredUnit
    samples_in: SamplesIn | None = None
    tables_in: SamplesIn | None = None
    missing: bool = False
    layer: str | None = None
    about_genes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Found:
    """What a file holds: the profiles, their unit where the file itself declares it, and its other matrices."""

    wide: Wide
    unit: Unit | None = None
    others: list[str] = field(default_factory=list)


def read_wide(path: Path, asked: Asked) -> Found:
    """Read a file of any kind.

    Raises
    ------
    DataError
        If it cannot be read, or what was said does not fit its kind.
    """
    kind = format_of(path)
    if asked.layer is not None and kind not in _LAYERED:
        raise DataError(
            f"a file of this kind ({kind.name}) holds one matrix", where=f"{path}, --layer {asked.layer}",
            expected="--layer of " + ", ".join(one.name for one in _LAYERED), fix="leave it out",
        )  # fmt: skip
    if asked.about_genes is not None and kind not in (*_TABLES, formats.FEATURE_COUNTS):
        raise DataError(
            f"a file of this kind ({kind.name}) says itself what is about genes", where=f"{path}, --about-genes",
            expected="that of a table", fix="leave it out",
        )  # fmt: skip
    if kind in _TABLES:
        return Found(_TABLES[kind](path, _where_samples_are(path, asked), asked))
    if asked.samples_in not in (None, kind.samples_in):
        raise DataError(
            f"samples declared in {asked.samples_in}", where=str(path),
            expected=f"{kind.samples_in}: a file of this kind ({kind.name}) has its samples there",
            fix=f"declare `--samples-in {kind.samples_in}`, or leave it out",
        )  # fmt: skip
    if kind is formats.OURS:
        check_rows(path)
        matrix = read_matrix(path)
        return Found(Wide(matrix.values, list(matrix.samples.index), matrix.genes, matrix.samples), matrix.unit)
    if kind in _LAYERED:
        wide, others = _LAYERED[kind](path, asked.layer)
        if kind is formats.H5AD and asked.layer is None:
            refuse_other_logarithm(wide, asked.unit, path)
        return Found(wide, None, others)
    wide = _OTHERS[kind](path, asked)
    tell_contradiction(wide, asked.unit, path)
    return Found(wide)


def _where_samples_are(path: Path, asked: Asked) -> SamplesIn:
    samples_in = asked.samples_in or asked.tables_in
    if samples_in is None:
        raise DataError(
            "nothing tells whether its samples are the rows or the columns", where=str(path),
            expected="that declared", fix="add --samples-in rows, or --samples-in columns",
        )  # fmt: skip
    if samples_in == "rows" and asked.about_genes is not None:
        raise DataError(
            "columns about genes, where each column is a gene", where=f"{path}, --about-genes",
            expected="a table with its samples in columns", fix="leave it out, or say --samples-in columns",
        )  # fmt: skip
    return samples_in


def _anndata(path: Path, layer: str | None) -> tuple[Wide, list[str]]:
    from cic.data.annotated import read_anndata  # anndata takes a second to import, and the others build on h5py

    return read_anndata(path, layer)


def _loom(path: Path, layer: str | None) -> tuple[Wide, list[str]]:
    from cic.data.loom import read_loom

    return read_loom(path, layer)


def _gctx(path: Path, asked: Asked) -> Wide:
    from cic.data.gctx import read_gctx

    return read_gctx(path)


def _of_10x(path: Path, asked: Asked) -> Wide:
    from cic.data import tenx

    return tenx.read_10x_folder(path) if path.is_dir() else tenx.read_10x_h5(path)


_TABLES: dict[Format, Callable[[Path, SamplesIn, Asked], Wide]] = {
    formats.TABLE: lambda path, where, asked: read_delimited(
        path, where, missing=asked.missing, about=asked.about_genes
    ),
    formats.PARQUET: lambda path, where, asked: read_wide_parquet(path, where, asked.about_genes),
    formats.FEATHER: lambda path, where, asked: read_feather(path, where, asked.about_genes),
}
_LAYERED: dict[Format, Callable[[Path, str | None], tuple[Wide, list[str]]]] = {
    formats.H5AD: _anndata,
    formats.ZARR: _anndata,
    formats.LOOM: _loom,
}
_OTHERS: dict[Format, Callable[[Path, Asked], Wide]] = {
    formats.GCT: lambda path, asked: read_gct(path),
    formats.GCTX: _gctx,
    formats.SERIES: lambda path, asked: read_series_matrix(path),
    formats.SOFT: lambda path, asked: read_soft(path),
    formats.TENX: _of_10x,
    formats.TENX_H5: _of_10x,
    formats.FEATURE_COUNTS: lambda path, asked: read_feature_counts(
        path, missing=asked.missing, about=asked.about_genes
    ),
    formats.SAMPLES: lambda path, asked: read_sample_files(path, asked.unit),
}
