"""Where trials run: in this process, in processes beside it, or on a Dask cluster.

All three give what a pure function gives, so the outcome of a search is the same with each.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any, TypeVar

from cic.errors import ServiceError

log = logging.getLogger(__name__)
S = TypeVar("S")
R = TypeVar("R")
ATTEMPTS = 3
"""Times that a trial is started before it is given up because its worker dies each time."""
PRELOAD = ["cic.model.trial"]
"""Imported once, before workers are forked: a worker then starts at once and shares the memory."""
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


GRACE = 1.5
"""Share of its time limit after which a worker is ended that has not ended its trial by itself."""


@dataclass(frozen=True)
class Lost:
    """In place of a result: the worker died each time, or had to be ended."""

    reason: str


class Workers(ABC):
    """What runs trials.

    Attributes
    ----------
    count
        How many at once.
    """

    count: int

    @abstractmethod
    def each(
        self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf
    ) -> Iterator[tuple[int, R | Lost]]:
        """Yield (position in `specs`, result) as they come; an exception of `run` is raised here.

        Parameters
        ----------
        seconds
            What `run` may take. It has to keep to that by itself; only local processes can be ended if it hangs.
        """

    def map(self, run: Callable[[S], R], specs: Sequence[S]) -> Iterator[R]:
        """Yield results in the order of `specs`.

        Raises
        ------
        ServiceError
            If the worker of one of them died each time.
        """
        ready: dict[int, R] = {}
        at = 0
        for index, result in self.each(run, specs):
            if isinstance(result, Lost):
                raise ServiceError(result.reason, where="worker", fix="see if the machine runs out of memory")
            ready[index] = result
            while at in ready:
                yield ready.pop(at)
                at += 1


@contextmanager
def make_executor(workers: int = 0, scheduler: str | None = None) -> Iterator[Workers]:
    """Give workers for as long as the block runs; none outlives it, however it ends.

    Parameters
    ----------
    workers
        Processes; 0 is one a core, and 1 runs in this process.
    scheduler
        Address of a Dask scheduler, such as ``tcp://host:8786``, in place of local processes.

    Raises
    ------
    ServiceError
        If the scheduler does not answer, or its workers cannot keep results the same.
    """
    if scheduler:
        with _dask(scheduler) as cluster:
            yield cluster
    elif (count := workers or len(os.sched_getaffinity(0))) == 1:
        yield InThisProcess()
    else:
        local = LocalProcesses(count)
        try:
            yield local
        finally:
            local.stop()


class InThisProcess(Workers):
    """One after the other, here."""

    count = 1

    def each(
        self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf
    ) -> Iterator[tuple[int, R | Lost]]:
        """Yield results in order."""
        for index, spec in enumerate(specs):
            yield index, run(spec)


class LocalProcesses(Workers):
    """Processes on this machine, each an executor of its own: one that dies takes one trial with it, not all."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._context = _forkserver_context()
        self._slots = [self._new_slot() for _ in range(count)]
        self._pids: dict[int, Future[int]] = {}

    def each(
        self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf
    ) -> Iterator[tuple[int, R | Lost]]:
        """Yield results as they come; a trial whose worker dies is started again, `ATTEMPTS` times in all."""
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
        """End every worker, busy or not."""
        for slot in range(self.count):
            self._end(slot)

    def _new_slot(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=self._context, initializer=_begin_worker)

    def _submit(self, slot: int, run: Callable[[S], R], spec: S) -> Future[R]:
        for _ in range(ATTEMPTS):
            try:
                if slot not in self._pids:
                    with _no_main_module():
                        self._pids[slot] = self._slots[slot].submit(os.getpid)
                return self._slots[slot].submit(run, spec)
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


def _forkserver_context() -> Any:
    """Start the process that workers are forked from, with the imports done and no thread pools in it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
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


def _begin_worker() -> None:
    """Leave Ctrl-C to the coordinator, and end with it even where it is killed outright."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in workers only"
    parent.join()
    os._exit(1)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class _DaskCluster(Workers):
    """Workers of a Dask cluster, which itself runs a killed worker's trial again elsewhere."""

    def __init__(self, client: Any, count: int, killed_worker: type[Exception]) -> None:
        self.count, self._client, self._killed_worker = count, client, killed_worker

    def each(
        self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf
    ) -> Iterator[tuple[int, R | Lost]]:
        """Yield results as they come."""
        executor = self._client.get_executor(pure=False, retries=0)
        index_of = {executor.submit(run, spec): index for index, spec in enumerate(specs)}
        for future in as_completed(index_of):
            try:
                yield index_of[future], future.result()
            except self._killed_worker as error:
                yield index_of[future], Lost(f"its worker died each time: {error}")


@contextmanager
def _dask(address: str) -> Iterator[_DaskCluster]:
    try:
        import distributed
    except ImportError:
        raise ServiceError(
            "Dask is not installed here", where=f"search.scheduler {address}", fix="install cic[dask]"
        ) from None
    try:
        client = distributed.Client(address, timeout="5s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ServiceError(
            f"no Dask scheduler answers: {error}",
            where=f"search.scheduler {address}",
            fix="start one (`dask scheduler`), or leave search.scheduler empty to use local processes",
        ) from error
    with client:
        threads = client.nthreads()
        if not threads:
            raise ServiceError(
                "the Dask scheduler has no workers", where=address, fix=f"dask worker {address} --nthreads 1"
            )
        if any(count > 1 for count in threads.values()):
            # trials limit their arithmetic to one thread, a setting that threads of one process share
            raise ServiceError(
                "the Dask workers run several trials in one process",
                where=address,
                expected="one thread a worker, so that results do not depend on what runs beside them",
                fix=f"dask worker {address} --nthreads 1 --nworkers N",
            )
        yield _DaskCluster(client, len(threads), distributed.KilledWorker)
