"""Rivals in turns: A B A B …, so that whatever slows the machine for a while slows both."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from rich.console import Console

from bench.load import watched

Job = tuple[Callable[..., dict[str, float]], tuple[Any, ...]]


def in_turns(jobs: Mapping[str, Job], rounds: int, warm_up: bool = True) -> dict[str, list[dict[str, float]]]:
    """Run every job once as a warm-up that is thrown away, if asked to, then all in turn `rounds` times.

    Each runs in a process of its own, whose time and memory, with that of its children, are added to what it gives.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in jobs}
    for number in range(-1 if warm_up else 0, rounds):
        for name, (function, arguments) in jobs.items():
            Console(stderr=True).print("warm-up:" if number < 0 else f"round {number + 1} of {rounds}:", name)
            result = alone(function, *arguments)
            if number >= 0:
                found[name].append(result)
    return found


def alone(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Run one measurement in a process of its own, and add what that took and what else ran."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_watched, function, *arguments).result()


def _watched(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    with watched(memory=True) as watch:
        found = function(*arguments)
    return {**found, "cpu_seconds": watch.cpu_seconds, "peak_mib": watch.peak_mib, "elsewhere": watch.elsewhere}


def summary(rounds: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Give minimum, median and spread (largest less smallest, over the median) of every figure of a job."""
    table = {}
    for name in rounds[0]:
        values = np.array([one[name] for one in rounds])
        middle = float(np.median(values))
        table[name] = {
            "minimum": float(values.min()),
            "median": middle,
            "spread": float((values.max() - values.min()) / middle) if middle else 0.0,
        }
    return table
