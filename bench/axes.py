"""Whether single axes stand for planted programs: features of a model beside as many axes of other methods.

    python -m bench.axes --seeds 1 4 --axes --widths 60 120 --output build/axes.jsonl

For every setting of the simulated profiles and every seed, which draws other profiles and another split: a model of
fixed shape is fitted as the pipeline does it and its features made without a look at the truth, and all methods give
as many axes. Over the held-out profiles every axis goes to one program at most; links with programs are those of the
question `programs`, by rank sums of loadings. A second split tells whether the same axes come again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from bench.axes_by_method import RATE, SHUFFLES, Make, prepared, rows_by_method, trained, two_splits
from bench.axes_shown import table
from bench.axes_specific import random_r
from bench.command_line import noted
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.synthetic import Recipe, planted_activity, simulate, truth_files
from cic.data.synthetic_hard import HardRecipe, simulate_hard
from cic.evaluation.axes.matching import matched
from cic.evaluation.axes.recovery import TRUE_ABOVE, correlations
from cic.evaluation.axes.rivals import Axes
from cic.evaluation.axes.set_links import LinkSpec, set_expression, set_links
from cic.evaluation.gene_sets.enrichment import discovered, rank_sums
from cic.evaluation.gene_sets.gene_sets import match, read_gmt
from cic.model.named_sets import moved, named_by, rich_in

SETTINGS: dict[str, tuple[Any, Any]] = {"default": (Recipe, simulate), "hard": (HardRecipe, simulate_hard)}
ROLES = {"cell_type": "label", "study": "group", "replicate_of": "replicate"}


def made(setting: str, seed: int, samples: int, genes: int, folder: Path) -> tuple[ExpressionMatrix, pd.DataFrame, Any]:
    """Simulate, and give profiles with their roles, the true activities, and the genes of each program."""
    recipe_type, write = SETTINGS[setting]
    share = samples / 1040
    recipe = recipe_type(
        samples=samples, genes=genes, seed=seed, studies=int(40 * share), replicate_pairs=int(120 * share)
    )
    path = folder / f"{setting}-{seed}"
    write(recipe, path)
    matrix = read_matrix(path)
    matrix = replace(matrix, samples=matrix.samples.rename(columns=ROLES))
    truth = planted_activity(path, matrix.samples.index)
    assert truth is not None, "it was simulated"
    return matrix, truth, match(read_gmt(truth_files(path)[0]), matrix.genes)


def told(
    axes: Axes,
    again: Axes | None,
    expression_PN: np.ndarray,
    by_random_P: np.ndarray,
    activity_SP: np.ndarray,
    sets: Any,
    seed: int,
) -> dict[str, Any]:
    """Measure one method's axes: by program what it takes to draw programs anew, and the rest as numbers."""
    r_PF = correlations(activity_SP, axes.test_SF)
    ranked = rank_sums(axes.loading_GF, sets.members)
    linked_PF, true_PF = discovered(ranked.p, RATE)[1], np.sign(ranked.score) * r_PF > TRUE_ABOVE
    follows = set_links(LinkSpec(expression_PN, axes.train_NF, SHUFFLES, RATE, seed))
    truly_PF = np.sign(follows.r) * r_PF > TRUE_ABOVE
    specific_PF = follows.found & (np.abs(follows.r) > by_random_P[:, None])
    rate_PF = rich_in(moved(axes.loading_GF), sets.members)
    named_PF = named_by(rate_PF, follows.r)
    return {
        "matched_P": matched(r_PF).tolist(),
        "links_P": linked_PF.sum(axis=1).tolist(),
        "true_P": (linked_PF & true_PF).sum(axis=1).tolist(),
        "followed_P": follows.found.sum(axis=1).tolist(),
        "truly_followed_P": (follows.found & truly_PF).sum(axis=1).tolist(),
        "specific_P": specific_PF.sum(axis=1).tolist(),
        "truly_specific_P": (specific_PF & truly_PF).sum(axis=1).tolist(),
        "rich_P": (rate_PF <= RATE).sum(axis=1).tolist(),
        "truly_rich_P": ((rate_PF <= RATE) & (np.abs(r_PF) > TRUE_ABOVE)).sum(axis=1).tolist(),
        "named_P": named_PF.sum(axis=1).tolist(),
        "truly_named_P": (named_PF & truly_PF).sum(axis=1).tolist(),
        "beyond_shuffled": int(follows.beyond.sum()),
        "average_precision": float(average_precision_score(true_PF.ravel(), np.abs(ranked.score).ravel())),
        "blind_precision": float(true_PF.mean()),
        "recurs": None if again is None else float(np.median(matched(correlations(axes.loading_GF, again.loading_GF)))),
    }


def rows(
    setting: str, seed: int, numbers: list[int], samples: int, genes: int, widths: list[int]
) -> Iterator[dict[str, Any]]:
    """Give one row a method and number of axes."""
    with tempfile.TemporaryDirectory() as folder:
        matrix, truth, sets = made(setting, seed, samples, genes, Path(folder))
    parts, over_varying = two_splits(matrix, seed)
    assert len(over_varying.genes) == len(matrix.genes), "all simulated genes vary"
    both = [prepared(matrix, part_S, seed) for part_S in parts]
    activity_SP = truth.loc[matrix.samples.index[parts[0] == "test"], list(sets.names)].to_numpy()
    profiles = both[0][1]
    expression_PN = set_expression(profiles.x_train_NG, sets.members, profiles.x_train_NG.std(axis=0))
    by_random = cache(lambda n_axes: random_r(expression_PN, profiles.z_train_NK, n_axes, seed))

    def row(name: str, asked: str, make: Make) -> dict[str, Any] | None:
        begun = time.perf_counter()
        axes = make(*both[0])
        seconds = time.perf_counter() - begun
        again = make(*both[1]) if asked == "as many" else None
        if axes is None:
            return None
        n_axes = axes.train_NF.shape[1]
        measured = told(axes, again, expression_PN, by_random(n_axes), activity_SP, sets, seed)
        case = {"setting": setting, "seed": seed, "method": name, "asked": asked, "axes": n_axes}
        return {**case, "seconds": seconds, **measured}

    networks = {id(ready): trained(ready, seed) for ready, _ in both}
    yield from rows_by_method(networks, numbers, seed, row, widths)


def main() -> None:
    """Measure, write as it goes, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=SETTINGS, action="append")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--axes", type=int, nargs="*", default=[30, 60, 120, 240])
    parser.add_argument("--widths", type=int, nargs="*", default=[], help="of other codes whose features are taken too")
    parser.add_argument("--samples", type=int, default=1040)
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--output", type=Path, help="one row a line, as JSON")
    options = parser.parse_args()
    found = (
        row
        for setting in options.setting or SETTINGS
        for seed in options.seeds
        for row in rows(setting, seed, options.axes, options.samples, options.genes, options.widths)
    )
    print(table(noted(found, options.output)))


if __name__ == "__main__":
    main()
