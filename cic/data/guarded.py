"""Reading files of others in a process beside this one: they may bring that down, fill it up or hang it.

The process is started once and kept. It has a share of the memory that is free, and a file a time limit by its size.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cic.data.formats import is_list
from cic.data.limits import memory_for_reading
from cic.errors import CicError, DataError

log = logging.getLogger("cic.data")
R = TypeVar("R")
SECONDS, SECONDS_PER_MEGABYTE = 60.0, 2.0
"""Time limit of a file: gzip and the slow look for a fault take most of it."""
WHOLE = "fetch or write the file again"


def guarded(read: Callable[[Path], R], path: Path) -> R:
    """Give ``read(path)``, done by the process beside this one.

    Parameters
    ----------
    read
        A function of a module, or a `functools.partial` of one.

    Raises
    ------
    DataError
        If the file cannot be read, whatever that does to its reader.
    CicError
        Whatever `read` raises of these.
    """
    files = path.rglob("*") if path.is_dir() else path.parent.rglob("*") if is_list(path) else [path]
    size = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    seconds = SECONDS + SECONDS_PER_MEGABYTE * size
    with _Reader.alone:
        reader = _reader()
        try:
            reader.connection.send((read, path, Path.cwd()))
            if not reader.connection.poll(seconds):
                raise DataError(
                    f"reading it took longer than {seconds:.0f} s", where=str(path), fix=f"it may be damaged: {WHOLE}"
                )
            outcome, told = _receive(reader.connection)
        except (EOFError, OSError):
            reader.end()
            status = reader.process.returncode
            raise DataError(
                f"the file brought its reader down ({_named(status)})",
                where=str(path),
                fix=f"it may be damaged, or larger than the free memory: {WHOLE}, or as smaller ones",
            ) from None
        except BaseException:
            reader.end()
            raise
    for name, level, text in told:
        logging.getLogger(name).log(level, "%s", text)
    if isinstance(outcome, CicError):
        raise outcome
    return outcome


def get_ready() -> None:
    """Start the process and let it import what it reads by, while this one does something else."""
    with _Reader.alone:
        _reader()


def _named(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"


class _Reader:
    """The process, and this end of the line to it."""

    alone = threading.Lock()

    def __init__(self) -> None:
        self.connection, there = Pipe()
        program = f"from cic.data.guarded import serve; serve({there.fileno()})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            pass_fds=(there.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        there.close()
        atexit.register(self.end)

    def end(self) -> None:
        """End the process; the next file starts another."""
        _reader.cache_clear()
        atexit.unregister(self.end)
        self.connection.close()
        self.process.kill()
        self.process.wait()


@cache
def _reader() -> _Reader:
    return _Reader()


def serve(handle: int) -> None:
    """Read files for the process at the other end of a pipe, until it closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other one ends this one
    _limit_memory(memory_for_reading())
    told: list[tuple[str, int, str]] = []
    logging.basicConfig(handlers=[_Told(told)], level=logging.INFO)
    connection = Connection(handle)
    importlib.import_module("cic.data.readers")  # what most files are read by, before one is asked for
    while True:
        try:
            read, path, within = connection.recv()
        except EOFError:
            return
        os.chdir(within)
        _send(connection, _outcome(read, path), told)
        told.clear()


@dataclass(frozen=True)
class Parts:
    """An answer with large arrays: these are sent as they lie in memory, so that neither end holds one twice."""

    rest: Any
    arrays: tuple[np.ndarray, ...]


def _send(connection: Connection, outcome: Any, told: list[tuple[str, int, str]]) -> None:
    arrays = outcome.arrays if isinstance(outcome, Parts) else ()
    empty = Parts(outcome.rest, ()) if isinstance(outcome, Parts) else outcome
    connection.send((empty, told, [(array.shape, array.dtype.str) for array in arrays]))
    for array in arrays:
        connection.send_bytes(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _receive(connection: Connection) -> tuple[Any, list[tuple[str, int, str]]]:
    outcome, told, described = connection.recv()
    arrays = tuple(np.empty(shape, kind) for shape, kind in described)
    for array in arrays:
        connection.recv_bytes_into(array.reshape(-1).view(np.uint8).data)
    return (Parts(outcome.rest, arrays) if isinstance(outcome, Parts) else outcome), told


def _outcome(read: Callable[[Path], Any], path: Path) -> Any:
    try:
        return read(path)
    except CicError as error:
        return error
    except MemoryError:
        return DataError(
            "reading it takes more memory than is free", where=str(path), fix="split it into smaller files"
        )
    except Exception as error:  # whatever a library makes of bytes that somebody else wrote
        first = (str(error).splitlines() or [""])[0]
        return DataError(f"not readable: {type(error).__name__}: {first[:300]}", where=str(path), fix=WHOLE)


def _limit_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


class _Told(logging.Handler):
    """Keeps what is logged, each line once, for the other process."""

    def __init__(self, told: list[tuple[str, int, str]]) -> None:
        super().__init__()
        self.told = told

    def emit(self, record: logging.LogRecord) -> None:
        line = (record.name, record.levelno, record.getMessage())
        if line not in self.told:  # a file is opened more than once: its kind, its layout, its numbers
            self.told.append(line)
