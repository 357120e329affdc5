"""A disk that is full, or a place that cannot be written to, whichever library came upon it, as an error of ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from cic.errors import CicError

FULL = "make room on the disk, or write somewhere else"
SHUT = "let this user write there, or write somewhere else"
SIGNS = {
    "No space left on device": ("the disk is full", FULL),
    "Disk quota exceeded": ("the disk quota is used up", FULL),
    "File too large": ("the file is larger than this disk or user may have", FULL),
    "database or disk is full": ("the disk is full", FULL),
    "Read-only file system": ("the disk is read-only", SHUT),
    "Permission denied": ("this user may not write there", SHUT),
    "attempt to write a readonly database": ("this user may not write to the database", SHUT),
    "unable to open database file": ("the database cannot be opened or made", SHUT),
}
"""What the system and SQLite call it; libraries keep these words, also where they hide the error behind their own."""
NUMBERS = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EFBIG: "File too large",
    errno.EROFS: "Read-only file system",
    errno.EACCES: "Permission denied",
    errno.EPERM: "Permission denied",
}

IN_THE_WAY = {
    errno.EEXIST: "a file stands where a folder is to be",
    errno.ENOTDIR: "a file stands where a folder is to be",
    errno.EISDIR: "a folder stands where a file is to be",
}


def disk_error(error: BaseException) -> CicError | None:
    """Give what a disk said behind an error, or None if it is about something else."""
    # only as the error itself: who tries a path in vain may go on, and come upon something else
    if isinstance(error, OSError) and error.errno in IN_THE_WAY and (place := error.filename2 or error.filename):
        fix = "name another place, or move it out of the way"
        return CicError(IN_THE_WAY[error.errno], where=str(place), fix=fix)
    for cause in _causes(error):
        sign = NUMBERS.get(cause.errno or 0) if isinstance(cause, OSError) else None
        text = str(cause)
        sign = sign or next((one for one in SIGNS if one in text), None)
        if sign is not None:
            found, fix = SIGNS[sign]
            where = cause.filename if isinstance(cause, OSError) and cause.filename else text.splitlines()[0][:300]
            return CicError(found, where=str(where), expected="a folder to write to, with room in it", fix=fix)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
