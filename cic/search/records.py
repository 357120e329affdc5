"""What a search keeps of each trial, as a row of the trial table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from cic.model.training import Hyperparameters
from cic.model.trial import TrialResult


@dataclass(frozen=True)
class Record:
    """One finished trial; nothing in it depends on where or when it ran.

    Attributes
    ----------
    error
        Validation unexplained variance in gene space; of the last epoch reached where the trial was pruned.
    error_ratio_to_pca
        The same over that of PCA of equal width.
    ratios_at_rungs
        (epoch, best ratio so far).
    """

    number: int
    hyper: Hyperparameters
    seed: int
    state: Literal["complete", "pruned", "failed"]
    reason: str
    error: float | None
    error_ratio_to_pca: float | None
    ratios_at_rungs: tuple[tuple[int, float], ...]
    epochs: int

    @property
    def score(self) -> float:
        """The error of a complete trial, infinite otherwise."""
        return self.error if self.state == "complete" and self.error is not None else math.inf

    def to_plain(self) -> dict[str, Any]:
        """Give the record as what JSON can hold."""
        plain = dict(vars(self))
        plain["hyper"] = self.hyper.model_dump(mode="json")
        plain["ratios_at_rungs"] = [list(rung) for rung in self.ratios_at_rungs]
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Record:
        """Read back what `to_plain` gave."""
        rungs = tuple((int(epoch), float(ratio)) for epoch, ratio in plain["ratios_at_rungs"])
        return cls(**{**plain, "hyper": Hyperparameters(**plain["hyper"]), "ratios_at_rungs": rungs})


def record_of(result: TrialResult, number: int, hyper: Hyperparameters, seed: int) -> Record:
    """Make the record of a trial that came back; one that is complete without a finite error has failed."""
    state, reason, error, ratio = result.state, result.reason, result.error, result.error_ratio_to_pca
    if state == "complete" and (error is None or not math.isfinite(error)):
        state, reason = "failed", f"the validation error is {error}"
    if state == "failed":
        error = ratio = None
    return Record(number, hyper, seed, state, reason, error, ratio, result.ratios_at_rungs, result.epochs)


def lost_record(reason: str, number: int, hyper: Hyperparameters, seed: int) -> Record:
    """Make the record of a trial whose worker kept dying."""
    return Record(number, hyper, seed, "failed", reason, None, None, (), 0)


def records_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Give the trial table, one row a trial in order of number: the same for every number of workers."""
    rows = [
        {
            "number": record.number,
            "state": record.state,
            **record.hyper.model_dump(),
            "error": record.error,
            "error_ratio_to_pca": record.error_ratio_to_pca,
            "epochs": record.epochs,
            "seed": record.seed,
            "reason": record.reason,
        }
        for record in sorted(records, key=lambda record: record.number)
    ]
    return pd.DataFrame(rows)


def best_record(records: Sequence[Record]) -> Record | None:
    """Give the complete trial of least error over that of PCA, the earliest of equals."""
    complete = [record for record in records if record.error_ratio_to_pca is not None and record.state == "complete"]
    return min(complete, key=lambda record: (record.error_ratio_to_pca, record.number), default=None)
