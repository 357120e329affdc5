"""What is alike is run at once, in this process: how a card is filled by work of which one piece leaves it idle."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cic.workers.workers import R, S, Workers

log = logging.getLogger(__name__)


class AtOnce(Workers):
    """One process, that runs at once what belongs together.

    Parameters
    ----------
    alike
        Gives the positions of specs that can be run together.
    together
        Runs such specs, and gives their results in order: what `run` of `each` would give one by one.
    """

    count = 1

    def __init__(
        self, alike: Callable[[Sequence[Any]], list[list[int]]], together: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> None:
        self._alike, self._together = alike, together

    def each(self, run: Callable[[S], R], specs: Sequence[S], seconds: float = math.inf) -> Iterator[tuple[int, R]]:
        """Yield results as they come, all of those that were run together."""
        for positions in self._alike(specs):
            yield from zip(positions, self._results(run, [specs[position] for position in positions]), strict=True)

    def pass_over(self, run: Callable[[S], R], specs: Sequence[S], /) -> Iterator[R]:
        """Yield results one after the other: a pass is no training."""
        return map(run, specs)

    def _results(self, run: Callable[[S], R], specs: Sequence[S]) -> Sequence[R]:
        if len(specs) > 1:
            try:
                return self._together(specs)
            except Exception:
                # so that what is wrong with one of them, or with their number, is no harm to the others
                log.warning("%d at once failed, and are run one after the other", len(specs), exc_info=True)
        return [run(spec) for spec in specs]
