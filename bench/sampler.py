"""What Optuna's sampler is worth: the same budget, spent by its suggestions or spread evenly over the space.

    python -m bench.sampler data/raw/tcga --label label --seeds 3 --trials 24

For every seed both searches are run on one split. What is compared is the validation error of the best of each width
when trained again from new seeds, so that luck in the first training does not count.
"""

from __future__ import annotations

import argparse
import json
from unittest.mock import patch

import numpy as np
from rich.console import Console

from bench.command_line import add_profiles
from bench.searching import searched
from cic.config import Params, load_params
from cic.model.trial import run_trial
from cic.search import space
from cic.workers.executor import make_executor
from cic.workers.workers import Workers

ONLY_SPREAD = 10**6


def errors_by_width(params: Params, spread_trials: int, workers: Workers) -> dict[int, float]:
    """Give the lowest mean error of the finalists of each width over PCA's."""
    with patch.object(space, "SPREAD_TRIALS", spread_trials):
        _, _, outcome = searched(params, workers)
    ratios: dict[int, list[float]] = {}
    for one in outcome.finalists:
        ratios.setdefault(one.hyper.bottleneck_width, []).append(one.mean / one.pca_error)
    return {width: min(found) for width, found in sorted(ratios.items())}


def main() -> None:
    """Read the command line, run both searches for each seed, print one line of JSON each and the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_profiles(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--spread", type=int, nargs="+", default=[space.SPREAD_TRIALS, ONLY_SPREAD])
    given = parser.parse_args()
    data = {"file": given.file, "label": given.label, "group": given.group, "replicate": given.replicate}
    differences = []
    with make_executor(running=[run_trial]) as workers:
        for seed in range(given.seeds):
            overrides = {"seed": seed, "search.trials": given.trials, "search.finalists": 2}
            params = load_params("params.yaml", overrides | {f"data.{key}": value for key, value in data.items()})
            found = [errors_by_width(params, spread, workers) for spread in given.spread]
            differences.append([[np.log(found[0][width] / other[width]) for width in found[0]] for other in found[1:]])
            Console(soft_wrap=True).print(
                json.dumps({"seed": seed, **dict(zip(map(str, given.spread), found, strict=True))})
            )
    share = np.exp(np.mean(differences, axis=(0, 2))) - 1
    for spread, one in zip(given.spread[1:], share, strict=True):
        print(f"error with {given.spread[0]} spread trials over that with {spread}: {one:+.2%}")


if __name__ == "__main__":
    main()
