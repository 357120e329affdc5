"""What the platform consists of: for each server its command, environment and health check."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cic.errors import ServiceError
from cic.platform import databases, postgres
from cic.platform.environment import LOCAL_ADDRESSES, service_environment
from cic.platform.http import request, request_json
from cic.platform.processes import MARK
from cic.platform.secret import secret_of, write_login_page
from cic.settings import Settings

DATABASES = ("prefect", "mlflow", "optuna")
Health = Callable[[], str | None]
"""Says why a service is not well; None when it is."""


@dataclass(frozen=True)
class Service:
    """One process of the platform."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    health: Health
    needs: tuple[str, ...] = ()
    user: tuple[int, int] | None = None
    within: Path | None = None
    """Folder in which it is started."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_whole_group: bool = True
    stop_seconds: float = 15.0
    patience_seconds: float = 60.0
    """For how long it may not be well, once it was, before it is started again."""
    link: str | None = None
    port: int | None = None
    """On which it listens itself; whoever else answers there is another's."""


@dataclass(frozen=True)
class Plan:
    """Which servers are ours to start; the others are given by the environment."""

    postgres: bool
    """The embedded PostgreSQL."""
    mlflow: bool
    prefect: bool
    optuna: bool
    """A database for Optuna on the PostgreSQL in use."""

    @property
    def databases(self) -> tuple[str, ...]:
        """The databases that we create."""
        return tuple(name for name in DATABASES if getattr(self, name))


def plan(settings: Settings) -> Plan:
    """Decide what to start: what the environment gives an address for, it has already."""
    given = settings.given
    mlflow, prefect, optuna = (name not in given for name in ("tracking_uri", "prefect_api_url", "optuna_url"))
    ours = mlflow or prefect or optuna
    return Plan(postgres=ours and settings.postgres_url is None, mlflow=mlflow, prefect=prefect, optuna=optuna)


def client_host(host: str) -> str:
    """Give the address at which this machine reaches a server that listens on `host`."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host


def addresses(
    settings: Settings, what: Plan, admin_url: str | None, mlflow_port: int, prefect_port: int
) -> dict[str, str]:
    """Give where clients find what we start, and the secret that one of them asks for, by field of `Settings`."""
    here = f"http://{client_host(settings.host)}"
    found = {}
    if what.mlflow:
        found["tracking_uri"] = f"{here}:{mlflow_port}"
    if what.prefect:
        found["prefect_api_url"] = f"{here}:{prefect_port}/api"
        found["prefect_auth"] = settings.prefect_auth or secret_of(settings.home)
    if what.optuna and admin_url is not None:
        found["optuna_url"] = databases.database_url(admin_url, "optuna")
    return found


def _environment(settings: Settings, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, **service_environment(settings), MARK: str(settings.home), **(extra or {})}


def _program(name: str) -> str:
    """Give a program installed beside this Python."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise ServiceError(f"there is no `{name}`", where=str(path.parent), fix="run `make install`")
    return str(path)


def postgres_service(settings: Settings, runtime: postgres.Runtime) -> Service:
    """Describe the embedded PostgreSQL on a prepared cluster."""
    cluster = postgres.Cluster(settings.postgres_folder)
    url = postgres.socket_url(runtime.socket_folder)
    return Service(
        name="postgres",
        command=tuple(postgres.server_command(cluster, runtime)),
        environment=_environment(settings),
        log=settings.logs / "postgres.log",
        health=lambda: databases.answers(url),
        user=None if runtime.user is None else (runtime.user.pw_uid, runtime.user.pw_gid),
        within=cluster.data,
        stop_signal=signal.SIGINT,  # fast shutdown: connections are cut, nothing is lost
        stop_whole_group=False,
        stop_seconds=60.0,
    )


def mlflow_upgrade_command(admin_url: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Give the command that brings MLflow's tables up to date, and the environment it needs on top."""
    url, secret = databases.without_password(databases.database_url(admin_url, "mlflow"))
    return (_program("mlflow"), "db", "upgrade", url), secret


def schema_note(package: str) -> str:
    """Give the note that marks a database as holding the tables of the installed version of a package."""
    return f"{package} {version(package)}"


def mlflow_service(settings: Settings, admin_url: str, port: int) -> Service:
    """Describe the MLflow server; it hands artifacts through, so that clients need no access to the store."""
    url = f"http://{client_host(settings.host)}:{port}"
    # by environment: the address may hold a password, and others can read command lines
    store = {"MLFLOW_BACKEND_STORE_URI": databases.database_url(admin_url, "mlflow")}
    return Service(
        name="mlflow",
        command=(
            *(_program("mlflow"), "server", "--host", settings.host, "--port", str(port), "--workers", "1"),
            *("--serve-artifacts", "--artifacts-destination", settings.artifacts_uri),
        ),
        environment=_environment(settings, {**store, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}),
        log=settings.logs / "mlflow.log",
        health=lambda: _trouble(f"{url}/health"),
        needs=("postgres",),
        link=url,
        port=port,
    )


def prefect_service(settings: Settings, admin_url: str, port: int) -> Service:
    """Describe the Prefect server; it brings its own tables up to date before it answers."""
    url = f"http://{client_host(settings.host)}:{port}"
    assert settings.prefect_auth is not None
    write_login_page(settings.login_file, url, settings.prefect_auth)
    origins = dict.fromkeys([url, *(f"http://{name}:{port}" for name in LOCAL_ADDRESSES)])
    extra = {
        "PREFECT_SERVER_API_AUTH_STRING": settings.prefect_auth,
        "PREFECT_SERVER_API_HOST": settings.host,
        "PREFECT_SERVER_API_PORT": str(port),  # --port alone leaves the page calling another
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": databases.database_url(admin_url, "prefect", "asyncpg"),
        "PREFECT_SERVER_UI_API_URL": f"{url}/api",
    }
    return Service(
        name="prefect",
        command=(
            *(sys.executable, "-m", "uvicorn", "--factory", "cic.platform.prefect_app:create_app"),
            *("--host", settings.host, "--port", str(port)),
        ),
        environment=_environment(settings, extra),
        log=settings.logs / "prefect.log",
        health=lambda: _trouble(f"{url}/api/health"),
        needs=("postgres",),
        link=url,
        port=port,
    )


def worker_service(settings: Settings, name: str) -> Service:
    """Describe the process worker; it creates its work pool where that is missing.

    Parameters
    ----------
    name
        Under which it reports to the server.
    """
    pool = settings.work_pool
    assert settings.prefect_api_url is not None
    return Service(
        name="worker",
        command=(
            *(_program("prefect"), "worker", "start", "--type", "process", "--pool", pool),
            *("--name", name, "--limit", str(settings.worker_limit)),
        ),
        environment=_environment(settings),
        log=settings.logs / "worker.log",
        health=lambda: worker_trouble(settings, name),
        needs=("prefect",),
        stop_seconds=20.0,
        patience_seconds=300.0,  # its flow runs end with it, and the server calls it online for a while
    )


def worker_trouble(settings: Settings, name: str | None = None) -> str | None:
    """Say why no worker (or not the one called `name`) serves our pool; None when one does."""
    url = f"{settings.prefect_api_url}/work_pools/{settings.work_pool}/workers/filter"
    try:
        workers = request_json(url, {}, auth=settings.prefect_auth)
    except ServiceError as error:
        return f"work pool {settings.work_pool}: {error.found}"
    online = [worker["name"] for worker in workers if worker["status"] == "ONLINE"]
    if (name in online) if name is not None else online:
        return None
    return f"no worker of pool {settings.work_pool} is online"


def end_dead_runs(settings: Settings, states: tuple[str, ...]) -> int:
    """End the flow runs of our pool that are in one of these states; call it while no worker serves the pool.

    Whoever submitted them was killed over it, and Prefect itself leaves them so for ever.

    Parameters
    ----------
    states
        Such as ``PENDING``.

    Returns
    -------
    int
        How many there were.
    """
    url, auth = f"{settings.prefect_api_url}/flow_runs", settings.prefect_auth
    asked = {
        "flow_runs": {"state": {"type": {"any_": list(states)}}},
        "work_pools": {"name": {"any_": [settings.work_pool]}},
    }
    ended: set[str] = set()
    while True:
        found = request_json(f"{url}/filter", {**asked, "limit": 100}, auth=auth)
        left = [run for run in found if run["id"] not in ended]
        if not left:
            return len(ended)
        for run in left:
            told = f"{run['state_type'].lower()} when its worker was killed; run it again, it goes on where it was"
            crashed = {"type": "CRASHED", "name": "Crashed", "message": told}
            request_json(f"{url}/{run['id']}/set_state", {"state": crashed, "force": True}, auth=auth)
            ended.add(run["id"])


def _trouble(url: str) -> str | None:
    try:
        request(url, seconds=3.0)
    except ServiceError as error:
        return f"{url} {error.found}"
    return None


def worker_name() -> str:
    """Give a name that no earlier worker had: records of those that were killed look alive for a while."""
    return f"cic-{socket.gethostname()}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
