"""One batch of trials: skip what the study has, run the rest on workers, tell the study in order."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import optuna

from cic.errors import CicError
from cic.model.training import Hyperparameters
from cic.model.trial import TrialResult, TrialSpec
from cic.search.records import lost_record, record_of
from cic.search.space import Space
from cic.search.storage import Finished, read_finished, tell
from cic.workers.workers import Lost, Workers

Thresholds = tuple[tuple[int, float], ...]


class MakeSpec(Protocol):
    """Completes a trial's description with what all trials share: the data, and how it is trained."""

    def __call__(self, number: int, hyper: Hyperparameters, seed: int, thresholds: Thresholds) -> TrialSpec:
        """Give the description that goes to a worker."""


@dataclass
class Clock:
    """Counts what the time went into."""

    started: float = field(default_factory=time.perf_counter)
    trials: int = 0
    training: float = 0.0

    def count(self, seconds: float) -> None:
        """Add one trial's seconds."""
        self.trials += 1
        self.training += seconds


@dataclass(frozen=True)
class Job:
    """One training to be done, under its key in the study."""

    key: str
    number: int
    hyper: Hyperparameters
    seed: int
    thresholds: Thresholds = ()

    @property
    def cost(self) -> float:
        """A guess at how long it takes, to begin with the longest; without any effect on results."""
        return self.hyper.hidden_width if self.hyper.depth else 0


@dataclass(frozen=True)
class Crew:
    """What turns jobs into results."""

    make_spec: MakeSpec
    run: Callable[[TrialSpec], TrialResult]
    workers: Workers
    clock: Clock = field(default_factory=Clock)
    seconds: float = math.inf


def finish(
    jobs: Sequence[Job], crew: Crew, study: optuna.Study, space: Space, seen: Callable[[Finished], None]
) -> tuple[Finished, ...]:
    """Give what every job came to, in the order of `jobs`.

    The study is told each job once all before it are done, so what it holds is always a beginning of the batch. From
    the first failed one on it is told at the end: a batch of which most failed is an error, and runs again when what
    is at fault has been mended.

    Parameters
    ----------
    seen
        Called with each job as it is finished, in the order of `jobs`.

    Raises
    ------
    CicError
        If more than half of the jobs failed, and more than one.
    """
    done = {key: finished for key, finished in read_finished(study).items() if key in {job.key for job in jobs}}
    known = set(done)
    told: list[Finished] = []

    def tell_in_order(failed_too: bool = False) -> None:
        while len(told) < len(jobs) and (finished := done.get(jobs[len(told)].key)) is not None:
            if finished.key not in known:
                if finished.record.state == "failed" and not failed_too:
                    return
                tell(study, space, finished)
            told.append(finished)
            seen(finished)

    tell_in_order()
    to_do = sorted((job for job in jobs if job.key not in done), key=lambda job: -job.cost)
    specs = [crew.make_spec(job.number, job.hyper, job.seed, job.thresholds) for job in to_do]
    for index, result in crew.workers.each(crew.run, specs, crew.seconds):
        finished = _finished(to_do[index], result)
        crew.clock.count(finished.seconds)
        done[finished.key] = finished
        tell_in_order()
    _check_failures([done[job.key] for job in to_do], len(jobs))
    tell_in_order(failed_too=True)
    return tuple(told)


def _check_failures(finished: Sequence[Finished], n_jobs: int) -> None:
    failed = [each.record for each in finished if each.record.state == "failed"]
    if len(failed) < 2 or len(failed) <= n_jobs / 2:
        return
    reasons = Counter(record.reason for record in failed)
    raise CicError(
        f"{len(failed)} of {n_jobs} trials of a round failed: "
        + "; ".join(f"{reason} ({count} times)" for reason, count in reasons.most_common(3)),
        where="search",
        expected="most trials to come to an end",
        fix="mend what the reasons name and run it again: these trials are run anew, those of earlier rounds are kept",
    )


def _finished(job: Job, result: TrialResult | Lost) -> Finished:
    if isinstance(result, Lost):
        return Finished(job.key, lost_record(result.reason, job.number, job.hyper, job.seed), 0.0)
    return Finished(job.key, record_of(result, job.number, job.hyper, job.seed), result.seconds)
