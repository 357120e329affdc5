"""Ports for the local servers, so that platforms that start at the same moment do not choose the same."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from cic.errors import ServiceError
from cic.settings import Settings, variable_of


@contextmanager
def claimed_port(settings: Settings, name: str) -> Iterator[int]:
    """Give the port of setting `name` if it is free, else any free one, and keep it from other platforms meanwhile.

    Raises
    ------
    ServiceError
        If the port was set in the environment and is taken.
    """
    wanted: int = getattr(settings, name)
    with contextlib.ExitStack() as claims:
        if is_free(settings.host, wanted) and claims.enter_context(_claim(wanted)):
            yield wanted
            return
        if name in settings.given:
            raise ServiceError(
                f"port {wanted} on {settings.host} is taken",
                where=variable_of(name),
                fix="stop what listens there, set another port, or unset the variable to have a free one chosen",
            )
        yield any_free(settings.host)  # the system hands these out in turn, so that none is given twice


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
