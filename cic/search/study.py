"""The coordinator of a search: asks for a round of trials, has workers run them, tells the study, and so on.

The outcome is a function of the configuration, the seed and the data. How many workers there are, which was
faster, and where the search was interrupted, leave no trace in it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import optuna

from cic import config
from cic.model.trial import TrialResult, TrialSpec
from cic.progress import bar
from cic.search.proposals import propose
from cic.search.pruning import thresholds
from cic.search.records import Record, best_record
from cic.search.rounds import Clock, Crew, Job, MakeSpec, finish
from cic.search.selection import Choice, Finalist, choose, contenders, finalist
from cic.search.space import Space
from cic.search.storage import Finished, open_companion, open_storage, open_study
from cic.seeds import derive_seed
from cic.workers.workers import Workers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """A finished round, as `on_round` gets it: also one that an earlier run of the same study had finished."""

    number: int
    finished: tuple[Finished, ...]
    of_trials: int


@dataclass(frozen=True)
class Timing:
    """What the time went into. Not part of the outcome.

    Attributes
    ----------
    wall
        Seconds from beginning to end.
    training
        Seconds inside trials, summed over workers.
    trials
        Trials run this time, finalists' included; those an earlier run had finished are not among them.
    """

    wall: float
    training: float
    workers: int
    trials: int

    @property
    def not_training(self) -> float:
        """Share of the workers' time that went into anything else, waiting included; 0 if nothing was run."""
        return 1 - self.training / (self.wall * self.workers) if self.trials else 0.0


@dataclass(frozen=True)
class SearchOutcome:
    """What a search found."""

    study: str
    records: tuple[Record, ...]
    finalists: tuple[Finalist, ...]
    choice: Choice
    seconds: Mapping[int, float]
    timing: Timing


def search(
    search_config: config.Search,
    *,
    seed: int,
    identity: Mapping[str, str | int],
    storage_url: str,
    make_spec: MakeSpec,
    run: Callable[[TrialSpec], TrialResult],
    workers: Workers,
    on_round: Callable[[Round], None] = lambda _: None,
) -> SearchOutcome:
    """Search the space within the budget, train the best of every depth and width again, and choose.

    Parameters
    ----------
    search_config
        Space, budget and rule.
    seed
        The root seed.
    identity
        Digests of what else the outcome depends on: `data`, and others such as `training`. A change of any, or of
        the space, starts a new study; a larger budget or another rule goes on with the same.
    storage_url
        Database of studies, for Optuna.
    make_spec
        Completes the description of a trial.
    run
        The trial: a pure function that can be sent to a worker.
    on_round
        Called after each round, in order, with rounds of earlier runs included.

    Returns
    -------
    SearchOutcome
        The same for every kind and number of workers, but for its times.

    Raises
    ------
    ServiceError
        If the database cannot be opened.
    CicError
        If no trial came to an end.
    """
    space = Space.of(search_config)
    crew = Crew(make_spec, run, workers, Clock(), search_config.trial_seconds)
    storage = open_storage(storage_url)
    about = {**identity, "seed": seed, **_outcome_settings(search_config)}
    study = open_study(storage, space, about)
    finished = _run_rounds(search_config, space, seed, study, crew, on_round)
    records = tuple(each.record for each in finished)
    finalists = _train_again(search_config, space, seed, records, open_companion(storage, study, "finalists"), crew)
    wall = time.perf_counter() - crew.clock.started
    timing = Timing(wall, crew.clock.training, workers.count, crew.clock.trials)
    return SearchOutcome(
        study=study.study_name,
        records=records,
        finalists=finalists,
        choice=choose(finalists, search_config),
        seconds={each.record.number: each.seconds for each in finished},
        timing=timing,
    )


def _outcome_settings(search_config: config.Search) -> dict[str, int | bool]:
    """Give the settings, beside the space, that change what a trial is or which is asked next."""
    return search_config.model_dump(include={"round_size", "folds", "prune", "rank"})


def rounds(trials: int, round_size: int) -> Iterator[range]:
    """Give the trial numbers of each round; where rounds begin does not depend on the budget."""
    for start in range(0, trials, round_size):
        yield range(start, min(start + round_size, trials))


def _run_rounds(
    search_config: config.Search,
    space: Space,
    seed: int,
    study: optuna.Study,
    crew: Crew,
    on_round: Callable[[Round], None],
) -> tuple[Finished, ...]:
    finished: list[Finished] = []
    trials = space.size(search_config.trials)
    with bar(trials, "search") as shown:
        for index, numbers in enumerate(rounds(trials, search_config.round_size)):
            earlier = [each.record for each in finished]
            jobs = _round_jobs(search_config, space, seed, numbers, earlier)

            def seen(each: Finished) -> None:
                finished.append(each)
                shown.advance(note=_note([each.record for each in finished]))

            batch = finish(jobs, crew, study, space, seen)
            on_round(Round(index, batch, trials))
    return tuple(finished)


def _round_jobs(
    search_config: config.Search, space: Space, seed: int, numbers: Sequence[int], earlier: Sequence[Record]
) -> list[Job]:
    proposed = propose(space, seed, numbers, earlier)
    return [
        Job(
            key=str(number),
            number=number,
            hyper=hyper,
            seed=derive_seed(seed, "search", "trial", number),
            thresholds=thresholds(earlier, hyper.bottleneck_width) if search_config.prune else (),
        )
        for number, hyper in zip(numbers, proposed, strict=True)
    ]


def _train_again(
    search_config: config.Search, space: Space, seed: int, records: Sequence[Record], study: optuna.Study, crew: Crew
) -> tuple[Finalist, ...]:
    candidates = contenders(records, search_config)
    jobs = [
        Job(
            key=f"{record.number}/{repeat}",
            number=record.number,
            hyper=record.hyper,
            seed=derive_seed(seed, "search", "repeat", record.number, repeat),
        )
        for record in candidates
        if record.hyper.depth > 0
        for repeat in range(search_config.repeats)
    ]
    by_number: dict[int, list[Record]] = {}
    with bar(len(jobs), "finalists") as shown:

        def seen(each: Finished) -> None:
            by_number.setdefault(each.record.number, []).append(each.record)
            shown.advance(note=_note([record for repeats in by_number.values() for record in repeats]))

        finish(jobs, crew, study, space, seen)
    joined = (finalist(record, by_number.get(record.number, [])) for record in candidates)
    return tuple(each for each in joined if each is not None)


def _note(records: Sequence[Record]) -> str:
    """Give the least error over PCA's so far at the least, a middle and the largest width, which are no rivals."""
    widths = sorted({record.hyper.bottleneck_width for record in records})
    told = []
    for width in sorted({widths[0], widths[len(widths) // 2], widths[-1]}) if widths else []:
        best = best_record([record for record in records if record.hyper.bottleneck_width == width])
        if best is not None:
            told.append(f"{best.error_ratio_to_pca:.2f} at width {width}")
    return f"best of PCA: {', '.join(told)}" if told else ""
