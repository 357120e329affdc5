"""The supervisor: one process that starts the servers, watches them, and stops them in order.

It holds `platform.lock` while it lives, so that a home has one at most; the operating system lets
go of the lock however it ends.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from cic.errors import ServiceError
from cic.platform import postgres, services
from cic.platform.at_rest import wait_for_readers
from cic.platform.environment import service_environment
from cic.platform.ownership import LEFTOVER_SECONDS, clean_up, lock
from cic.platform.ports import claimed_port, listens
from cic.platform.processes import clear_group, has_ended, start, stop_child, stop_flow_runs, stop_marked, tail_of
from cic.platform.services import Service
from cic.platform.state import PlatformState, ServiceState, write_state
from cic.settings import ProcessIdentity, Settings, make_private

log = logging.getLogger("cic.platform")
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


class Supervisor:
    """Runs the platform of one home; `run` returns when it has stopped."""

    def __init__(self, settings: Settings, tell: Callable[[str], None] = log.info) -> None:
        self.settings = settings
        self.clients = settings
        """The settings with the addresses that clients use, once they are known."""
        self.tell = tell
        self.children: dict[str, Child] = {}
        self.stopping = False
        self.held = ExitStack()
        """The ports, until the platform has stopped."""
        self.state = PlatformState(
            supervisor=ProcessIdentity.of(os.getpid()),
            phase="starting",
            since=datetime.now(UTC).isoformat("T", "seconds"),
        )

    def run(self) -> None:
        """Start everything, watch until a signal says stop, stop everything.

        Raises
        ------
        AlreadyRunning
            If another supervisor has this home.
        ServiceError
            If a server does not come up; what was started is stopped again.
        """
        for folder in (self.settings.logs, self.settings.home / "mlartifacts"):
            make_private(folder)
        with lock(self.settings), _signals(self._ask_to_stop), self.held:
            self._save()
            wait_for_readers(self.settings)
            clean_up(self.settings)
            try:
                self._bring_up()
                self._note(phase="ready")
                self._watch()
            except StoppedEarly:
                self.tell("stopped while starting")
            except ServiceError as error:
                self._note(phase="failed", error=str(error))
                raise
            finally:
                self._bring_down(keep_state=self.state.phase == "failed")

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _bring_up(self) -> None:
        plan = services.plan(self.settings)
        mlflow_port = self.held.enter_context(claimed_port(self.settings, "mlflow_port")) if plan.mlflow else 0
        prefect_port = self.held.enter_context(claimed_port(self.settings, "prefect_port")) if plan.prefect else 0
        admin_url = self._bring_up_postgres() if plan.postgres else self.settings.postgres_url
        fresh = () if admin_url is None else postgres.ensure_databases(admin_url, plan.databases)
        addresses = services.addresses(self.settings, plan, admin_url, mlflow_port, prefect_port)
        self._note(addresses=addresses)
        self.clients = self.settings.with_addresses(addresses)
        if plan.prefect and admin_url is not None:
            self._start(services.prefect_service(self.clients, admin_url, prefect_port))
        if plan.mlflow and admin_url is not None:
            self._upgrade_mlflow(admin_url, is_fresh="mlflow" in fresh)
            self._start(services.mlflow_service(self.clients, admin_url, mlflow_port))
        if plan.prefect:
            self._wait_for("prefect")
            # whatever ran for this home has been stopped; another PostgreSQL may hold runs of another home
            self._end_dead_runs("PENDING", *(("RUNNING", "CANCELLING") if plan.postgres else ()))
        self._start(services.worker_service(self.clients, services.worker_name()))
        self._wait_for(*self.children)
        if plan.mlflow and admin_url is not None:
            postgres.write_schema_note(admin_url, "mlflow", services.schema_note("mlflow"))

    def _bring_up_postgres(self) -> str:
        """Start the embedded PostgreSQL, and give its administrator's URL."""
        cluster = postgres.Cluster(self.settings.postgres_folder)
        self.tell("preparing PostgreSQL")
        runtime = postgres.claim_runtime(cluster)
        postgres.prepare(cluster, runtime)
        self._start(services.postgres_service(self.settings, runtime))
        self._wait_for("postgres")
        return postgres.socket_url(runtime.socket_folder)

    def _upgrade_mlflow(self, admin_url: str, is_fresh: bool) -> None:
        """Bring the tables of an older MLflow up to date; a fresh database gets them from the server itself."""
        if is_fresh or postgres.schema_note(admin_url, "mlflow") == services.schema_note("mlflow"):
            return
        self.tell("bringing MLflow's tables up to date")
        command, secret = services.mlflow_upgrade_command(admin_url)
        path = self.settings.logs / "mlflow.log"
        offset = _size(path)
        environment = {**os.environ, **service_environment(self.settings), **secret}
        process = start(command, environment, path)
        deadline = time.monotonic() + self.settings.startup_timeout
        try:
            while not has_ended(process):
                if time.monotonic() > deadline:
                    raise _failed("mlflow db upgrade", "takes too long", path, offset)
                self._pause()
        finally:
            status = clear_group(process)
        if status != 0:
            raise _failed("mlflow db upgrade", f"ended with status {status}", path, offset)

    def _start(self, service: Service, restarts: list[float] | None = None) -> None:
        _turn_over(service.log)
        offset = _size(service.log)
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
                    raise _failed(name, f"ended with status {status} while starting", service.log, child.log_offset)
                trouble = self._check(child) if name in waiting else None
                if trouble is not None and self._is_late(child):
                    late = f"is not well after {self.settings.startup_timeout:.0f} s: {trouble}"
                    raise _failed(name, late, service.log, child.log_offset)
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
        return time.monotonic() - child.started > self.settings.startup_timeout

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
        if child.service.name == "postgres":
            postgres.stop_leftover(postgres.Cluster(self.settings.postgres_folder), LEFTOVER_SECONDS)
        service = child.service
        if service.name == "worker":
            if "prefect" in self.children:
                self._end_dead_runs("PENDING")
            # under a new name: the old one counts as online for a while
            service = services.worker_service(self.clients, services.worker_name())
        self._start(service, [*child.restarts, time.monotonic()])

    def _end_dead_runs(self, *states: str) -> None:
        try:
            ended = services.end_dead_runs(self.clients, states)
        except ServiceError as error:  # they can wait; the worker shall not
            self.tell(f"flow runs of a worker that was killed could not be ended: {error.found}")
        else:
            if ended:
                self.tell(f"ended {ended} flow run(s) whose worker was killed")

    def _bring_down(self, keep_state: bool) -> None:
        if not keep_state:
            self._note(phase="stopping")
        # Before the worker, which would kill them, and while the server is there to be told.
        stop_flow_runs(self.settings.home, LEFTOVER_SECONDS)
        # The last started is the first to stop: worker, MLflow and Prefect, PostgreSQL.
        for name, child in reversed(self.children.items()):
            if child.process.returncode is None:
                self.tell(f"{name} {'stopped' if self._stop(child) else 'killed'}")
            self._show(name, "stopped")
        stop_marked(self.settings.home, LEFTOVER_SECONDS)
        postgres.release_runtime(postgres.Cluster(self.settings.postgres_folder))
        if not keep_state:
            self.settings.state_file.unlink(missing_ok=True)
        self.tell("all stopped")

    def _stop(self, child: Child) -> bool:
        service = child.service
        return stop_child(child.process, service.stop_seconds, service.stop_signal, service.stop_whole_group)

    def _show(self, name: str, phase: str) -> None:
        child = self.children[name]
        service = ServiceState(
            phase=phase,  # type: ignore[arg-type]
            log=str(child.service.log),
            pid=child.process.pid,
            restarts=len(child.restarts),
            link=child.service.link,
        )
        self._note(services={**self.state.services, name: service})

    def _note(self, **changes: object) -> None:
        self.state = PlatformState(**{**vars(self.state), **changes})
        self._save()

    def _save(self) -> None:
        write_state(self.settings.state_file, self.state)


def _failed(name: str, trouble: str, path: Path, offset: int) -> ServiceError:
    return ServiceError(
        f"{name} {trouble}",
        where=f"{path}, whose end reads\n{tail_of(path, offset=offset)}",
        fix="mend what the log says, then `cic up` again; `cic doctor` checks the rest",
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _turn_over(path: Path) -> None:
    """Keep a long log as `.1` and begin a new one."""
    if _size(path) > LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))


@contextmanager
def _signals(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
