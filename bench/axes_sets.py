"""Which gene sets single axes follow in real profiles: features of a model beside as many axes of other methods.

    python -m bench.axes_sets data/raw/tcga --label label --sets $CIC_REAL_DATA/genesets

Links are counted against shuffled profiles over the training part, and those of them that are specific
(`bench.axes_specific`) against random directions besides; and the sets by which `cic explain` names axes
(`cic.model.named_sets`). A second split of the same profiles, with a training
from other seeds, tells whether an axis's match there has the same links. What is expected of cell types is in
`cic.evaluation.gene_sets.expected`, listed before anything here was run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from bench.axes_by_method import RATE, SHUFFLES, Make, labelled, prepared, rows_by_method, trained, two_splits
from bench.axes_specific import named, random_r
from bench.command_line import noted
from cic.data.matrix import ExpressionMatrix
from cic.evaluation.axes.recovery import correlations
from cic.evaluation.axes.rivals import Axes
from cic.evaluation.axes.set_links import LinkSpec, held_out_r, set_expression, set_links
from cic.evaluation.gene_sets.expected import activities, counted
from cic.evaluation.gene_sets.gene_sets import GeneSet, gmt_files, match, read_gmt
from cic.model.features import ACTIVE
from cic.model.named_sets import moved, named_by, rich_in
from cic.seeds import derive_seed, generator

SHUFFLED, SHUFFLED_CODES = ("features", "pca"), 5
"""Methods whose axes are linked after their profiles were shuffled, and how often."""


def rows(
    matrix: ExpressionMatrix, read: list[GeneSet], seed: int, numbers: list[int], widths: list[int]
) -> Iterator[dict[str, Any]]:
    """Give one row a method and number of axes."""
    parts, matrix = two_splits(matrix, seed)
    sets = match(read, matrix.genes)
    both = [prepared(matrix, part_S, seed) for part_S in parts]
    expression = [
        set_expression(profiles.x_train_NG, sets.members, profiles.x_train_NG.std(axis=0)) for _, profiles in both
    ]
    first = both[0][1]
    held_PS = set_expression(first.x_test_SG, sets.members, first.x_train_NG.std(axis=0))
    label_N = matrix.samples["label"][parts[0] == "train"] if "label" in matrix.samples else pd.Series(dtype=object)
    networks = {id(ready): trained(ready, derive_seed(seed, at)) for at, (ready, _) in enumerate(both)}
    by_random = cache(lambda at, n_axes: random_r(expression[at], both[at][1].z_train_NK, n_axes, seed))

    def row(name: str, asked: str, make: Make) -> dict[str, Any] | None:
        begun = time.perf_counter()
        axes = [made for one in both if (made := make(*one)) is not None]
        seconds = (time.perf_counter() - begun) / 2
        if len(axes) < len(both):
            return None
        linked = [
            set_links(LinkSpec(expression_PN, one.train_NF, SHUFFLES, RATE, seed))
            for expression_PN, one in zip(expression, axes, strict=True)
        ]
        draw = generator(seed, "shuffled", name)
        codes = [draw.permuted(axes[0].train_NF, axis=0) for _ in range(SHUFFLED_CODES if name in SHUFFLED else 0)]
        shuffled = [
            int(set_links(LinkSpec(expression[0], code_NF, SHUFFLES, RATE, at)).beyond.sum())
            for at, code_NF in enumerate(codes)
        ]
        held_P = held_out_r(expression[0], axes[0].train_NF, held_PS, axes[0].test_SF)
        specific = [
            one.found & (np.abs(one.r) > by_random(at, one.r.shape[1])[:, None]) for at, one in enumerate(linked)
        ]
        naming = [
            named_by(rich_in(moved(one.loading_GF), sets.members), link.r)
            for one, link in zip(axes, linked, strict=True)
        ]
        kinds = {"links": [one.found for one in linked], "specific": specific, "named": naming}
        counts = {
            kind: told(axes, [one.r for one in linked], found, kinds["links"][1], sets.names, label_N)
            for kind, found in kinds.items()
        }
        return {
            "seed": seed, "method": name, "asked": asked, "axes": axes[0].train_NF.shape[1],
            "beyond": int(linked[0].beyond.sum()), "tests": linked[0].found.size, "held_out": float(np.median(held_P)),
            "active": float(np.median((axes[0].train_NF > ACTIVE).mean(axis=0))),
            **counts, "shuffled": shuffled, "seconds": seconds,
        }  # fmt: skip

    yield from rows_by_method(networks, numbers, seed, row, widths)


def told(
    axes: list[Axes],
    r: list[np.ndarray],
    found: list[np.ndarray],
    linked_PF: np.ndarray,
    names: tuple[str, ...],
    label_N: pd.Series,
) -> dict[str, float | int]:
    """Count links of a kind: how many, of how many sets, how many recur, and what of the expected they tell.

    Parameters
    ----------
    linked_PF
        Links of the second split, of whatever kind: a link may recur as one of these.
    """
    expected, of = counted(names, activities(axes[0].train_NF, label_N, r[0], found[0]))
    return {
        "n": int(found[0].sum()),
        "sets": float(found[0].any(axis=1).mean()),
        "recurs": recurs(axes, r, found),
        "linked_again": recurs(axes, r, [found[0], linked_PF]),
        "expected": expected,
        "of": of,
        "named": named(found[0]),
    }


def recurs(axes: list[Axes], r: list[np.ndarray], found: list[np.ndarray]) -> float:
    """Give the share of the links that the matched axis of the second has too, on the same side.

    Axes are matched by their loadings, one to one.
    """
    r_FF = correlations(*(one.loading_GF for one in axes))
    mine, theirs = linear_sum_assignment(-np.abs(r_FF))
    side_F = np.sign(r_FF[mine, theirs])
    again_PF = found[1][:, theirs] & (np.sign(r[1][:, theirs]) * side_F == np.sign(r[0][:, mine]))
    return float(again_PF[found[0][:, mine]].sum() / found[0].sum()) if found[0].any() else float("nan")


def table(found: list[dict[str, Any]]) -> str:
    """Give the table of the docs: of all links, of those that are specific, and of those by which axes are named.

    Means over seeds.
    """
    kinds = ("links", "specific", "named")
    heads = [
        f"{of}{column}"
        for of in ("", "specific: ", "named: ")
        for column in ("links", "sets followed", "recur", "as links", "expected", "axes with 1 to 20 sets")
    ]
    lines = [
        "| asked | method | axes | active | beyond chance | shuffled | r held out | " + " | ".join(heads) + " |",
        "| --- " * (7 + len(heads)) + "|",
    ]
    for case, rows in pd.DataFrame(found).groupby(["asked", "method"], sort=False):
        asked, method = map(str, case)
        mean = rows[["axes", "active", "beyond", "tests", "held_out"]].mean()
        shuffled = np.concatenate([np.asarray(one, dtype=float) for one in rows["shuffled"]])
        cells = [
            asked, method, f"{mean['axes']:.0f}", f"{mean['active']:.0%}" if "features" in method else "",
            f"{mean['beyond'] / mean['tests']:.0%}", f"{shuffled.mean():.1f}" if len(shuffled) else "",
            "; ".join(f"{one:.3f}" for one in rows["held_out"]),
        ]  # fmt: skip
        for kind in kinds:
            each = pd.DataFrame(list(rows[kind]))
            cells += [
                f"{each['n'].mean():,.0f}", f"{each['sets'].mean():.0%}", f"{each['recurs'].mean():.2f}",
                f"{each['linked_again'].mean():.2f}",
                f"{'; '.join(map(str, each['expected']))} of {each['of'].iloc[0]}", f"{each['named'].mean():.0f}",
            ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, write as it goes, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--label")
    parser.add_argument("--sets", type=Path, required=True, help="a GMT file, or a folder of them")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--axes", type=int, nargs="*", default=[])
    parser.add_argument("--widths", type=int, nargs="*", default=[], help="of other codes whose features are taken too")
    parser.add_argument("--output", type=Path, help="one row a line, as JSON")
    options = parser.parse_args()
    matrix = labelled(options.file, options.label)
    sets = [one for file in gmt_files(options.sets) for one in read_gmt(file)]
    found = (row for seed in options.seeds for row in rows(matrix, sets, seed, options.axes, options.widths))
    print(table(noted(found, options.output)))


if __name__ == "__main__":
    main()
