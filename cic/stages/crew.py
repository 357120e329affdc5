"""What trains networks: workers on processors, or one process with a card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from cic.config import Search
from cic.errors import ConfigError
from cic.model.batched import alike
from cic.model.trial import TrialSpec
from cic.workers.at_once import AtOnce
from cic.workers.executor import make_executor
from cic.workers.workers import Workers


@contextmanager
def crew(
    search: Search,
    device: str,
    one: Callable[[TrialSpec], Any],
    together: Callable[..., Sequence[Any]],
) -> Iterator[Workers]:
    """Give what trains on the device for as long as the block runs.

    Parameters
    ----------
    one
        What workers run.
    together
        What trains specs that are `alike` at once, on a `device`.

    Raises
    ------
    ConfigError
        If a scheduler is to spread what a card of this machine is to train.
    """
    if device == "cpu":
        with make_executor(search.workers, search.scheduler, [one], search.shared) as workers:
            yield workers
    elif search.scheduler:
        raise ConfigError(
            f"trainings are to run on {device}, here, and on the workers of a scheduler",
            where=f"search.scheduler {search.scheduler}",
            expected="one of the two: a card is used by one process of this machine",
            fix="set CIC_DEVICE=cpu, or leave search.scheduler empty",
        )
    else:
        yield AtOnce(alike, partial(together, device=device))
