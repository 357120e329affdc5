"""Workers of a Dask cluster that somebody else has started."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from typing import Any

from cic.errors import ServiceError
from cic.workers.workers import Lost, R, S, Workers


class DaskCluster(Workers):
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
def dask_cluster(address: str) -> Iterator[DaskCluster]:
    """Give the workers of the cluster whose scheduler is at `address`, for as long as the block runs.

    Raises
    ------
    ServiceError
        If the scheduler does not answer, or its workers cannot keep results the same.
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
        yield DaskCluster(client, len(threads), distributed.KilledWorker)
