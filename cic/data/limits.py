"""How much a file may hold: what it declares is held against its own size and the free memory, before it is read.

A file of some kilobytes can declare gigabytes, and a line of text can hold a million names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import psutil

from cic.errors import DataError

MEMORY_SHARE = 0.8
"""Of the memory that is free, what reading a file may take."""
COPIES = 4
"""How often values are held at once: two while they are read; sent and received, each once as bytes."""
MOST_PACKED = 10_000
"""Bytes that a stored byte may stand for; gzip, the usual packing, reaches 1,032."""
MOST_COLUMNS = 300_000
MOST_HEADER = 32 * 10**6
MOST_LABEL_COLUMNS = 10_000
MOST_LABEL_TEXT = 10**9


class Sized(Protocol):
    """An array in a file, such as an `h5py.Dataset`."""

    @property
    def nbytes(self) -> int:
        """How many bytes it takes in memory."""


def memory_for_reading() -> int:
    """Give the bytes that reading may take: the share of what is free, or the limit of this process if lower."""
    free = int(MEMORY_SHARE * psutil.virtual_memory().available)
    try:
        import resource
    except ImportError:  # not on Windows
        return free
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return free if soft == resource.RLIM_INFINITY else min(free, soft)


def check_values(rows: int, columns: int, path: Path) -> None:
    """Refuse a table whose values, as float32, would not fit into memory.

    Raises
    ------
    DataError
        With what it declares and what there is.
    """
    needed, most = 4 * COPIES * rows * columns, memory_for_reading()
    if needed > most:
        raise DataError(
            f"the file declares {rows} x {columns} values: reading them takes {needed / 1e9:.1f} GB of memory",
            where=str(path),
            expected=f"at most {most / 1e9:.1f} GB, of what is free now",
            fix="split it into smaller files, or leave out samples or genes",
        )


def check_stored(rows: int, columns: int, stored: int, path: Path) -> None:
    """Refuse sparse profiles whose stored values, with their places, would not fit into memory.

    Raises
    ------
    DataError
        With what the file declares and what there is.
    """
    needed, most = COPIES * (8 * (stored + rows)), memory_for_reading()
    if needed > most:
        raise DataError(
            f"the file declares {rows} x {columns} values, {stored} of them stored: reading them takes "
            f"{needed / 1e9:.1f} GB of memory",
            where=str(path),
            expected=f"at most {most / 1e9:.1f} GB, of what is free now",
            fix="split it into smaller files, or leave out samples or genes",
        )


def check_dense(rows: int, columns: int, where: str) -> None:
    """Refuse to hold so many values, as float32, where they would not fit into the free memory.

    Raises
    ------
    DataError
        With what they take and what there is.
    """
    needed, most = 4 * rows * columns, int(MEMORY_SHARE * psutil.virtual_memory().available)
    if needed > most:
        raise DataError(
            f"{rows} x {columns} values, zeros included, take {needed / 1e9:.1f} GB of memory",
            where=where,
            expected=f"at most {most / 1e9:.1f} GB, of what is free now",
            fix="use fewer profiles at a time, or a machine with more memory",
        )


def check_packed(parts: Iterable[Sized], path: Path, *, at_once: bool = True) -> None:
    """Refuse arrays that declare far more than their file can hold: such sizes are a mistake or meant to do harm.

    Parameters
    ----------
    at_once
        Whether they are read as a whole, so that they have to fit into the free memory.

    Raises
    ------
    DataError
        With what they declare and what the file, or folder, has.
    """
    files = [path] if path.is_file() else path.rglob("*")
    declared, size = sum(part.nbytes for part in parts), sum(file.stat().st_size for file in files if file.is_file())
    if declared > MOST_PACKED * size or (at_once and declared > memory_for_reading() // 2):
        raise DataError(
            f"the file of {size / 1e6:.3g} MB declares {declared / 1e9:.3g} GB",
            where=str(path),
            expected="as much as was written, within the free memory",
            fix="it is damaged, or not what it seems: fetch or write the file again",
        )
