"""What names and values of profiles have to be, wherever they come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cic.data import sparse
from cic.data.sparse import Values, is_sparse
from cic.data.terms import LINEAR_UNITS, Unit
from cic.errors import DataError

_told_apart: Sequence[str] = ()
"""The names that were last found to differ: a tuple, so they still do."""


def check_names(samples: pd.Index, genes: Sequence[str], source: str) -> None:
    """Refuse sample ids and genes that stand there more than once.

    Raises
    ------
    DataError
        Naming some of them.
    """
    global _told_apart
    repeated: dict[str, pd.Index] = {} if samples.is_unique else {"sample id": samples}
    if genes is not _told_apart:  # a server gives its model's own for one profile after another
        if len(set(genes)) < len(genes):  # an index of all genes takes milliseconds to make
            repeated["gene"] = pd.Index(genes)
        elif isinstance(genes, tuple):
            _told_apart = genes
    for kind, ids in repeated.items():
        twice = [str(name) for name in ids[ids.duplicated()].unique()]
        raise DataError(
            f"{len(twice)} {kind}(s) stand there more than once: {_some(twice)}",
            where=source,
            expected=f"every {kind} once",
            fix="remove or rename the repeated ones",
        )


def check_contents(values_SG: Values, unit: Unit, samples: pd.Index, genes: Sequence[str], source: str) -> None:
    """Hold values to what they have to be; of sparse ones those that are stored, zero being always right.

    Raises
    ------
    DataError
        If they are not finite or contradict the unit, with sample and gene where that shows first.
    """
    if is_sparse(values_SG) and not values_SG.has_canonical_format:
        raise DataError(
            "positions repeat or do not ascend", where=source, expected="sparse profiles in canonical format"
        )
    stored = values_SG.data if is_sparse(values_SG) else values_SG
    if not stored.size:
        return

    def at(flat: int) -> str:
        row, column = sparse.at(values_SG, flat) if is_sparse(values_SG) else divmod(flat, len(genes))
        return f"sample {samples[row]}, gene {genes[column]}"

    # what is missing may wait for training profiles to say what stands for it, as long as zeros are stored too
    wrong = ~np.isfinite(stored) if is_sparse(values_SG) else np.isinf(stored)
    if wrong.any():
        raise DataError(
            f"{wrong.sum()} values are {'missing or ' if is_sparse(values_SG) else ''}infinite",
            where=f"{source}, first at {at(int(wrong.argmax()))}",
            expected="finite numbers only",
            fix="fill or drop those samples or genes",
        )
    if not (known := ~np.isnan(stored)).any():
        raise DataError("every value is missing", where=source, expected="numbers")
    if unit in LINEAR_UNITS and (low := float(stored.min(where=known, initial=np.inf))) < 0:
        raise DataError(
            f"a value of {low:g} contradicts the unit `{unit}`",
            where=f"{source}, {at(int(np.nanargmin(stored)))}",
            expected="no negative values",
            fix="declare the unit that the file has; for log scale that is `log2` or `log_ratio`",
        )
    if unit == "log2" and (high := float(stored.max(where=known, initial=-np.inf))) > 64:
        raise DataError(
            f"a value of {high:g} contradicts the unit `log2`",
            where=source,
            expected="log2 values, at most 64",
            fix="declare a linear unit: `tpm`, `counts` or `intensity`",
        )


def _some(names: list[str], most: int = 5) -> str:
    """Name a few of many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
