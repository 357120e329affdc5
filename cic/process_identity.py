"""Which process it is: the number alone may be another one's later."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

# Clocks may be stepped between two readings of one process's start; processes that differ are further apart.
START_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True)
class ProcessIdentity:
    """One process, not to be taken for a later one with the same number."""

    pid: int
    started: float
    """Seconds since 1970, as the operating system gives it."""

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Read the identity of a live process.

        Raises
        ------
        psutil.NoSuchProcess
            If there is none.
        """
        return cls(pid, psutil.Process(pid).create_time())

    def alive(self) -> bool:
        """Say whether this very process still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < START_TOLERANCE_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
