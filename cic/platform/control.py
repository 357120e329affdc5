"""Start, stop and look at the platform from another process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from cic.errors import ServiceError
from cic.platform.environment import bytecode_environment
from cic.platform.flow_runs import names_of
from cic.platform.http import request
from cic.platform.ownership import clean_up, exclusive, held, holder
from cic.platform.processes import flow_run_ids, start, stop_process, tail_of
from cic.platform.services import worker_trouble
from cic.platform.state import PlatformState, read_state
from cic.process_identity import ProcessIdentity
from cic.settings import Settings, make_private, variable_of

POLL_SECONDS = 0.1
STOP_SECONDS = 150.0
# Exit status of a supervisor that found another one at work.
ALREADY_RUNNING_STATUS = 75
PORTS = {"mlflow_port": "tracking_uri", "prefect_port": "prefect_api_url"}
"""Fields of `Settings`: each port of ours, and the address that it is part of."""
Tell = Callable[[str], None]


def current(settings: Settings) -> PlatformState | None:
    """Give the platform of this home if its supervisor lives."""
    state = read_state(settings.state_file)
    return state if state is not None and state.supervisor.alive() else None


def up(settings: Settings, tell: Tell) -> tuple[PlatformState, bool]:
    """Start the platform in the background and wait until all of it is well.

    Parameters
    ----------
    tell
        Told in a line what happens, as it happens.

    Returns
    -------
    PlatformState, bool
        The platform, and whether it was running before.

    Raises
    ------
    ServiceError
        If it does not come up; nothing is left running then. Or if it runs, on other ports than are asked for.
    """
    before = current(settings)
    if before is not None and before.phase == "ready":
        check_ports(settings, before)
        return before, True
    make_private(settings.logs)
    path = settings.logs / "supervisor.log"
    offset = path.stat().st_size if path.exists() else 0
    # it runs in the folder of its log, from which it would not find the project of a home that lies elsewhere
    places = {variable_of(name): str(getattr(settings, name)) for name in ("project", "home")}
    environment = {**os.environ, **places, **bytecode_environment(settings, os.environ)}
    supervisor = start(supervisor_command(), environment, path)
    try:
        return _wait(settings, supervisor, path, offset, tell), False
    except KeyboardInterrupt:
        tell("interrupted: stopping what was started")
        supervisor.terminate()
        supervisor.wait()
        raise


def check_ports(settings: Settings, state: PlatformState) -> None:
    """Refuse ports that are set on purpose, where the platform that runs has others: it keeps them."""
    for name, address in PORTS.items():
        asked, at = getattr(settings, name), state.addresses.get(address)
        if name in settings.given and at is not None and asked != urlsplit(at).port:
            raise ServiceError(
                f"the platform runs already and keeps its ports: {asked} was asked for, it has {urlsplit(at).port}",
                where=variable_of(name),
                fix="`cic down`, then `cic up` with the variable; or unset it",
            )


def supervisor_command() -> tuple[str, ...]:
    """Give the command of a supervisor in the background; it reads the same environment."""
    return (sys.executable, "-m", "cic.platform")


def _wait(
    settings: Settings, supervisor: subprocess.Popen[bytes], path: Path, offset: int, tell: Tell
) -> PlatformState:
    """Wait for our supervisor, or for one that somebody else started a moment before."""
    shown: dict[str, str] = {}
    while True:
        state = current(settings)
        if state is not None:
            for name, service in state.services.items():
                if shown.get(name) != service.phase:
                    shown[name] = service.phase
                    tell(f"{name} {service.phase}")
            if state.phase == "ready":
                return state
        status = supervisor.poll()
        if status is not None and (status != ALREADY_RUNNING_STATUS or not held(settings)):
            failed = read_state(settings.state_file)
            if failed is not None and failed.error is not None:
                raise ServiceError(f"the platform did not start: {failed.error}")
            raise ServiceError(
                f"the platform did not start (status {status})",
                where=f"{path}, whose end reads\n{tail_of(path, offset=offset)}",
            )
        time.sleep(POLL_SECONDS)


def down(settings: Settings, tell: Tell) -> bool:
    """Stop the platform in order and wait until it is gone; True if there was anything to stop.

    What a killed supervisor left running is stopped as well.
    """
    state = current(settings)
    # The lock knows its holder even where the state cannot be read, such as one that another version wrote.
    owner = state.supervisor if state is not None else holder(settings)
    if state is not None:
        _tell_what_it_ends(settings, state, tell)
    if owner is not None:
        _stop_supervisor(settings, owner, tell)
    with exclusive(settings) as ours:
        if not ours:  # somebody starts it again at this moment
            return owner is not None
        left = clean_up(settings)
        if left:
            tell("stopped what a killed platform had left running")
        settings.state_file.unlink(missing_ok=True)
    return owner is not None or left


def _tell_what_it_ends(settings: Settings, state: PlatformState, tell: Tell) -> None:
    """Name the flow runs that end with the platform, and say what is kept of them."""
    run_ids = flow_run_ids(settings.home)
    if not run_ids:
        return
    try:
        names = names_of(settings.with_addresses(state.addresses), run_ids)
    except ServiceError:  # its server hangs or is gone, which is no reason not to stop the rest
        names = run_ids
    tell(f"ending the flow run{'s' if len(names) > 1 else ''} {'; '.join(names)}")
    tell("what its stages have finished is kept: after `cic up`, the same `cic run` goes on from there")


def _stop_supervisor(settings: Settings, owner: ProcessIdentity, tell: Tell) -> None:
    """Ask the supervisor to stop everything, and wait until it has."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(owner.pid).send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    shown: set[str] = set()
    while owner.alive():
        state = read_state(settings.state_file)
        stopped = {name for name, service in (state.services if state else {}).items() if service.phase == "stopped"}
        for name in sorted(stopped - shown):
            tell(f"{name} stopped")
        shown |= stopped
        if time.monotonic() > deadline:
            tell("the supervisor does not end: killing it")
            stop_process(psutil.Process(owner.pid), 1.0, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def health(settings: Settings, state: PlatformState) -> dict[str, str | None]:
    """Ask every service of a running platform; gives what is wrong by service, None where it is well."""
    found: dict[str, str | None] = {}
    for name, service in state.services.items():
        if service.phase != "running":
            found[name] = f"{service.phase}, see {service.log}"
        elif name == "worker":
            found[name] = worker_trouble(settings)
        elif name in ("mlflow", "prefect"):
            found[name] = _answers(f"{service.link}{'/health' if name == 'mlflow' else '/api/health'}")
        else:
            found[name] = None
    return found


def _answers(url: str) -> str | None:
    try:
        request(url)
    except ServiceError as error:
        return error.found
    return None
