"""What else the machine does while something is timed: a figure taken on a busy machine is not one to publish."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

IDLE_BELOW = 0.15
"""Cores that others may keep busy, on average, on a machine that still counts as idle."""
LOOK_SECONDS = 0.25


@dataclass
class Watch:
    """What a block took and what else ran, filled in when the block ends.

    Attributes
    ----------
    seconds
        Wall time.
    cpu_seconds
        Of this process and all below it.
    peak_mib
        Most memory at once of this process and all below it, what they share counted once (PSS).
    elsewhere
        Cores that other processes kept busy meanwhile, on average.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0
    elsewhere: float = 0.0

    def to_json(self) -> dict[str, float]:
        """Give the figures by name."""
        return {name: round(value, 4) for name, value in vars(self).items()}


def busy_elsewhere(seconds: float = 2.0) -> float:
    """Give how many cores other processes keep busy now, looking for `seconds`."""
    with watched() as watch:
        time.sleep(seconds)
    return watch.elsewhere


@contextmanager
def watched(memory: bool = False) -> Iterator[Watch]:
    """Measure a block: its time, that of its children, and what others did.

    Parameters
    ----------
    memory
        Whether to look for the peak of memory too, which itself takes a few milliseconds a look.
    """
    watch, over = Watch(), threading.Event()
    me = psutil.Process()
    looker = threading.Thread(target=_look, args=(me, watch, over), daemon=True)
    if memory:
        looker.start()
    busy, own, started = _busy(), _own(me), time.perf_counter()
    try:
        yield watch
    finally:
        watch.seconds = time.perf_counter() - started
        watch.cpu_seconds = _own(me) - own
        watch.elsewhere = max(0.0, (_busy() - busy - watch.cpu_seconds) / watch.seconds)
        over.set()
        if memory:
            looker.join()


def _busy() -> float:
    """Give the seconds that all cores together have been busy since the start of the machine."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def _own(me: psutil.Process) -> float:
    """Give the seconds of this process, of the children it has waited for, and of those that still run."""
    mine = os.times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in me.children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.NoSuchProcess:  # it has just been waited for
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


def _look(me: psutil.Process, watch: Watch, over: threading.Event) -> None:
    while not over.wait(LOOK_SECONDS):
        total = 0
        for process in (me, *me.children(recursive=True)):
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        watch.peak_mib = max(watch.peak_mib, total / 2**20)
