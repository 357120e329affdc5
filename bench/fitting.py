"""What merging the trainings of a fit is worth, and what shifts of groups are, on validation profiles.

    python -m bench.fitting data/raw/tcga --label label --width 8 --width 30
    python -m bench.fitting data/raw/synthetic --label cell_type --group study --replicate replicate_of --width 30

At the centre of the search's space: nothing is searched, and no test profile is looked at.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from bench.command_line import add_profiles, data_of, print_means
from cic.config import Params, Training, load_params
from cic.data.matrix import read_matrix
from cic.data.roles import with_roles
from cic.data.split import split_samples
from cic.model.fold import Fold, pca_error
from cic.model.merged_fit import fit_merged
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.model.trial import Fitted, fit_network
from cic.model.trimming import trimmed
from cic.seeds import derive_seed


def prepared_fold(params: Params) -> Fold:
    """Give training and validation profiles of the split that the seed makes."""
    matrix = with_roles(read_matrix(Path(params.data.file)), params)
    part_S = split_samples(matrix.samples, params.split, derive_seed(params.seed, "split")).to_numpy()
    train, validation = (matrix.select(part_S == name) for name in ("train", "validation"))
    return prepare(train, validation, params, params.search.rank or params.training.rank).fold


def one(fold: Fold, hyper: Hyperparameters, training: Training, members: list[int]) -> dict[str, float]:
    """Give validation errors over PCA's: the mean of single trainings, and of networks merged of some of them."""
    pca = pca_error(fold, hyper.bottleneck_width)
    single = [fit_network(fold, hyper, training, seed) for seed in range(max(members))]
    found = {"single": float(np.mean([each.validation_error for each in single])) / pca}
    for count in members:
        merged = fit_merged(single[:count], fold, hyper, training, count)
        assert isinstance(merged, Fitted), merged
        found[f"merged of {count}"] = merged.validation_error / pca
        found[f"of {count}, trimmed"] = trimmed(merged, fold).validation_error / pca
    return found


def main() -> None:
    """Parse, train, write, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_profiles(parser)
    parser.add_argument("--width", type=int, action="append", required=True)
    parser.add_argument("--depth", type=int, action="append")
    parser.add_argument("--members", type=int, action="append")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    base, data, rows = load_params(), data_of(options), []
    for seed in range(1, options.seeds + 1):
        params = base.model_copy(update={"seed": seed, "data": data})
        fold = prepared_fold(params)
        folds = [fold] if fold.shift_train_S is None else [fold, replace(fold, shift_train_S=None)]
        for width, depth, trained_on in product(options.width, options.depth or [1], folds):
            hyper, shifts = Hyperparameters(depth=depth, bottleneck_width=width), trained_on.shift_train_S is not None
            found = one(trained_on, hyper, params.training, options.members or [2, 3, 4])
            rows.append({"width": width, "depth": depth, "shifts": shifts, "seed": seed, **found})
            if options.output:
                options.output.write_text(json.dumps(rows, indent=1) + "\n")
    print_means(rows, ["width", "depth", "shifts"])


if __name__ == "__main__":
    main()
