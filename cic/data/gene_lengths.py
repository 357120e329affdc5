"""Lengths of genes by a table, such as featureCounts' own output."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cic.data.gene_names import plain
from cic.data.gene_tables import rows_of
from cic.data.guarded import guarded
from cic.data.text import to_number
from cic.errors import DataError

CALLED = ("length", "gene_length", "exon_length", "effective_length", "eff_length", "len")
"""What the column may be called, in small letters and with underscores."""


def lengths_of(genes: Sequence[str], table: Path) -> np.ndarray:
    """Give the length of each gene (float64, G), NaN for those without, or with several by one name.

    Ensembl ids are looked for as they are, and then without their versions.

    Raises
    ------
    DataError
        If the table has no column of lengths, or one that is no number above 0.
    """
    found = guarded(read_lengths, table)
    whole: dict[str, set[float]] = {}
    for name, lengths in found.items():
        whole.setdefault(plain(name), set()).update(lengths)
    by_gene = [found.get(name) or whole.get(plain(name), set()) for name in genes]
    return np.array([next(iter(one)) if len(one) == 1 else np.nan for one in by_gene])


def read_lengths(path: Path) -> dict[str, set[float]]:
    """Read the lengths of each name: a table with genes in the first column.

    Raises
    ------
    DataError
        If it has no column of lengths, or one that is no number above 0.
    """
    rows = rows_of(path)
    called = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in next(rows, [])]
    place = next((called.index(name) for name in CALLED if name in called[1:]), None)
    if place is None:
        raise DataError(
            "it has no column of lengths", where=str(path), expected=f"genes first, and one of {', '.join(CALLED)}",
            fix="name the column so",
        )  # fmt: skip
    found: dict[str, set[float]] = {}
    for line, cells in enumerate(rows, start=2):
        if len(cells) <= place or not cells[place].strip():
            continue
        length = _number(cells[place])
        if not 0 < length < math.inf:
            raise DataError(
                f"a length of {cells[place][:40]!r}", where=f"{path}, line {line} of the table, gene {cells[0]}",
                expected="a number above 0", fix="correct or remove that line",
            )  # fmt: skip
        found.setdefault(cells[0], set()).add(length)
    return found


def _number(text: str) -> float:
    try:
        return to_number(text)
    except ValueError:
        return math.nan
