"""How much better than PCA, whatever the split: the whole way from split to test, over several split seeds.

    python -m bench.split_seeds data/raw/tcga --label label --width 8 --width 30

For every seed and width: split, search on the validation part, fit, and only then a look at the test part.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import stats

from bench.command_line import add_profiles, data_of
from bench.searching import searched
from cic.config import Params, load_params
from cic.data.audit import audit_split
from cic.model.autoencoder import Autoencoder
from cic.model.basis import squared_norms
from cic.model.fold import Fold, pca_error
from cic.model.prepare import prepare
from cic.model.scale_choice import with_scale
from cic.model.trial import fit_from_spec
from cic.model.trimming import trimmed
from cic.stages.fit import fit_all
from cic.workers.executor import make_executor
from cic.workers.workers import Workers


def one(params: Params, width: int, workers: Workers) -> dict[str, float]:
    """Go the whole way for one seed and width; give test and validation error over PCA's."""
    params = params.model_copy(
        update={
            "search": params.search.model_copy(
                update={"bottleneck_width": (width,), "select": "fixed_width", "width": width}
            )
        }
    )
    matrix, part, outcome = searched(params, workers)
    part_S = part.to_numpy()
    params = with_scale(params, matrix, part_S)
    hyper = outcome.choice.finalist.hyper
    train, validation, test = (matrix.select(part_S == name) for name in ("train", "validation", "test"))
    ready = prepare(train, validation, params, params.training.rank)
    fitted, _ = fit_all(ready.fold, hyper, params, "cpu", workers)
    best = trimmed(min(fitted, key=lambda one: one.validation_error), ready.fold)
    x_test_SG = ready.preprocessor.transform(test.values)
    z_test_SK, outside_S = ready.basis.project(x_test_SG)
    norms_S = squared_norms(x_test_SG) / ready.basis.scale**2
    outside_S = outside_S / ready.basis.scale**2
    held_out = Fold(ready.fold.z_train_SK, z_test_SK, ready.fold.unit_train_S, outside_S, norms_S)
    return {
        "seed": params.seed,
        "width": width,
        "depth": hyper.depth,
        "n_test": len(norms_S),
        "unexplained": test_error(best.network, held_out),
        "unexplained_pca": pca_error(held_out, width),
        "validation_ratio": best.validation_error / pca_error(ready.fold, width),
        "trials_failed": sum(record.state == "failed" for record in outcome.records),
        "audit_passed": audit_split(matrix, part, params.split).passed,
    }


def test_error(network: Autoencoder, fold: Fold) -> float:
    """Give the unexplained variance over genes of the fold's held-out profiles."""
    import torch

    with torch.no_grad():
        z_SK = torch.from_numpy(fold.z_validation_SK)
        inside = float((network(z_SK) - z_SK).square().sum(dtype=torch.float64))
    return (inside + float(fold.outside_validation_S.sum())) / float(fold.total_validation_S.sum())


def main() -> None:
    """Parse, run, write, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_profiles(parser)
    parser.add_argument("--width", type=int, action="append", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    base = load_params()
    data = data_of(options)
    budget = base.search.model_copy(update={"trials": options.trials})
    rows = []
    with make_executor(running=[fit_from_spec]) as workers:
        for seed in range(1, options.seeds + 1):
            for width in options.width:
                params = base.model_copy(update={"seed": seed, "data": data, "search": budget})
                rows.append(one(params, width, workers))
                rows[-1]["ratio"] = rows[-1]["unexplained"] / rows[-1]["unexplained_pca"]
                Console(stderr=True).print(rows[-1])
    table = pd.DataFrame(rows)
    shown = Table("width", "test ratio to PCA", "95% interval over split seeds", "unexplained", "of PCA", "seeds")
    for width, part in table.groupby("width"):
        mean, error = part["ratio"].mean(), stats.sem(part["ratio"])
        low, high = stats.t.interval(0.95, len(part) - 1, mean, error) if len(part) > 1 else (np.nan, np.nan)
        shown.add_row(
            str(width),
            f"{mean:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"{part['unexplained'].mean():.3f}",
            f"{part['unexplained_pca'].mean():.3f}",
            str(len(part)),
        )
    Console().print(shown)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
