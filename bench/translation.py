"""What codes of an older model lose when they are translated, beside encoding the profiles anew.

    python -m bench.translation $CIC_REAL_DATA --seeds 5

Of each set, models are trained on the same split, from other seeds and with other shapes. Maps are fitted and measured
as a promotion does it. Beside them stands what decoding by the older model and encoding by the newer gives, which needs
both models and no map. Errors are shares of the squared distance to the mean profile, on test profiles, as means over
the seeds. See docs/registry.md.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from cic.config import load_params
from cic.data.matrix import ExpressionMatrix, fingerprints
from cic.data.readers import read_table
from cic.data.split import split_samples
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.registry.translating import fit_translation
from cic.registry.translations import expected_errors
from cic.seeds import derive_seed

Shape = tuple[int, int, int]
"""Depth, width and number of the seed."""
PAIRS: dict[str, tuple[Shape, Shape]] = {
    "another seed": ((1, 30, 0), (1, 30, 1)),
    "width 16 to 30": ((1, 16, 0), (1, 30, 0)),
    "width 30 to 16": ((1, 30, 0), (1, 16, 0)),
    "PCA to depth 2": ((0, 30, 0), (2, 30, 0)),
}
CHAIN = ("width 16 to 30", "another seed")


def main() -> None:
    """Train, translate, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the real data sets")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    sets = {
        "tcga": read_table(options.folder / "tcga/expression.parquet", samples_in="rows", unit="log2"),
        "gtex26": read_table(options.folder / "gtex26/expression.tsv.gz", samples_in="columns", unit="log2"),
    }
    runs = [(name, seed) for name in sets for seed in range(options.seeds)]
    rows = [row for name, seed in track(runs) for row in measured(name, sets[name], seed)]
    table = pd.DataFrame(rows).drop(columns="seed").groupby(["set", "pair"], sort=False).agg("mean")
    Console(width=200).print(table.round(3).to_string())


def measured(name: str, matrix: ExpressionMatrix, seed: int) -> list[dict[str, Any]]:
    """Train the models of all pairs on one split, and translate."""
    params = load_params().model_copy(update={"seed": seed})
    part_S = split_samples(matrix.samples, params.split, derive_seed(seed, "split")).to_numpy()
    train, validation, test = (matrix.select(part_S == part) for part in ("train", "validation", "test"))
    ready = prepare(train, validation, params, 256)
    seen = sorted([*fingerprints(train.values), *fingerprints(validation.values)])

    @cache
    def model(shape: Shape) -> Bundle:
        depth, width, number = shape
        hyper = Hyperparameters(depth=depth, bottleneck_width=width)
        fitted = fit_network(ready.fold, hyper, params.training, derive_seed(seed, "fit", number))
        return Bundle(ready.preprocessor, ready.basis, frozen(fitted.network), (), {"trained_on": seen})

    kept_G = pd.Index(matrix.genes).get_indexer(pd.Index(ready.preprocessor.genes))  # all but those that never change
    mean_G = matrix.values[part_S != "test"].mean(axis=0)

    def share(profiles_SG: np.ndarray) -> float:
        truth_SG = test.values[:, kept_G]
        return float(np.square(profiles_SG - truth_SG).sum() / np.square(mean_G[kept_G] - truth_SG).sum())

    found = {pair: fit_translation(model(old), model(new), matrix, part_S, seed) for pair, (old, new) in PAIRS.items()}
    rows = []
    for pair, (old, new) in PAIRS.items():
        again_SG = test.values.copy()
        again_SG[:, kept_G] = model(old).reconstruct(test.values)
        told = found[pair].expected
        row = {"encoded anew": told.reencoded, "affine": told.affine, "kernel": told.kernel, "kept": told.translated}
        row |= {"through genes": share(model(new).reconstruct(again_SG)), "ratio": told.ratio, "code": told.code}
        rows.append({"set": name, "seed": seed, "pair": pair, **row, "kernel kept": told.translated < told.affine})
    first, second = (found[pair] for pair in CHAIN)
    expected, anew = expected_errors([first.expected, second.expected])
    code_SW = second.map.apply(first.map.apply(model(PAIRS[CHAIN[0]][0]).encode(test.values)))
    reached = share(model(PAIRS[CHAIN[1]][1]).decode(code_SW))
    row = {"encoded anew": anew, "kept": reached, "ratio": reached / anew, "expected ratio": expected / anew}
    return [*rows, {"set": name, "seed": seed, "pair": " and then ".join(CHAIN), **row}]


if __name__ == "__main__":
    main()
