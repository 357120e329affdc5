"""Files of text: gzipped or not and in whatever encoding, they are handed on as UTF-8.

With or without its mark UTF-8 is taken for that, and UTF-16 where its mark says so. Other bytes are taken for
Windows-1252 only where that is certain: each alone between characters of ASCII, which excludes encodings of several
bytes, and one that means the same in Western and Central European encodings. All but UTF-8 is told.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import logging
import re
import sys
import zlib
from pathlib import Path
from typing import IO, cast

from cic.data.limits import MOST_HEADER, check_values, memory_for_reading
from cic.errors import DataError

log = logging.getLogger("cic.data")
GZIP = b"\x1f\x8b"
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)
NOT_TEXT = (OSError, EOFError, UnicodeError, csv.Error, zlib.error)
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
WESTERN = "cp1252"
SHARED = bytes(
    code
    for code in range(0xA0, 0x100)
    if len({bytes([code]).decode(name) for name in (WESTERN, "cp1250", "latin-1", "iso8859-15")}) == 1
)
"""Such as µ, °, ±, ä, é, ö, ü and ß."""
UNCERTAIN = re.compile(rb"[\x80-\xff]{2}|[^\x00-\x7f" + re.escape(SHARED) + rb"]")
AS_UTF8 = "save it as UTF-8, in a text editor or by `iconv -f ITS_ENCODING -t UTF-8`"


def to_number(text: str) -> float:
    """Read a number as tables have it; Python's own reading takes `1_0` and the digits of other scripts too.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text)


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
    """Open a text file that may be gzipped; lines keep their ends."""
    return io.TextIOWrapper(cast(IO[bytes], AsUtf8(path)), encoding="utf-8", newline="")


class AsUtf8(io.BufferedIOBase):
    """A text file as bytes of UTF-8.

    A gzipped table ends in an error once it has more values than memory can hold: little can unpack to much.

    Parameters
    ----------
    n_columns
        Of numbers, in each line.

    Raises
    ------
    DataError
        From `read`: if it is too much.
    UnicodeError
        From `read`: if its encoding is not certain.
    """

    def __init__(self, path: Path, n_columns: int = 0) -> None:
        self.path, self.n_columns, self.n_bytes, self.n_lines = path, n_columns, 0, 0
        self.packed = is_packed(path)
        self.file = cast(IO[bytes], gzip.open(path) if self.packed else path.open("rb"))  # noqa: SIM115
        self.encoding = ""
        self.decoder: codecs.IncrementalDecoder = codecs.getincrementaldecoder("utf-8")()
        self.beyond_ascii, self.last, self.ready = False, b"", b""

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        super().close()

    def read(self, size: int | None = -1) -> bytes:
        """Read on: as many bytes as asked for, unless the file ends before."""
        wanted = sys.maxsize if size is None or size < 0 else size
        parts, length = [self.ready] if self.ready else [], len(self.ready)
        while length < wanted:
            content = self.file.read(-1 if wanted == sys.maxsize else max(wanted - length, 16))
            if self.packed:
                self._count(content)
            if part := self._as_utf8(content):
                parts.append(part)
                length += len(part)
            if not content:
                break
        whole = parts[0] if len(parts) == 1 else b"".join(parts)  # large ones are not copied
        if length <= wanted:
            self.ready = b""
            return whole
        self.ready = whole[wanted:]
        return whole[:wanted]

    read1 = read

    def _count(self, content: bytes) -> None:
        self.n_bytes += len(content)
        self.n_lines += content.count(b"\n")
        check_values(self.n_lines, self.n_columns, self.path)
        if self.n_columns and self.n_bytes > memory_for_reading():
            raise DataError(
                f"it unpacks to more than {self.n_bytes / 1e9:.1f} GB",
                where=str(self.path),
                expected="a table that fits into the free memory",
                fix="split it into smaller files",
            )

    def _as_utf8(self, content: bytes) -> bytes:
        """Recode what comes next of the file; at its end that is nothing."""
        if not self.encoding:
            content = self._begin(content)
        if self.encoding == "utf-8":
            if content.isascii() and not self.decoder.getstate()[0] and b"\0" not in content:
                return content
            try:
                text = self.decoder.decode(content, not content)
            except UnicodeDecodeError:
                content = self.decoder.getstate()[0] + content
                if self.beyond_ascii or UNCERTAIN.search(content):
                    raise UnicodeError(f"neither UTF-8 nor with certainty Windows-1252; {AS_UTF8}") from None
                self.encoding = WESTERN
                log.warning("%s: it is not UTF-8 and is read as Windows-1252", self.path)
        if self.encoding == WESTERN:
            if UNCERTAIN.search(self.last + content):
                raise UnicodeError(f"not with certainty Windows-1252, as what stands before; {AS_UTF8}")
            self.last = content[-1:]
            text = content.decode(WESTERN)
        elif self.encoding != "utf-8":
            text = self.decoder.decode(content, not content)
        if "\0" in text:
            raise UnicodeError(f"it holds NUL characters, as UTF-16 without its mark does; {AS_UTF8}")
        self.beyond_ascii |= not text.isascii()
        return text.encode()

    def _begin(self, content: bytes) -> bytes:
        mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
        self.encoding = MARKS.get(mark, "utf-8")
        if self.encoding != "utf-8":
            log.info("%s: it is written in UTF-16", self.path)
            self.decoder = codecs.getincrementaldecoder(self.encoding)()
        return content[len(mark) :]


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
