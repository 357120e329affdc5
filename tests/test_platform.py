"""The local platform with real servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import psutil
import psycopg
import pytest
from psycopg import sql
from store_parts import log_bundle, tiny_bundle

from cic.data.matrix import ExpressionMatrix
from cic.model.bundle_files import bundle_digest
from cic.platform import control, databases, postgres, services
from cic.platform.doctor import examine
from cic.platform.environment import service_environment
from cic.platform.http import request, request_json
from cic.platform.processes import MARK, clear_group, has_ended, marked, start, stop_child
from cic.platform.state import PlatformState
from cic.platform.supervisor import Supervisor
from cic.settings import AT_REST, Settings, load_settings

PASSWORD = "hidden%40word"
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CIC_") or name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_HOME", MARK):
            monkeypatch.delenv(name)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


# PostgreSQL


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[postgres.Cluster]:
    made = postgres.Cluster(tmp_path / ("long " * 25) / "postgres")  # too long for a socket, with spaces
    yield made
    postgres.stop_leftover(made, 10.0)
    postgres.release_runtime(made)


def run_server(cluster: postgres.Cluster, port: int = 5432, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    runtime = postgres.claim_runtime(cluster)
    postgres.prepare(cluster, runtime)
    user = None if runtime.user is None else (runtime.user.pw_uid, runtime.user.pw_gid)
    command = [*postgres.server_command(cluster, runtime), "-c", f"port={port}", *options]
    child = start(command, os.environ, cluster.folder.parent / "postgres.log", user, cluster.data)
    url = f"{postgres.socket_url(runtime.socket_folder)}&port={port}"
    wait_until(lambda: has_ended(child) or databases.answers(url) is None)
    assert not has_ended(child), (cluster.folder.parent / "postgres.log").read_text()
    return child, url


def test_postgres_runs_whatever_the_path_and_is_found_after_a_kill(cluster: postgres.Cluster) -> None:
    (cluster.folder / "data.unfinished").mkdir(parents=True)  # of a creation that was cut short
    cluster.folder.parent.chmod(0o700)
    above = [(at, at.stat().st_mode) for at in cluster.folder.parents]
    child, url = run_server(cluster)
    assert [(at, at.stat().st_mode) for at in cluster.folder.parents] == above, "nobody's folders are opened"
    assert databases.ensure_databases(url, ("a", "b")) == ("a", "b")
    assert databases.ensure_databases(url, ("a", "b")) == ()
    assert databases.schema_note(url, "a") is None
    databases.write_schema_note(url, "a", "it's here")
    assert databases.schema_note(url, "a") == "it's here"
    socket_folder = Path(cluster.socket_note.read_text())
    assert socket_folder.stat().st_mode & 0o077 == 0 and cluster.folder.stat().st_mode & 0o077 == 0

    assert postgres.stop_leftover(cluster, 20.0), "a server left running is stopped"
    assert child.wait() == 0
    postgres.release_runtime(cluster)
    assert not socket_folder.exists()

    # a lock file that names a process which is no PostgreSQL: the number was given away again
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert not postgres.stop_leftover(cluster, 1.0)
    child, url = run_server(cluster)
    assert databases.schema_note(url, "a") == "it's here"
    child.kill()
    clear_group(child)
    assert not postgres.stop_leftover(cluster, 1.0)
    child, url = run_server(cluster)
    assert databases.ensure_databases(url, ("a",)) == ()
    assert stop_child(child, 20.0, signal.SIGINT, whole_group=False)


# all of it


class Platform:
    """A platform of a temporary home, driven through the library."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(project=folder, home=folder / "home")
        self.told: list[str] = []

    def up(self) -> tuple[PlatformState, bool]:
        """Start it, as `cic up` does, with this home in the environment."""
        os.environ.update(CIC_PROJECT=str(self.settings.project), CIC_HOME=str(self.settings.home))
        return control.up(load_settings(with_platform=False), self.told.append)

    @property
    def clients(self) -> Settings:
        return load_settings()

    def state(self) -> PlatformState:
        found = control.current(self.settings)
        assert found is not None
        return found

    def pid(self, name: str) -> int:
        pid = self.state().services[name].pid
        assert pid is not None
        return pid

    def is_well(self) -> bool:
        state = control.current(self.settings)
        return state is not None and not any(control.health(self.clients, state).values())

    def experiments(self) -> set[str]:
        url = f"{self.clients.tracking_uri}/api/2.0/mlflow/experiments/search"
        return {found["name"] for found in request_json(url, {"max_results": 50}, 30.0)["experiments"]}

    def stop(self) -> None:
        control.down(self.settings, self.told.append)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("CIC_") or name in ("PREFECT_API_URL", "PREFECT_HOME")]:
        del os.environ[name]
    made = Platform(tmp_path_factory.mktemp("platform"))
    yield made
    made.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def running(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Give a platform that is up; tests share one, since a start takes many seconds."""
    monkeypatch.setenv("CIC_PROJECT", str(platform.settings.project))
    monkeypatch.setenv("CIC_HOME", str(platform.settings.home))
    platform.up()
    return platform


def test_up_gives_a_platform_that_another_shell_finds(running: Platform) -> None:
    state = running.state()
    assert set(state.services) == {"postgres", "mlflow", "prefect", "worker"}
    assert running.is_well()
    assert running.up()[1], "the second time it says that it runs already"
    assert running.state() == state
    code = (
        "from cic.settings import load_settings as l; s = l(); print(s.tracking_uri, s.prefect_api_url, s.optuna_url)"
    )
    seen = subprocess.run(python(code), capture_output=True, text=True, check=True).stdout.split()
    assert seen == [state.addresses[name] for name in ("tracking_uri", "prefect_api_url", "optuna_url")]
    assert running.settings.state_file.stat().st_mode & 0o077 == 0


def test_artifacts_go_through_the_server(running: Platform) -> None:
    url = running.clients.tracking_uri
    path = f"{url}/api/2.0/mlflow-artifacts/artifacts/0/some/file.txt"
    upload = "import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], b'bytes', method='PUT'))"
    subprocess.run([*python(upload), path], check=True, env={**os.environ, **service_environment(running.clients)})
    assert request(path) == b"bytes"
    assert (running.settings.home / "mlartifacts" / "0" / "some" / "file.txt").read_bytes() == b"bytes"


def test_doctor_finds_servers_and_worker_and_misses_the_deployments(running: Platform) -> None:
    findings = {finding.subject: finding for finding in examine(running.clients)}
    for subject in ("postgres", "mlflow", "prefect", "worker", "tracking", "studies", "disk", "python"):
        assert findings[subject].level == "OK", findings[subject]
    assert findings["deployments"].level == "WARN" and "deploy --all" in findings["deployments"].fix


def test_killed_servers_come_back_on_the_same_data(running: Platform) -> None:
    request_json(f"{running.clients.tracking_uri}/api/2.0/mlflow/experiments/create", {"name": "kept"}, 30.0)
    before = {name: running.pid(name) for name in ("postgres", "mlflow", "worker")}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(running.pid(name) != pid for name, pid in before.items()) and running.is_well(), 180.0)
    assert {name: service.restarts for name, service in running.state().services.items()} == {
        "postgres": 1,
        "prefect": 0,
        "mlflow": 1,
        "worker": 1,
    }
    assert running.experiments() == {"Default", "kept"}


FLOW = """
import time
from prefect import flow

@flow
def wait():
    time.sleep(300)
"""
DEPLOYMENT = """
name: test
pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{{ $CIC_PROJECT }}"
deployments:
  - {name: local, entrypoint: "waiting.py:wait", work_pool: {name: cic-local}}
"""


def start_flow_run(running: Platform) -> str:
    """Deploy a flow that waits, start it, and give the id of its run once it is at work."""
    project, clients = running.settings.project, running.clients
    (project / "waiting.py").write_text(FLOW)
    (project / "prefect.yaml").write_text(DEPLOYMENT)
    environment = {**os.environ, **service_environment(clients)}
    deploy = ["prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run(deploy, cwd=project, env=environment, check=True, capture_output=True, timeout=120)
    run = ask(clients, f"deployments/{ask(clients, 'deployments/name/wait/local')['id']}/create_flow_run", {})["id"]
    wait_until(lambda: ask(clients, f"flow_runs/{run}")["state_type"] == "RUNNING", 120.0)
    return str(run)


def ask(clients: Settings, path: str, body: Any = None) -> Any:
    """Ask the Prefect server, with the secret."""
    return request_json(f"{clients.prefect_api_url}/{path}", body, 30.0, clients.prefect_auth)


FOREIGN = "http://attacker.example"


def answer(method: str, url: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Send what a browser or a program would, and give the status and headers of the answer."""
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b"{}" if method == "POST" else None
    connection.request(method, parts.path, body, {"Content-Type": "application/json", **named})
    got = connection.getresponse()
    got.read()
    return got.status, {name.lower(): value for name, value in got.getheaders()}


@pytest.mark.attack("another site, a foreign host, a stranger at the servers", "4", ended="turned away")
def test_no_other_site_and_no_stranger_is_answered(running: Platform) -> None:
    clients = running.clients
    assert clients.prefect_auth is not None and clients.prefect_api_url is not None
    token = f"Basic {b64encode(clients.prefect_auth.encode()).decode()}"
    prefect = f"{clients.prefect_api_url}/flows/"
    mlflow = f"{clients.tracking_uri}/api/2.0/mlflow/experiments/create"
    for url in (prefect, mlflow):
        status, headers = answer("OPTIONS", url, Origin=FOREIGN, Access_Control_Request_Method="POST")
        assert headers.get("access-control-allow-origin") not in ("*", FOREIGN), url
        status, headers = answer("POST", url, Origin=FOREIGN, Authorization=token)
        assert status == 403 and "access-control-allow-origin" not in headers, url
        assert answer("POST", url, Host="attacker.example", Authorization=token)[0] in (400, 403), url
    assert answer("POST", prefect)[0] == 401 == answer("POST", prefect, Authorization="Basic Y2ljOng=")[0]
    own = clients.prefect_api_url.removesuffix("/api")
    for origin in (own, own.replace("127.0.0.1", "localhost")):
        assert answer("POST", prefect, Authorization=token, Origin=origin)[0] == 422, "asked for a name"


def test_the_secret_is_in_no_log_no_command_and_no_listing(running: Platform) -> None:
    home, secret = running.settings.home, str(running.clients.prefect_auth)
    for path in (home / "prefect.secret", running.settings.login_file, running.settings.state_file):
        assert path.stat().st_mode & 0o077 == 0, path
    texts = [path.read_text(errors="replace") for path in running.settings.logs.iterdir()]
    texts += [" ".join(process.cmdline()) for process in marked(home)]
    texts += [repr(running.clients), json.dumps(running.state().public())]
    assert not any(secret in text or secret.split(":")[1] in text for text in texts)


def page(url: str, user: Path) -> str:
    """Give what a browser of that user's shows at an address."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--disable-component-update", "--disable-sync", "--no-first-run", f"--user-data-dir={user}"]
    command += ["--virtual-time-budget=20000", "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_the_login_page_opens_prefect_and_a_stranger_stays_outside(running: Platform, tmp_path: Path) -> None:
    pool = running.clients.work_pool
    address = running.state().services["prefect"].link
    assert address is not None

    def shown() -> str:
        page(running.settings.login_file.as_uri(), tmp_path / "owner")
        return page(f"{address}/work-pools", tmp_path / "owner")

    # the browser's time runs ahead of a busy server, in the login as on the page
    assert any(pool in shown() for _ in range(8)), "the browser remembers"
    assert pool not in page(f"{address}/work-pools", tmp_path / "stranger")


@pytest.mark.attack("a run left PENDING by a killed worker", "7", ended="ended by the next worker")
def test_a_run_that_was_pending_when_the_worker_was_killed_is_ended(running: Platform) -> None:
    run = start_flow_run(running)
    waiting = ask(running.clients, "deployments/name/wait/local")["id"]
    pending = ask(running.clients, f"deployments/{waiting}/create_flow_run", {"state": {"type": "PENDING"}})["id"]
    os.kill(running.pid("worker"), signal.SIGKILL)
    wait_until(lambda: ask(running.clients, f"flow_runs/{pending}")["state_type"] == "CRASHED", 60.0)
    wait_until(running.is_well, 60.0)
    ask(running.clients, f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


@pytest.mark.attack("a killed supervisor, with a PENDING run", "7", ended="ended by the next start")
def test_a_killed_supervisor_leaves_nothing_that_the_next_start_cannot_mend(running: Platform) -> None:
    experiments, old = running.experiments(), running.state()
    run = start_flow_run(running)
    waiting = ask(running.clients, "deployments/name/wait/local")["id"]
    pending = ask(running.clients, f"deployments/{waiting}/create_flow_run", {"state": {"type": "PENDING"}})["id"]
    left = marked(running.settings.home)
    assert len(left) >= 6, "servers, worker, and the flow run"
    os.kill(old.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not old.supervisor.alive())
    assert running.clients.tracking_uri.startswith(AT_REST), "a platform without supervisor does not run"
    assert all(process.is_running() for process in left)
    state, before = running.up()
    assert not before and state.supervisor != old.supervisor
    wait_until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in left))
    assert running.is_well() and running.experiments() == experiments
    ended = ask(running.clients, f"flow_runs/{run}")
    assert ended["state_type"] == "CRASHED", "a flow run is stopped first, and says so"
    lost = ask(running.clients, f"flow_runs/{pending}")["state"]
    assert lost["type"] == "CRASHED" and "run it again" in lost["message"], "one that was being submitted is ended"


def small_matrix() -> ExpressionMatrix:
    values = np.random.default_rng(0).normal(6, 1, (20, 30)).astype(np.float32)
    samples = pd.DataFrame(index=pd.Index([f"s{number}" for number in range(20)], name="sample_id"))
    return ExpressionMatrix(values, tuple(f"G{number}" for number in range(30)), samples, "log2")


@pytest.fixture(scope="module")
def logged(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExpressionMatrix]:
    """A bundle that is registered before the platform goes down, and profiles for it."""
    platform.up()
    matrix = small_matrix()
    bundle = tiny_bundle(tmp_path_factory.mktemp("logged") / "bundle", matrix, 3)
    log_bundle(platform.clients.tracking_uri, bundle, matrix)
    return bundle, matrix


def test_down_stops_everything_in_order_and_twice(running: Platform, logged: tuple[Path, ExpressionMatrix]) -> None:
    run = start_flow_run(running)
    name = ask(running.clients, f"flow_runs/{run}")["name"]
    running.told.clear()
    assert control.down(running.settings, running.told.append)
    assert running.told[0] == f"ending the flow run {name}"
    assert "is kept" in running.told[1] and "cic run" in running.told[1]
    text = (running.settings.logs / "supervisor.log").read_text()
    assert " killed" not in text.split("is up after")[-1], "each server stops when it is asked to"
    order = [line.rsplit(" ", 2)[-2] for line in text.splitlines() if line.endswith(" stopped")][-5:]
    assert order == ["worker", "mlflow", "prefect", "postgres", "all"]
    assert not marked(running.settings.home)
    assert not running.settings.state_file.exists()
    assert not (running.settings.postgres_folder / "data" / "postmaster.pid").exists()
    assert not control.down(running.settings, running.told.append)


def cic(platform: Platform, *arguments: str) -> subprocess.Popen[str]:
    """Run the command in a shell of its own, outside of any project."""
    environment = {**os.environ, "CIC_PROJECT": str(platform.settings.project), "CIC_HOME": str(platform.settings.home)}
    program = python("from cic.cli import main; main()")
    return subprocess.Popen(
        [*program, *arguments],
        env=environment,
        cwd=platform.settings.project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_only_reads_works_while_the_platform_is_down(
    platform: Platform, logged: tuple[Path, ExpressionMatrix], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CIC_PROJECT", str(platform.settings.project))
    monkeypatch.setenv("CIC_HOME", str(platform.settings.home))
    platform.stop()  # unless the test before has done so
    bundle, matrix = logged
    assert platform.clients.tracking_uri.startswith(AT_REST)
    profiles, codes = tmp_path / "profiles.csv", tmp_path / "codes.csv"
    pd.DataFrame(matrix.values, matrix.samples.index, list(matrix.genes)).to_csv(profiles)
    (platform.settings.project / "params.yaml").write_text("seed: 1\n")
    listing = cic(platform, "registry", "list", "--name", "cic", "--json")
    encoding = cic(platform, "encode", str(profiles), "-o", str(codes), "-m", "models:/cic/1")
    for process in (listing, encoding):
        told, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
        if process is listing:
            assert [one["bundle_digest"] for one in json.loads(told)] == [bundle_digest(bundle)]
    found = pd.read_csv(codes, index_col="sample_id")
    assert set(found["model"]) == {"cic/1"} and len(found) == matrix.n_samples

    promoting = cic(platform, "registry", "promote", "1", "--name", "cic")
    _, error = promoting.communicate(timeout=120)
    assert promoting.returncode == 5 and "cic up" in error and "Traceback" not in error
    assert not list(platform.settings.home.glob("*.db")), "no other store is opened beside it"
    assert not marked(platform.settings.home)
    assert not (platform.settings.postgres_folder / "data" / "postmaster.pid").exists(), "nothing is left running"


def test_another_postgresql_by_url_whose_password_shows_nowhere(
    cluster: postgres.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    child, socket_at = run_server(cluster, port, "-c", "listen_addresses=127.0.0.1")
    role = sql.SQL("create role cic login createdb password {}").format(sql.Literal(unquote(PASSWORD)))
    with psycopg.connect(socket_at, autocommit=True) as connection:
        connection.execute(role)
        (cluster.data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        connection.execute("select pg_reload_conf()")
    admin_url = f"postgresql://cic:{PASSWORD}@127.0.0.1:{port}/postgres"
    wait_until(lambda: "password" in (databases.answers(admin_url.replace(PASSWORD, "wrong")) or ""))
    monkeypatch.setenv("CIC_POSTGRES_URL", admin_url)
    monkeypatch.setenv("CIC_PROJECT", str(tmp_path))
    other = Platform(tmp_path)
    try:
        state, _ = other.up()
        assert set(state.services) == {"mlflow", "prefect", "worker"}
        assert other.is_well() and other.experiments() == {"Default"}
        shown = [*other.told, repr(state), json.dumps(state.public()), repr(load_settings())]
        shown += [" ".join(process.cmdline()) for process in marked(other.settings.home)]
        shown += [log.read_text(errors="replace") for log in other.settings.logs.iterdir()]
        assert not [text for text in shown if PASSWORD in text or unquote(PASSWORD) in text]
        other.stop()
        assert databases.answers(admin_url) is None, "a server that is not ours is left running"

        # the tables of another version are brought up to date before the server opens them
        assert databases.schema_note(admin_url, "mlflow") == services.schema_note("mlflow")
        databases.write_schema_note(admin_url, "mlflow", "mlflow 0.1")
        log = other.settings.logs / "mlflow.log"
        size = log.stat().st_size
        Supervisor(load_settings())._upgrade_mlflow(admin_url, is_fresh=False)
        assert b"Updating database tables" in log.read_bytes()[size:]
    finally:
        other.stop()
        stop_child(child, 20.0, signal.SIGINT, whole_group=False)
