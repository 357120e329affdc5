"""What of the squared error of single cells is counting noise, and what model and PCA miss of the rest.

    python -m bench.counting_noise $CIC_REAL_DATA --width 8 --width 30

As the question `counts` of the evaluation has it: counts are dealt out into halves, model and PCA are trained on one
half of the training cells, and what they make of one half of a test cell is held against the other.
"""

from __future__ import annotations

import argparse
import json
from itertools import product

from rich.console import Console

from bench.command_line import add_real_sets, print_means
from bench.foreign_sets import profile_sets
from cic.config import Params, load_params
from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.data.split import split_samples
from cic.evaluation.questions.counts.halves import half_errors
from cic.model.threads import one_thread
from cic.model.training import Hyperparameters
from cic.seeds import derive_seed

SETS = ("pbmc3k", "celseq2", "dropseq", "rnamix")


def one(matrix: ExpressionMatrix, transform: str, width: int, params: Params) -> dict[str, float]:
    """Give the shares of one split, scale and width."""
    part_S = split_samples(matrix.samples, params.split, derive_seed(params.seed, "split")).to_numpy()
    scale = params.preprocess.model_copy(update={"transform": transform})
    preprocessor = Preprocessor.fit(matrix.select(part_S == "train"), scale, params.seed)
    hyper = Hyperparameters(depth=1, bottleneck_width=width)
    errors = half_errors(matrix.dense(), matrix.samples, part_S, preprocessor, hyper, params.training, 256, params.seed)
    noise, mean, pca, model = (
        float(each_S.sum()) for each_S in (errors.noise_S, errors.mean_S, errors.pca_S, errors.model_S)
    )
    return {
        "explainable": 1 - noise / mean,
        "noise in PCA's error": noise / pca,
        "noise in the model's": noise / model,
        "missed by PCA": (pca - noise) / (mean - noise),
        "missed by the model": (model - noise) / (mean - noise),
        "error over PCA's": model / pca,
    }


def main() -> None:
    """Parse, run, write, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_real_sets(parser, SETS)
    options = parser.parse_args()
    base, known, rows = load_params(), profile_sets(options.folder), []
    with one_thread():
        for name, transform, width in product(options.sets or SETS, ("log2", "sqrt"), options.width):
            for seed in range(1, options.seeds + 1):
                found = one(known[name], transform, width, base.model_copy(update={"seed": seed}))
                rows.append({"set": name, "scale": transform, "width": width, "seed": seed, **found})
                Console(stderr=True).print(rows[-1])
                if options.output:
                    options.output.write_text(json.dumps(rows, indent=1) + "\n")
    print_means(rows, ["set", "scale", "width"])


if __name__ == "__main__":
    main()
