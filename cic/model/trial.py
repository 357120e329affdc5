"""One trial of a search, and the final fit: pure functions of their description.

A trial goes to a worker as a `TrialSpec` and comes back as a `TrialResult`; nothing else passes between them.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from cic.config import Training
from cic.model.autoencoder import Autoencoder
from cic.model.fold import Fold, pca_error
from cic.model.stopping import Best, rung_epochs
from cic.model.threads import one_thread
from cic.model.training import EpochResult, Hyperparameters, new_network, train
from cic.seeds import derive_seed

log = logging.getLogger(__name__)
LONGEST_REASON = 300


@dataclass(frozen=True)
class TrialSpec:
    """All that a trial needs.

    Attributes
    ----------
    thresholds
        (epoch, error) pairs: a trial whose best error over PCA's is above this one at that epoch stops there.
    seconds
        Wall-clock limit, looked at between epochs: a trial past it has failed. The one thing on which an outcome may
        depend beside the description, so it should be generous.
    folds
        One or more; the score is the mean over them.
    """

    number: int
    hyper: Hyperparameters
    seed: int
    training: Training
    folds: tuple[Fold, ...]
    thresholds: tuple[tuple[int, float], ...] = ()
    seconds: float = math.inf


@dataclass(frozen=True)
class TrialResult:
    """What a trial came to.

    Attributes
    ----------
    error
        Best validation unexplained variance in gene space; `None` if the trial failed.
    error_ratio_to_pca
        The same over that of PCA of equal width.
    ratios_at_rungs
        (epoch, best error over PCA's so far), to derive the thresholds of later rounds from.
    epochs
        Epochs run; 0 at depth 0, which is PCA.
    seconds
        Of the trial itself, in its worker.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    reason: str
    error: float | None
    error_ratio_to_pca: float | None
    ratios_at_rungs: tuple[tuple[int, float], ...]
    epochs: int
    seconds: float
    seed: int


@dataclass(frozen=True)
class Fitted:
    """A trained network with its best weights, and how it got there.

    Attributes
    ----------
    validation_loss
        By which the best epoch was chosen (`EpochResult`), and the best of several trainings is.
    """

    network: Autoencoder
    curve: tuple[EpochResult, ...]
    best_epoch: int
    validation_error: float
    validation_loss: float
    seed: int


class TrialCourse:
    """A trial as far as it has come: judges each look at the validation part, and says when that is enough."""

    def __init__(self, spec: TrialSpec) -> None:
        self.spec, self._started = spec, time.perf_counter()
        self._pca = sum(pca_error(fold, spec.hyper.bottleneck_width) for fold in spec.folds) / len(spec.folds)
        self._best = Best(self._pca, spec.folds[0].error_alone)
        self._state: Literal["complete", "pruned", "failed"] = "complete"
        self._reason, self._epoch = "", 0
        self._at_rungs: list[tuple[int, float]] = []

    def ends(self, results: Sequence[EpochResult]) -> bool:
        """Take note of a look at each fold, and say whether the trial ends there."""
        training, best = self.spec.training, self._best
        self._epoch = epoch = results[0].epoch
        error = sum(result.validation_error for result in results) / len(results)
        if not all(math.isfinite(result.train_error) for result in results) or not math.isfinite(error):
            return self._end("failed", f"the loss is not finite in epoch {epoch}")
        best.see(epoch, error, sum(result.validation_loss for result in results) / len(results))
        if time.perf_counter() - self._started > self.spec.seconds:
            return self._end("failed", f"past {self.spec.seconds:g} s (`search.trial_seconds`) in epoch {epoch}")
        if epoch in rung_epochs(training):
            ratio, threshold = best.error / self._pca, dict(self.spec.thresholds).get(epoch, math.inf)
            self._at_rungs.append((epoch, ratio))
            if ratio > threshold:
                return self._end("pruned", f"at epoch {epoch} {ratio:.4f} of PCA, above {threshold:.4f}")
        if epoch - best.epoch >= training.patience:
            return self._end("complete", f"no better for {training.patience} epochs")
        return False

    def _end(self, state: Literal["complete", "pruned", "failed"], reason: str) -> bool:
        self._state, self._reason = state, reason
        return True

    def result(self, seconds: float | None = None) -> TrialResult:
        """Give what the trial has come to; `seconds` of work, or else all since its beginning."""
        failed = self._state == "failed"
        return TrialResult(
            number=self.spec.number,
            state=self._state,
            reason=self._reason,
            error=None if failed else self._best.error,
            error_ratio_to_pca=None if failed else self._best.error / self._pca,
            ratios_at_rungs=tuple(self._at_rungs),
            epochs=self._epoch,
            seconds=time.perf_counter() - self._started if seconds is None else seconds,
            seed=self.spec.seed,
        )


def run_trial(spec: TrialSpec, device: str = "cpu") -> TrialResult:
    """Train the architecture of `spec` on each of its folds in step, and give the mean validation error.

    On one thread, so that the result does not depend on what runs beside it. An untrained network is PCA, so without
    labels no trial comes out worse than that. Whatever goes wrong in a trial is the reason of its failure, no error.
    """
    started = time.perf_counter()
    try:
        with one_thread():
            course = TrialCourse(spec)
            if spec.hyper.depth > 0:
                for results in zip(*_trainings(spec, device), strict=True):
                    if course.ends(results):
                        break
            return course.result()
    except Exception as error:
        log.warning("trial %d failed", spec.number, exc_info=True)
        seconds = time.perf_counter() - started
        return TrialResult(spec.number, "failed", reason_of(error), None, None, (), 0, seconds, spec.seed)


def reason_of(error: Exception) -> str:
    """Give an exception as the reason why a training failed, in one line."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:LONGEST_REASON]


def fold_seed(spec: TrialSpec, index: int) -> int:
    """Give the seed of the training on one of the folds."""
    return derive_seed(spec.seed, "fold", index)


def _trainings(spec: TrialSpec, device: str) -> list[Iterator[EpochResult]]:
    trainings = []
    for index, fold in enumerate(spec.folds):
        seed = fold_seed(spec, index)
        network = new_network(fold, spec.hyper, spec.training, seed)
        trainings.append(train(network, fold, spec.hyper, spec.training, seed, device))
    return trainings


class FitCourse:
    """A training whose best weights are to be kept, as far as it has come.

    Parameters
    ----------
    network
        To be trained.
    error
        Validation error of the network as it is given; infinite where it reproduces nothing yet.
    error_alone
        As of `Fold`.
    """

    def __init__(self, network: Autoencoder, error: float, error_alone: bool, patience: int, seed: int) -> None:
        self.network = network
        self._best = Best(error, error_alone)
        self._weights = copy.deepcopy(self.network.state_dict())
        self._curve: list[EpochResult] = []
        self._patience, self._seed = patience, seed

    def ends(self, result: EpochResult, weights: Callable[[], dict[str, Tensor]]) -> bool:
        """Take note of a look at the validation part and of the weights there, and say whether that is enough.

        Raises
        ------
        FloatingPointError
            If the loss stops being finite.
        """
        if not math.isfinite(result.train_error) or not math.isfinite(result.validation_error):
            raise FloatingPointError(f"the loss is not finite in epoch {result.epoch}")
        self._curve.append(result)
        if self._best.see(result.epoch, result.validation_error, result.validation_loss):
            self._weights = {name: value.detach().clone() for name, value in weights().items()}
        return result.epoch - self._best.epoch >= self._patience

    def fitted(self) -> Fitted:
        """Give the network with the weights of its best epoch."""
        self.network.to("cpu").load_state_dict(self._weights)
        best = self._best
        return Fitted(self.network.eval(), tuple(self._curve), best.epoch, best.error, best.loss, self._seed)


def fit_network(fold: Fold, hyper: Hyperparameters, training: Training, seed: int, device: str = "cpu") -> Fitted:
    """Train one network and restore the weights of its best epoch.

    Raises
    ------
    FloatingPointError
        If the loss stops being finite.
    """
    course = new_course(fold, hyper, training, seed)
    if hyper.depth or fold.n_labels:
        to_the_end(course, fold, hyper, training, seed, device)
    return course.fitted()


def new_course(fold: Fold, hyper: Hyperparameters, training: Training, seed: int) -> FitCourse:
    """Give the course of a training that has not begun, whose network is PCA."""
    network = new_network(fold, hyper, training, seed)
    return FitCourse(network, pca_error(fold, hyper.bottleneck_width), fold.error_alone, training.patience, seed)


def to_the_end(
    course: FitCourse, fold: Fold, hyper: Hyperparameters, training: Training, seed: int, device: str
) -> None:
    """Train the network of a course until that has seen enough."""
    with one_thread():
        for result in train(course.network, fold, hyper, training, seed, device):
            if course.ends(result, course.network.state_dict):
                break


@dataclass(frozen=True)
class NotFitted:
    """In place of a network: why its training came to nothing."""

    seed: int
    reason: str


def fit_from_spec(spec: TrialSpec, device: str = "cpu") -> Fitted | NotFitted:
    """Fit on the spec's one fold, as a worker does; whatever goes wrong is told, not raised."""
    (fold,) = spec.folds
    try:
        return fit_network(fold, spec.hyper, spec.training, spec.seed, device)
    except Exception as error:
        log.warning("training from seed %d failed", spec.seed, exc_info=True)
        return NotFitted(spec.seed, reason_of(error))
