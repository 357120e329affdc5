"""Workers of a Dask cluster that somebody else has started."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import closing, contextmanager
from typing import Any

import numpy as np

from cic.errors import CicError, ServiceError
from cic.workers.arrays import SentArrays, aligned, run_sent
from cic.workers.files import read_array
from cic.workers.workers import Lost, R, S, Workers

LOOK = 5.0
"""Seconds without a result after which it is asked whether there are workers at all."""
PATIENCE = 60.0
"""Seconds without any worker after which no other one is waited for."""


class DaskCluster(Workers):
    """Workers of a Dask cluster, which itself runs a killed worker's trial again elsewhere."""

    def __init__(self, client: Any, count: int, killed_worker: type[Exception], arrays: SentArrays) -> None:
        self.count, self._client, self._killed_worker, self._arrays = count, client, killed_worker, arrays

    def each(
        self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf
    ) -> Iterator[tuple[int, R | Lost]]:
        """Yield results as they come.

        Raises
        ------
        ServiceError
            If the scheduler is lost, or all workers are and none comes back.
        """
        executor = self._client.get_executor(pure=False, retries=0)
        with self._arrays.sent(specs) as sent:
            index_of = {executor.submit(run_sent, run, spec): index for index, spec in enumerate(sent)}
            running = set(index_of)
            try:
                while running:
                    finished = self._finished(running)
                    running -= finished
                    for future in finished:
                        try:
                            yield index_of[future], aligned(future.result())
                        except self._killed_worker as error:
                            yield index_of[future], Lost(f"its worker died each time: {error}")
                        except CancelledError:
                            raise self._lost("the Dask scheduler was lost while tasks were running") from None
            finally:
                for future in running:
                    future.cancel()

    def _finished(self, running: set[Future[R]]) -> set[Future[R]]:
        """Wait for some to end, for as long as there are workers."""
        seen = time.monotonic()
        while not (finished := wait(running, LOOK, FIRST_COMPLETED).done):
            if self._client.nthreads():
                seen = time.monotonic()
            elif time.monotonic() > seen + PATIENCE:
                raise self._lost(f"the Dask scheduler has had no workers for {PATIENCE:g} s")
        return finished

    def _lost(self, found: str) -> ServiceError:
        return ServiceError(
            found,
            where=f"search.scheduler {self._client.scheduler.address}",
            fix="start scheduler and workers again and run it again: what a search has finished is kept",
        )


@contextmanager
def dask_cluster(address: str, shared: str | None = None) -> Iterator[DaskCluster]:
    """Give the workers of the cluster whose scheduler is at `address`, for as long as the block runs.

    Parameters
    ----------
    shared
        Where the large arrays of tasks go: see `SentArrays`.

    Raises
    ------
    ServiceError
        If the scheduler does not answer, its workers cannot keep results the same, or do not see what is written for
        them.
    """
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
        with closing(SentArrays(shared)) as arrays:
            _check_release(client, address)
            _check_sight(client, arrays)
            yield DaskCluster(client, len(threads), distributed.KilledWorker, arrays)


def _check_release(client: Any, address: str) -> None:
    """Refuse a scheduler that cannot read tasks of ours: it looks into them on their way."""
    try:
        client.run_on_scheduler(run_sent, bool, 0)
    except (ImportError, AttributeError) as error:
        raise ServiceError(
            f"the Dask scheduler cannot read tasks of cic: {error}",
            where=f"search.scheduler {address}",
            expected="a scheduler with the same release of cic as here",
            fix="install the same cic[dask] where it runs",
        ) from error


def _check_sight(client: Any, arrays: SentArrays) -> None:
    """Refuse workers that do not see what is written for them."""
    answers = client.run(read_array, arrays.write(np.zeros(1)), on_error="return")
    blind = {worker: answer for worker, answer in answers.items() if isinstance(answer, Exception)}
    if not blind:
        return
    worker, error = next(iter(blind.items()))
    found = f"{len(blind)} of {len(answers)} Dask workers cannot read what is written for them: "
    where = f"worker {worker}, {arrays.folder}"
    if isinstance(error, CicError):
        raise ServiceError(found + error.found, where=where, expected=error.expected, fix=error.fix)
    raise ServiceError(
        f"{found}{error}",
        where=where,
        expected="workers with the same release of cic as here",
        fix="install the same cic[dask] where they run",
    )
