"""Profiles in one unit, brought to the unit of a model.

Axes: S samples, G genes.
"""

from __future__ import annotations

import logging

import numpy as np

from cic.data.matrix import ExpressionMatrix
from cic.data.terms import COUNT_UNITS, Unit
from cic.data.units import from_log2_scale, log2_scale, to_a_million
from cic.errors import ModelError

log = logging.getLogger(__name__)
WAYS = {
    **{(one, "log2"): "log2(x + 1)" for one in ("tpm", "cpm", "intensity")},
    **{(one, "log2"): "log2(counts per million + 1)" for one in COUNT_UNITS},
    **{("log2", one): "2^x - 1" for one in ("tpm", "cpm", "intensity")},
    **{(one, "cpm"): "counts per million" for one in COUNT_UNITS},
    **{("cpm", one): "counts, of which a model knows the proportions only" for one in COUNT_UNITS},
}
"""Which units are brought to which, and how. Between TPM and counts per million lie the lengths of the genes."""


def check_way(unit: Unit, to: Unit, where: str) -> None:
    """Refuse a unit that cannot be brought to another.

    Raises
    ------
    ModelError
        Naming those that can.
    """
    if unit == to or {unit, to} <= {*COUNT_UNITS} or (unit, to) in WAYS:
        return
    known = [one for one, other in WAYS if other == to]
    raise ModelError(
        f"the profiles are in `{unit}`",
        where=where,
        expected=f"`{to}`, the unit of the training data" + (f", or {', '.join(known)}" if known else ""),
        fix="counts become `tpm` by --lengths; else convert the profiles" if to == "tpm" else "convert the profiles",
    )


def tell_way(unit: Unit, to: Unit, where: str) -> None:
    """Say how values become those that the model takes, where they are not."""
    if (unit, to) in WAYS:
        log.warning("%s: values in `%s` are brought to the model's `%s`: %s", where, unit, to, WAYS[unit, to])


def in_unit(matrix: ExpressionMatrix, to: Unit) -> ExpressionMatrix:
    """Give the same profiles in another unit, dense; `check_way` has let it pass.

    Totals are taken over all genes of the profiles, also those that a model does not know.
    """
    if (matrix.unit, to) not in WAYS:
        return matrix
    values_SG = matrix.dense()
    if to == "log2":
        made_SG = log2_scale(values_SG, matrix.unit)
    elif matrix.unit == "log2":
        made_SG = from_log2_scale(values_SG, to)
    elif to == "cpm":
        made_SG = (values_SG * to_a_million(values_SG)[:, None]).astype(np.float32)
    else:
        return ExpressionMatrix(values_SG, matrix.genes, matrix.samples, "estimated_counts", matrix.source)
    return ExpressionMatrix(made_SG, matrix.genes, matrix.samples, to, matrix.source)
