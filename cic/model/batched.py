"""Trials, and final fits, of one shape at once: each comes to what `cic.model.trial` gives, but for rounding.

Of several folds each has a stack of its own, since their profiles differ in number; the stacks go in step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from functools import partial

from cic.model.stacked import StackedTraining
from cic.model.threads import one_thread
from cic.model.training import EpochResult
from cic.model.trial import (
    Fitted,
    NotFitted,
    TrialCourse,
    TrialResult,
    TrialSpec,
    fold_seed,
    new_course,
    reason_of,
)


def alike(specs: Sequence[TrialSpec]) -> list[list[int]]:
    """Give the positions of those that can be trained at once, in the order of their first; depth 0 stays alone.

    They have the networks' shape in common, the settings of training, and the folds themselves.
    """
    found: dict[Hashable, list[int]] = {}
    for position, spec in enumerate(specs):
        shape = spec.hyper.model_dump_json(include={"depth", "bottleneck_width", "hidden_width", "activation"})
        key = (shape, spec.training.model_dump_json(), *map(id, spec.folds)) if spec.hyper.depth else position
        found.setdefault(key, []).append(position)
    return list(found.values())


def run_trials(specs: Sequence[TrialSpec], device: str = "cpu") -> list[TrialResult]:
    """Run trials that are `alike` at once, as `cic.model.trial.run_trial` runs one.

    A trial that ends leaves the stack; one whose loss is not finite fails alone. The seconds of a trial are its share
    of the stack's; its time limit is held against the clock.
    """
    with one_thread():
        courses = [TrialCourse(spec) for spec in specs]
        trainings = [
            StackedTraining(
                fold,
                [spec.hyper for spec in specs],
                specs[0].training,
                [fold_seed(spec, index) for spec in specs],
                device,
            )
            for index, fold in enumerate(specs[0].folds)
        ]
        seconds = _train(trainings, len(specs), lambda number, _, results: courses[number].ends(results))
    return [course.result(took) for course, took in zip(courses, seconds, strict=True)]


def fit_specs(specs: Sequence[TrialSpec], device: str = "cpu") -> list[Fitted | NotFitted]:
    """Fit those that are `alike` at once, as `cic.model.trial.fit_from_spec` fits one."""
    failed: dict[int, NotFitted] = {}
    with one_thread():
        first, (fold,) = specs[0], specs[0].folds
        courses = [new_course(fold, spec.hyper, spec.training, spec.seed) for spec in specs]
        seeds = [spec.seed for spec in specs]
        training = StackedTraining(fold, [spec.hyper for spec in specs], first.training, seeds, device)

        def ends(number: int, position: int, results: Sequence[EpochResult]) -> bool:
            try:
                return courses[number].ends(results[0], partial(training.weights, position))
            except FloatingPointError as error:
                failed[number] = NotFitted(specs[number].seed, reason_of(error))
                return True

        _train([training], len(specs), ends)
        return [failed[number] if number in failed else course.fitted() for number, course in enumerate(courses)]


def _train(
    trainings: Sequence[StackedTraining], n_members: int, ends: Callable[[int, int, Sequence[EpochResult]], bool]
) -> list[float]:
    """Train until every member has ended, and give the seconds that each had of it.

    Parameters
    ----------
    trainings
        The same members on each of the folds.
    ends
        Is told the number of a member, its position in the stack and its looks at the folds.
    """
    seconds, going, begun = [0.0] * n_members, list(range(n_members)), time.perf_counter()
    for looks in zip(*(training.run() for training in trainings), strict=True):
        stays = [
            position
            for position, results in enumerate(zip(*looks, strict=True))
            if not ends(going[position], position, results)
        ]
        took, begun = time.perf_counter() - begun, time.perf_counter()
        for number in going:
            seconds[number] += took / len(going)
        if not stays:
            break
        if len(stays) < len(going):
            going = [going[position] for position in stays]
            for training in trainings:
                training.keep(stays)
    return seconds
