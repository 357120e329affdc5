"""Progress that a terminal draws as a bar and a log file keeps as a line now and then."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 60.0
UNEVEN = ("measures",)
"""Bars whose steps take from nothing to half a minute, so that the time left cannot be told from those done."""
log = logging.getLogger("cic.progress")

Observer = Callable[[str, int, int | None, str], None]
_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


class Bar(Protocol):
    """What `bar` yields."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more done, and show `note` beside the bar."""


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Tell `observer` too of a bar's beginning and of every step: its label, steps done, total and note."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


class _ObservedBar:
    def __init__(self, bar: Bar, observer: Observer, label: str, total: int | None) -> None:
        self.bar, self.observer, self.label, self.total, self.done = bar, observer, label, total, 0

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n
        self.bar.advance(n, note)
        self.observer(self.label, self.done, self.total, note)


class _TerminalBar:
    def __init__(self, progress: Progress, total: int | None, label: str) -> None:
        self.progress = progress
        self.task = progress.add_task(label, total=total, note="")

    def advance(self, n: int = 1, note: str = "") -> None:
        self.progress.update(self.task, advance=n, note=note)


class _LogBar:
    def __init__(self, total: int | None, label: str) -> None:
        self.total, self.label, self.done = total, label, 0
        self.started = self.written = time.monotonic()

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n
        now = time.monotonic()
        late = now - self.written >= SECONDS_BETWEEN_LINES
        at_end = self.done == self.total and now - self.started >= SECONDS_BETWEEN_LINES
        if late or at_end:
            self.written = now
            of = f"/{self.total}" if self.total else ""
            so_far = now - self.started
            left = ""
            if self.total and not at_end and self.label not in UNEVEN:
                left = f", {so_far / self.done * (self.total - self.done):.0f} s left"
            log.info("%s: %d%s, %.0f s%s%s", self.label, self.done, of, so_far, left, f", {note}" if note else "")


@contextmanager
def bar(total: int | None, label: str) -> Iterator[Bar]:
    """Show progress towards `total` steps for as long as the block runs."""
    observer = _observer.get()
    if observer:
        observer(label, 0, total, "")
    with _shown(total, label) as shown:
        yield _ObservedBar(shown, observer, label, total) if observer else shown


@contextmanager
def _shown(total: int | None, label: str) -> Iterator[Bar]:
    if sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            yield _TerminalBar(progress, total, label)
    else:
        yield _LogBar(total, label)


def track(iterable: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield from `iterable` under a progress bar."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with bar(total, label) as shown:
        for item in iterable:
            yield item
            shown.advance()
