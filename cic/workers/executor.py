"""Where trials run: in this process, in processes beside it, or on a Dask cluster.

All three give what a pure function gives, so the outcome of a search is the same with each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cic.workers.cluster import dask_cluster
from cic.workers.processes import LocalProcesses
from cic.workers.workers import InThisProcess, Workers


@contextmanager
def make_executor(
    workers: int = 0,
    scheduler: str | None = None,
    running: Sequence[Callable[..., object]] = (),
    shared: str | None = None,
) -> Iterator[Workers]:
    """Give workers for as long as the block runs; none outlives it, however it ends.

    Parameters
    ----------
    workers
        Processes; 0 is one a core, and 1 runs in this process.
    scheduler
        Address of a Dask scheduler, such as ``tcp://host:8786``, in place of local processes.
    running
        Functions that they will run: local processes then start with the modules of these imported, once for all.
    shared
        Folder, or URL such as ``s3://bucket/prefix``, that all workers see, for the large arrays of tasks; where it is
        left out, a temporary folder of this machine.

    Raises
    ------
    ServiceError
        If the scheduler does not answer, its workers cannot keep results the same, or do not see what is written for
        them.
    """
    if scheduler:
        with dask_cluster(scheduler, shared) as cluster:
            yield cluster
    elif (count := workers or len(os.sched_getaffinity(0))) == 1:
        yield InThisProcess()
    else:
        local = LocalProcesses(count, running, shared)
        try:
            yield local
        finally:
            local.stop()
