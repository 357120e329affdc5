"""What giving gene sets to features (`fit.gene_sets`) is worth, and costs, by sets and programs that were not given.

    python -m bench.given_sets data/raw/tcga --label label --sets $CIC_REAL_DATA/genesets --test hallmark --seeds 1 2
    python -m bench.given_sets --hard --seeds 1 2 3

On real profiles some collections are given, and those named by `--test` tested; sets that have most of their genes in a
given one are left out for all methods. On simulated profiles half of the programs' sets are given, a half of these with
30% of their genes replaced, and as many sets of random genes; the other programs are tested. Beside features with and
without sets, and with random sets alone, stand as many axes by ICA over genes and by sparse PCA.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.axes import made
from bench.axes_by_method import RATE, SHUFFLES, labelled, prepared, trained, two_splits
from bench.axes_sets import recurs
from bench.command_line import noted
from bench.given_sets_table import table
from cic.data.matrix import ExpressionMatrix
from cic.evaluation.axes.matching import matched
from cic.evaluation.axes.recovery import TRUE_ABOVE, correlations
from cic.evaluation.axes.rivals import RIVALS, Axes, Profiles
from cic.evaluation.axes.set_links import LinkSpec, held_out_r, set_expression, set_links
from cic.evaluation.gene_sets.enrichment import discovered, rank_sums
from cic.evaluation.gene_sets.expected import activities, counted
from cic.evaluation.gene_sets.gene_sets import MatchedSets, gmt_files, match, read_gmt
from cic.model.feature_fit import fit_features
from cic.model.features import Features
from cic.model.prepare import Prepared
from cic.seeds import derive_seed, generator

WRONG = 0.3
"""Of the genes of every other given program."""
BESIDE = ("ica_genes", "sparse_pca")
Sets = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """Two splits of the same profiles, and trainings on each; features of the first are measured."""

    seed: int
    both: Sequence[tuple[Prepared, Profiles]]
    networks: Sequence[Sequence[Any]]
    test_S: np.ndarray
    label_N: pd.Series

    def axes(self, given: Sets) -> tuple[list[Axes], Features, float]:
        """Give features of both splits as axes, those of the first, and the share of what is decoded that they tell."""
        axes, first, told = [], None, 0.0
        for (ready, profiles), networks in zip(self.both, self.networks, strict=True):
            train_SK, held_SK = ready.fold.z_train_SK, ready.fold.z_validation_SK
            found = fit_features(networks, ready.basis, train_SK, held_SK, "auto", given=given)
            assert found is not None, "some recur"
            parts = (profiles.z_train_NK, profiles.z_test_SK, held_SK)
            made = [networks[0].decode(networks[0].encode(z_SK)) for z_SK in parts]
            activity = [found.activities(*both) for both in zip(parts, made, strict=True)]
            axes.append(Axes(found.loading_GF(), activity[0], activity[1]))
            if first is None:
                first, told = found, told_share(made[0], activity[0], made[2], activity[2])
        assert first is not None
        return axes, first, told

    def beside(self, name: str, n_axes: int) -> list[Axes]:
        """Give axes of another method in both splits."""
        return [RIVALS[name](profiles, n_axes, self.seed) for _, profiles in self.both]


def told_share(train_NK: np.ndarray, train_NF: np.ndarray, held_SK: np.ndarray, held_SF: np.ndarray) -> float:
    """Give the share of the held-out variance that activities tell, by a regression on the training profiles."""
    mean_F, mean_K = train_NF.mean(axis=0), train_NK.mean(axis=0)
    centred_NF = (train_NF - mean_F).astype(np.float64)
    gram_FF = centred_NF.T @ centred_NF
    gram_FF += 1e-3 * gram_FF.diagonal().mean() * np.eye(len(gram_FF))
    slope_FK = np.linalg.solve(gram_FF, centred_NF.T @ (train_NK - mean_K))
    left_SK = held_SK - mean_K - (held_SF - mean_F) @ slope_FK
    return float(1 - np.square(left_SK).sum() / np.square(held_SK - mean_K).sum())


def case_of(matrix: ExpressionMatrix, seed: int, *, simulated: bool) -> tuple[Case, ExpressionMatrix]:
    """Split twice and train, as `bench.axes` and `bench.axes_sets` do."""
    parts, matrix = two_splits(matrix, seed)
    both = [prepared(matrix, part_S, seed) for part_S in parts]
    seeds = [seed if simulated else derive_seed(seed, at) for at in (0, 1)]
    networks = [trained(ready, one) for (ready, _), one in zip(both, seeds, strict=True)]
    return Case(seed, both, networks, parts[0] == "test", matrix.samples["label"][parts[0] == "train"]), matrix


def random_like(sets: Sets, n_genes: int, seed: int) -> dict[str, np.ndarray]:
    """Give as many sets of random genes, as large."""
    draw = generator(seed, "random sets")
    return {
        f"RANDOM {name}": np.sort(draw.choice(n_genes, len(members), replace=False)) for name, members in sets.items()
    }


def partly_wrong(members: np.ndarray, n_genes: int, draw: np.random.Generator) -> np.ndarray:
    """Replace some of a set's genes by others."""
    kept = draw.permutation(members)[int(WRONG * len(members)) :]
    others = np.setdiff1d(np.arange(n_genes), members)
    return np.sort(np.concatenate([kept, draw.choice(others, len(members) - len(kept), replace=False)]))


def about(found: Features, told: float) -> dict[str, Any]:
    """Say what features came to, and what drew them."""
    by_D, random_D = np.abs(found.drawn_by_D), np.array([one.startswith("RANDOM") for one in found.given], dtype=bool)
    return {
        "told": told, "recurrence": float(np.median(found.recurrence_F)),
        "drawn_features": len(np.unique(found.drawn_feature_D)) / len(found),
        "drawn_sets": len(np.unique(found.drawn_set_D)),
        "random": float(by_D[random_D[found.drawn_set_D]].sum() / by_D.sum()) if len(by_D) else 0.0,
    }  # fmt: skip


def rows(case: Case, given: Mapping[str, Sets], measure: Any) -> Iterator[dict[str, Any]]:
    """Give one row a method: features by what is given to them, then the others at as many axes as the first has."""
    n_axes = 0
    for name, sets in given.items():
        begun = time.perf_counter()
        axes, found, told = case.axes(sets)
        seconds = (time.perf_counter() - begun) / 2
        n_axes = n_axes or len(found)
        yield {"method": name, "axes": len(found), "seconds": seconds, **about(found, told), **measure(axes, found)}
    for name in BESIDE:
        yield {"method": name, "axes": n_axes, **measure(case.beside(name, n_axes), None)}


def followed(case: Case, tested: MatchedSets) -> Any:
    """Give what measures axes by sets that were not given: r on held-out profiles, links that recur, expectations."""
    spread = [profiles.x_train_NG.std(axis=0) for _, profiles in case.both]
    expression = [
        set_expression(profiles.x_train_NG, tested.members, spread_G)
        for (_, profiles), spread_G in zip(case.both, spread, strict=True)
    ]
    held_PS = set_expression(case.both[0][1].x_test_SG, tested.members, spread[0])

    def measure(axes: Sequence[Axes], _: Features | None) -> dict[str, Any]:
        linked = [
            set_links(LinkSpec(one_PN, one.train_NF, SHUFFLES, RATE, case.seed))
            for one_PN, one in zip(expression, axes, strict=True)
        ]
        r_P = held_out_r(expression[0], axes[0].train_NF, held_PS, axes[0].test_SF)
        again = recurs(list(axes), [one.r for one in linked], [one.found for one in linked])
        found, of = counted(tested.names, activities(axes[0].train_NF, case.label_N, linked[0].r, linked[0].found))
        return {
            "r_P": r_P.tolist(), "links": int(linked[0].found.sum()), "recurs": again,
            "expected": found, "of": of,
        }  # fmt: skip

    return measure


def recovered(activity_SP: np.ndarray, programs: MatchedSets, tested_P: np.ndarray) -> Any:
    """Give what measures axes by the truth, as `bench.axes` does: all programs take part, some are told of.

    Of features it also tells how many pairs with a program's set that drew them are true, by the same r.
    """

    def measure(axes: Sequence[Axes], found: Features | None) -> dict[str, Any]:
        r_PF = correlations(activity_SP, axes[0].test_SF)
        ranked = rank_sums(axes[0].loading_GF, programs.members)
        linked_PF = discovered(ranked.p, RATE)[1]
        true_PF = linked_PF & (np.sign(ranked.score) * r_PF > TRUE_ABOVE)
        counts = {"r_P": matched(r_PF), "links_P": linked_PF.sum(axis=1), "true_P": true_PF.sum(axis=1)}
        by_half = {
            f"{name} {which}": value_P[at_P].tolist()
            for which, at_P in (("other", tested_P), ("given", ~tested_P))
            for name, value_P in counts.items()
        }
        if found is None:
            return by_half
        pairs = [
            bool(np.sign(by) * r_PF[programs.names.index(name), feature] > TRUE_ABOVE)
            for feature in range(len(found))
            for name, by in found.drawn_towards(feature).items()
            if name in programs.names
        ]
        return {**by_half, "pairs": len(pairs), "true_pairs": sum(pairs)}

    return measure


def real(options: argparse.Namespace, seed: int) -> Iterator[dict[str, Any]]:
    """Measure by gene sets."""
    case, matrix = case_of(labelled(options.file, options.label), seed, simulated=False)
    tests = {file: any(file.stem.startswith(name) for name in options.test) for file in gmt_files(options.sets)}
    given, tested = (
        match([one for file, is_test in tests.items() if is_test == which for one in read_gmt(file)], matrix.genes)
        for which in (False, True)
    )
    sets = dict(zip(given.names, given.members, strict=True))
    plain = case.axes(sets)[1]
    own = tested.without(plain.knows(tested.names, tested.members))
    asked = {"features": {}, "sets given": sets, "random sets given": random_like(sets, len(matrix.genes), seed)}
    for row in rows(case, asked, followed(case, own)):
        yield {"data": options.file.name, "tested": len(own), "left_out": own.n_given, **row}


def simulated(seed: int) -> Iterator[dict[str, Any]]:
    """Measure by the truth."""
    with tempfile.TemporaryDirectory() as folder:
        matrix, truth, programs = made("hard", seed, 1040, 20_000, Path(folder))
    case, matrix = case_of(matrix, seed, simulated=True)
    draw, n_genes = generator(seed, "given programs"), len(matrix.genes)
    given_P = np.sort(draw.permutation(len(programs))[: len(programs) // 2])
    sets = {
        programs.names[at]: partly_wrong(programs.members[at], n_genes, draw) if number % 2 else programs.members[at]
        for number, at in enumerate(given_P)
    }
    random = random_like(sets, n_genes, seed)
    tested_P = ~np.isin(np.arange(len(programs)), given_P)
    activity_SP = truth.loc[matrix.samples.index[case.test_S], list(programs.names)].to_numpy()
    asked = {"features": {}, "sets given": sets | random, "random sets given": random}
    for row in rows(case, asked, recovered(activity_SP, programs, tested_P)):
        yield {"data": "hard", **row}


def main() -> None:
    """Measure, write as it goes, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--hard", action="store_true", help="simulated profiles, in place of a file")
    parser.add_argument("--label", default="label")
    parser.add_argument("--sets", type=Path, help="a folder of GMT files")
    parser.add_argument("--test", nargs="+", default=["hallmark"], help="how the files that are not given begin")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--output", type=Path, help="one row a line, as JSON")
    options = parser.parse_args()
    found = (
        {"seed": seed, **row}
        for seed in options.seeds
        for row in (simulated(seed) if options.hard else real(options, seed))
    )
    print(table(noted(found, options.output)).to_string(index=False))


if __name__ == "__main__":
    main()
