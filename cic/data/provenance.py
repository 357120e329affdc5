"""Where a data set came from: the files that were read, and what was said of them while they were."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cic.data.file_lists import files_of
from cic.data.formats import is_list


def sources(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Give name, size and SHA-256 of files, and of all files in folders or named by a table of these."""
    found = []
    for path in paths:
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        files += [file for file, _ in files_of(path)[0]] if is_list(path) else []
        for file in files:
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            name = file.relative_to(path.parent).as_posix()
            found.append({"file": name, "bytes": file.stat().st_size, "sha256": digest})
    return found


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a file; of a folder or a table of files, that over the name and the SHA-256 of each."""
    found = sources([path])
    if len(found) == 1 and path.is_file():
        return str(found[0]["sha256"])
    listed = json.dumps([(one["file"], one["sha256"]) for one in found])
    return hashlib.sha256(listed.encode()).hexdigest()


def plain(options: dict[str, Any]) -> dict[str, Any]:
    """Give the options by which a file was read, those that say something, as JSON; of paths the names."""
    said = {name: value for name, value in options.items() if value not in (None, False)}
    return {name: value.name if isinstance(value, Path) else value for name, value in said.items()}


@contextmanager
def noted(*paths: Path) -> Iterator[list[str]]:
    """Note what is logged of data while the block runs, whatever the level that is shown.

    Parameters
    ----------
    paths
        Written by their names alone in what is noted: where they lie is another matter on each machine.
    """
    log, lines = logging.getLogger("cic.data"), list[str]()
    level, shown_from = log.level, log.getEffectiveLevel()

    def note(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        for path in paths:
            text = text.replace(str(path), path.name)
        lines.append(text)
        return record.levelno >= shown_from

    log.addFilter(note)
    log.setLevel(min(logging.INFO, shown_from))
    try:
        yield lines
    finally:
        log.setLevel(level)
        log.removeFilter(note)
