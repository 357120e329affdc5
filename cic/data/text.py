"""Files of text that may be gzipped, opened by what they are and not by what they are called."""

from __future__ import annotations

import csv
import gzip
import zlib
from pathlib import Path
from typing import IO

from cic.data.limits import MOST_HEADER, check_values, memory_for_reading
from cic.errors import DataError

GZIP = b"\x1f\x8b"
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
NOT_TEXT = (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error)


def delimiter_of(path: Path) -> str | None:
    """Give the delimiter that the suffix stands for, or None."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return DELIMITERS.get(suffixes[-1]) if suffixes else None


def is_packed(path: Path) -> bool:
    """Tell whether a file is gzipped, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def open_text(path: Path) -> IO[str]:
    """Open a text file that may be gzipped."""
    if is_packed(path):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


class Unpacked(gzip.GzipFile):
    """A gzipped table that ends in an error once it has more values than memory can hold: little can unpack to much."""

    def __init__(self, path: Path, n_columns: int) -> None:
        super().__init__(path, "rb")
        self.path, self.n_columns, self.n_bytes, self.n_lines = path, n_columns, 0, 0

    def read(self, size: int | None = -1) -> bytes:
        """Read on, counting."""
        content = super().read(size)
        self.n_bytes += len(content)
        self.n_lines += content.count(b"\n")
        check_values(self.n_lines, self.n_columns, self.path)
        if self.n_bytes > memory_for_reading():
            raise DataError(
                f"it unpacks to more than {self.n_bytes / 1e9:.1f} GB",
                where=str(self.path),
                expected="a table that fits into the free memory",
                fix="split it into smaller files",
            )
        return content


def first_line(path: Path, file: IO[str]) -> str:
    """Give the first line, unless it is too long to be the header of a table."""
    first = file.readline(MOST_HEADER)
    if len(first) == MOST_HEADER:
        raise DataError(
            f"a first line of more than {MOST_HEADER / 1e6:.0f} million characters",
            where=f"{path}, line 1",
            expected="a header: the names of the columns",
            fix="look whether the file is a table of text",
        )
    return first
