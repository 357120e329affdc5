"""A server of files with the layout of GEO, on this machine, that fails in the ways in which servers and lines do."""

from __future__ import annotations

import gzip
import html
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import numpy as np

from cic.fetching.service import Patience

FOOT = '<a href="https://www.hhs.gov/vulnerability-disclosure-policy/index.html">HHS Vulnerability Disclosure</a>'
FIRST_DAY, NEXT_DAY = "Mon, 05 May 2008 10:00:00 GMT", "Tue, 06 May 2008 10:00:00 GMT"
SERIES = "series/GSE10nnn/GSE10072"
MATRIX = "GSE10072_series_matrix.txt.gz"
NOISE = np.random.default_rng(5).bytes(300_000)
"""Does not shrink, so that a dropped connection is dropped in the middle."""
FILE, OTHER = gzip.compress(NOISE, mtime=0), gzip.compress(NOISE[::-1], mtime=0)
HALF = len(FILE) // 2
QUICK = Patience(failures=4, first_wait=0.0, longest_wait=0.01, silence=20.0)
WHOLE = {MATRIX, f"{MATRIX}.source.json"}


@dataclass
class Fault:
    """What goes wrong with one answer to a GET of a file.

    Attributes
    ----------
    status, retry_after
        Of an answer that is not the file.
    drop_after
        Bytes of the body after which the connection ends.
    says
        Bytes that Content-Length says more, or fewer, than there are.
    ignore_range
        Whether all of the file is sent whatever part is asked for.
    wrong_part
        Whether another part is sent than was asked for.
    without_length
        Whether the end of the connection is the end of the file.
    page
        Whether a page comes in place of the file, as its Content-Type says, or does not.
    hang
        Seconds of silence in the middle.
    change_to
        What the file becomes after this answer.
    """

    status: int = 200
    retry_after: str | None = None
    drop_after: int | None = None
    says: int = 0
    ignore_range: bool = False
    wrong_part: bool = False
    without_length: bool = False
    page: str | None = None
    hang: float = 0.0
    change_to: bytes | None = None


@dataclass
class Geo:
    """What the server has, by path below its base, and what it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    tags: bool = True
    head_says: int = 0
    days: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    base: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def gets(self, name: str) -> list[str | None]:
        """Give the Range of each GET of the file of that name."""
        return [part for method, path, part in self.asked if method == "GET" and path.endswith(f"/{name}")]


def _names_in(geo: Geo, folder: str) -> list[str]:
    inner = [path.removeprefix(folder) for path in geo.files if path.startswith(folder)]
    return list(dict.fromkeys(name.partition("/")[0] + "/" * ("/" in name) for name in inner))


def _page(geo: Geo, folder: str) -> bytes:
    """List a folder as NCBI's server does."""
    links = [*map(quote, _names_in(geo, folder)), *geo.links.get(folder, [])]
    rows = [f'<a href="{link}">{html.escape(link)}</a>   2008-05-05 10:00  1.2M\n' for link in links]
    parent = f'<a href="/geo/{folder.rstrip("/").rpartition("/")[0]}/">Parent Directory</a>   -\n'
    return f'<pre><a href="?C=N;O=D">Name</a>\n<hr>{parent}{"".join(rows)}<hr></pre>{FOOT}'.encode()


def _handler(geo: Geo) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(Fault(says=geo.head_says))

        def do_GET(self) -> None:
            waiting = geo.faults.get(self.inner().rpartition("/")[2], [])
            self.answer(waiting.pop(0) if waiting else Fault())

        def inner(self) -> str:
            return unquote(urlsplit(self.path).path).removeprefix("/geo/")

        def answer(self, fault: Fault) -> None:
            path = self.inner()
            geo.asked.append((self.command, path, self.headers.get("Range")))
            if path.endswith("/") and _names_in(geo, path):
                return self.send(200, _page(geo, path), fault, {"Content-Type": "text/html"})
            if fault.status != 200 or path not in geo.files:
                code = 404 if path not in geo.files else fault.status
                return self.send(code, b"no", Fault(), {"Retry-After": fault.retry_after} if fault.retry_after else {})
            if fault.page is not None:
                return self.send(200, b"<!DOCTYPE html><html>login</html>", Fault(), {"Content-Type": fault.page})
            body = geo.files[path]
            facts = {"Content-Type": "application/x-gzip", "Last-Modified": geo.days.get(path, FIRST_DAY)}
            if geo.tags:
                facts["ETag"] = f'"{hash(body):x}"'
            self.send(*self.part(body, facts, fault), fault, facts)
            if fault.change_to is not None:
                geo.files[path] = fault.change_to
                geo.days[path] = NEXT_DAY
            return None

        def part(self, body: bytes, facts: dict[str, str], fault: Fault) -> tuple[int, bytes]:
            """Give the part that is asked for, if the file is still the one that it is asked of."""
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range") in (None, facts.get("ETag", ""), facts["Last-Modified"])
            if not asked or not same or fault.ignore_range:
                return 200, body
            start = int(asked[1]) + fault.wrong_part
            if start >= len(body):
                facts["Content-Range"] = f"bytes */{len(body)}"
                return 416, b""
            facts["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return 206, body[start:]

        def send(self, code: int, body: bytes, fault: Fault, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            if fault.without_length:
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(body) + fault.says))
            self.end_headers()
            if self.command == "HEAD":
                return
            cut = len(body) if fault.drop_after is None else fault.drop_after
            self.wfile.write(body[:cut])
            self.wfile.flush()
            if fault.hang:
                geo.stop.wait(fault.hang)
            if fault.drop_after is not None or fault.says:
                self.close_connection = True

    return Handler


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def geo_server() -> Iterator[Geo]:
    """Run the server for as long as the block; it has a small series."""
    geo = Geo()
    geo.files[f"{SERIES}/matrix/{MATRIX}"] = FILE
    geo.files[f"{SERIES}/soft/GSE10072_family.soft.gz"] = FILE
    geo.files[f"{SERIES}/suppl/GSE10072_counts.csv.gz"] = OTHER
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(geo))
    geo.base = f"http://127.0.0.1:{server.server_address[1]}/geo"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield geo
    finally:
        geo.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
