"""Child processes: started on their own, stopped with all their descendants, found again after a kill."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from cic.settings import redact

# In the environment of every process that belongs to a platform; its value is the platform's home.
MARK = "CIC_PLATFORM_MARK"
# The module that a worker runs in a process of its own for each flow run.
FLOW_RUN = "prefect.engine"
RUN_ID = "PREFECT__FLOW_RUN_ID"
"""Variable by which Prefect tells a flow run's process which run it is."""
TAIL_BYTES = 64 * 1024


def log_tail(text: str, lines: int = 15) -> str:
    """Give the last lines of a log, indented, without passwords."""
    return "\n".join(f"    {line}" for line in redact(text).rstrip().splitlines()[-lines:]) or "    (empty)"


def tail_of(path: Path, lines: int = 15, offset: int = 0) -> str:
    """Give the last lines of a log file from byte `offset` on (see `log_tail`)."""
    try:
        with path.open("rb") as file:
            file.seek(max(offset, path.stat().st_size - TAIL_BYTES))
            return log_tail(file.read().decode(errors="replace"), lines)
    except FileNotFoundError:
        return "    (no log)"


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    user: tuple[int, int] | None = None,
    within: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, with signals as they are by default.

    Keys pressed in the starter's terminal do not reach it, and its group can be stopped as one.

    Parameters
    ----------
    log
        What the process writes is added to the end of this file.
    user
        Numbers of the user and group to run as, where that is not the present one.
    within
        Folder to start in, that of the log if left out.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=within or log.parent,
            start_new_session=True,
            preexec_fn=_default_signals,
            user=None if user is None else user[0],
            group=None if user is None else user[1],
            extra_groups=None if user is None else [],
        )


def _default_signals() -> None:
    # A shell starts background jobs with SIGINT ignored, and a child would inherit that.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Say whether a child has ended, and leave it unreaped, so that its number is not given away yet."""
    if child.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def stop_child(child: subprocess.Popen[bytes], seconds: float, gently: signal.Signals, whole_group: bool) -> bool:
    """Ask a child to stop, wait for its whole group, then kill what is left; True if nothing had to be killed.

    Parameters
    ----------
    whole_group
        Whether all processes of the child's group are asked, or the child alone.
    """
    if not has_ended(child):
        _signal_group(child.pid, gently) if whole_group else child.send_signal(gently)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if has_ended(child) and _group_is_empty(child):
            child.wait()
            return True
        time.sleep(0.05)
    clear_group(child)
    return False


def clear_group(child: subprocess.Popen[bytes]) -> int:
    """Kill a child and what is left of its group, then reap it; gives its exit status."""
    if child.returncode is None:  # once reaped, the group's number may be another's
        _signal_group(child.pid, signal.SIGKILL)
    return child.wait()


def _group_is_empty(child: subprocess.Popen[bytes]) -> bool:
    """Say whether an ended, unreaped child was the last of its group; zombies do not count."""
    for pid in psutil.pids():
        try:
            member = pid != child.pid and os.getpgid(pid) == child.pid
            if member and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return False
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    return True


def _signal_group(group: int, number: signal.Signals) -> None:
    # macOS answers "not permitted" for a group of zombies
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def stop_process(process: psutil.Process, seconds: float, gently: signal.Signals) -> None:
    """Ask a process that is no child of ours to stop, wait, then kill it."""
    send([process], gently)
    _, alive = psutil.wait_procs([process], timeout=seconds)
    send(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=seconds)


def stop_marked(home: Path, seconds: float) -> list[int]:
    """Stop every process that carries the mark of `home`, flow runs first; gives their numbers.

    This process and those that started it are left alone.
    """
    stopped = stop_flow_runs(home, seconds)
    found = marked(home)
    _stop_all(found, seconds)
    return stopped + [process.pid for process in found]


def stop_flow_runs(home: Path, seconds: float) -> list[int]:
    """Stop the flow runs of `home`, which a worker starts in sessions of their own; gives their numbers.

    While the server is up, they tell it that they ended.
    """
    runs = _flow_runs(home)
    _stop_all(runs, seconds)
    return [process.pid for process in runs]


def flow_run_ids(home: Path) -> list[str]:
    """Give the ids of the flow runs of `home` that are at work."""
    found = []
    for process in _flow_runs(home):
        with contextlib.suppress(psutil.Error, OSError, KeyError):  # it has just ended
            found.append(process.environ()[RUN_ID])
    return sorted(set(found))


def _flow_runs(home: Path) -> list[psutil.Process]:
    return [process for process in marked(home) if FLOW_RUN in _command_of(process)]


def _stop_all(processes: list[psutil.Process], seconds: float) -> None:
    send(processes, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    send(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=seconds)


def _command_of(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def marked(home: Path) -> list[psutil.Process]:
    """Give all processes that carry the mark of `home`, without this one and those that started it."""
    here = psutil.Process()
    own = {here.pid, *(parent.pid for parent in here.parents())}
    return [process for process in psutil.process_iter() if process.pid not in own and _mark_of(process) == str(home)]


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):  # of another user, or gone
        return None


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those processes that are still themselves."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
