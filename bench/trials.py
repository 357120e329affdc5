"""Our own trial, measured: how many a second, how soon at which error, and what of the machine's speed it reaches."""

from __future__ import annotations

import os
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.data import prepared
from bench.rivals import SHAPE, Point
from cic.config import Training
from cic.model.threads import one_thread
from cic.model.training import new_network, train
from cic.model.trial import TrialSpec, run_trial
from cic.workers.executor import make_executor


def trials_side_by_side(file: str, rank: int, per_core: int = 2) -> dict[str, float]:
    """Time whole trials, one a core, as a search runs them; workers are started before."""
    fold = prepared(file, rank).fold
    cores = len(os.sched_getaffinity(0))
    specs = [TrialSpec(number, SHAPE, number, Training(), (fold,)) for number in range(per_core * cores)]
    with make_executor(cores, running=[run_trial]) as workers:
        list(workers.map(run_trial, specs[:cores]))
        started = time.perf_counter()
        results = list(workers.map(run_trial, specs))
        seconds = time.perf_counter() - started
    ratios = [result.error_ratio_to_pca for result in results if result.error_ratio_to_pca is not None]
    return {"seconds": seconds / len(specs), "ratio_to_pca": float(np.mean(ratios))}


def our_curve(file: str, rank: int) -> list[Point]:
    """Train on one core, and give what it would have come to, and taken, had it stopped after each epoch.

    Looks at the validation part change nothing in a training, so it is trained twice: once timed, and looked at when it
    ends; once with a look after each epoch. Epochs take equally long.
    """
    fold = prepared(file, rank).fold
    epochs = Training().epochs
    with one_thread():
        for every in (epochs, 1):
            training = Training(validate_every=every, patience=epochs)
            started = time.perf_counter()
            results = list(train(new_network(fold, SHAPE, training, 1), fold, SHAPE, training, 1))
            if every == epochs:
                seconds = time.perf_counter() - started
    return [Point(one.epoch, seconds * one.epoch / epochs, one.validation_error) for one in results]


def speed_reached(file: str, rank: int, epochs: int = 10) -> dict[str, float]:
    """Give the operations a second of training on one core, and what the same core does in a product of matrices.

    Products, and nothing else, are counted as operations (two a multiplication), as PyTorch counts them.
    """
    fold = prepared(file, rank).fold
    training = Training(epochs=epochs, validate_every=epochs)

    def run() -> None:
        list(train(new_network(fold, SHAPE, training, 1), fold, SHAPE, training, 1))

    with one_thread():
        run()
        started = time.perf_counter()
        run()
        seconds = time.perf_counter() - started
        with FlopCounterMode(display=False) as counter:
            run()
        rows, features = len(fold.z_train_SK), SHAPE.hidden_width + SHAPE.bottleneck_width + 1
        x_BF, y_FF = torch.randn(rows, features), torch.randn(features, features)
        product = min(_seconds_of_product(x_BF, y_FF) for _ in range(5))
    reached = counter.get_total_flops() / seconds
    possible = 2 * rows * features * features / product
    return {"gigaflops": reached / 1e9, "product_gigaflops": possible / 1e9, "share": reached / possible}


def _seconds_of_product(x_BF: torch.Tensor, y_FF: torch.Tensor, times: int = 50) -> float:
    started = time.perf_counter()
    for _ in range(times):
        x_BF @ y_FF
    return (time.perf_counter() - started) / times
