"""Data sets from elsewhere on which a challenger has to hold, judged as the test part is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cic.config import Registry, ValidationFile
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.provenance import digest_of
from cic.data.role_columns import role_columns
from cic.errors import DataError, ModelError
from cic.registry.gate import AUDITED, Case, Decision, judge
from cic.seeds import derive_seed

DIGITS = 16
"""Of the digest of a file, in a decision."""


def judged_elsewhere(
    decision: Decision, evidence: Callable[[ExpressionMatrix], Case], thresholds: Registry, seed: int
) -> Decision:
    """Judge a challenger that passed so far by every data set of `registry.validation`: it has to pass on each.

    Since all have to be passed, none asks for more confidence because there are others; how often a data set was
    decided upon counts for each of them alone, as for the test part.

    Parameters
    ----------
    evidence
        Gives what the gate decides upon, from the profiles of a data set.

    Raises
    ------
    DataError
        If a data set is not there, or lacks a column.
    """
    if not (decision.promote and thresholds.validation):
        return decision
    found = {one.name: _judged_on(one, evidence, thresholds, seed) for one in thresholds.validation}
    refused = {name: one for name, one in found.items() if not one.promote}
    told = (refused or found).items()
    reasons = tuple(f"on {name}: {reason}" for name, one in told for reason in one.reasons if reason != AUDITED)
    return Decision(
        not refused,
        "refused" if refused else "promoted",
        reasons if refused else decision.reasons + reasons,
        decision.figures | {"validation": {name: one.figures for name, one in found.items()}},
    )


def _judged_on(
    entry: ValidationFile, evidence: Callable[[ExpressionMatrix], Case], thresholds: Registry, seed: int
) -> Decision:
    where, file = f"registry.validation, {entry.name}", Path(entry.file)
    try:
        matrix = read_matrix(file)
    except DataError as error:
        raise DataError(error.found, where=f"{where}: {error.where}", expected=error.expected, fix=error.fix) from None
    roles = role_columns(matrix.samples, {"group": entry.group, "replicate": entry.replicate}, where)
    figures: dict[str, Any] = {"file": digest_of(file)[:DIGITS]}
    try:
        case = evidence(replace(matrix, samples=roles))
    except ModelError as error:
        return Decision(False, "refused", (f"it cannot be applied to the profiles: {error.found}",), figures)
    asked = thresholds.model_copy(update={"max_ratio_to_pca": entry.max_ratio_to_pca})
    decision = judge(case, asked, derive_seed(seed, "validation", entry.name), entry.max_ratio_to_champion)
    return replace(decision, figures=figures | _few(decision.figures))


def _few(figures: dict[str, Any]) -> dict[str, Any]:
    """Give the figures that a record has room for: whom it was held against, by how much, on how many profiles."""
    kept: dict[str, Any] = {name: figures[name] for name in ("held_out", "look", "confidence") if name in figures}
    for name in ("pca", "against_champion"):
        if name in figures:
            ratio = figures[name]["ratio"]
            kept[name] = {end: ratio[end] for end in ("value", "low", "high")} | {"n": figures[name]["n_profiles"]}
    return kept
