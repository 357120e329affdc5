"""Services as children of this process: started, waited for, looked after, and started again where they end.

What the services are, and in which order they come and go, is the supervisor's.
"""

from __future__ import annotations

import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cic.errors import ServiceError
from cic.platform.ports import listens
from cic.platform.processes import clear_group, has_ended, start, stop_child, tail_of
from cic.platform.services import Service

POLL_SECONDS = 0.1
WATCH_SECONDS = 0.5
HEALTH_SECONDS = 10.0
"""Between questions whether a service that runs is still well."""
MAX_RESTARTS = 5
RESTART_WINDOW_SECONDS = 600.0
LOG_BYTES = 10 * 2**20


class StoppedEarly(Exception):
    """Asked to stop while starting."""


@dataclass
class Child:
    """A service and the process that now runs it."""

    service: Service
    process: subprocess.Popen[bytes]
    started: float
    log_offset: int
    healthy: bool = False
    restarts: list[float] = field(default_factory=list)
    restart_at: float | None = None
    given_up: bool = False
    ask_at: float = 0.0
    """When to ask for its health again."""
    unwell_since: float | None = None


class Watch(ABC):
    """Services and the processes that run them, in the order in which they were started.

    Attributes
    ----------
    tell
        Called with what happens, in words.
    stopping
        Set from outside: whoever waits gives up with `StoppedEarly`, and watching ends.
    """

    def __init__(self, startup_timeout: float, tell: Callable[[str], None]) -> None:
        self.startup_timeout, self.tell = startup_timeout, tell
        self.children: dict[str, Child] = {}
        self.stopping = False

    @abstractmethod
    def _show(self, name: str, phase: str) -> None:
        """Put on view which phase a service is in."""

    @abstractmethod
    def _renewed(self, service: Service) -> Service:
        """Give what to start in place of a service that ended, once it can be."""

    def _start(self, service: Service, restarts: list[float] | None = None) -> None:
        _turn_over(service.log)
        offset = size(service.log)
        process = start(service.command, service.environment, service.log, service.user, service.within)
        self.children[service.name] = Child(service, process, time.monotonic(), offset, restarts=restarts or [])
        self.tell(f"starting {service.name} (process {process.pid})")
        self._show(service.name, "starting")

    def _wait_for(self, *names: str) -> None:
        """Wait until these services are healthy, and fail as soon as one that was started ends."""
        while waiting := [name for name in names if not self.children[name].healthy]:
            for child in self.children.values():
                name, service = child.service.name, child.service
                if has_ended(child.process):
                    status = clear_group(child.process)
                    raise failed(name, f"ended with status {status} while starting", service.log, child.log_offset)
                trouble = self._check(child) if name in waiting else None
                if trouble is not None and self._is_late(child):
                    late = f"is not well after {self.startup_timeout:.0f} s: {trouble}"
                    raise failed(name, late, service.log, child.log_offset)
            self._pause()

    def _check(self, child: Child) -> str | None:
        trouble, port = child.service.health(), child.service.port
        if trouble is None and not child.healthy and port is not None and not listens(child.process.pid, port):
            trouble = f"another process answers on port {port}"
        if trouble is None and not child.healthy:
            child.healthy = True
            self.tell(f"{child.service.name} is up after {time.monotonic() - child.started:.1f} s")
            self._show(child.service.name, "running")
        return trouble

    def _is_late(self, child: Child) -> bool:
        return time.monotonic() - child.started > self.startup_timeout

    def _pause(self) -> None:
        if self.stopping:
            raise StoppedEarly
        time.sleep(POLL_SECONDS)

    def _watch(self) -> None:
        while not self.stopping:
            for child in list(self.children.values()):
                self._look_after(child)
            time.sleep(WATCH_SECONDS)

    def _look_after(self, child: Child) -> None:
        """Restart a service that ended, later each time, and not for ever."""
        if child.given_up:
            return
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at and self._has_needs(child):
                self._restart(child)
        elif has_ended(child.process):
            self._schedule(child, f"ended with status {clear_group(child.process)}")
        elif not child.healthy and self._check(child) is not None and self._is_late(child):
            self._stop(child)
            self._schedule(child, "did not become healthy")
        elif child.healthy and time.monotonic() >= child.ask_at:
            self._ask(child)

    def _ask(self, child: Child) -> None:
        """Ask a service that runs for its health, and end one that has hung for too long. It may wait for another."""
        trouble = child.service.health() if self._has_needs(child) else None
        now = time.monotonic()
        child.ask_at = now + HEALTH_SECONDS
        if trouble is None:
            child.unwell_since = None
        elif child.unwell_since is None:
            child.unwell_since = now
        elif now - child.unwell_since > child.service.patience_seconds:
            self._stop(child)
            self._schedule(child, f"has not been well for {now - child.unwell_since:.0f} s: {trouble}")

    def _has_needs(self, child: Child) -> bool:
        needs = [self.children[name] for name in child.service.needs if name in self.children]
        return all(
            need.healthy and need.unwell_since is None and need.restart_at is None and not need.given_up
            for need in needs
        )

    def _schedule(self, child: Child, reason: str) -> None:
        now, name = time.monotonic(), child.service.name
        recent = [moment for moment in child.restarts if now - moment < RESTART_WINDOW_SECONDS]
        child.healthy = False
        if len(recent) >= MAX_RESTARTS:
            child.given_up = True
            self.tell(f"{name} {reason}; given up after {len(recent)} restarts, see {child.service.log}")
            self._show(name, "failed")
            return
        wait = 2.0 ** len(recent) - 1
        child.restart_at = now + wait
        self.tell(f"{name} {reason}; starting it again in {wait:.0f} s")
        self._show(name, "restarting")

    def _restart(self, child: Child) -> None:
        self._start(self._renewed(child.service), [*child.restarts, time.monotonic()])

    def _stop(self, child: Child) -> bool:
        service = child.service
        return stop_child(child.process, service.stop_seconds, service.stop_signal, service.stop_whole_group)


def failed(name: str, trouble: str, path: Path, offset: int) -> ServiceError:
    """Make the error of a program that failed, with what it has logged since `offset`."""
    return ServiceError(
        f"{name} {trouble}",
        where=f"{path}, whose end reads\n{tail_of(path, offset=offset)}",
        fix="mend what the log says, then `cic up` again; `cic doctor` checks the rest",
    )


def size(path: Path) -> int:
    """Give the length of a log, 0 where there is none yet."""
    return path.stat().st_size if path.exists() else 0


def _turn_over(path: Path) -> None:
    """Keep a long log as `.1` and begin a new one."""
    if size(path) > LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
