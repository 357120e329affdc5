"""Starting from a model of other profiles: what it is worth with 40, 80 and 160 training profiles.

    python -m bench.start_from $CIC_REAL_DATA

Each draw trains the other model on profiles of its own. Then come, for each number of training profiles, PCA of these,
PCA of these and of what is lent, a model from nothing and one that starts from the other. Settings and shares are
chosen on the validation part, which has a quarter as many profiles; the test part is looked at once.

Distances and angles are all that training sees, so profiles are rotated into a basis of them all first.

Axes: S profiles, G genes, K coordinates.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from bench.foreign_sets import over, profile_sets
from bench.split_seeds import test_error
from cic.config import Params
from cic.data.matrix import ExpressionMatrix, fingerprints
from cic.data.units import log2_scale
from cic.model.autoencoder import frozen
from cic.model.basis import SampleBasis, squared_norms
from cic.model.bundle import Bundle
from cic.model.fold import Fold, pca_error
from cic.model.prepare import Prepared, in_basis, prepare
from cic.model.reference import Reference
from cic.model.start import SHARES, Start
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.seeds import derive_seed, generator

SIZES = (40, 80, 160)
WIDTHS = (8, 30)
SETTINGS: tuple[dict[str, float], ...] = ({"depth": 1}, {"depth": 2}, {"depth": 1, "feature_scale": 1.0})
"""Of a training; all else is at the centre of the space that is searched."""
TEST_AT_LEAST = 40


@dataclass(frozen=True)
class Pair:
    """Profiles of the other model, and ours; where both are of one set, all of them, and the class that decides."""

    others: ExpressionMatrix
    ours: ExpressionMatrix
    class_S: np.ndarray | None = None

    def drawn(self, seed: int) -> tuple[ExpressionMatrix, ExpressionMatrix]:
        """Give profiles of the other model, and ours in a random order; of one set, of other classes."""
        draw = generator(seed, "start_from")
        if self.class_S is None:
            return self.others, self.ours.select(draw.permutation(self.ours.n_samples))
        kinds, counts = np.unique(self.class_S, return_counts=True)
        order = draw.permutation(len(kinds))
        n_taken = 1 + int(np.searchsorted(np.cumsum(counts[order]), SIZES[-1] * 5 // 4 + TEST_AT_LEAST))
        ours_S = np.isin(self.class_S, kinds[order[:n_taken]])
        return self.others.select(~ours_S), self.ours.select(draw.permutation(np.flatnonzero(ours_S)))


def as_matrix(x_SG: np.ndarray, genes: Sequence[str] | None = None) -> ExpressionMatrix:
    """Give values on the scale of the model as profiles; of coordinates, as if these were genes."""
    names = pd.Index([f"s{number}" for number in range(len(x_SG))], name="sample_id")
    genes = genes or [f"k{number}" for number in range(x_SG.shape[1])]
    return ExpressionMatrix(np.ascontiguousarray(x_SG), tuple(genes), pd.DataFrame(index=names), "log_ratio")


def rotated(x_SG: np.ndarray) -> ExpressionMatrix:
    """Give profiles by their coordinates in an exact basis of them all."""
    x_SG = x_SG - x_SG.mean(axis=0, dtype=np.float64).astype(np.float32)
    return as_matrix(x_SG @ SampleBasis.fit(x_SG).components_GK)


def pairs_of(folder: Path) -> dict[str, Pair]:
    """Give the pairs that are measured, by name."""
    known = profile_sets(folder)
    found = {}
    for name in ("tcga", "gtex26"):
        label = pd.read_csv(folder / name / "samples.csv", index_col=0)["label"]
        profiles = rotated(known[name].dense())
        found[f"{name}, other tissues"] = Pair(profiles, profiles, label[known[name].samples.index].to_numpy(dtype=str))
    tcga, gtex26 = known["tcga"], known["gtex26"]
    shared = [gene for gene in gtex26.genes if gene in set(tcga.genes)]
    found["tcga for gtex26"] = Pair(
        as_matrix(over(tcga, shared).dense(), shared), as_matrix(gtex26.dense(), gtex26.genes)
    )
    celseq2, dropseq = known["celseq2"], known["dropseq"]
    shared = [gene for gene in dropseq.genes if gene in set(celseq2.genes)]
    cells = rotated(np.concatenate([log2_scale(over(one, shared).dense(), one.unit) for one in (celseq2, dropseq)]))
    n_others = celseq2.n_samples
    found["celseq2 for dropseq"] = Pair(
        cells.select(np.arange(n_others)), cells.select(np.arange(n_others, cells.n_samples))
    )
    return found


def shuffled(bundle: Bundle, seed: int) -> Bundle:
    """Give the model with its genes called by each other's names: it knows as much, and nothing that is so."""
    names = generator(seed, "shuffled").permutation(bundle.genes_in)
    return replace(bundle, preprocessor=replace(bundle.preprocessor, genes_in=tuple(map(str, names))))


def other_model(matrix: ExpressionMatrix, params: Params) -> Bundle:
    """Train the model that lends, and let it keep what it lends."""
    order_S = generator(params.seed, "other").permutation(matrix.n_samples)
    held_out, train = np.split(order_S, [matrix.n_samples * 15 // 100])
    ready = prepare(matrix.select(train), matrix.select(held_out), params, 0)
    hyper = Hyperparameters(depth=1, bottleneck_width=30)
    network = frozen(fit_network(ready.fold, hyper, params.training, params.seed).network)
    about = {"trained_on": sorted(fingerprints(matrix.values))}
    bundle = Bundle(ready.preprocessor, ready.basis, network, (), about)
    kept = Reference.of(bundle, matrix.values[held_out], z_train_SK=ready.fold.z_train_SK)
    return replace(bundle, reference=kept)


def held_out_fold(ready: Prepared, test: ExpressionMatrix) -> Fold:
    """Give the fold with the test profiles in the place of the validation profiles."""
    z_SK, outside_S, total_S = in_basis(test, ready.preprocessor, ready.basis)
    square = ready.basis.scale**2
    return replace(
        ready.fold, z_validation_SK=z_SK, outside_validation_S=outside_S / square, total_validation_S=total_S / square
    )


def joint_pca(train: ExpressionMatrix, held_out: ExpressionMatrix, start: Start, ready: Prepared, width: int) -> float:
    """Give the unexplained variance of PCA of training profiles and, by their weight, of those that are lent."""
    lent = start.lent(ready.preprocessor)
    own_SG, x_SG = (ready.preprocessor.transform(one.values) for one in (train, held_out))
    joint = SampleBasis.fit(np.concatenate([own_SG, np.sqrt(np.float32(lent.weight)) * lent.x_RG]), width)
    return float(joint.project(x_SG)[1].sum() / squared_norms(x_SG).sum())


def measured(parts: dict[str, ExpressionMatrix], bundle: Bundle, width: int, params: Params) -> dict[str, float]:
    """Choose each method's settings on the validation part, and give its error on the test part."""
    train, validation, test = parts.values()
    starts = {share: Start(bundle, share) for share in SHARES}
    ready = {share: prepare(train, validation, params, 0, start=start) for share, start in starts.items()}
    held_out = {share: held_out_fold(one, test) for share, one in ready.items()}

    def fitted(share: float, setting: dict[str, float]) -> tuple[float, float]:
        hyper = Hyperparameters.model_validate({"bottleneck_width": width, **setting})
        try:
            one = fit_network(ready[share].fold, hyper, params.training, derive_seed(params.seed, "fit"))
        except FloatingPointError:  # in a search a trial that has failed
            return math.inf, math.inf
        return one.validation_error, test_error(one.network, held_out[share])

    own = tuple(pca_error(one, width) for one in (ready[0.0].fold, held_out[0.0]))
    joint = {0.0: own} | {
        one: tuple(joint_pca(train, part, starts[one], ready[0.0], width) for part in (validation, test))
        for one in SHARES[1:]
    }
    centre = {one: fitted(one, SETTINGS[0]) for one in SHARES}

    def chosen(share: float) -> float:
        tried = [own, centre[share], *(fitted(share, each) for each in SETTINGS[1:])]
        return min(tried, key=lambda errors: errors[0])[1]

    share, joint_share = (min(SHARES, key=lambda one: errors[one][0]) for errors in (centre, joint))
    return {
        "pca": own[1],
        "joint pca": joint[joint_share][1],
        "nothing": chosen(0.0),
        "started": chosen(share),
        "share": share,
        "joint pca share": joint_share,
        "ceiling": float(held_out[0.0].outside_validation_S.sum() / held_out[0.0].total_validation_S.sum()),
        "started ceiling": float(held_out[share].outside_validation_S.sum() / held_out[share].total_validation_S.sum()),
    } | {f"centre {one}": error[1] for one, error in centre.items()}


def one_draw(name: str, pair: Pair, seed: int, shuffle: bool = False) -> list[dict[str, float | str]]:
    """Give the rows of one draw."""
    params = Params(seed=seed)
    others, ours = pair.drawn(seed)
    bundle = other_model(others, params)
    if shuffle:
        bundle = shuffled(bundle, seed)
    test = ours.select(np.arange(SIZES[-1] * 5 // 4, ours.n_samples))
    rows: list[dict[str, float | str]] = []
    for size in SIZES:
        validation = ours.select(np.arange(SIZES[-1], SIZES[-1] + size // 4))
        parts = {"train": ours.select(np.arange(size)), "validation": validation, "test": test}
        for width in WIDTHS:
            found = measured(parts, bundle, width, params)
            rows.append({"set": name, "draw": seed, "profiles": size, "width": width, **found})
    return rows


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Give errors and ratios in the mean over draws, with a t interval of the ratio to each rival."""
    found = []
    for (name, size, width), part in rows.groupby(["set", "profiles", "width"], sort=False):
        row = {"set": name, "profiles": size, "width": width, "draws": len(part)}
        row |= {one: f"{part[one].mean():.3f}" for one in ("pca", "joint pca", "nothing", "started")}
        for rival in ("nothing", "joint pca"):
            ratio = part["started"] / part[rival]
            low, high = stats.t.interval(0.95, max(len(part) - 1, 1), ratio.mean(), stats.sem(ratio))
            row[f"over {rival}"] = f"{ratio.mean():.3f} ({low:.3f} to {high:.3f})"
        found.append(row | {"shares": " ".join(f"{one:g}" for one in sorted(part["share"]))})
    return pd.DataFrame(found)


def main() -> None:
    """Read, train, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--shuffle", action="store_true", help="let the other model know nothing that is so")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    pairs = pairs_of(options.folder)
    rows: list[dict[str, float | str]] = []
    with ProcessPoolExecutor(options.processes) as pool:
        jobs = [
            (name, pair, seed, options.shuffle) for seed in range(1, options.draws + 1) for name, pair in pairs.items()
        ]
        for found in pool.map(one_draw, *zip(*jobs, strict=True)):
            rows += found
            if options.output:
                options.output.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(pd.DataFrame(rows)).to_string(index=False))


if __name__ == "__main__":
    main()
