"""Processes on this machine, forked from one that has the imports done."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import types
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from typing import Any

from cic.errors import ServiceError
from cic.workers.arrays import SentArrays, run_sent
from cic.workers.workers import Lost, R, S, Workers

log = logging.getLogger(__name__)
ATTEMPTS = 3
"""Times that a trial is started before it is given up because its worker dies each time."""
GRACE = 1.5
"""Share of its time limit after which a worker is ended that has not ended its trial by itself."""
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LocalProcesses(Workers):
    """Processes on this machine, each an executor of its own: one that dies takes one trial with it, not all.

    Parameters
    ----------
    count
        How many.
    running
        What they will run, as far as it is known: see `_forkserver_context`.
    shared
        Where the large arrays of tasks go: see `SentArrays`.
    """

    def __init__(self, count: int, running: Sequence[Callable[..., object]] = (), shared: str | None = None) -> None:
        self.count = count
        self._arrays = SentArrays(shared)
        self._context = _forkserver_context(running)
        self._slots = [self._new_slot() for _ in range(count)]
        self._pids: dict[int, Future[int]] = {}

    def each(
        self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf
    ) -> Iterator[tuple[int, R | Lost]]:
        """Yield results as they come; a trial whose worker dies is started again, `ATTEMPTS` times in all."""
        with self._arrays.sent(specs) as sent:
            yield from self._each(run, sent, seconds)

    def _each(self, run: Callable[[S], R], specs: Sequence[Any], seconds: float) -> Iterator[tuple[int, R | Lost]]:
        begun: dict[Future[R], float] = {}
        waiting, idle = deque(range(len(specs))), deque(range(self.count))
        attempts: Counter[int] = Counter()
        running: dict[Future[R], tuple[int, int]] = {}
        while waiting or running:
            while waiting and idle:
                index, slot = waiting.popleft(), idle.popleft()
                future = self._submit(slot, run, specs[index])
                running[future], begun[future] = (slot, index), time.monotonic()
            left = min(begun[future] for future in running) + GRACE * seconds - time.monotonic()
            patience = None if math.isinf(left) else max(left, 0.0)
            finished = wait(running, patience, return_when=FIRST_COMPLETED).done
            late = [one for one in running if time.monotonic() > begun[one] + GRACE * seconds and one not in finished]
            for future in late:
                slot, index = running.pop(future)
                idle.append(slot)
                self._renew(slot)
                log.warning("a trial did not end in time; its worker was ended")
                yield index, Lost(f"it did not end within {GRACE * seconds:g} s and its worker was ended")
            for future in finished:
                slot, index = running.pop(future)
                idle.append(slot)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    self._renew(slot)
                    attempts[index] += 1
                    if attempts[index] == ATTEMPTS:
                        yield index, Lost(f"its worker died, {ATTEMPTS} times")
                    else:
                        log.warning("a worker died; its trial is run again")
                        waiting.appendleft(index)
                else:
                    yield index, result

    def stop(self) -> None:
        """End every worker, busy or not, and remove what was sent to them."""
        for slot in range(self.count):
            self._end(slot)
        self._arrays.close()

    def _new_slot(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, mp_context=self._context, initializer=_begin_worker, initargs=(self._arrays.folder,)
        )

    def _submit(self, slot: int, run: Callable[[S], R], spec: Any) -> Future[R]:
        for _ in range(ATTEMPTS):
            try:
                if slot not in self._pids:
                    with _no_main_module():
                        self._pids[slot] = self._slots[slot].submit(os.getpid)
                return self._slots[slot].submit(run_sent, run, spec)
            except BrokenProcessPool:  # it died while idle, which costs no trial
                self._renew(slot)
        raise ServiceError(
            f"no worker could be started, {ATTEMPTS} times", where="worker", fix="see if the machine runs out of memory"
        )

    def _renew(self, slot: int) -> None:
        self._end(slot)
        self._slots[slot] = self._new_slot()

    def _end(self, slot: int) -> None:
        pid = self._pids.pop(slot, None)
        executor = self._slots[slot]
        executor.shutdown(wait=False, cancel_futures=True)
        if pid is not None and pid.done() and not pid.cancelled() and pid.exception() is None:
            _kill(pid.result())


def _forkserver_context(running: Sequence[Callable[..., object]]) -> Any:
    """Start the process that workers are forked from, with the imports done and no thread pools in it.

    It imports the modules of the functions `running` once: a worker then starts at once and shares their memory. It
    stays for as long as this process, so only the first to start it has a say.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sorted({function.__module__ for function in running}))
    before = {name: os.environ.get(name) for name in SINGLE_THREADED}
    os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return context


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Keep a worker that starts inside the block from importing the program's main module again.

    That takes seconds where it is a command line or a flow engine, and nothing in it is needed: what workers run is
    in modules of its own.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin_worker(folder: str) -> None:
    """Leave Ctrl-C to the coordinator, and end with it even where it is killed outright, removing what it sent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()


def _end_with_parent(folder: str) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in workers only"
    parent.join()
    shutil.rmtree(folder, ignore_errors=True)  # none behind a URL, which might keep it waiting
    os._exit(1)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
