"""What a file itself says of its values, beside what is declared of them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np

from cic.data.sparse import Values, is_sparse
from cic.data.terms import COUNT_UNITS, DeclaredUnit
from cic.data.unit_checks import BASES, LARGEST_LOG2
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")
PROCESSING = "processing"
"""The column of samples with what GEO's files say of how their values were made."""
WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"log\W?2|log base 2|\b(gc)?rma\b", ("log2", "log_ratio")),
    (r"log\W?10|log base 10", ("log10",)),
    (r"natural log|\bln\b", ("ln",)),
    (r"\b[fr]pkm\b", ("fpkm",)),
    (r"\btpm\b", ("tpm",)),
    (r"\bcpm\b", ("cpm",)),
    (r"\bmas\W?5", ("intensity",)),
    (r"\bz\W?scores?\b", ("scaled",)),
    (r"\bcounts\b", COUNT_UNITS),
)
"""Words in what is said of values, and the units that they speak for."""
MOST_TOLD = 300
NATURAL = float(np.e)
"""The base of scanpy's logarithms, which it notes as nothing."""


def tell_contradiction(wide: Wide, unit: DeclaredUnit, path: Path) -> None:
    """Warn where what GEO's file says of its values speaks for other units only."""
    if wide.about_rows is None or PROCESSING not in wide.about_rows:
        return
    texts = wide.about_rows[PROCESSING].dropna().unique()
    said = [units for word, units in WORDS if any(re.search(word, text, re.IGNORECASE) for text in texts)]
    if said and not any(unit in units for units in said):
        likely = " or ".join(f"`{one}`" for units in said for one in units)
        log.warning(
            "%s: declared as `%s`, but the file says of its values what speaks for %s: %s",
            path, unit, likely, texts[0][:MOST_TOLD],
        )  # fmt: skip


def refuse_other_logarithm(wide: Wide, unit: DeclaredUnit, path: Path) -> None:
    """Refuse `X` of an AnnData file that is not declared as the logarithms which scanpy noted that it took.

    Raises
    ------
    DataError
        With the unit to declare.
    """
    base = _noted_base(path)
    if base is not None:
        refuse_other_base(wide.values, base, unit, str(path))


def refuse_other_base(values_SG: Values, base: float, unit: DeclaredUnit, where: str) -> None:
    """Refuse values that are not declared as the logarithms of x + 1 to the base that scanpy noted.

    The note stays where somebody puts other values into `X` later; so it counts only where these look like logarithms.

    Raises
    ------
    DataError
        With the unit to declare.
    """
    stored = values_SG.data if is_sparse(values_SG) else values_SG
    said = next((one for one, known in BASES.items() if abs(known - base) < 1e-6), None)
    if said is None or said == unit or not stored.size or stored.min() < 0 or stored.max() > LARGEST_LOG2:
        return
    if (stored != np.rint(stored)).any():
        raise DataError(
            f"declared unit `{unit}`, but its X is said to hold logarithms of x + 1, `{said}`",
            where=f"{where}, uns/log1p", expected="the unit with which it was made", fix=f"declare `{said}`",
        )  # fmt: skip


def _noted_base(path: Path) -> float | None:
    import h5py  # takes a while

    with h5py.File(path, "r") as file:
        note = file.get("uns/log1p")
        if not isinstance(note, h5py.Group):
            return None
        base = note.get("base")
        given = isinstance(base, h5py.Dataset) and base.shape == () and base.dtype.kind in "iuf"
        return float(base[()]) if given else NATURAL
