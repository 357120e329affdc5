"""What the audit finds of planted leaks, what it finds where none is, and what such leaks do to the result.

    python -m bench.leaks data/raw/tcga --label label

Each disguise is planted one profile at a time: a copy of a training profile among the test profiles. Then every test
profile gets a disguised copy in training, and a network is trained with and without them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from bench.command_line import add_profiles, data_of
from bench.split_seeds import test_error
from cic.config import Params, load_params
from cic.data.audit import Audit, audit_split
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.roles import with_roles
from cic.data.split import split_samples
from cic.data.units import log2_scale
from cic.model.basis import squared_norms
from cic.model.fold import Fold, pca_error
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.seeds import derive_seed

Disguise = Callable[[np.ndarray, int, np.ndarray, np.random.Generator], np.ndarray]
"""From profiles (S x G, log2 scale), a row, the spread of each gene and random numbers to one profile."""


def noise(share: float) -> Disguise:
    """Give the disguise that adds Gaussian noise of a share of each gene's standard deviation."""
    return lambda x_SG, row, spread_G, draw: x_SG[row] + share * spread_G * draw.normal(size=x_SG.shape[1])


def mixed(x_SG: np.ndarray, row: int, spread_G: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Give the mean with another profile, on linear scale."""
    other = draw.choice(np.delete(np.arange(len(x_SG)), row))
    return np.log2((np.exp2(x_SG[row]) + np.exp2(x_SG[other])) / 2)


def mixed_logs(x_SG: np.ndarray, row: int, spread_G: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Give the mean with another profile, on log2 scale."""
    return (x_SG[row] + x_SG[draw.choice(np.delete(np.arange(len(x_SG)), row))]) / 2


def gene_zeros(x_SG: np.ndarray, row: int, spread_G: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Give the profile with a fifth of its genes set to zero."""
    return np.where(draw.random(x_SG.shape[1]) < 0.2, 0, x_SG[row])


DISGUISES: dict[str, Disguise] = {
    "rounded to 0.1": lambda x_SG, row, spread_G, draw: np.round(x_SG[row], 1),
    **{f"noise {share:g}": noise(share) for share in (0.1, 0.2, 0.3, 0.5, 1.0)},
    "scaled by 1.1": lambda x_SG, row, spread_G, draw: 1.1 * x_SG[row],
    "scaled by 1.3": lambda x_SG, row, spread_G, draw: 1.3 * x_SG[row],
    "shifted by 1": lambda x_SG, row, spread_G, draw: x_SG[row] + 1,
    "mixture of two": mixed,
    "mixture of two logarithms": mixed_logs,
    "a fifth of the genes 0": gene_zeros,
}


def caught(audit: Audit) -> bool:
    """Say whether it found twins or mixtures."""
    return any(finding.kind in ("near_identical", "mixture") for finding in audit.findings)


def with_profiles(
    matrix: ExpressionMatrix, part: pd.Series, values_SG: np.ndarray, into: str, sources: list[int]
) -> tuple[ExpressionMatrix, pd.Series]:
    """Add profiles, with the roles of their sources but a group and specimen of their own, to a part."""
    ids = [f"copy {number}" for number in range(len(values_SG))]
    rows = matrix.samples.iloc[sources].set_axis(ids)
    rows = rows.assign(**{role: ids for role in ("group", "replicate") if role in rows})
    samples = pd.concat([matrix.samples, rows]).rename_axis("sample_id")
    values_SG = np.vstack([matrix.values, values_SG]).astype(np.float32)
    return replace(matrix, values=values_SG, samples=samples), pd.concat([part, pd.Series(into, index=ids)])


def found(matrix: ExpressionMatrix, part: pd.Series, params: Params, disguise: Disguise, copies: int) -> int:
    """Count the copies, planted one by one, that the audit finds."""
    draw = np.random.default_rng(derive_seed(params.seed, "leaks"))
    spread_G = matrix.values.std(axis=0)
    rows = draw.choice(np.flatnonzero(part.to_numpy() == "train"), size=copies, replace=False)
    hits = 0
    for row in rows:
        copy_G = disguise(matrix.values, int(row), spread_G, draw)
        planted = with_profiles(matrix, part, copy_G[None], "test", [int(row)])
        hits += caught(audit_split(*planted, params.split))
    return hits


def every_profile_twice(matrix: ExpressionMatrix, params: Params) -> tuple[int, int]:
    """Give how many pairs stand astride and how many are found, when each profile has a twin (noise 0.2)."""
    draw = np.random.default_rng(derive_seed(params.seed, "leaks"))
    noisy_SG = matrix.values + 0.2 * matrix.values.std(axis=0) * draw.normal(size=matrix.values.shape)
    n_samples = matrix.n_samples
    bare = replace(matrix, samples=matrix.samples[[]])
    doubled, _ = with_profiles(bare, pd.Series(dtype=str), noisy_SG, "", list(range(n_samples)))
    part = split_samples(doubled.samples, params.split, derive_seed(params.seed, "split"))
    part_S = part.to_numpy()
    message = next(
        (one.message for one in audit_split(doubled, part, params.split).findings if one.kind == "near_identical"), "0"
    )
    return int((part_S[:n_samples] != part_S[n_samples:]).sum()), int(message.split()[0])


def ratio_with_leak(matrix: ExpressionMatrix, part: pd.Series, params: Params, disguise: Disguise | None) -> float:
    """Give the test error over PCA's when each test profile has a disguised copy in training."""
    rows = np.flatnonzero(part.to_numpy() == "test")
    if disguise is not None:
        draw, spread_G = np.random.default_rng(derive_seed(params.seed, "leaks")), matrix.values.std(axis=0)
        copies_SG = np.stack([disguise(matrix.values, int(row), spread_G, draw) for row in rows])
        matrix, part = with_profiles(matrix, part, copies_SG, "train", list(rows))
    train, validation, test = (matrix.select(part.to_numpy() == name) for name in ("train", "validation", "test"))
    ready = prepare(train, validation, params, 256)
    hyper = Hyperparameters(depth=1, bottleneck_width=30)
    fitted = fit_network(ready.fold, hyper, params.training, derive_seed(params.seed, "fit", 0))
    x_SG = ready.preprocessor.transform(test.values)
    z_SK, outside_S = ready.basis.project(x_SG)
    scale = ready.basis.scale**2
    fold = Fold(z_SK, z_SK, np.arange(len(z_SK)), outside_S / scale, squared_norms(x_SG) / scale)
    return test_error(fitted.network, fold) / pca_error(replace(fold, z_train_SK=ready.fold.z_train_SK), 30)


def main() -> None:
    """Parse, plant, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_profiles(parser)
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5, help="splits on which false alarms are counted")
    parser.add_argument("--ratios", action="store_true", help="train with each leak too")
    options = parser.parse_args()
    params = load_params().model_copy(update={"data": data_of(options)})
    matrix = with_roles(read_matrix(Path(options.file)), params)
    matrix = replace(matrix, values=log2_scale(matrix.values, matrix.unit), unit="log_ratio" if (
        matrix.unit == "log_ratio") else "log2")  # fmt: skip
    parts = [
        split_samples(matrix.samples, params.split, derive_seed(seed, "split")) for seed in range(1, options.seeds + 1)
    ]
    alarms = sum(caught(audit_split(matrix, part, params.split)) for part in parts)
    console = Console()
    console.print(f"{options.file}: alarms on {alarms} of {len(parts)} splits as they are")
    if options.copies:
        astride, told = every_profile_twice(matrix, params)
        console.print(f"every profile twice (noise 0.2): {told} of {astride} pairs astride found")
    table = Table("disguise", f"found of {options.copies}", "test ratio to PCA")
    if options.ratios:
        table.add_row("none", "", f"{ratio_with_leak(matrix, parts[0], params, None):.3f}")
    for name, disguise in DISGUISES.items() if options.copies else ():
        hits = found(matrix, parts[0], params, disguise, options.copies)
        ratio = f"{ratio_with_leak(matrix, parts[0], params, disguise):.3f}" if options.ratios else ""
        table.add_row(name, str(hits), ratio)
    console.print(table)


if __name__ == "__main__":
    main()
