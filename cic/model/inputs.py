"""Profiles as they are handed to a model: genes found by name, values held to what an import takes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cic.data.gene_names import namespace_of, plain
from cic.data.matrix import ExpressionMatrix
from cic.data.terms import Unit
from cic.data.unit_checks import check_unit
from cic.errors import DataError, ModelError

log = logging.getLogger(__name__)
LARGEST_INTEGER = 10**300
"""Python's own have no end, floating-point numbers do."""


def aligned(
    profiles: ExpressionMatrix | pd.DataFrame,
    genes: Sequence[str],
    unit: Unit,
    where: str,
    fill_G: np.ndarray | None = None,
    partly: bool = False,
) -> np.ndarray:
    """Give the values of profiles, samples x `genes`, as float32; genes that are not asked for are ignored.

    Genes are found by name; ids of Ensembl also by another version of them.

    Parameters
    ----------
    profiles
        A matrix, or a table with one row a profile and one column a gene.
    unit
        That the model was trained on.
    where
        What to call the profiles in errors.
    fill_G
        What stands for a missing value of each of `genes`, if the model was made to take profiles with some.
    partly
        Whether genes may be missing: they come as columns of NaN.

    Raises
    ------
    ModelError
        If there are no profiles, genes are missing or repeated, values are not finite numbers, or they contradict the
        unit as an import would say.
    """
    if isinstance(profiles, ExpressionMatrix):
        sample_ids, found_SG = profiles.samples.index, profiles.dense()
        # whoever has put the genes in order need not wait until they are found again
        if (profiles.genes is genes or profiles.genes == genes) and found_SG.flags.c_contiguous:
            there_G = np.ones(len(genes), dtype=bool)
        else:
            fix = "declare --samples-in columns, or of a table the other axis than was declared"
            _check_axes(pd.Index(profiles.genes), sample_ids, genes, where, fix)
            position_G = positions(pd.Index(profiles.genes), genes, where, partly)
            there_G = position_G >= 0
            found_SG = _taken(found_SG, position_G[there_G])
    else:
        sample_ids = profiles.index
        check_samples(sample_ids, profiles.columns, genes, where)
        if not len(profiles):
            raise ModelError("there are no profiles", where=where, expected="a row a profile, with genes as columns")
        position_G = positions(pd.Index(profiles.columns.astype(str)), genes, where, partly)
        there_G = position_G >= 0
        found_SG = _values_of(profiles, position_G[there_G], where)
    if fill_G is not None:
        found_SG = _filled(found_SG, fill_G[there_G], where)
    ids = [str(sample) for sample in sample_ids]
    if there_G.all():
        check_values(found_SG, unit, ids, genes, where)
        return found_SG
    check_values(found_SG, unit, ids, [gene for gene, there in zip(genes, there_G, strict=True) if there], where)
    values_SG = np.full((len(found_SG), len(genes)), np.nan, dtype=np.float32)
    values_SG[:, there_G] = found_SG
    return values_SG


def check_values(values_SG: np.ndarray, unit: Unit, samples: Sequence[str], genes: Sequence[str], where: str) -> None:
    """Hold values to what an import takes.

    Raises
    ------
    ModelError
        If they are not finite numbers, or contradict the unit as an import would say.
    """
    if not np.isfinite(values_SG).all():
        row, column = np.argwhere(~np.isfinite(values_SG))[0]
        raise ModelError(
            "there are missing or infinite values",
            where=f"{where}, first at sample {samples[row]}, gene {genes[column]}",
            expected="finite numbers only",
        )
    try:
        check_unit(values_SG, unit, samples, genes, where)
    except DataError as error:
        raise ModelError(
            error.found,
            where=error.where,
            expected=f"{error.expected}; the model was trained on `{unit}`",
            fix=f"bring the profiles to `{unit}` as the training profiles were",
        ) from None


def _filled(values_SG: np.ndarray, fill_G: np.ndarray, where: str) -> np.ndarray:
    missing_SG = np.isnan(values_SG)
    if not missing_SG.any():
        return values_SG
    log.warning(
        "%s: %d values are missing (%.2g%%) and taken for the median of the training profiles",
        where, int(missing_SG.sum()), 100 * missing_SG.mean(),
    )  # fmt: skip
    return np.where(missing_SG, fill_G, values_SG)


def _taken(values_SG: np.ndarray, position_G: np.ndarray) -> np.ndarray:
    """Give some columns, laid out in memory as all of them are: on that the last bits of matrix products depend."""
    taken_SG = np.take(values_SG, position_G, axis=1)
    return taken_SG if values_SG.flags.c_contiguous else np.asfortranarray(taken_SG)


def check_samples(ids: pd.Index, columns: pd.Index, genes: Sequence[str], where: str) -> None:
    """Refuse samples of a table that are called alike, and genes where the samples should be.

    Raises
    ------
    ModelError
        If there are such.
    """
    if not ids.is_unique:
        raise ModelError(
            f"{int(ids.duplicated().sum())} sample ids stand there more than once, such as {ids[ids.duplicated()][0]}",
            where=where,
            expected="every sample once",
            fix="rename or remove the repeated ones",
        )
    _check_axes(columns, ids, genes, where, "turn it round: table.T, or adata.T")


def _check_axes(columns: pd.Index, rows: pd.Index, genes: Sequence[str], where: str, fix: str) -> None:
    """Refuse profiles whose genes are where the samples should be; a few samples may have such names: wells C3, F2."""
    wanted, rows = pd.Index(genes), rows.astype(str)
    if not wanted.isin(columns).any() and 2 * wanted.isin(rows).sum() > min(len(wanted), len(rows)):
        raise ModelError(
            "the genes are where the samples should be", where=where,
            expected="a row a sample, with genes as columns", fix=fix,
        )  # fmt: skip


def _values_of(frame: pd.DataFrame, position_G: np.ndarray, where: str) -> np.ndarray:
    _check_numbers(frame, position_G, where)
    return frame.iloc[:, position_G].to_numpy(dtype=np.float32, na_value=np.nan)


def positions(columns: pd.Index, genes: Sequence[str], where: str, partly: bool = False) -> np.ndarray:
    """Find genes by name among columns.

    Returns
    -------
    numpy.ndarray
        The place of each gene; -1 where it is missing.

    Raises
    ------
    ModelError
        If one stands there more than once, none is there, or one is missing that may not be.
    """
    wanted = pd.Index(genes)
    names = columns if columns.is_unique else columns[~columns.duplicated()]
    found_G = names.get_indexer_for(wanted)
    if (found_G < 0).any() and namespace_of(genes) == "ensembl":
        columns, wanted = columns.map(plain), wanted.map(plain)
        names = columns if columns.is_unique else columns[~columns.duplicated()]
        found_G = names.get_indexer_for(wanted)
    missing = [gene for gene, position in zip(genes, found_G, strict=True) if position < 0]
    if missing and (not partly or len(missing) == len(genes)):
        raise _missing(missing, columns, genes, where)
    if missing and (alike := _in_other_case(missing, columns)):
        log.warning("%s: %s", where, alike)
    if names is columns:
        return found_G
    twice = columns[columns.duplicated()].intersection(wanted)
    if len(twice):
        raise ModelError(f"genes stand there more than once: {', '.join(twice[:5])}", where=where)
    # names that stand there twice are not asked for, but shift the places of those behind them
    return np.where(found_G < 0, -1, np.flatnonzero(~columns.duplicated())[found_G])


def _missing(missing: list[str], columns: pd.Index, genes: Sequence[str], where: str) -> ModelError:
    theirs, ours = namespace_of([str(name) for name in columns]), namespace_of(genes)
    fix = "use profiles of the same platform and gene names as the training data"
    if theirs != ours:
        fix = f"the model's genes are called by {ours}, these by {theirs}: give a table of both by --gene-map"
    elif alike := _in_other_case(missing, columns):
        fix = f"{fix}; {alike}"
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return ModelError(
        f"{len(missing)} of the {len(genes)} genes that the model needs are missing: {', '.join(missing[:5])}{more}",
        where=where,
        expected="every gene of the model, by the same names, in any order",
        fix=fix,
    )


def _in_other_case(missing: Sequence[str], columns: pd.Index) -> str:
    """Say of how many missing genes the columns have the name in other case; nothing, where of none."""
    name_of = {str(name).upper(): name for name in columns}
    there = [(name_of[gene.upper()], gene) for gene in missing if gene.upper() in name_of]
    if not there:
        return ""
    told = f"of missing genes there in other case: {len(there)}, as {there[0][0]} for {there[0][1]}"
    if len(there) < len(missing) / 2:
        return told
    return (
        f"{told}; so genes of mouse and human differ, whom `cic data import --gene-map ORTHOLOGS --species-to human` "
        "(or mouse) calls alike"
    )


def _check_numbers(frame: pd.DataFrame, position_G: np.ndarray, where: str) -> None:
    """Refuse truth values and text: made into numbers they would be taken for expression."""
    kinds_G = frame.dtypes.iloc[position_G]
    plain = {kind for kind in kinds_G.unique() if getattr(kind, "kind", "O") in "fiu"}
    for position, kind in zip(position_G, kinds_G, strict=True):
        if kind in plain:
            continue
        for row, value in enumerate(frame.iloc[:, position]):
            if not is_number(value):
                raise ModelError(
                    f"{value!r:.40} is no number",
                    where=f"{where}, sample {frame.index[row]}, gene {frame.columns[position]}",
                    expected="finite numbers only",
                )


def is_number(value: object) -> bool:
    """Tell whether a value is a real number, or missing, which is another error; `True` is not 1 here."""
    if value is None or value is pd.NA:
        return True
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return False
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool | np.bool_)
