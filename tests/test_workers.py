"""Workers: order, faults, and that none is left behind."""

import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from long_job import process_id

from cic.errors import ServiceError
from cic.workers.executor import make_executor
from cic.workers.workers import InThisProcess

PROJECT = Path(__file__).parent.parent
COORDINATOR = """
import sys
import signal
from functools import partial
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
sys.path.insert(0, {tests!r})
from cic.workers.executor import make_executor
from long_job import say_and_sleep
with make_executor(2) as workers:
    list(workers.map(partial(say_and_sleep, Path({marks!r})), range(4)))
"""

MARKED = """
import os
import time
IMPORTED_BY = os.getpid()
def importer(_):
    time.sleep(0.02)
    return IMPORTED_BY, os.getpid()
"""
PRELOADING = """
from cic.workers.executor import make_executor
from marked import importer
with make_executor(2, running={running}) as workers:
    importers, pids = map(set, zip(*workers.map(importer, range(20))))
assert len(pids) == 2, pids
print(len(importers), len(importers & pids))
"""


@pytest.mark.parametrize(("running", "printed"), [("[importer]", "1 0"), ("[]", "2 2")])
def test_what_workers_run_is_imported_once_if_it_is_said_before(tmp_path, running, printed):
    (tmp_path / "marked.py").write_text(MARKED)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"}
    command = [sys.executable, "-c", PRELOADING.format(running=running)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == printed.split()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_coordinator(tmp_path, ending, request):
    marks = tmp_path / "marks"
    marks.mkdir()
    script = tmp_path / "coordinator.py"
    script.write_text(COORDINATOR.format(tests=str(Path(__file__).parent), marks=str(marks)))
    # a folder with a short name, since sockets of the workers lie there, whose paths have 107 characters at most
    scratch = Path(tempfile.mkdtemp(prefix="cicw"))
    request.addfinalizer(lambda: shutil.rmtree(scratch, ignore_errors=True))
    environment = {**os.environ, "TMPDIR": str(scratch)}
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    until(lambda: len(list(marks.iterdir())) == 2, seconds=60)
    assert list(scratch.glob("cic-*")), "where what is sent to them lies"
    if ending == signal.SIGINT:
        os.killpg(process.pid, ending)  # a terminal sends Ctrl-C to the whole group
    else:
        process.send_signal(ending)
    process.wait(timeout=20)
    until(lambda: not any(alive(int(path.name)) for path in marks.iterdir()), seconds=10)
    assert not list(scratch.glob("cic-*"))


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


def alive(pid):
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def two():
    with make_executor(2) as workers:
        yield workers


@pytest.mark.parametrize("workers", [InThisProcess(), "two"])
def test_results_come_in_order(workers, request):
    workers = request.getfixturevalue("two") if workers == "two" else workers
    assert list(workers.map(math.sqrt, [x * x for x in range(20)])) == list(range(20))
    assert list(workers.map(math.sqrt, [])) == []


def test_workers_are_processes_of_their_own(two):
    pids = {pid for _, pid in two.each(process_id, range(20))}
    assert os.getpid() not in pids and len(pids) == 2


def test_a_worker_killed_while_idle_costs_nothing(two):
    for pid in {pid for _, pid in two.each(process_id, range(20))}:
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: not alive(pid), seconds=5)
    assert list(two.map(abs, [-1, -2, -3])) == [1, 2, 3]


def test_0_workers_is_one_a_core():
    with make_executor(0) as workers:
        assert workers.count == len(os.sched_getaffinity(0))


def test_1_worker_is_this_process():
    with make_executor(1) as workers:
        assert list(workers.map(process_id, [0])) == [os.getpid()]


def test_a_lost_worker_is_an_error_of_map(two):
    with pytest.raises(ServiceError, match="its worker died, 3 times"):
        list(two.map(os._exit, [1]))
    assert list(two.map(abs, [-1])) == [1]


def test_a_scheduler_that_does_not_answer_is_named():
    with pytest.raises(ServiceError, match="no Dask scheduler answers"), make_executor(2, "tcp://127.0.0.1:9"):
        pass
