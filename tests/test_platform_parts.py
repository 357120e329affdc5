"""The parts of the local platform, with real processes."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cic.cli.platform import _show
from cic.errors import ServiceError
from cic.platform import control, databases, services, watch
from cic.platform.doctor import broken_requirements, examine
from cic.platform.environment import bytecode_environment, service_environment
from cic.platform.ownership import held
from cic.platform.ports import any_free, claimed_port, listens
from cic.platform.processes import MARK, clear_group, has_ended, marked, start, stop_child, stop_marked
from cic.platform.services import Service, plan
from cic.platform.state import PlatformState, ServiceState, read_state, write_state
from cic.platform.supervisor import Supervisor
from cic.process_identity import ProcessIdentity
from cic.settings import Settings, load_settings

SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
# Starts a child of its own, and takes no notice of SIGTERM.
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); {SLEEP}"
)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CIC_") or name in ("PREFECT_API_URL", "PREFECT_HOME", MARK):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(project=tmp_path, home=Path("home"))
    made.logs.mkdir(parents=True)
    return made


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def service(settings: Settings, code: str, health: Callable[[], str | None] = lambda: None) -> Service:
    environment = {**os.environ, MARK: str(settings.home)}
    return Service("thing", python(code), environment, settings.logs / "thing.log", health, stop_seconds=0.5)


# processes


def test_a_child_and_its_children_are_stopped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start(python(STUBBORN), os.environ, log)
    wait_until(lambda: log.read_text() == "ready\n")
    family = psutil.Process(child.pid).children()
    assert len(family) == 1
    assert not stop_child(child, 0.3, signal.SIGTERM, whole_group=False), "it had to be killed"
    assert child.returncode == -signal.SIGKILL
    wait_until(lambda: not family[0].is_running())


def test_a_child_that_ends_gently_is_not_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start(python(SLEEP), os.environ, log)
    wait_until(lambda: log.read_text() == "ready\n")
    assert stop_child(child, 10.0, signal.SIGTERM, whole_group=True)
    assert child.returncode == -signal.SIGTERM


def test_what_an_ended_child_leaves_is_cleared(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start(python(STUBBORN), os.environ, log)
    wait_until(lambda: log.read_text() == "ready\n")
    orphan = psutil.Process(child.pid).children()[0]
    child.kill()
    wait_until(lambda: has_ended(child))
    assert orphan.is_running()
    assert clear_group(child) == -signal.SIGKILL
    wait_until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


def test_children_have_default_signals_even_from_a_background_job(tmp_path: Path) -> None:
    shown = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    log = tmp_path / "log"
    code = (
        "import os, pathlib, signal, sys; from cic.platform.processes import start;"
        "signal.signal(signal.SIGINT, signal.SIG_IGN);"
        f"start((sys.executable, '-c', {shown!r}), os.environ, pathlib.Path({str(log)!r})).wait()"
    )
    subprocess.run(python(code), check=True)
    assert log.read_text() == "True\n"


def test_only_processes_with_our_mark_are_stopped(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    children = {
        home: start(python(SLEEP), {**os.environ, MARK: str(home)}, tmp_path / home.name) for home in (ours, others)
    }
    try:
        wait_until(lambda: [found.pid for found in marked(ours)] == [children[ours].pid])
        assert stop_marked(ours, 5.0) == [children[ours].pid]
        assert has_ended(children[ours]) and not has_ended(children[others])
    finally:
        for child in children.values():
            clear_group(child)


# supervision


def test_a_server_that_dies_at_start_shows_the_end_of_its_log_without_passwords(settings: Settings) -> None:
    watched = Supervisor(settings)
    (settings.logs / "thing.log").write_text("from an earlier start\n")
    watched._start(service(settings, "print('cannot reach http://u:hidden@h/x'); exit(3)", lambda: "not yet"))
    with pytest.raises(ServiceError) as caught:
        watched._wait_for("thing")
    assert "status 3" in str(caught.value) and "cannot reach http://u:***@h/x" in str(caught.value)
    assert "earlier" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up(settings: Settings) -> None:
    watched = Supervisor(settings.model_copy(update={"startup_timeout": 0.5}))
    watched._start(service(settings, SLEEP, lambda: "no answer"))
    with pytest.raises(ServiceError, match="not well after 0 s: no answer"):
        watched._wait_for("thing")
    watched._bring_down(keep_state=False)
    assert not marked(settings.home)


def test_restarts_are_bounded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_RESTARTS", 2)
    told: list[str] = []
    watched = Supervisor(settings, tell=told.append)
    watched._start(service(settings, "exit(1)", lambda: "not yet"))

    def look() -> bool:
        watched._look_after(watched.children["thing"])
        return watched.children["thing"].given_up

    wait_until(look)
    assert sum("starting thing" in line for line in told) == 3
    assert read_state(settings.state_file).services["thing"].phase == "failed"  # type: ignore[union-attr]


def test_a_killed_server_is_started_again(settings: Settings) -> None:
    watched = Supervisor(settings)
    watched._start(service(settings, SLEEP))
    watched._wait_for("thing")
    first = watched.children["thing"].process
    first.kill()

    def look() -> bool:
        watched._look_after(watched.children["thing"])
        return watched.children["thing"].healthy and watched.children["thing"].process.pid != first.pid

    wait_until(look)
    assert watched.state.services["thing"].restarts == 1
    watched._bring_down(keep_state=False)
    assert not settings.state_file.exists()


ANSWERING = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_a_server_that_hangs_after_it_was_well_is_started_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HEALTH_SECONDS", 0.1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = service(settings, ANSWERING, lambda: services._trouble(f"http://127.0.0.1:{port}/"))
    told: list[str] = []
    watched = Supervisor(settings, tell=told.append)
    watched._start(dataclasses.replace(made, command=(*made.command, str(port)), patience_seconds=1.0))
    watched._wait_for("thing")
    first = watched.children["thing"].process
    for _ in range(5):
        watched._look_after(watched.children["thing"])
        time.sleep(0.1)
    assert watched.children["thing"].process is first, "one that is well is left alone"
    first.send_signal(signal.SIGSTOP)

    def look() -> bool:
        watched._look_after(watched.children["thing"])
        return watched.children["thing"].healthy and watched.children["thing"].process.pid != first.pid

    wait_until(look, 60.0)
    assert any("has not been well for" in line for line in told)
    watched._bring_down(keep_state=False)


def test_who_waits_for_a_server_that_hangs_is_not_to_blame(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEALTH_SECONDS", 0.0)
    trouble: list[str] = []
    watched = Supervisor(settings)
    base = service(settings, SLEEP)
    watched._start(dataclasses.replace(base, name="below", health=lambda: "hangs" if trouble else None))
    above = dataclasses.replace(
        base, name="above", needs=("below",), health=lambda: "waits" if trouble else None, patience_seconds=0.0
    )
    watched._start(above)
    watched._wait_for("below", "above")
    trouble.append("now")
    for _ in range(10):
        for child in watched.children.values():
            watched._look_after(child)
        time.sleep(0.02)
    assert watched.children["above"].restarts == [] and watched.children["above"].healthy
    assert watched.children["below"].unwell_since is not None
    watched._bring_down(keep_state=False)


def test_down_stops_a_supervisor_whose_state_cannot_be_read(settings: Settings) -> None:
    code = (
        "import sys, time; from pathlib import Path; from cic.platform.ownership import lock;"
        "from cic.settings import Settings\n"
        "with lock(Settings(project=Path(sys.argv[1]), home=Path('home'))): print('ready', flush=True); time.sleep(60)"
    )
    log = settings.logs / "log"
    child = start((*python(code), str(settings.project)), os.environ, log)
    wait_until(lambda: log.read_text() == "ready\n")
    settings.state_file.write_text("written by another version")
    assert held(settings)
    reaper = threading.Thread(target=child.wait)
    reaper.start()
    assert control.down(settings, print)
    reaper.join()
    assert child.returncode == -signal.SIGTERM
    assert not held(settings) and not settings.state_file.exists()
    assert not control.down(settings, print)


# plans


def test_what_the_environment_gives_is_not_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert plan(load_settings()) == services.Plan(postgres=True, mlflow=True, prefect=True, optuna=True)
    monkeypatch.setenv("CIC_MLFLOW_URI", "http://h:5000")
    assert plan(load_settings()).databases == ("prefect", "optuna")
    monkeypatch.setenv("CIC_POSTGRES_URL", "postgresql://h/postgres")
    assert not plan(load_settings()).postgres
    monkeypatch.delenv("CIC_POSTGRES_URL")
    monkeypatch.setenv("CIC_OPTUNA_URL", "postgresql://h/optuna")
    monkeypatch.setenv("PREFECT_API_URL", "http://h:4200/api")
    assert plan(load_settings()) == services.Plan(postgres=False, mlflow=False, prefect=False, optuna=False)


def wishing(settings: Settings, port: int) -> Settings:
    """Give settings with another default port: one that is not set on purpose."""
    return settings.model_construct(**{**dict(settings), "mlflow_port": port}, _fields_set=set())


@contextmanager
def taken_port(port: int = 0) -> Iterator[int]:
    """Listen on a port for as long as the block runs; on any that is free, unless one is given."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_taken_port_is_replaced_unless_it_was_set_on_purpose(settings: Settings) -> None:
    with taken_port() as port:
        with claimed_port(wishing(settings, port), "mlflow_port") as other:
            assert other != port
        explicit = Settings(project=settings.project, mlflow_port=port)
        with pytest.raises(ServiceError, match="CIC_MLFLOW_PORT"), claimed_port(explicit, "mlflow_port"):
            pass
    with claimed_port(explicit, "mlflow_port") as found:
        assert found == port


def test_a_port_is_chosen_once_although_nobody_listens_yet(settings: Settings) -> None:
    port = any_free("127.0.0.1")
    wished, others = (wishing(settings.model_copy(update={"home": home}), port) for home in homes(settings))
    with claimed_port(wished, "mlflow_port") as first, claimed_port(others, "mlflow_port") as second:
        assert first == port and second != port
    with claimed_port(wished, "mlflow_port") as again:
        assert again == port


def homes(settings: Settings) -> Iterator[Path]:
    """Give the homes of two platforms."""
    for name in ("one", "another"):
        home = settings.home / name
        home.mkdir()
        yield home


def test_a_home_gets_the_ports_again_that_it_had(settings: Settings) -> None:
    with taken_port() as port, claimed_port(wishing(settings, port), "mlflow_port") as replaced:
        assert replaced != port
    with claimed_port(wishing(settings, port), "mlflow_port") as again:
        assert again == replaced, "its links stay good, although the usual port is free now"
        with taken_port(again), claimed_port(wishing(settings, port), "mlflow_port") as other:
            assert other == port, "what another has taken meanwhile is let go"
    on_purpose = Settings(project=settings.project, home=settings.home, mlflow_port=any_free("127.0.0.1"))
    with claimed_port(on_purpose, "mlflow_port") as asked:
        assert asked == on_purpose.mlflow_port
    with claimed_port(wishing(settings, any_free("127.0.0.1")), "mlflow_port") as last:
        assert last == port, "one set on purpose is for that time"
    (settings.home / "ports.json").write_text("cut sho")
    with claimed_port(wishing(settings, asked), "mlflow_port") as fresh:
        assert fresh == asked


def test_a_running_platform_keeps_its_ports_and_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {"tracking_uri": "http://127.0.0.1:5001", "prefect_api_url": "http://127.0.0.1:4201/api"}
    write_state(settings.state_file, PlatformState(ProcessIdentity.of(os.getpid()), "ready", "2026-01-01", addresses))
    monkeypatch.setenv("CIC_PROJECT", str(settings.project))
    monkeypatch.setenv("CIC_HOME", str(settings.home))

    def up() -> bool:
        return control.up(load_settings(with_platform=False), print)[1]

    assert up()
    monkeypatch.setenv("CIC_MLFLOW_PORT", "5001")
    assert up(), "the port that it has"
    monkeypatch.setenv("CIC_PREFECT_PORT", "4555")
    with pytest.raises(ServiceError, match="4555 was asked for, it has 4201") as caught:
        up()
    assert caught.value.where == "CIC_PREFECT_PORT" and "cic down" in (caught.value.fix or "")


def test_anothers_answer_is_not_taken_for_our_servers(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        watched = Supervisor(settings.model_copy(update={"startup_timeout": 0.5}))
        watched._start(dataclasses.replace(service(settings, SLEEP), port=port))
        with pytest.raises(ServiceError, match=f"another process answers on port {port}"):
            watched._wait_for("thing")
        watched._bring_down(keep_state=False)
        assert listens(os.getpid(), port)


def test_children_learn_absolute_places_and_stay_quiet(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    given = service_environment(settings.model_copy(update={"prefect_api_url": "http://127.0.0.1:4200/api"}))
    assert given["CIC_PROJECT"] == str(settings.project) and given["CIC_HOME"] == str(settings.home)
    assert given["CIC_MLFLOW_URI"] == given["MLFLOW_TRACKING_URI"] == settings.tracking_uri
    assert given["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert given["DO_NOT_TRACK"] == "true" and given["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert given["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert given["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir("/")
    assert load_settings().home == settings.home, "a child reads back the same settings"


def test_bytecode_goes_below_the_home_only_where_python_may_not_write_it(settings: Settings) -> None:
    assert bytecode_environment(settings, {}) == {}
    assert bytecode_environment(settings, {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/x"}) == {}


@pytest.mark.parametrize(
    ("admin", "driver", "expected"),
    [
        ("postgresql://postgres@/postgres?host=/a/b", "", "postgresql://postgres@/mlflow?host=/a/b"),
        ("postgresql://postgres@/postgres?host=/a/b", "asyncpg", "postgresql+asyncpg://postgres@/mlflow?host=/a/b"),
        ("postgres://u:p%40@h:1/x?sslmode=require", "", "postgresql://u:p%40@h:1/mlflow?sslmode=require"),
        ("postgresql+psycopg://u@h/x?sslmode=require", "asyncpg", "postgresql+asyncpg://u@h/mlflow?ssl=require"),
    ],
)
def test_database_urls(admin: str, driver: str, expected: str) -> None:
    assert databases.database_url(admin, "mlflow", driver) == expected


def test_a_password_stays_off_the_command_line() -> None:
    assert databases.without_password("postgresql://u:p%40w@h/x") == ("postgresql://u@h/x", {"PGPASSWORD": "p@w"})
    assert databases.without_password("postgresql://u@/x?host=/a") == ("postgresql://u@/x?host=/a", {})


# doctor


def test_broken_requirements_are_found() -> None:
    lines = ["pytest>=1", "fastapi<0.1", "no-such-package-here>=1", "dask>=9999 ; extra == 'dask'", "# note", ""]
    found = list(broken_requirements(lines))
    assert len(found) == 2 and found[0].startswith("fastapi<0.1 wanted, ") and found[1].endswith("is not installed")


@pytest.mark.parametrize(
    ("config", "level"),
    [
        (None, "FAIL"),
        ("[core]\n    analytics = false\n", "FAIL"),
        ("[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../store\n", "FAIL"),
        ("[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../absent\n    verify = true\n", "OK"),
        ("[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../store\n    verify = true\n", "OK"),
    ],
    ids=["no project", "no remote", "does not verify", "not there", "well"],
)
def test_doctor_on_the_data_remote(settings: Settings, config: str | None, level: str) -> None:
    (settings.project / "store").mkdir()
    if config is not None:
        (settings.project / ".dvc").mkdir()
        (settings.project / ".dvc" / "config").write_text(config)
    findings = [finding for finding in examine(settings) if finding.subject.startswith("dvc")]
    assert findings[0].level == level
    assert all(finding.fix for finding in findings if finding.level != "OK")


def test_doctor_says_when_a_platform_was_killed(settings: Settings) -> None:
    dead = PlatformState(ProcessIdentity(2**22 + 1, 0.0), "ready", "2026-01-01")
    write_state(settings.state_file, dead)
    findings = {finding.subject: finding for finding in examine(settings)}
    assert findings["platform"].level == "FAIL" and "cic up" in findings["platform"].fix


def test_the_links_of_the_pages_are_whole_and_open_the_training_view(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    given = {"mlflow": "http://127.0.0.1:5000", "prefect": "http://127.0.0.1:4200"}
    running = {name: ServiceState("running", f"/logs/{name}.log", link=link) for name, link in given.items()}
    state = PlatformState(ProcessIdentity.of(os.getpid()), "ready", "2026-01-01", services=running)
    _show("running", settings, state)
    told = capsys.readouterr().out
    assert "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning\n" in told
    assert "http://127.0.0.1:4200," in told and f"{settings.login_file.as_uri()}\n" in told
