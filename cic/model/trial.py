"""One trial of a search, and the final fit: pure functions of their description.

A trial goes to a worker as a `TrialSpec` and comes back as a `TrialResult`; nothing else passes between them.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cic.config import Training
from cic.model.autoencoder import Autoencoder
from cic.model.threads import one_thread
from cic.model.training import EpochResult, Fold, Hyperparameters, new_network, pca_error, train
from cic.seeds import derive_seed

log = logging.getLogger(__name__)
LONGEST_REASON = 300
RUNGS = (0.125, 0.25, 0.5)
"""Shares of the epochs at which a trial may be pruned."""


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


class _Best:
    """The epoch of lowest validation loss so far, and the validation error there.

    It begins with an untrained network, which is PCA; where there is a head, nobody has trained that yet. Then, too,
    the later of two equal losses is the better: no validation profile may have a label, and the code be fixed.
    """

    def __init__(self, pca: float, has_head: bool) -> None:
        self.error, self.loss, self.epoch = pca, math.inf if has_head else pca, 0
        self.has_head = has_head

    def see(self, epoch: int, error: float, loss: float) -> bool:
        if loss < self.loss or (self.has_head and loss == self.loss):
            self.error, self.loss, self.epoch = error, loss, epoch
            return True
        return False


def rung_epochs(training: Training) -> tuple[int, ...]:
    """Give the epochs at which a trial may be pruned: looks at the validation part about the shares `RUNGS`."""
    every = training.validate_every
    return tuple(sorted({every * math.ceil(share * training.epochs / every) for share in RUNGS}))


def run_trial(spec: TrialSpec) -> TrialResult:
    """Train the architecture of `spec` on each of its folds in step, and give the mean validation error.

    On one thread, so that the result does not depend on what runs beside it. An untrained network is PCA, so without
    labels no trial comes out worse than that. Whatever goes wrong in a trial is the reason of its failure, no error.
    """
    started = time.perf_counter()
    try:
        return _run_trial(spec, started)
    except Exception as error:
        log.warning("trial %d failed", spec.number, exc_info=True)
        seconds = time.perf_counter() - started
        return TrialResult(spec.number, "failed", reason_of(error), None, None, (), 0, seconds, spec.seed)


def reason_of(error: Exception) -> str:
    """Give an exception as the reason why a training failed, in one line."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:LONGEST_REASON]


def _run_trial(spec: TrialSpec, started: float) -> TrialResult:
    with one_thread():
        width, depth = spec.hyper.bottleneck_width, spec.hyper.depth
        pca = sum(pca_error(fold, width) for fold in spec.folds) / len(spec.folds)
        best, at_rungs = _Best(pca, bool(spec.folds[0].n_labels)), []
        state: Literal["complete", "pruned", "failed"] = "complete"
        reason, epoch = "", 0
        if depth > 0:
            thresholds = dict(spec.thresholds)
            for results in zip(*_trainings(spec), strict=True):
                epoch = results[0].epoch
                error = sum(result.validation_error for result in results) / len(results)
                if not all(math.isfinite(result.train_error) for result in results) or not math.isfinite(error):
                    state, reason = "failed", f"the loss is not finite in epoch {epoch}"
                    break
                best.see(epoch, error, sum(result.validation_loss for result in results) / len(results))
                if time.perf_counter() - started > spec.seconds:
                    state, reason = "failed", f"past {spec.seconds:g} s (`search.trial_seconds`) in epoch {epoch}"
                    break
                if epoch in rung_epochs(spec.training):
                    at_rungs.append((epoch, best.error / pca))
                    if best.error / pca > thresholds.get(epoch, math.inf):
                        state = "pruned"
                        reason = f"at epoch {epoch} {best.error / pca:.4f} of PCA, above {thresholds[epoch]:.4f}"
                        break
                if epoch - best.epoch >= spec.training.patience:
                    reason = f"no better for {spec.training.patience} epochs"
                    break
    return TrialResult(
        number=spec.number,
        state=state,
        reason=reason,
        error=None if state == "failed" else best.error,
        error_ratio_to_pca=None if state == "failed" else best.error / pca,
        ratios_at_rungs=tuple(at_rungs),
        epochs=epoch,
        seconds=time.perf_counter() - started,
        seed=spec.seed,
    )


def _trainings(spec: TrialSpec) -> list[Iterator[EpochResult]]:
    trainings = []
    for index, fold in enumerate(spec.folds):
        seed = derive_seed(spec.seed, "fold", index)
        trainings.append(
            train(new_network(fold, spec.hyper, spec.training, seed), fold, spec.hyper, spec.training, seed)
        )
    return trainings


def fit_network(fold: Fold, hyper: Hyperparameters, training: Training, seed: int, device: str = "cpu") -> Fitted:
    """Train one network and restore the weights of its best epoch.

    Raises
    ------
    FloatingPointError
        If the loss stops being finite.
    """
    network = new_network(fold, hyper, training, seed)
    best = _Best(pca_error(fold, hyper.bottleneck_width), bool(fold.n_labels))
    weights, curve = copy.deepcopy(network.state_dict()), []
    if hyper.depth == 0 and not fold.n_labels:
        return Fitted(network.eval(), (), 0, best.error, best.loss, seed)
    with one_thread():
        for result in train(network, fold, hyper, training, seed, device):
            if not math.isfinite(result.train_error) or not math.isfinite(result.validation_error):
                raise FloatingPointError(f"the loss is not finite in epoch {result.epoch}")
            curve.append(result)
            if best.see(result.epoch, result.validation_error, result.validation_loss):
                weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
            if result.epoch - best.epoch >= training.patience:
                break
    network.load_state_dict(weights)
    network.to("cpu").eval()
    return Fitted(network, tuple(curve), best.epoch, best.error, best.loss, seed)


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
