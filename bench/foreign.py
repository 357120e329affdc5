"""Which profiles a model says to be foreign: of its own test part, from elsewhere, and on a wrong scale.

    python -m bench.foreign $CIC_REAL_DATA --seeds 5

For each set and split seed a network of depth 1 is trained on the training part, and its reference taken from the
validation part, as the stage `fit` does. See docs/foreign.md.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from bench.foreign_sets import STUDIES, over, profile_sets
from cic.config import load_params
from cic.data.matrix import ExpressionMatrix
from cic.data.split import split_samples
from cic.data.units import log2_scale
from cic.errors import ModelError
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.familiarity import ENOUGH, judged, verdict
from cic.model.prepare import prepare
from cic.model.reference import Reference
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.seeds import derive_seed, generator

WIDTH = 30
ELSEWHERE = {
    "gtex26": (*STUDIES, "tcga"),
    "tcga": (*STUDIES, "gtex26"),
    "celseq2": ("dropseq",),
    "dropseq": ("celseq2",),
    "rnamix": ("celseq2", "dropseq"),
}
"""What each set's model is also asked about, over the genes that both have."""
WRONG: dict[str, dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "log2": {
        "natural log": lambda x_SG: x_SG * np.log(2),
        "log10": lambda x_SG: x_SG * np.log10(2),
        "linear": lambda x_SG: np.exp2(x_SG) - 1,
        "z-scores by gene": lambda x_SG: (x_SG - x_SG.mean(axis=0)) / (x_SG.std(axis=0) + 1e-6),
        "centred by gene": lambda x_SG: x_SG - x_SG.mean(axis=0),
        "z-scores by profile": lambda x_SG: (x_SG - x_SG.mean(axis=1)[:, None]) / x_SG.std(axis=1)[:, None],
        "without pseudocount": lambda x_SG: np.log2(np.maximum(np.exp2(x_SG) - 1, 1e-3)),
    },
    "log_ratio": {
        "natural log": lambda x_SG: x_SG * np.log(2),
        "z-scores by gene": lambda x_SG: (x_SG - x_SG.mean(axis=0)) / (x_SG.std(axis=0) + 1e-6),
        "linear": np.exp2,
        "the inverse ratio": lambda x_SG: -x_SG,
    },
    "intensity": {
        "log2": lambda x_SG: log2_scale(x_SG, "intensity"),
        "a thousandth": lambda x_SG: x_SG / 1000,
        "a thousandfold": lambda x_SG: x_SG * 1000,
    },
    "counts": {
        "log2": lambda x_SG: log2_scale(x_SG, "counts"),
        "per million": lambda x_SG: np.exp2(log2_scale(x_SG, "counts")) - 1,
    },
}


def trained(matrix: ExpressionMatrix, seed: int) -> tuple[Bundle, ExpressionMatrix]:
    """Train on the training part; give the bundle and the test part."""
    params = load_params().model_copy(update={"seed": seed})
    part_S = split_samples(matrix.samples, params.split, derive_seed(seed, "split")).to_numpy()
    train, validation, test = (matrix.select(part_S == name) for name in ("train", "validation", "test"))
    ready = prepare(train, validation, params, 256)
    hyper = Hyperparameters(depth=1, bottleneck_width=min(WIDTH, train.n_samples // 3))
    network = frozen(fit_network(ready.fold, hyper, params.training, derive_seed(seed, "fit", 0)).network)
    bundle = Bundle(ready.preprocessor, ready.basis, network, (), {})
    reference = Reference.of(bundle, validation.values, z_train_SK=ready.fold.z_train_SK)
    return replace(bundle, reference=reference), test


def asked(bundle: Bundle, values_SG: np.ndarray, draw: np.random.Generator) -> dict[str, Any]:
    """Ask a model about profiles, all at once and `ENOUGH` of them at a time."""
    frame = pd.DataFrame(values_SG, columns=list(bundle.genes_in))
    try:
        aligned_SG = bundle.align(frame)
    except ModelError:
        return {"n": len(frame), "refused": 1.0}
    table = judged(bundle, aligned_SG, frame.index)
    few = [draw.choice(len(frame), min(ENOUGH, len(frame)), replace=False) for _ in range(20)]
    return {
        "n": len(frame),
        "refused": 0.0,
        "error_ratio": float(table["error_ratio"].median()),
        "unfamiliar": float((~table["familiar"].astype(bool)).mean()),
        "as_a_whole": float(verdict(table).foreign),
        "few": float(np.mean([verdict(table.iloc[rows]).foreign for rows in few])),
        "noted": float(bool(table["note"].iloc[0])),
        "noted_alone": float(
            np.mean([bool(judged(bundle, aligned_SG[[row]], frame.index[[row]])["note"].iloc[0]) for row in few[0]])
        ),
    }


def main() -> None:
    """Train, ask, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5, help="splits")
    parser.add_argument("--only", action="append", help="sets whose models are asked; default all")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # of scales, which are counted here
    sets, rows = profile_sets(options.folder), []
    for name in options.only or ("tcga", "gtex26", "chowdary", "khan", "rnamix", "pbmc3k", "celseq2", "dropseq"):
        for seed in range(1, options.seeds + 1):
            draw = generator(seed, "foreign")
            bundle, test = trained(sets[name], seed)
            cases = {"its test part": test.values}
            cases |= {f"wrong: {wrong}": change(test.values) for wrong, change in WRONG[test.unit].items()}
            cases["wrong: genes misnamed"] = test.values[:, draw.permutation(test.n_genes)]
            rows += [{"model": name, "asked": case, **asked(bundle, x_SG, draw)} for case, x_SG in cases.items()]
            for other in ELSEWHERE.get(name, ()):
                genes = [gene for gene in sets[name].genes if gene in set(sets[other].genes)]
                bundle, _ = trained(over(sets[name], genes), seed)
                case = {"model": name, "asked": f"elsewhere: {other} ({len(genes)} genes)"}
                rows.append({**case, **asked(bundle, over(sets[other], genes).values, draw)})
            Console(stderr=True, width=250).print(rows[-len(cases) - len(ELSEWHERE.get(name, ())) :])
    table = pd.DataFrame(rows).groupby(["model", "asked"], sort=False).mean().round(3)
    print(table.to_string())


if __name__ == "__main__":
    main()
