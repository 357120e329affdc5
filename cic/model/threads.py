"""Arithmetic on one thread: what makes results the same bit for bit, however many run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Run the block with one thread in torch and in the linear algebra below numpy.

    Sums come out in an order that depends on the number of threads, and so do their last bits.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
