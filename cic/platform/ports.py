"""Ports for the local servers, so that platforms that start at the same moment do not choose the same."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from cic.errors import ServiceError
from cic.platform.secret import write_private
from cic.settings import Settings, variable_of

NOTE = "ports.json"
"""File of a home with the ports that its servers had last."""


@contextmanager
def claimed_port(settings: Settings, name: str) -> Iterator[int]:
    """Give the port for setting `name`, and keep it from other platforms meanwhile.

    It is the one that this home had last, so that links stay good, else that of the setting, else any free one. One
    that was set on purpose is taken or nothing.

    Raises
    ------
    ServiceError
        If the port was set in the environment and is taken.
    """
    wanted: int = getattr(settings, name)
    on_purpose = name in settings.given
    candidates = [wanted] if on_purpose else [*_remembered(settings, name), wanted]
    with contextlib.ExitStack() as claims:
        for port in candidates:
            if is_free(settings.host, port) and claims.enter_context(_claim(port)):
                break
        else:
            if on_purpose:
                raise ServiceError(
                    f"port {wanted} on {settings.host} is taken",
                    where=variable_of(name),
                    fix="stop what listens there, set another port, or unset the variable to have a free one chosen",
                )
            port = any_free(settings.host)  # the system hands these out in turn, so that none is given twice
            claims.enter_context(_claim(port))
        if not on_purpose:
            _remember(settings, name, port)
        yield port


def _remembered(settings: Settings, name: str) -> list[int]:
    """Give the port that this home had last; none where it had none, or it cannot be read."""
    port = _last_ports(settings).get(name)
    return [port] if isinstance(port, int) and 0 < port < 65536 else []


def _remember(settings: Settings, name: str, port: int) -> None:
    write_private(settings.home / NOTE, json.dumps({**_last_ports(settings), name: port}))


def _last_ports(settings: Settings) -> dict[str, Any]:
    try:
        noted = json.loads((settings.home / NOTE).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def is_free(host: str, port: int) -> bool:
    """Say whether a server could listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def listens(pid: int, port: int) -> bool:
    """Say whether a process or one of its descendants listens on a port."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        found = [connection for member in family for connection in member.net_connections(kind="tcp")]
    except psutil.Error:  # one of them ended just now
        return False
    return any(connection.status == psutil.CONN_LISTEN and connection.laddr.port == port for connection in found)


def any_free(host: str) -> int:
    """Give a port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _claim(port: int) -> Iterator[bool]:
    """Hold a wanted port among this user's platforms; False if another holds it. A killed holder lets go."""
    path = Path(tempfile.gettempdir()) / f"cic-port-{os.getuid()}-{port}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
