"""What makes a run impossible or worthless, so that it is stopped before it costs anything.

All of it would be refused by a later stage, hours later at worst, or end in figures that say nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cic.checking.finding import Finding, counted, some
from cic.config import Params
from cic.data.checks import naming_of
from cic.data.matrix import ExpressionMatrix
from cic.data.split import unit_of_samples
from cic.data.terms import LINEAR_UNITS

GENES_ALONE = ("Ensembl", "Affymetrix probe")
"""Namings that no samples follow; numbers may well be ids of samples."""
FEWEST_PROFILES = 10
"""With fewer no part has two, and nothing that is measured on them has an interval."""


def musts(matrix: ExpressionMatrix, params: Params, facts: dict[str, Any], library: pd.DataFrame) -> list[Finding]:
    """Give what stops a run on these profiles, with these parameters.

    Parameters
    ----------
    facts
        From `cic.data.checks.facts_of`.
    library
        From `cic.checking.library.library_of`.
    """
    return [
        *_turned_round(matrix, facts),
        *_too_few(matrix),
        *_empty(matrix, library),
        *_constant(matrix, facts),
        *_cannot_be_split(matrix.samples, params),
        *_no_square_roots(matrix, params),
    ]


def _turned_round(matrix: ExpressionMatrix, facts: dict[str, Any]) -> list[Finding]:
    ids = [str(name) for name in matrix.samples.index]
    # perturbed genes may name samples, but those are fewer than the genes that were measured
    if matrix.n_samples <= matrix.n_genes or naming_of(ids) not in GENES_ALONE or facts["gene_ids"] in GENES_ALONE:
        return []
    message = f"the samples are named like genes: {some(ids)}"
    fix = "turn --samples-in round; where the kind of file leaves no choice, the file itself"
    return [Finding("must", "sizes", message, fix)]


def _too_few(matrix: ExpressionMatrix) -> list[Finding]:
    if matrix.n_samples >= FEWEST_PROFILES:
        return []
    return [
        Finding(
            "must",
            "sizes",
            f"there are {counted(matrix.n_samples, 'profile')}, and a run needs {FEWEST_PROFILES} at least",
            "bring more profiles; from about 50 a network can be better than PCA",
        )
    ]


def _empty(matrix: ExpressionMatrix, library: pd.DataFrame) -> list[Finding]:
    empty = tuple(str(name) for name in library.index[library["flat"]])
    if not empty:
        return []
    return [
        Finding(
            "must",
            "library",
            f"{counted(len(empty), 'profile')} with one value for all genes, or none at all: {some(empty)}",
            "leave them out" + (", as --drop-empty does at import" if matrix.unit == "counts" else ""),
            empty,
        )
    ]


def _constant(matrix: ExpressionMatrix, facts: dict[str, Any]) -> list[Finding]:
    if facts["constant_genes"] < matrix.n_genes:
        return []
    return [Finding("must", "sizes", "no gene varies, so there is nothing to learn", "look what was imported")]


def _cannot_be_split(samples: pd.DataFrame, params: Params) -> list[Finding]:
    """Foresee what `cic.data.split` refuses."""
    if "group" in samples and samples["group"].isna().any():
        lost = tuple(str(name) for name in samples.index[samples["group"].isna()])
        return [
            Finding(
                "must",
                "labels",
                f"{counted(len(lost), 'sample')} without a group, which may then stand on both sides of a split: "
                f"{some(lost)}",
                "fill the column, or name another in `data.group`",
                lost,
            )
        ]
    of_training = params.split.validation_from == "training"
    n_parts = 3 + bool(params.split.sealed) - of_training
    n_units = int(np.max(unit_of_samples(samples))) + 1
    if n_units >= n_parts:
        return []
    return [
        Finding(
            "must",
            "labels",
            f"{counted(n_units, 'set')} of samples that must stay together (by group, replicate) for {n_parts} parts",
            "name a finer group (donor rather than study), or none, in `data.group`; or bring more profiles"
            + ("; or test on one and validate in the other: `split.validation_from: training`" * (n_units == 2)),
        )
    ]


def _no_square_roots(matrix: ExpressionMatrix, params: Params) -> list[Finding]:
    if params.preprocess.transform != "sqrt" or matrix.unit in LINEAR_UNITS:
        return []
    return [
        Finding(
            "must",
            "sizes",
            f"`preprocess.transform` is sqrt, and profiles in `{matrix.unit}` have no square roots",
            "set it to `log2`, or import the linear values",
        )
    ]
