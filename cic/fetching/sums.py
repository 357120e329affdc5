"""Whether a fetched file is whole: its gzip stream, and the sizes and checksums that lie beside it on the server."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from cic.errors import ServiceError
from cic.fetching.service import Service, number_of

FILE_LIST = "filelist.txt"
"""Of GEO's supplementary files: archives, and the files in them, with their sizes."""
MD5_LINE = re.compile(r"([0-9a-fA-F]{32})(?:\s+\*?(.+?))?\s*")
MD5_LIST = re.compile(r"md5sums?(\.txt)?", re.IGNORECASE)
BLOCK = 1 << 20


@dataclass(frozen=True)
class Sum:
    """What the server's own lists say of a file; None where they do not."""

    size: int | None = None
    md5: str | None = None


class DamagedError(ServiceError):
    """A file came to its end and is not what it should be."""


def is_list(name: str) -> bool:
    """Tell whether a file of that name lists others, with their sizes or checksums."""
    return name == FILE_LIST or name.endswith(".md5") or MD5_LIST.fullmatch(name) is not None


def sums_of(service: Service, urls: dict[str, str]) -> dict[str, Sum]:
    """Read the lists of sizes and checksums among the files of a folder.

    Parameters
    ----------
    urls
        The folder's files, by name.
    """
    sizes: dict[str, int] = {}
    md5s: dict[str, str] = {}
    for name, url in urls.items():
        if name == FILE_LIST:
            sizes = archive_sizes(service.text(url))
        elif is_list(name):
            md5s |= md5_sums(service.text(url), name.removesuffix(".md5"))
    return {name: Sum(sizes.get(name), md5s.get(name)) for name in urls}


def archive_sizes(text: str) -> dict[str, int]:
    """Read GEO's `filelist.txt`: tab-separated kind, name, time, size, type; files inside archives are passed over."""
    rows = [row for line in text.splitlines() if len(row := line.split("\t")) > 3 and row[0] == "Archive"]
    return {row[1]: size for row in rows if (size := number_of(row[3])) is not None}


def md5_sums(text: str, alone: str) -> dict[str, str]:
    """Read lines as md5sum writes them; a line without a name is about the file `alone`."""
    found = [line for one in text.splitlines() if (line := MD5_LINE.fullmatch(one))]
    return {(line[2] or alone).rpartition("/")[2]: line[1].lower() for line in found}


def check_whole(path: Path, name: str, url: str, size: int | None, known: Sum) -> None:
    """Check the bytes that were fetched as the file of that name.

    Parameters
    ----------
    size
        Bytes that the server said it would send.

    Raises
    ------
    DamagedError
        Naming the first thing that is wrong.
    """
    has = path.stat().st_size
    for said, by in ((size, "the server"), (known.size, FILE_LIST)):
        if said is not None and said != has:
            raise _damaged(f"{has:,} bytes came", url, f"{said:,}, as {by} says")
    if name.endswith((".gz", ".tgz")):
        fault = _fault_of_gzip(path)
        if fault:
            raise _damaged(fault, url, "a gzip stream that ends with its own checksum")
    if known.md5:
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if md5 != known.md5:
            raise _damaged(f"the MD5 of what came is {md5}", url, known.md5)


def _fault_of_gzip(path: Path) -> str | None:
    """Unpack the whole stream, keeping nothing."""
    if not path.stat().st_size:
        return "nothing came"
    try:
        with gzip.open(path) as stream:
            while stream.read(BLOCK):
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        return f"what came is no whole gzip file: {error}"
    return None


def _damaged(found: str, url: str, expected: str) -> DamagedError:
    return DamagedError(
        found, where=url, expected=expected,
        fix="run the same again later; if it stays so, the file is damaged on the server, or a proxy changes it",
    )  # fmt: skip
