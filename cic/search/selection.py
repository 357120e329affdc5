"""From trials to one configuration: the best of each shape, trained again, and the rule that decides.

The least error of many noisy trials is too good to be true. So the best trial of every depth and width, and the best
few of every width, are trained again from new seeds, without pruning, and judged by their mean; the score that brought
them here does not count. Depth 0 is PCA, has no seed and is known exactly.

One standard error: the smallest width within one standard error of the best mean, and there the least depth. As
depth 0 takes part, the choice is never worse than PCA of its width on what it was validated on.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from cic import config
from cic.errors import CicError
from cic.model.training import Hyperparameters
from cic.search.records import Record


@dataclass(frozen=True)
class Finalist:
    """A configuration with the errors of its new trainings.

    Attributes
    ----------
    number
        The trial that brought it here.
    errors
        Validation unexplained variance of each new training; for depth 0 the one exact value.
    pca_error
        That of PCA of equal width.
    """

    number: int
    hyper: Hyperparameters
    errors: tuple[float, ...]
    pca_error: float

    @property
    def mean(self) -> float:
        """Mean error over seeds."""
        return statistics.fmean(self.errors)

    @property
    def standard_error(self) -> float:
        """Standard error of that mean; 0 at depth 0."""
        return 0.0 if self.hyper.depth == 0 else statistics.stdev(self.errors) / math.sqrt(len(self.errors))

    def __str__(self) -> str:
        """Give it as a reader wants it."""
        shape = f"width {self.hyper.bottleneck_width}, depth {self.hyper.depth}"
        return f"{shape}: {self.mean:.4f}, standard error {self.standard_error:.1g}"


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why."""

    finalist: Finalist
    reason: str


def contenders(records: Sequence[Record], search: config.Search) -> list[Record]:
    """Give the trials worth training again, of each width that the rule may choose from.

    These are the best trial of each depth, so that all shapes can be compared, and the best `search.finalists` whatever
    their depth; then depth 0, if it was tried.
    """
    widths = sorted(search.bottleneck_width if search.width is None else (search.width,))
    chosen = []
    for width in widths:
        complete = [record for record in _complete(records) if record.hyper.bottleneck_width == width]
        trained = sorted((r for r in complete if r.hyper.depth > 0), key=lambda record: (record.score, record.number))
        best_of_depth = {record.hyper.depth: record.number for record in reversed(trained)}
        chosen += [
            record
            for place, record in enumerate(trained)
            if place < search.finalists or record.number == best_of_depth[record.hyper.depth]
        ]
        chosen += [record for record in complete if record.hyper.depth == 0]
    return chosen


def _complete(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.state == "complete"]


def finalist(record: Record, repeats: Sequence[Record]) -> Finalist | None:
    """Join a contender with its new trainings; `None` where fewer than two of them went well."""
    assert record.error is not None and record.error_ratio_to_pca is not None, "contenders are complete"
    pca_error = record.error / record.error_ratio_to_pca
    if record.hyper.depth == 0:
        return Finalist(record.number, record.hyper, (record.error,), pca_error)
    errors = tuple(repeat.score for repeat in repeats if repeat.state == "complete")
    return Finalist(record.number, record.hyper, errors, pca_error) if len(errors) > 1 else None


def choose(finalists: Sequence[Finalist], search: config.Search) -> Choice:
    """Apply the rule `search.select`.

    Raises
    ------
    CicError
        If there is nothing to choose from.
    """
    if not finalists:
        raise CicError(
            "no trial of the search came to an end, so there is nothing to choose from",
            where="search",
            fix="see the reasons in the trial table; a lower search.learning_rate helps where losses are not finite",
        )
    best = min(finalists, key=_by_error)
    limit = best.mean + best.standard_error
    within = [each for each in finalists if each.mean <= limit]
    chosen = min(within, key=lambda each: (each.hyper.bottleneck_width, each.hyper.depth, *_by_error(each)))
    return Choice(chosen, _reason(chosen, best, search.width))


def _by_error(finalist: Finalist) -> tuple[float, int]:
    return finalist.mean, finalist.number


def _reason(chosen: Finalist, best: Finalist, fixed_width: int | None) -> str:
    against_pca = f"{chosen.mean / chosen.pca_error:.3f} of PCA of that width"
    if fixed_width is not None:
        if chosen is best:
            return f"width {fixed_width} was asked for; the best there is {chosen}, {against_pca}"
        return (
            f"width {fixed_width} was asked for; {chosen} is the least depth there within one standard error "
            f"of the best ({best}), {against_pca}"
        )
    if chosen is best:
        return f"the best is {best}, {against_pca}; nothing smaller is within one standard error of it"
    if chosen.hyper.bottleneck_width == best.hyper.bottleneck_width:
        return f"{chosen} is the least depth within one standard error of the best ({best}), {against_pca}"
    return f"{chosen} is the smallest width within one standard error of the best ({best}), {against_pca}"


def finalists_frame(finalists: Sequence[Finalist]) -> pd.DataFrame:
    """Give the finalists as a table, one row each."""
    return pd.DataFrame(
        {
            "number": each.number,
            "bottleneck_width": each.hyper.bottleneck_width,
            "depth": each.hyper.depth,
            "mean_error": each.mean,
            "standard_error": each.standard_error,
            "trainings": len(each.errors),
            "ratio_to_pca": each.mean / each.pca_error,
        }
        for each in finalists
    )
