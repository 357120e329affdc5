"""The measurements behind `make bench`; each is run in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from cic.config import Data, Params, Training
from cic.data.audit import audit_split
from cic.data.checks import check_matrix
from cic.data.matrix import read_matrix
from cic.data.roles import with_roles
from cic.data.split import split_samples
from cic.data.synthetic import planted_activity
from cic.declarations import declarations
from cic.evaluation.evaluate import evaluate
from cic.evaluation.measure import MEASURES_BAR
from cic.evaluation.retrainings.retraining import retrain
from cic.evaluation.subject import Given
from cic.model.autoencoder import composed
from cic.model.basis import squared_norms
from cic.model.bundle import Bundle
from cic.model.prepare import Prepared, prepare, search_folds
from cic.model.threads import one_thread
from cic.model.training import Fold, Hyperparameters, new_network, pca_error, train
from cic.model.trial import TrialSpec, fit_network, run_trial
from cic.progress import observed
from cic.search.study import search
from cic.workers.executor import make_executor

HYPER = Hyperparameters(depth=1, bottleneck_width=30)
GENE_SPACE = {"learning_rate": 1e-3, "weight_decay": 1.0, "batch_size": 128}
"""Of the rival: customary settings, not tuned."""


def load(file: str) -> tuple[Params, Any, Any]:
    """Read the profiles and split them."""
    params = Params(seed=1, data=Data(file=file, label="cell_type", group="study", replicate="replicate_of"))
    matrix = with_roles(read_matrix(Path(file)), params)
    return params, matrix, split_samples(matrix.samples, params.split, 1)


def prepared(file: str, rank: int) -> Prepared:
    """Bring training and validation profiles into the basis."""
    params, matrix, part = load(file)
    part_S = part.to_numpy()
    return prepare(matrix.select(part_S == "train"), matrix.select(part_S == "validation"), params, rank)


def basis_epochs(file: str, rank: int, epochs: int = 20) -> dict[str, float]:
    """Time epochs of our training on one thread, without looks at the validation part."""
    ready = prepared(file, rank)
    training = Training(epochs=epochs + 1, validate_every=epochs + 1)
    with one_thread():
        network = new_network(ready.fold, HYPER, training, 1)
        list(train(network, ready.fold, HYPER, Training(epochs=1, validate_every=1), 1))
        started = time.perf_counter()
        list(train(network, ready.fold, HYPER, Training(epochs=epochs, validate_every=epochs), 1))
    return {"seconds_per_epoch": (time.perf_counter() - started) / epochs, "rank": ready.basis.rank}


def basis_trials(file: str, rank: int) -> dict[str, float]:
    """Time whole trials, one a core side by side."""
    fold = prepared(file, rank).fold
    cores = len(os.sched_getaffinity(0))
    specs = [TrialSpec(number, HYPER, number, Training(), (fold,)) for number in range(2 * cores)]
    with make_executor(cores, running=[run_trial]) as workers:
        list(workers.map(run_trial, specs[:cores]))
        started = time.perf_counter()
        results = list(workers.map(run_trial, specs))
        seconds = time.perf_counter() - started
    return {
        "seconds_per_trial": seconds / len(specs),
        "ratio_to_pca": float(np.mean([result.error_ratio_to_pca for result in results])),
    }


def gene_space_trial(file: str, epochs: int) -> dict[str, float]:
    """Train the same architecture over genes by plain PyTorch on all cores, for as many epochs."""
    _, matrix, part = load(file)
    ready = prepared(file, 0)
    part_S = part.to_numpy()
    x_SG, held_SG = (
        torch.from_numpy(ready.preprocessor.transform(matrix.values[part_S == name]) / np.float32(ready.basis.scale))
        for name in ("train", "validation")
    )
    start = new_network(ready.fold, HYPER, Training(refinements=0), 1)
    network = composed(start, torch.from_numpy(ready.basis.components_GK))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=GENE_SPACE["learning_rate"], weight_decay=GENE_SPACE["weight_decay"], fused=True
    )
    steps = epochs * -(-len(x_SG) // int(GENE_SPACE["batch_size"]))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, GENE_SPACE["learning_rate"], total_steps=steps)
    torch.manual_seed(1)
    total = float(squared_norms(held_SG.numpy()).sum())
    best, started = np.inf, time.perf_counter()
    for epoch in range(epochs):
        for index_B in torch.randperm(len(x_SG)).split(int(GENE_SPACE["batch_size"])):
            x_BG = x_SG[index_B]
            noisy_BG = x_BG + HYPER.input_noise * torch.randn_like(x_BG)
            loss = nn.functional.mse_loss(network(noisy_BG), x_BG, reduction="sum") / len(x_BG)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if (epoch + 1) % 10 == 0:
            with torch.no_grad():
                best = min(best, float((network(held_SG) - held_SG).square().sum()) / total)
    seconds = time.perf_counter() - started
    return {
        "seconds_per_epoch": seconds / epochs,
        "seconds_per_trial": seconds,
        "epochs": epochs,
        "ratio_to_pca": best / pca_error(ready.fold, HYPER.bottleneck_width),
    }


def whole_search(file: str, trials: int) -> dict[str, float]:
    """Time a search as the stage runs it, and the share of its time that is not training."""
    params, matrix, part = load(file)
    params = params.model_copy(update={"search": params.search.model_copy(update={"trials": trials})})
    started = time.perf_counter()
    folds = search_folds(matrix, part, params)
    ready = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as scratch, make_executor(running=[run_trial]) as workers:
        outcome = search(
            params.search,
            seed=1,
            identity={"data": "bench"},
            storage_url=f"sqlite:///{scratch}/optuna.db",
            make_spec=lambda number, hyper, seed, thresholds: TrialSpec(
                number, hyper, seed, params.training, folds, thresholds
            ),
            run=run_trial,
            workers=workers,
        )
    wall = time.perf_counter() - started
    return {
        "seconds": wall,
        "preparing_seconds": ready,
        "trainings": outcome.timing.trials,
        "not_training": 1 - outcome.timing.training / (wall * outcome.timing.workers),
        "ratio_to_pca": outcome.choice.finalist.mean / outcome.choice.finalist.pca_error,
    }


def whole_evaluation(file: str, epochs: int) -> dict[str, float]:
    """Time the stage `evaluate` with every measure, and each measure by itself, after training what it needs."""
    params, matrix, part = load(file)
    ready = prepared(file, 0)
    fitted = fit_network(ready.fold, HYPER, params.training.model_copy(update={"epochs": epochs}), 1)
    about = {"hyperparameters": HYPER.model_dump(), "seed": 1, "trained_on": []}
    bundle = Bundle(ready.preprocessor, ready.basis, fitted.network, ready.labels, about)
    trials, finalists = _cells(params, ready.fold)
    given = Given(
        bundle=bundle,
        matrix=matrix,
        part_S=part.to_numpy(),
        trials=trials,
        finalists=finalists,
        choice={"hyperparameters": HYPER.model_dump(), "reason": "the bench asked for it"},
        curves=pd.DataFrame([{"training": 0, "kept": True, **asdict(one)} for one in fitted.curve]),
        audit=audit_split(matrix, part, params.split).to_json(),
        checks=check_matrix(matrix),
        truth=planted_activity(Path(file), matrix.samples.index),
    )
    started = time.perf_counter()
    moments = [started]

    def note(label: str, done: int, total: int | None, text: str) -> None:
        if label == MEASURES_BAR:
            moments.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as scratch, make_executor(running=[retrain]) as workers, observed(note):
        evaluate(given, params, workers, 1, Path(scratch))
    found = {"seconds": time.perf_counter() - started}
    for one, before, after in zip(declarations(), moments, moments[1:], strict=False):
        found[f"seconds_{one.name}"] = after - before
    return found


def _cells(params: Params, fold: Fold) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give a search of one trial for each depth and width, with made-up errors: only the retrainings are timed."""
    cells = [(depth, width) for depth in params.search.depth for width in params.search.bottleneck_width]
    rows = [
        {
            **Hyperparameters(depth=depth, bottleneck_width=width).model_dump(),
            "number": number,
            "state": "complete",
            "error": pca_error(fold, width) * 0.9**depth,
            "error_ratio_to_pca": 0.9**depth,
        }
        for number, (depth, width) in enumerate(cells)
    ]
    finalists = [
        {
            "number": row["number"],
            "bottleneck_width": row["bottleneck_width"],
            "depth": row["depth"],
            "mean_error": row["error"],
            "standard_error": 0.001 if row["depth"] else 0.0,
            "trainings": 3 if row["depth"] else 1,
            "ratio_to_pca": row["error_ratio_to_pca"],
        }
        for row in rows
    ]
    return pd.DataFrame(rows), pd.DataFrame(finalists)


def measured(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Run one measurement in a process of its own, and add that process' peak memory (its children's apart)."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_memory, function, *arguments).result()


def _with_memory(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    found = function(*arguments)
    found["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["peak_memory_of_a_worker_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return found
