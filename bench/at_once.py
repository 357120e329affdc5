"""Trials of one shape one by one and at once, in turns: `python -m bench.at_once`, and `--device cuda` with a card.

Prints the trials a second of each, and the mean error over PCA's, which should be the same but for rounding. On
processors both have one thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Literal

import numpy as np

from bench.data import prepared
from bench.rivals import SHAPE
from bench.turns import in_turns, summary
from cic.config import Training
from cic.data.synthetic import Recipe, simulate
from cic.model.batched import run_trials
from cic.model.trial import TrialSpec, run_trial


def timed(
    file: str, how: Literal["one by one", "at once"], count: int, hidden_width: int, device: str
) -> dict[str, float]:
    """Time `count` trials of one shape."""
    fold = prepared(file, 256).fold
    shape = SHAPE.model_copy(update={"hidden_width": hidden_width})
    specs = [TrialSpec(number, shape, number, Training(), (fold,)) for number in range(count)]
    run_trial(specs[0], device)
    started = time.perf_counter()
    results = run_trials(specs, device) if how == "at once" else [run_trial(spec, device) for spec in specs]
    seconds = time.perf_counter() - started
    ratios = [one.error_ratio_to_pca for one in results if one.error_ratio_to_pca is not None]
    return {"trials_a_second": count / seconds, "ratio_to_pca": float(np.mean(ratios)), "trials": len(ratios)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.at_once", description=__doc__)
    parser.add_argument("--count", type=int, default=8, help="trials of one shape")
    parser.add_argument("--hidden-width", type=int, default=256)
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file = str(Path(scratch) / "synthetic.parquet")
        simulate(Recipe(samples=options.samples, genes=2000, replicate_pairs=options.samples // 10), Path(file))
        given = (options.count, options.hidden_width, options.device)
        jobs = {how: (timed, (file, how, *given)) for how in ("one by one", "at once")}
        for how, rounds in in_turns(jobs, options.rounds, warm_up=False).items():
            figures = summary(rounds)
            for name in ("trials_a_second", "ratio_to_pca", "elsewhere"):
                print(how, name, {key: round(value, 4) for key, value in figures[name].items()})


if __name__ == "__main__":
    main()
