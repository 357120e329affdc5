"""Read expression files as people have them; wrong ones end in one error that says what is wrong.

Where a kind of file does not fix where its samples are, the caller declares it, and it is never guessed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from cic.data import sparse
from cic.data.conversions import converted
from cic.data.formats import READABLE
from cic.data.gct import read_cls
from cic.data.gene_map import renamed
from cic.data.gene_names import tell_mixed, undated
from cic.data.guarded import Parts, guarded
from cic.data.kinds import Asked, read_wide
from cic.data.labels import join_labels, read_labels
from cic.data.layers import offering
from cic.data.matrix import ExpressionMatrix
from cic.data.mending import floored, merged_genes, without_empty, without_missing
from cic.data.sparse import as_kept
from cic.data.species import SPECIES
from cic.data.terms import COUNT_UNITS, DECLARED_UNITS, DeclaredUnit, DuplicateGenes, GenesTo, Missing, SamplesIn
from cic.data.unit_checks import check_unit, doubts
from cic.data.wide import Wide, named
from cic.errors import DataError

log = logging.getLogger("cic.data")
LIKELY = {
    "rpkm": "declare `fpkm`, which are brought to `tpm`",
    "log1p": "declare `ln`, natural logarithms of x + 1, as scanpy and Seurat make them",
    "rpm": "declare `cpm`",
    "linear": "declare `intensity`, which is any linear scale",
    "zscore": "declare `scaled`",
    "log": "declare `log2`, `ln` or `log10`, by the base",
    **dict.fromkeys(("log2tpm", "log2cpm", "logcpm"), "declare `log2`, of values made log2(x + 1)"),
}
"""What to do about units by names that are not ours."""


def read_table(
    path: Path,
    *,
    unit: DeclaredUnit,
    samples_in: SamplesIn | None = None,
    labels: Path | None = None,
    duplicate_genes: DuplicateGenes = "error",
    genes_by: str | None = None,
    gene_map: Path | None = None,
    genes_to: GenesTo = "symbol",
    species_to: str | None = None,
    least_mapped: float = 0.5,
    lengths: Path | None = None,
    missing: Missing = "error",
    floor: float | None = None,
    drop_empty: bool = False,
    layer: str | None = None,
    about_genes: Sequence[str] | None = None,
    tables_in: SamplesIn | None = None,
    or_as_said: bool = False,
) -> ExpressionMatrix:
    """Read a file of expression profiles, and join a table about its samples.

    Parameters
    ----------
    path
        A file or folder of a kind in `cic.data.formats.FORMATS`.
    unit
        What the numbers are; refused where they clearly contradict it. `fpkm` become `tpm`, and `ln` and `log10`, of
        x + 1, `log2`.
    samples_in
        Whether samples are its `rows` or its `columns`; needed where the kind of file does not tell.
    labels
        A CSV or TSV with one row a sample; its column `sample_id`, or else its first, holds the ids. Or a `.cls`.
    duplicate_genes
        What to do where a gene stands more than once: refuse, or give the mean, the median, the maximum or the sum on
        the file's own scale, or take the one that is highest in the mean.
    genes_by
        Which of the columns that the file has about its genes shall name them, such as `gene_name`.
    gene_map, genes_to
        A table with a line a gene or probe, and the names that genes shall have by it; those without one, or with
        several, are left out.
    species_to
        With a table of orthologs: the species after whose genes they are named. `None`: their own.
    least_mapped
        Share of the genes that must find one name, or length.
    lengths
        A table with the length of each gene, by which counts become `tpm`. Names are those in the file.
    missing
        What to do with missing values: refuse, leave out the genes or the samples that have any, or keep them as they
        are, for `data.missing` to say what becomes of them.
    floor
        Of intensities: what is less is raised to it, as is usual before a logarithm.
    drop_empty
        Whether samples without any count are left out, and not refused.
    layer
        Of a file with several matrices, which to read: `X`, `raw` or a layer of AnnData, `matrix` or a layer of Loom.
    about_genes
        Which columns of a table with samples in columns are about genes; `none` for none. Where it is left out, those
        are that certainly are, and a table of which it is not certain is refused.
    tables_in
        What `samples_in` is where it is left out and the kind of file does not tell.
    or_as_said
        Whether the unit is another where the file itself says so.

    Returns
    -------
    ExpressionMatrix
        In the file's order of samples and genes.

    Raises
    ------
    DataError
        Naming the file, the place in it, what was found, what was expected, and what to do.
    """
    path = Path(path)
    _check_declared(path, samples_in, unit, duplicate_genes, genes_to, species_to, missing)
    of_genes = None if about_genes is None else tuple(about_genes)
    asked = Asked(unit, samples_in, tables_in, missing != "error", layer, of_genes)
    parts = guarded(partial(_read_apart, asked=asked), path)
    file_unit, others, names = parts.rest
    wide = Wide(sparse.together(parts.arrays, len(names[1])), *names)
    if or_as_said and file_unit is not None:
        unit = file_unit
    if file_unit is not None and file_unit != unit:
        raise DataError(
            f"declared unit `{unit}`, but the file itself says `{file_unit}`",
            where=str(path),
            expected="the unit with which the file was written",
            fix=f"declare `{file_unit}`",
        )
    _check_names(wide.rows, "sample", path)
    _check_names(wide.columns, "gene", path)
    wide = without_missing(wide, missing, path)
    if drop_empty:
        wide = without_empty(wide, path)
    # before genes are left out: TPM add up to a million over all of them
    wide, kept_unit = converted(wide, unit, lengths, least_mapped, path)
    wide = undated(named(wide, genes_by, path), path)
    if gene_map is not None:
        wide = renamed(wide, Path(gene_map), genes_to, species_to, least_mapped, path)
    tell_mixed(wide.columns, path)
    _check_repeated(wide.rows, "sample id", path, fix="remove or rename the repeated ones")
    if duplicate_genes == "error":
        fix = "rename them, or ask for `--duplicate-genes`, such as `sum` of counts and `highest` of probes"
        _check_repeated(wide.columns, "gene", path, fix=fix)
    wide = floored(wide, floor, kept_unit, path)
    known = wide.values if missing != "keep" or sparse.is_sparse(wide.values) else np.nan_to_num(wide.values)
    with offering(others):
        check_unit(known, kept_unit, list(wide.rows), list(wide.columns), str(path))
    for doubt in doubts(known, kept_unit):
        log.warning("%s: %s", path, doubt)
    genes, values_SG = merged_genes(wide, duplicate_genes)
    index = pd.Index(list(wide.rows), name="sample_id", dtype=object)
    samples = pd.DataFrame(index=index) if wide.about_rows is None else wide.about_rows.set_axis(index)
    if labels is not None:
        about = guarded(partial(_about_samples, samples=list(samples.index)), Path(labels))
        samples = join_labels(samples, about, set(genes), path, Path(labels))
    return ExpressionMatrix(as_kept(values_SG), genes, samples, kept_unit, str(path))


def _check_declared(
    path: Path,
    samples_in: str | None,
    unit: str,
    duplicate_genes: str,
    genes_to: str,
    species_to: str | None,
    missing: str,
) -> None:
    for name, value, allowed in (
        ("samples-in", samples_in, (None, *get_args(SamplesIn))),
        ("unit", unit, DECLARED_UNITS),
        ("duplicate-genes", duplicate_genes, get_args(DuplicateGenes)),
        ("genes-to", genes_to, get_args(GenesTo)),
        ("species-to", species_to, (None, *SPECIES)),
        ("missing", missing, get_args(Missing)),
    ):
        if value not in allowed:
            known = " or ".join(one for one in allowed if one is not None)
            fix = LIKELY.get(str(value).lower()) if name == "unit" else None
            raise DataError(f"`{value}` is not known", where=f"--{name}", expected=known, fix=fix)
    if missing == "keep" and unit in (*COUNT_UNITS, "fpkm"):
        raise DataError(
            f"missing values of `{unit}` cannot be kept: a profile is divided by its total, which then is unknown",
            where="--missing", expected="drop-genes or drop-samples", fix="or find out what the file means by them: 0?",
        )  # fmt: skip
    if not path.exists():
        raise DataError("there is no such file", where=str(path), expected=READABLE, fix="check the path")


def _read_apart(path: Path, asked: Asked) -> Parts:
    found = read_wide(path, asked)
    wide = found.wide
    about = (wide.rows, wide.columns, wide.about_rows, wide.about_columns)
    return Parts((found.unit, found.others, about), sparse.apart(wide.values))


def _about_samples(path: Path, samples: list[str]) -> pd.DataFrame:
    """Read a table about samples, or the classes of a `.cls`, which stand in the order of the samples."""
    if path.suffix.lower() != ".cls":
        return read_labels(path)
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), expected="a table about the samples", fix="check it")
    classes = read_cls(path)
    if len(classes) != len(samples):
        raise DataError(
            f"{len(classes)} classes for {len(samples)} samples", where=str(path), expected="one for each, in order",
            fix="take the .cls that belongs to the profiles",
        )  # fmt: skip
    return pd.DataFrame({"label": classes}, index=pd.Index(samples, name="sample_id", dtype=object), dtype=object)


def _check_names(names: Sequence[str], kind: str, path: Path) -> None:
    blank = [position for position, name in enumerate(names, start=1) if not str(name).strip()]
    if blank:
        raise DataError(
            f"{len(blank)} {kind}(s) have no name", where=f"{path}, {kind} {blank[0]}", expected="a name for each",
            fix="name or remove them",
        )  # fmt: skip
    if not names:
        raise DataError(f"there are no {kind}s", where=str(path), expected="a table of samples and genes")


def _check_repeated(names: Sequence[str], kind: str, path: Path, fix: str) -> None:
    index = pd.Index(list(names))
    if index.is_unique:
        return
    twice = [str(name) for name in index[index.duplicated()].unique()]
    more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
    raise DataError(
        f"{len(twice)} {kind}(s) stand there more than once: {', '.join(twice[:5])}{more}",
        where=str(path),
        expected=f"every {kind} once",
        fix=fix,
    )
