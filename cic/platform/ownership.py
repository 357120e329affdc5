"""One supervisor a home, and what a killed one left behind.

The operating system lets go of the lock however its holder ends.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from cic.platform import postgres
from cic.platform.processes import stop_marked
from cic.process_identity import ProcessIdentity
from cic.settings import Settings

log = logging.getLogger("cic.platform")
LOCK_FILE = "platform.lock"
LEFTOVER_SECONDS = 10.0


class AlreadyRunning(Exception):
    """Another supervisor has this home."""


@contextmanager
def lock(settings: Settings) -> Iterator[None]:
    """Own the home for as long as the block runs.

    Raises
    ------
    AlreadyRunning
        If another process does.
    """
    with (settings.home / LOCK_FILE).open("a+") as file:  # not inherited by children
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning from None
        file.truncate(0)
        file.write(json.dumps(asdict(ProcessIdentity.of(os.getpid()))))
        file.flush()
        yield


@contextmanager
def exclusive(settings: Settings) -> Iterator[bool]:
    """Keep supervisors away for as long as the block runs; False if one is there already."""
    if not settings.home.exists():
        yield True
        return
    try:
        with lock(settings):
            yield True
    except AlreadyRunning:
        yield False


def holder(settings: Settings) -> ProcessIdentity | None:
    """Give the live process that owns the home."""
    try:
        found = ProcessIdentity(**json.loads((settings.home / LOCK_FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return found if held(settings) and found.alive() else None


def held(settings: Settings) -> bool:
    """Say whether a supervisor of this home is at work."""
    with exclusive(settings) as ours:
        return not ours


def clean_up(settings: Settings) -> bool:
    """Stop what a killed supervisor left running, and take its files away; True if there was anything.

    Call it with the lock held.
    """
    left = stop_marked(settings.home, LEFTOVER_SECONDS)
    if left:
        log.info("stopped what was left running: processes %s", ", ".join(map(str, left)))
    cluster = postgres.Cluster(settings.postgres_folder)
    server = postgres.stop_leftover(cluster, LEFTOVER_SECONDS)
    postgres.release_runtime(cluster)
    return bool(left) or server
