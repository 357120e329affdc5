"""A trial whose error is a formula: what the tests of the search train in place of a network."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import numpy as np

from cic.config import Training
from cic.model.training import Hyperparameters
from cic.model.trial import TrialResult, TrialSpec
from cic.seeds import generator

TRAINING = Training(epochs=80)
RUNGS = (10, 20, 40)
FAILING_RATE = 4e-3
BEST_RATE, BEST_DECAY, BEST_NOISE = 2e-3, 1.5, 0.35
SPACE = {
    "bottleneck_width": (4, 8),
    "depth": (0, 1, 2),
    "hidden_width": (64, 128, 256),
    "learning_rate": (3e-4, 1e-2),
    "weight_decay": (0.3, 10.0),
    "input_noise": (0.1, 0.8),
    "feature_scale": (0.5, 0.5),
}


def make_spec(number: int, hyper: Hyperparameters, seed: int, thresholds=()) -> TrialSpec:
    return TrialSpec(number, hyper, seed, TRAINING, (), tuple(thresholds))


def formula(hyper: Hyperparameters) -> float:
    """The error over PCA's without noise: least near the best rate, decay and noise; a gain of depth."""
    if hyper.depth == 0:
        return 1.0
    away = (
        math.log10(hyper.learning_rate / BEST_RATE) ** 2
        + math.log10(hyper.weight_decay / BEST_DECAY) ** 2
        + (hyper.input_noise - BEST_NOISE) ** 2
    )
    gain = (0.3 if hyper.depth == 1 else 0.2) * 8 / hyper.bottleneck_width
    return 1.0 - gain + 0.5 * away


def run(spec: TrialSpec) -> TrialResult:
    """Give the formula with noise from the trial's seed, stopping at rungs as a real trial does."""
    hyper, noise = spec.hyper, generator(spec.seed, "noise")
    pca = 1 / math.sqrt(hyper.bottleneck_width)
    ratio = formula(hyper) + (0.01 * float(noise.standard_normal()) if hyper.depth else 0.0)
    state, reason, epoch, rungs = "complete", "", 0, []
    if hyper.depth:
        for epoch in RUNGS:
            rungs.append((epoch, ratio + 5 / epoch))
            if rungs[-1][1] > dict(spec.thresholds).get(epoch, math.inf):
                state, reason, ratio = "pruned", f"behind at epoch {epoch}", rungs[-1][1]
                break
        else:
            epoch = spec.training.epochs
    return TrialResult(spec.number, state, reason, ratio * pca, ratio, tuple(rungs), epoch, 0.001, spec.seed)


def run_at_random_pace(spec: TrialSpec) -> TrialResult:
    """Take a time that differs from run to run, so that trials finish in another order every time."""
    time.sleep(float(np.random.default_rng().uniform(0, 0.02)))
    return run(spec)


def run_some_fail(spec: TrialSpec) -> TrialResult:
    """Fail, as a trial with a loss that is not finite does, where the learning rate is high."""
    if spec.hyper.depth and spec.hyper.learning_rate > FAILING_RATE:
        reason = "the loss is not finite in epoch 3"
        return TrialResult(spec.number, "failed", reason, None, None, (), 3, 0.001, spec.seed)
    return run(spec)


def run_killed_once(mark: Path, spec: TrialSpec) -> TrialResult:
    """Kill the worker at trial 5, the first time; the file `mark` remembers."""
    if spec.number == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return run(spec)


def run_always_killed(spec: TrialSpec) -> TrialResult:
    """Kill the worker at trial 5, every time."""
    if spec.number == 5:
        os.kill(os.getpid(), 9)
    return run(spec)


def run_that_hangs(pid: Path, spec: TrialSpec) -> TrialResult:
    """Say at trial 5 who runs it, and never end."""
    if spec.number == 5:
        pid.write_text(str(os.getpid()))
        while True:
            time.sleep(60)
    return run(spec)


def divide_by_zero(spec: TrialSpec) -> TrialResult:
    """Have a fault of the program."""
    raise ZeroDivisionError
