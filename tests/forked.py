"""`cic` in processes of its own that begin with the imports done: each is forked from one that has nothing else to do.

`python forked.py` is that one: it takes a command a line, and answers with its exit code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MODULES = ("cic.data.readers", "cic.pipeline", "cic.publishing", "cic.using", "matplotlib.figure")
STAGES = tuple(f"cic.stages.{name}" for name in ("ingest", "split", "search", "fit"))


Forked = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def forking() -> Iterator[Forked]:
    """Start what the commands are forked from, and end it.

    It gives a function that runs `cic` in a folder, in an environment of its own, with the arguments that follow.
    """
    command = [sys.executable, __file__]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
        TemporaryDirectory() as scratch,
    ):
        assert server.stdin is not None and server.stdout is not None
        asking, answers = server.stdin, server.stdout

        def cic(folder: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
            told = {name: Path(scratch) / name for name in ("out", "err")}
            asked = {"folder": folder, "environment": environment, "arguments": arguments, **told}
            print(json.dumps(asked, default=str), file=asking, flush=True)
            code = int(answers.readline())
            return subprocess.CompletedProcess(arguments, code, told["out"].read_text(), told["err"].read_text())

        yield cic
        server.communicate()


def serve() -> None:
    for name in (*MODULES, *STAGES):
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork would have none of the others"
    gc.freeze()  # else each, when it ends, goes through all that is imported here
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return command(**json.loads(line))  # and it ends as any process does
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def command(folder: str, environment: dict[str, str], out: str, err: str, arguments: list[str]) -> None:
    """Become the process of one command."""
    from cic.cli import main

    for number, file in enumerate((os.devnull, out, err)):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["cic", *arguments]
    main()


if __name__ == "__main__":
    serve()
