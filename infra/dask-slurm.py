"""Workers for `cic` as jobs of a Slurm cluster, and the Dask scheduler that they answer to.

Run it on a node that jobs can reach, such as the login node, with the Python that has `cic[dask]` and `dask-jobqueue`
installed at a path that jobs see too. It prints the scheduler's address, waits until it is interrupted, and ends the
jobs then; one that ends before, by its walltime, is not asked for again. A worker is a process of one thread, as `cic`
wants it:

    python infra/dask-slurm.py --jobs 4 --workers-per-job 16 --memory-per-job 64GB --walltime 08:00:00 \
        --queue compute --address-file ~/cic-scheduler
    cic run -S search.scheduler=$(cat ~/cic-scheduler) -S search.shared=/shared/scratch
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Any

MISSING = """dask-jobqueue is not installed for {python}
  what to do: {python} -m pip install 'cic[dask]' dask-jobqueue"""


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="Slurm jobs")
    parser.add_argument("--workers-per-job", type=int, default=8, help="workers, and cores, of a job")
    parser.add_argument("--memory-per-job", default="32GB", help="shared evenly by its workers")
    parser.add_argument("--walltime", default="04:00:00", help="of a job; tasks of one that ends run again elsewhere")
    parser.add_argument("--queue", help="Slurm partition")
    parser.add_argument("--account", help="Slurm account")
    parser.add_argument("--interface", help="network interface that jobs reach this node by, such as ib0")
    parser.add_argument("--port", type=int, default=0, help="of the scheduler; 0 is a free one")
    parser.add_argument("--log-folder", default="dask-logs", help="for the output of the jobs")
    parser.add_argument("--address-file", type=Path, help="where to write the address, beside printing it")
    parser.add_argument("--dry-run", action="store_true", help="print what would be asked of Slurm, and end")
    return parser.parse_args(given)


def described(asked: argparse.Namespace) -> dict[str, Any]:
    """Give what `dask_jobqueue.SLURMCluster` is made with."""
    return {
        "queue": asked.queue,
        "account": asked.account,
        "cores": asked.workers_per_job,
        "processes": asked.workers_per_job,  # as many as cores: one thread each
        "memory": asked.memory_per_job,
        "walltime": asked.walltime,
        "interface": asked.interface,
        "log_directory": asked.log_folder,
        "scheduler_options": {"port": asked.port, "dashboard": False},
    }


def main(given: list[str]) -> int:
    """Start the scheduler, ask for the jobs, and wait."""
    asked = arguments(given)
    if asked.dry_run:
        print(f"{asked.jobs} jobs of SLURMCluster with")
        print("\n".join(f"  {name}: {value}" for name, value in described(asked).items()))
        return 0
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        print(MISSING.format(python=sys.executable), file=sys.stderr)
        return 1
    with SLURMCluster(**described(asked)) as cluster:
        cluster.scale(jobs=asked.jobs)
        print(cluster.job_script())
        print(cluster.scheduler_address, flush=True)
        if asked.address_file:
            asked.address_file.expanduser().write_text(f"{cluster.scheduler_address}\n")
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
