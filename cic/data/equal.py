"""Profiles that are equal to the last bit, among any number of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from cic.data import sparse
from cic.data.sparse import Values


def numbered(values_SG: Values) -> np.ndarray:
    """Give each profile a number, the same to those that are equal to the last bit.

    They are told apart by digests, of sparse ones over what is stored: that is a fraction of what
    `cic.data.matrix.fingerprints`, which do not depend on how profiles are kept, go through.

    Returns
    -------
    numpy.ndarray
        Integers from 0 (S), in the order in which they first occur.
    """
    known: dict[bytes, int] = {}
    return np.array([known.setdefault(hashlib.sha256(row).digest(), len(known)) for row in _bytes(values_SG)])


def _bytes(values_SG: Values) -> Iterator[bytes]:
    if not sparse.is_sparse(values_SG):
        yield from (row_G.tobytes() for row_G in values_SG)
        return
    rows_SG = sparse.compressed(values_SG)  # without stored zeros
    for start, stop in zip(rows_SG.indptr[:-1], rows_SG.indptr[1:], strict=True):
        yield rows_SG.indices[start:stop].tobytes() + rows_SG.data[start:stop].tobytes()


def sets_of(number_S: np.ndarray) -> list[np.ndarray]:
    """Give the positions, ascending, of those that share a number: a set for each that occurs again, in its order."""
    row_D = np.flatnonzero(np.bincount(number_S)[number_S] > 1)
    row_D = row_D[np.argsort(number_S[row_D], kind="stable")]
    return np.split(row_D, np.flatnonzero(np.diff(number_S[row_D])) + 1) if len(row_D) else []
