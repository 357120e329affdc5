"""What workers are, and the simplest of them: this process."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cic.errors import ServiceError

S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True)
class Lost:
    """In place of a result: the worker died each time, or had to be ended."""

    reason: str


class Workers(ABC):
    """What runs trials.

    Attributes
    ----------
    count
        How many at once.
    """

    count: int

    @abstractmethod
    def each(
        self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf
    ) -> Iterator[tuple[int, R | Lost]]:
        """Yield (position in `specs`, result) as they come; an exception of `run` is raised here.

        Parameters
        ----------
        specs
            Plain data. Large arrays in them go to the workers once and not with every task (`cic.workers.arrays`), so
            they must stay as they are for as long as the workers are there.
        seconds
            What `run` may take. It has to keep to that by itself; only local processes can be ended if it hangs.
        """

    def map(self, run: Callable[[S], R], specs: Sequence[S]) -> Iterator[R]:
        """Yield results in the order of `specs`.

        Raises
        ------
        ServiceError
            If the worker of one of them died each time.
        """
        ready: dict[int, R] = {}
        at = 0
        for index, result in self.each(run, specs):
            if isinstance(result, Lost):
                raise ServiceError(result.reason, where="worker", fix="see if the machine runs out of memory")
            ready[index] = result
            while at in ready:
                yield ready.pop(at)
                at += 1

    def pass_over(self, run: Callable[[S], R], specs: Sequence[S], /) -> Iterator[R]:
        """Yield the same as `map`, for results that are large: few of them are waiting at any time.

        Raises
        ------
        ServiceError
            If the worker of one of them died each time.
        """
        at_once = 2 * self.count
        for start in range(0, len(specs), at_once):
            yield from self.map(run, specs[start : start + at_once])


class InThisProcess(Workers):
    """One after the other, here."""

    count = 1

    def each(
        self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf
    ) -> Iterator[tuple[int, R | Lost]]:
        """Yield results in order."""
        for index, spec in enumerate(specs):
            yield index, run(spec)
