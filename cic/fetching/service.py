"""Asking a server of files: what its answers mean, and how often it is asked again."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from cic import __version__
from cic.errors import DataError, ServiceError
from cic.fetching.record import Remote

log = logging.getLogger("cic.data")
T = TypeVar("T")
MOST_TEXT = 10_000_000
"""Bytes of a listing or of a file of checksums."""
LATER = {408, 425, 429, 500, 502, 503, 504}
"""Answers that may be others a little later."""
MISSING = {404, 410}


@dataclass(frozen=True)
class Patience:
    """How often a server is asked again, and how long it is waited for, in seconds.

    Attributes
    ----------
    failures
        Attempts in a row that brought nothing new, after which it is given up.
    first_wait, longest_wait
        The wait doubles from one to the other. A server that asks for a longer one is not waited for.
    silence
        Seconds without a byte that count as a dropped connection.
    """

    failures: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    silence: float = 30.0


class MissingError(DataError):
    """The server has no file or folder of that address."""


class PassingError(ServiceError):
    """What may go well a little later.

    Attributes
    ----------
    reached
        Bytes of the file that are here by now.
    wait
        Seconds that the server asks for.
    """

    reached: int = 0
    wait: float | None = None


@dataclass(frozen=True)
class Service:
    """A client, and the patience with the servers that it asks; `open_service` gives one."""

    client: httpx.Client
    patience: Patience

    @contextmanager
    def answer(self, method: str, url: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """Ask once, and give the answer while its body is on the way.

        Raises
        ------
        MissingError
            If there is no such file or folder.
        PassingError
            If there is no answer, the connection ends too early, or the server asks to come back later.
        ServiceError
            If it refuses.
        """
        try:
            with self.client.stream(method, url, headers=headers) as answer:
                _check(answer, url)
                yield answer
        except httpx.RequestError as error:
            unreached = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            found = "the server does not answer" if unreached else "the connection broke off"
            raise PassingError(
                f"{found}: {str(error) or type(error).__name__}", where=url,
                fix="see whether this machine reaches it (HTTPS_PROXY where there is a proxy), and run the same again",
            ) from None  # fmt: skip
        except (httpx.InvalidURL, UnicodeError) as error:  # the latter of names that no host can have
            raise ServiceError(f"this is no address: {error}", where=url, fix="correct CIC_GEO_URL") from None

    def persistently(self, work: Callable[[], T]) -> T:
        """Do the work again after each `PassingError`, with growing waits, for as long as `Patience` says.

        An attempt that got further into a file than any before it makes the count begin anew.
        """
        failures, furthest = 0, 0
        while True:
            try:
                return work()
            except PassingError as error:
                failures = 1 if error.reached > furthest else failures + 1
                furthest = max(furthest, error.reached)
                wait = min(self.patience.first_wait * 2 ** (failures - 1), self.patience.longest_wait)
                wait = wait if error.wait is None else error.wait
                if failures >= self.patience.failures or wait > self.patience.longest_wait:
                    raise
                log.info("%s; again in %.0f s: %s", error.found, wait, error.where)
                time.sleep(wait)

    def text(self, url: str) -> str:
        """Give a page or a small file as text."""

        def once() -> str:
            body = b""
            with self.answer("GET", url) as answer:
                for chunk in answer.iter_raw():
                    body += chunk
                    if len(body) > MOST_TEXT:
                        raise ServiceError(
                            f"this is larger than {MOST_TEXT:,} bytes", where=url, expected="a list of files",
                            fix="see in a browser what is there",
                        )  # fmt: skip
            return body.decode("utf-8", "replace")

        return self.persistently(once)

    def remote(self, url: str) -> Remote:
        """Tell what the server says of a file, without fetching it."""

        def once() -> Remote:
            with self.answer("HEAD", url) as answer:
                return remote_of(answer, url)

        return self.persistently(once)


@contextmanager
def open_service(patience: Patience | None = None) -> Iterator[Service]:
    """Give a service for as long as the block runs, with proxies and certificates as the environment has them."""
    patience = patience or Patience()
    # a file that is gzipped is taken as it is, and nothing else comes packed
    headers = {"User-Agent": f"cic/{__version__}", "Accept-Encoding": "identity"}
    with httpx.Client(headers=headers, timeout=patience.silence, follow_redirects=True) as client:
        yield Service(client, patience)


def number_of(text: str) -> int | None:
    """Read a number of bytes or seconds that a server wrote, or None where it wrote something else."""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def remote_of(answer: httpx.Response, url: str) -> Remote:
    """Read from an answer which file it is about."""
    _, _, total = answer.headers.get("Content-Range", "").partition("/")
    size = total if answer.status_code == httpx.codes.PARTIAL_CONTENT else answer.headers.get("Content-Length", "")
    return Remote(url, number_of(size), answer.headers.get("ETag"), answer.headers.get("Last-Modified"))


def _check(answer: httpx.Response, url: str) -> None:
    code = answer.status_code
    said = f"the server answered {code} {answer.reason_phrase}".rstrip()
    if code in MISSING:
        raise MissingError(said, where=url, expected="a file or folder", fix="see in a browser what is there")
    if code in LATER:
        error = PassingError(said, where=url, fix="run the same again later")
        error.wait = _asked_wait(answer.headers.get("Retry-After", ""))
        raise error
    if answer.is_error and code != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise ServiceError(said, where=url, fix="see in a browser, or with a proxy's owner, why it refuses")


def _asked_wait(text: str) -> float | None:
    """Read `Retry-After`: seconds, or a date."""
    seconds = number_of(text)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):  # none, or a date without a zone
        return None
