"""Which matrix of a file that holds several is read, and what is said of the others."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cic.errors import DataError

log = logging.getLogger("cic.data")
LOOKED_AT, MOST_LOOKED_AT = 10_000, 1 << 26
"""Values of a matrix that are looked at, and bytes that may have to be read for these."""


def chosen(matrices: Mapping[str, Any], layer: str | None, usual: str, path: Path) -> tuple[str, list[str]]:
    """Choose a matrix: the one that is asked for, or else the usual one, with a word about the others.

    Parameters
    ----------
    matrices
        Arrays, or groups with an array `data`, by name.
    usual
        Which one files of this kind are read by.

    Returns
    -------
    tuple
        Its name; and the others, each with what its values look like.

    Raises
    ------
    DataError
        If it is not there, with a list of what is.
    """
    name = usual if layer is None else layer
    others = [f"{other} ({_looks(matrix, path)})" for other, matrix in matrices.items() if other != name]
    if name not in matrices:
        raise DataError(
            f"the file has no matrix `{name}`", where=str(path),
            expected="one of: " + ", ".join(others) if others else "expression values",
            fix="choose one with --layer" if others else "write it again, with what it is to hold",
        )  # fmt: skip
    if others and layer is None:
        log.info("%s: of its matrices `%s` is read; there are also %s", path, name, ", ".join(others))
    return name, others


@contextmanager
def offering(others: Sequence[str]) -> Iterator[None]:
    """Add to an error about the values of one matrix what other matrices its file has."""
    try:
        yield
    except DataError as error:
        if not others:
            raise
        offered = f"or read another matrix of the file with --layer: {', '.join(others)}"
        fix = f"{error.fix}; {offered}" if error.fix else offered
        raise DataError(error.found, where=error.where, expected=error.expected, fix=fix) from None


def _looks(matrix: Any, path: Path) -> str:
    """Say what the first values of a matrix look like."""
    from cic.data.stores import check_arrays, is_array

    array = matrix if is_array(matrix) else matrix.get("data")
    if not is_array(array) or array.dtype.kind not in "iufb" or not math.prod(array.shape):
        return "no numbers"
    check_arrays([array], path, at_once=False)
    if math.prod(array.chunks or ()) * array.dtype.itemsize > MOST_LOOKED_AT:
        return "not looked at"
    values = np.asarray(array[: max(1, LOOKED_AT // math.prod(array.shape[1:]))], dtype=np.float64)
    values = values[np.isfinite(values)]
    if (values < 0).any():
        return "with negative values"
    return "whole numbers" if (values == np.rint(values)).all() else "fractions"
