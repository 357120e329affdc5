"""Tasks with arrays, for tests of workers; this imports nothing of ours, so that workers start at once."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Inner:
    x_SG: np.ndarray
    name: str


@dataclass(frozen=True)
class Task:
    number: int
    parts: tuple[Inner, ...]
    own: np.ndarray | None = None


def tasks(count: int, side: int = 200) -> list[Task]:
    """Give tasks that share large arrays, and have one each of their own."""
    draw = np.random.default_rng(3)
    parts = tuple(Inner(draw.normal(size=(side, side)), name) for name in "ab")
    return [Task(number, parts, draw.normal(size=(side, side))) for number in range(count)]


def product(task: Task) -> np.ndarray:
    return task.parts[0].x_SG @ task.parts[1].x_SG + task.own + task.number


def product_killed_once(mark: Path, task: Task) -> np.ndarray:
    """Kill the worker at task 2, the first time; the file `mark` remembers."""
    if task.number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return product(task)


def product_that_takes_long(task: Task) -> np.ndarray:
    time.sleep(60)
    return product(task)
