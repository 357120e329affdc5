"""The supervisor: one process that starts the servers, watches them, and stops them in order.

It holds `platform.lock` while it lives, so that a home has one at most; the operating system lets
go of the lock however it ends.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import FrameType

from cic.errors import ServiceError
from cic.platform import databases, postgres, services
from cic.platform.at_rest import wait_for_readers
from cic.platform.environment import service_environment
from cic.platform.ownership import LEFTOVER_SECONDS, clean_up, lock
from cic.platform.ports import claimed_port
from cic.platform.processes import clear_group, has_ended, start, stop_flow_runs, stop_marked
from cic.platform.services import Service
from cic.platform.state import PlatformState, ServiceState, write_state
from cic.platform.watch import StoppedEarly, Watch, failed, size
from cic.process_identity import ProcessIdentity
from cic.settings import Settings, make_private

log = logging.getLogger("cic.platform")


class Supervisor(Watch):
    """Runs the platform of one home; `run` returns when it has stopped."""

    def __init__(self, settings: Settings, tell: Callable[[str], None] = log.info) -> None:
        super().__init__(settings.startup_timeout, tell)
        self.settings = settings
        self.clients = settings
        """The settings with the addresses that clients use, once they are known."""
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
        fresh = () if admin_url is None else databases.ensure_databases(admin_url, plan.databases)
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
            databases.write_schema_note(admin_url, "mlflow", services.schema_note("mlflow"))

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
        if is_fresh or databases.schema_note(admin_url, "mlflow") == services.schema_note("mlflow"):
            return
        self.tell("bringing MLflow's tables up to date")
        command, secret = services.mlflow_upgrade_command(admin_url)
        path = self.settings.logs / "mlflow.log"
        offset = size(path)
        environment = {**os.environ, **service_environment(self.settings), **secret}
        process = start(command, environment, path)
        deadline = time.monotonic() + self.startup_timeout
        try:
            while not has_ended(process):
                if time.monotonic() > deadline:
                    raise failed("mlflow db upgrade", "takes too long", path, offset)
                self._pause()
        finally:
            status = clear_group(process)
        if status != 0:
            raise failed("mlflow db upgrade", f"ended with status {status}", path, offset)

    def _renewed(self, service: Service) -> Service:
        if service.name == "postgres":
            postgres.stop_leftover(postgres.Cluster(self.settings.postgres_folder), LEFTOVER_SECONDS)
        if service.name == "worker":
            if "prefect" in self.children:
                self._end_dead_runs("PENDING")
            # under a new name: the old one counts as online for a while
            return services.worker_service(self.clients, services.worker_name())
        return service

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


@contextmanager
def _signals(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
