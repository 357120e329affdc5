"""Arithmetic on one thread: what makes results the same bit for bit, however many run side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Run the block with one thread in torch and in the linear algebra below numpy.

    Sums come out in an order that depends on the number of threads, and so do their last bits.
    """
    torch = sys.modules.get("torch")  # who has not imported it does not compute with it
    before = torch.get_num_threads() if torch else 1
    if torch:
        torch.set_num_threads(1)
    try:
        with _libraries(len(sys.modules)).limit(limits=1):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """Find the libraries that compute on threads, which takes milliseconds: anew once more modules are there."""
    return ThreadpoolController()
