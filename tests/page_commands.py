"""The commands of the pages in docs/, in the clone in which those of the README have just been run.

Blocks marked `sh` and `python` are run, page by page in the order of `PAGES`, in one shell that has what the README's
has: the virtual environment, its author's name, and an S3 server for the page that speaks of one. What only shows
something is marked `text` or `yaml`. Pages about what was found (results, leakage, ...) name the commands of their
measurements in unmarked blocks: these take hours and real data.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from store_parts import free_port

PAGES = (
    "index.md", "data.md", "report.md", "doors.md", "registry.md", "method.md", "configuration.md", "python.md",
    "operations.md",
)  # fmt: skip
"""Those for people who want to do something; running it comes last, since it stops the platform."""
ELSEWHERE = {"make run": "the README's first command"}
"""Beginnings of the commands that are not run again, and why."""
READING = {
    "cic show",
    "cic registry list",
    "cic registry log",
    "cic encode profiles.csv -o codes.parquet",
    "cic decode codes.parquet -o profiles.parquet",
}
"""Commands that change nothing: those that the README has run, in the same words, are not run again."""
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.M | re.S)
COMMAND = re.compile(r"\s*(cic|make|dvc|git|prefect|mlflow|source|dask|tar) ")
SECONDS = 400
DASK_PORT = "8786"
S3_KEY, S3_SECRET = "key-of-sixteen-characters", "secret-of-sixteen-characters"


def commands_of_page(text: str) -> list[str]:
    """Give the commands of a page, one a line; a block of Python is one command."""
    from test_readme import commands_of

    commands: list[str] = []
    for language, block in BLOCK.findall(text):
        commands += commands_of(f"```sh\n{block}```\n") if language == "sh" else [f"python -c {shlex.quote(block)}"]
    return commands


def words(line: str) -> str:
    """Give a command without what is said of it."""
    return line.split("  #")[0].strip()


def unmarked_commands(text: str) -> list[str]:
    """Give the blocks of a page that hold commands but are not marked by any language."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    indented = re.findall(r"\n\n((?:    .*\n)+)", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
    plain = [block for language, block in fenced if not language] + indented
    return [block for block in plain if COMMAND.match(block)]


def run_pages(folder: Path, environment: dict[str, str], scratch: Path) -> None:
    """Run them all; a command that ends with another code than 0, and than it says, fails the test."""
    from test_readme import commands_of, script

    lines = [line for name in PAGES for line in commands_of_page((folder / "docs" / name).read_text())]
    for beginning in ELSEWHERE:
        assert [line for line in lines if line.startswith(beginning)], f"no page says `{beginning}`"
    known = {words(line) for line in commands_of((folder / "README.md").read_text())}
    assert known >= READING, "not what the README says"
    run = [line for line in lines if not line.startswith(tuple(ELSEWHERE)) and words(line) not in READING]
    # what the pages put into /tmp, and the port that they name, belong to this test alone
    port = str(free_port())
    run = [line.replace("/tmp/", f"{scratch}/").replace(DASK_PORT, port) for line in run]
    with s3_server(scratch) as address, (scratch / "pages.log").open("w+") as log:
        # a file, no pipe: a server that a page leaves running would hold a pipe open
        done = subprocess.run(
            ["bash", "-c", script(["source .venv/bin/activate", *run])],
            cwd=folder, env=environment | address, timeout=SECONDS, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        log.seek(0)
        shown = log.read()
    print("\n".join(line for line in shown.splitlines() if line.startswith("@")))  # how long each took
    assert done.returncode == 0, shown[-6000:]
    assert shown.count("@= at") == len(run) + 1
    assert "Traceback" not in shown


@contextmanager
def s3_server(scratch: Path) -> Iterator[dict[str, str]]:
    """Run an S3 server with an empty bucket `lab`, and give the variables that name it."""
    (scratch / "s3" / "lab").mkdir(parents=True)
    program = shutil.which("rclone", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert program is not None
    address = f"127.0.0.1:{free_port()}"
    command = [program, "serve", "s3", "--addr", address, f"--auth-key={S3_KEY},{S3_SECRET}", str(scratch / "s3")]
    log = scratch / "s3.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 30
        while not _answers(f"http://{address}"):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield {"S3_ENDPOINT": f"http://{address}", "AWS_ACCESS_KEY_ID": S3_KEY, "AWS_SECRET_ACCESS_KEY": S3_SECRET}
    finally:
        server.terminate()
        server.wait(30)


def _answers(url: str) -> bool:
    try:
        urlopen(url, timeout=5)
    except HTTPError:
        return True  # it asks who is there
    except (URLError, OSError):
        return False
    return True
