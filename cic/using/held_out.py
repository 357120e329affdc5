"""What missing genes cost, measured: on profiles that a model never saw, with just these genes taken away.

Axes: S samples, G genes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.role_columns import role_columns
from cic.errors import DataError
from cic.evaluation.statistics.intervals import Interval, Resampling, ratio_interval, resampling
from cic.folders import read_parts
from cic.model.basis import squared_norms
from cic.model.bundle import Bundle
from cic.model.copies import nearly_trained_on, trained_on
from cic.model.scales import scale_evidence
from cic.model.taken_away import left_with, made_without
from cic.seeds import derive_seed
from cic.using.adata import is_anndata
from cic.using.profiles import Reading, read_file, taken, where_from

log = logging.getLogger(__name__)
RESAMPLES = 2000
CONFIDENCE = 0.95
STAGES = {"ingest": "matrix.parquet", "split": "split.csv"}
"""By these the folder of a project's stages is known, of which the test part is taken."""


@dataclass(frozen=True)
class Types:
    """What becomes of cell types, over profiles with a label that the model knows.

    Attributes
    ----------
    right
        Share that is told right with all genes.
    change
        What is added to that by taking genes away.
    """

    n_profiles: int
    right: float
    change: Interval


@dataclass(frozen=True)
class Cost:
    """What it costs held-out profiles to lack genes.

    Attributes
    ----------
    growth
        Their error over all modelled genes, as a multiple of that with all genes.
    foretold
        The same, foretold from the model.
    n_profiles, resampled, caution
        How many they are, what was drawn again for the intervals, and what a reader must know about that, or empty.
    types
        `None` without a classifier, or without labels that it knows.
    """

    growth: Interval
    foretold: float
    n_profiles: int
    resampled: str
    caution: str
    types: Types | None

    def __str__(self) -> str:
        told = (
            f"of {self.n_profiles} profiles that the model was not trained on just these genes were taken away: the "
            f"error over all genes is {_shown(self.growth, 2)} times that with all genes, where {self.foretold:.2f} "
            "was foretold"
        )
        if (types := self.types) is not None:
            told += (
                f"; the cell type is told right for {types.right:.3f} of {types.n_profiles} with all genes, for "
                f"{types.right + types.change.value:.3f} without these"
            )
            told += f", a change of {_shown(types.change, 3)}" if any(types.change.bounds or ()) else ""
        return f"{told}; {CONFIDENCE:.0%} intervals over {self.resampled}. {self.caution}".rstrip(". ")


def growth(bundle: Bundle, held_out: Any, missing_G: np.ndarray, where: str) -> dict[str, float]:
    """Measure what it costs profiles to lack genes, as `cost` does, say it, and give the columns that tell it.

    Parameters
    ----------
    where
        What to call the profiles that lack them.

    Returns
    -------
    dict
        `error_growth`, and its interval `error_growth_low` and `error_growth_high`, NaN where too few allow none.
    """
    found = Interval(1.0, 1.0, 1.0)
    if missing_G[bundle.preprocessor.kept].any():
        measured = cost(bundle, held_out, missing_G)
        log.info("%s: %s", where_from(held_out), measured)
        found = measured.growth
    else:
        log.info("%s: no gene that is modelled is missing: there is no cost to measure", where)
    low, high = found.bounds or (np.nan, np.nan)
    return {"error_growth": found.value, "error_growth_low": low, "error_growth_high": high}


def cost(bundle: Bundle, held_out: Any, missing_G: np.ndarray) -> Cost:
    """Measure on profiles with all genes what it costs to lack some; those that the model has seen do not count.

    Parameters
    ----------
    held_out
        A file, a table, an AnnData or a matrix, as `Model` takes them, with all genes of the model by its names and in
        a unit that is brought to its own. The folder of a project's stages stands for the test part there. Columns
        `label`, `group` and `replicate` about the samples are used where there are any.
    missing_G
        Which of the model's `genes_in` to take away.

    Raises
    ------
    DataError
        If they cannot be read, or the model was trained on all of them.
    ModelError
        If they lack genes, or do not fit the model otherwise.
    """
    where = where_from(held_out)
    profiles = _opened(bundle, held_out)
    samples = profiles.obs if is_anndata(profiles) else getattr(profiles, "samples", None)
    tables, n_seen, n_bare = list[pd.DataFrame](), 0, 0
    for values_SG, ids in taken(bundle, profiles, where, Reading(least_coverage=None)):
        new_S, left_S = ~_seen(bundle, values_SG), left_with(values_SG, missing_G)
        n_seen, n_bare = n_seen + int((~new_S).sum()), n_bare + int((new_S & ~left_S).sum())
        new_S &= left_S
        if not new_S.any():
            continue
        if not tables and (evidence := scale_evidence(bundle, values_SG[new_S])):
            log.warning("%s: %s", where, evidence)
        tables.append(_measured(bundle, values_SG[new_S], missing_G, ids[new_S]))
    if not tables:
        raise DataError(
            f"the model was trained on all {n_seen} profiles, or on copies of them" if not n_bare
            else f"{n_bare} profiles have no expression in the genes that are left, the model was trained on {n_seen}",
            where=where, expected="profiles that it never saw, to measure on what missing genes cost",
            fix="give others, or the data that it was trained on with its test part",
        )  # fmt: skip
    found = pd.concat(tables)
    n_profiles = n_seen + n_bare + len(found)
    if n_seen:
        log.info("%s: %d of %d profiles do not count: the model has seen them", where, n_seen, n_profiles)
    if n_bare:
        log.info("%s: %d of %d have no expression in the genes that are left", where, n_bare, n_profiles)
    roles = pd.DataFrame(index=found.index) if samples is None else role_columns(samples, {}, where).loc[found.index]
    plan = resampling(roles, RESAMPLES, CONFIDENCE, derive_seed(0, "missing genes"))
    return Cost(
        growth=ratio_interval(found["error_without"].to_numpy(), found["error"].to_numpy(), plan),
        foretold=bundle.inference(~missing_G[bundle.preprocessor.kept]).error_factor,
        n_profiles=len(found),
        resampled=f"{plan.n_units} {plan.by}s",
        caution=plan.caution,
        types=_types(bundle, found, roles, plan),
    )


def _opened(bundle: Bundle, held_out: Any) -> Any:
    """Read a file, or the test part of a project's stages; give what is no path as it is."""
    if not isinstance(held_out, str | Path):
        return held_out
    folder = Path(held_out)
    if not all((folder / stage / file).is_file() for stage, file in STAGES.items()):
        return _in_rows(bundle, read_file(bundle, folder, Reading()), folder)
    try:
        matrix, part_S = read_parts({stage: folder / stage for stage in STAGES})
    except KeyError:
        raise DataError(
            "profiles have no part", where=str(folder), expected="a split of the profiles that are there",
            fix="run the stage split again",
        ) from None  # fmt: skip
    return matrix.select(part_S == "test")


def _in_rows(bundle: Bundle, matrix: ExpressionMatrix, path: Path) -> ExpressionMatrix:
    """Refuse a table whose samples are its columns: what is declared of the profiles is not said of this file."""
    if not {*bundle.genes_in} & {*matrix.genes} and {*bundle.genes_in} & {*map(str, matrix.samples.index)}:
        raise DataError(
            "the genes are where the samples should be", where=str(path), expected="a row a sample",
            fix="turn the table round, or give the folder that `cic data import --samples-in columns` makes of it",
        )  # fmt: skip
    return matrix


def _seen(bundle: Bundle, values_SG: np.ndarray) -> np.ndarray:
    """Say which profiles, of all genes, the model was trained on, or on copies of them."""
    x_SG = bundle.preprocessor.transform(values_SG)
    near_S = nearly_trained_on(bundle, bundle.basis.project(x_SG)[1], squared_norms(x_SG))
    return trained_on(bundle, values_SG) | near_S


def _measured(bundle: Bundle, values_SG: np.ndarray, missing_G: np.ndarray, ids: pd.Index) -> pd.DataFrame:
    """Give what the model makes of each profile with all genes and without some: errors, and types if it tells any."""
    whole, part = (made_without(bundle, values_SG, taken_G) for taken_G in (np.zeros_like(missing_G), missing_G))
    table = pd.DataFrame({"error": whole.error_S, "error_without": part.error_S}, index=ids)
    if whole.likeliest_S is not None and part.likeliest_S is not None:
        label_L = np.array(bundle.labels, dtype=object)
        table["type"], table["type_without"] = label_L[whole.likeliest_S], label_L[part.likeliest_S]
    return table


def _types(bundle: Bundle, found: pd.DataFrame, roles: pd.DataFrame, plan: Resampling) -> Types | None:
    if "label" not in roles or not (known_S := roles["label"].isin(bundle.labels)).any():
        return None
    found, roles = found[known_S], roles[known_S]
    right_S, right_without_S = (
        (found[name] == roles["label"]).to_numpy(dtype=np.float64) for name in ("type", "type_without")
    )
    change = ratio_interval(right_without_S - right_S, np.ones(len(found)), plan.over(roles))
    return Types(len(found), float(right_S.mean()), change)


def _shown(interval: Interval, digits: int) -> str:
    if interval.bounds is None:
        return f"{interval.value:.{digits}f} (too few for an interval)"
    low, high = interval.bounds
    return f"{interval.value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
