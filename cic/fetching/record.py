"""What is known of a file that was fetched: kept beside it, so that it need not be fetched again and can be cited."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

log = logging.getLogger("cic.data")


@dataclass(frozen=True)
class Remote:
    """A file as its server describes it.

    Attributes
    ----------
    size
        Bytes; None where the server does not say.
    etag, modified
        The headers ETag and Last-Modified, as they came.
    """

    url: str
    size: int | None = None
    etag: str | None = None
    modified: str | None = None

    @property
    def validator(self) -> str | None:
        """What `If-Range` may ask by: a strong ETag, or else the date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def same_as(self, other: Remote) -> bool:
        """Tell whether both are the same bytes; mirrors of one address may have ETags of their own."""
        dated = self.modified is not None and self.modified == other.modified
        tagged = self.etag is not None and self.etag == other.etag
        return self.url == other.url and self.size == other.size and (dated or tagged)


@dataclass(frozen=True)
class Record:
    """Where the bytes of a file came from, and which they are."""

    url: str
    size: int
    sha256: str
    etag: str | None
    modified: str | None

    def describes(self, remote: Remote) -> bool:
        """Tell whether the server still has these bytes."""
        return remote.same_as(Remote(self.url, self.size, self.etag, self.modified))


K = TypeVar("K", Remote, Record)


def record_path(path: Path) -> Path:
    """Give the place of a file's record."""
    return path.with_name(path.name + ".source.json")


def write_json(path: Path, what: Remote | Record) -> None:
    """Keep a description beside what it describes."""
    path.write_text(json.dumps(asdict(what), indent=1) + "\n")


def read_json(path: Path, kind: type[K]) -> K | None:
    """Give what `write_json` wrote, or None if there is none, or it is damaged."""
    try:
        return kind(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_of(path: Path) -> dict[str, Any] | None:
    """Tell where a file was fetched from, or None if that is not known of its bytes.

    Returns
    -------
    dict
        `url`, `size` in bytes, `sha256`, and the server's `etag` and `modified`, either of which may be None.
    """
    record = read_json(record_path(path), Record)
    if record is None or not path.is_file():
        return None
    if path.stat().st_size != record.size or sha256_of(path) != record.sha256:
        log.warning("%s was changed after it was fetched: where it came from no longer holds", path)
        return None
    return asdict(record)
