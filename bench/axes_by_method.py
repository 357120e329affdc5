"""Axes of all methods, for the benches: features and numbers of a trained code, and as many axes by others.

Beside the features of profiles stand those of the code alone and those of PCA's codes, without a model, those of models
with wider codes, and ICA over genes of what the model decodes: so one sees what is the code's doing, and what that of
the way in which features are found. And ICA over genes with as few axes a gene as features: what that much is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from cic.config import Params
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.split import split_samples
from cic.evaluation.axes.rivals import RIVALS, Axes, Profiles, regressed
from cic.model.feature_fit import OWN, fit_features
from cic.model.prepare import Prepared, prepare
from cic.model.rotation import turned_best
from cic.model.told_genes import FOLLOWED
from cic.model.training import Hyperparameters
from cic.seeds import derive_seed
from cic.stages.fit import fit_all, kept_and_others
from cic.workers.executor import make_executor

RATE, SHUFFLES = 0.05, 200
"""False discoveries among links, and how often each axis is shuffled."""
WIDTH, HIDDEN = 30, 256
LINEAR = (30, 60, 120)
"""Widths of PCA codes whose features are taken likewise."""
Make = Callable[[Prepared, Profiles], Axes | None]


def labelled(path: Path, label: str | None) -> ExpressionMatrix:
    """Read a data set, dense; of its columns the one with the labels is kept, if one is named."""
    matrix = read_matrix(path)
    samples = matrix.samples if label is None else matrix.samples[[label]].set_axis(["label"], axis=1)
    return replace(matrix, values=matrix.dense(), samples=samples)


def two_splits(matrix: ExpressionMatrix, seed: int) -> tuple[list[np.ndarray], ExpressionMatrix]:
    """Give the part of each sample in two splits, and the profiles over the genes that vary in both training parts."""
    split = Params(seed=seed).split
    parts = [split_samples(matrix.samples, split, derive_seed(seed, "split", at)).to_numpy() for at in (0, 1)]
    return parts, varying(matrix, parts)


def varying(matrix: ExpressionMatrix, parts: Sequence[np.ndarray]) -> ExpressionMatrix:
    """Leave genes out that do not vary in one of the training parts, so that all have the same genes."""
    keep_G = np.all([matrix.values[part_S == "train"].std(axis=0) > 0 for part_S in parts], axis=0)
    genes = tuple(np.array(matrix.genes)[keep_G])
    return replace(matrix, values=np.ascontiguousarray(matrix.values[:, keep_G]), genes=genes)


def prepared(matrix: ExpressionMatrix, part_S: np.ndarray, seed: int) -> tuple[Prepared, Profiles]:
    """Bring profiles into the basis of the training ones."""
    train, validation, test = (matrix.select(part_S == name) for name in ("train", "validation", "test"))
    ready = prepare(train, validation, Params(seed=seed), 0)
    x_train_NG, x_test_SG = (ready.preprocessor.transform(one.values) for one in (train, test))
    z_train_NK, z_test_SK = (ready.basis.project(x_SG)[0] for x_SG in (x_train_NG, x_test_SG))
    return ready, Profiles(ready.basis.components_GK, z_train_NK, z_test_SK, x_train_NG, x_test_SG)


class Linear:
    """PCA in the place of a network: what the same features come to without one."""

    def __init__(self, width: int, rank: int) -> None:
        self.architecture, self.rank = SimpleNamespace(bottleneck_width=width), rank

    def encode(self, z_SK: np.ndarray) -> np.ndarray:
        """Give the first coordinates."""
        return z_SK[:, : self.architecture.bottleneck_width]

    def decode(self, code_SW: np.ndarray) -> np.ndarray:
        """Give coordinates of which the others are 0."""
        return np.pad(code_SW, ((0, 0), (0, self.rank - code_SW.shape[1])))


def features_of(
    ready: Prepared,
    profiles: Profiles,
    networks: Sequence[Any],
    wanted: int | Literal["auto"] = "auto",
    own: Sequence[int] = OWN,
) -> Axes | None:
    """Give features beside the first network's code, or of it alone with `own` [0]; `None` without any."""
    fold, network = ready.fold, networks[0]
    features = fit_features(networks, ready.basis, fold.z_train_SK, fold.z_validation_SK, wanted, own=own)
    if features is None:
        return None
    both = (profiles.z_train_NK, profiles.z_test_SK)
    made = [network.decode(code_SW) for code_SW in _codes(profiles, network)]
    return Axes(features.loading_GF(), *map(features.activities, both, made))


def _codes(profiles: Profiles, network: Any) -> list[np.ndarray]:
    return [network.encode(z_SK) for z_SK in (profiles.z_train_NK, profiles.z_test_SK)]


def trained(ready: Prepared, seed: int, width: int = WIDTH) -> list[Any]:
    """Train the shape that searches of these data choose as the stage `fit` does; the kept network first, turned."""
    fold, hyper = ready.fold, Hyperparameters(depth=1, bottleneck_width=width, hidden_width=HIDDEN)
    with make_executor(workers=1) as workers:
        fitted, _ = fit_all(fold, hyper, Params(seed=seed), "cpu", workers)
    _, networks = kept_and_others(fitted, fold)
    return [turned_best(networks, ready.basis, fold.own_train_SK, fold.z_validation_SK)[0], *networks[1:]]


def decoded(ready: Prepared, profiles: Profiles, network: Any) -> Profiles:
    """Give what the network makes of profiles in their place, along the directions in which it differs."""
    made = [network.decode(code_SW) for code_SW in _codes(profiles, network)]
    mean_K = made[0].mean(axis=0)
    turn_RK = np.linalg.svd(made[0] - mean_K, full_matrices=False)[2]
    along = [(z_SK - mean_K) @ turn_RK.T for z_SK in made]
    lifted = [ready.basis.lift(z_SK - mean_K) for z_SK in made]
    return Profiles(ready.basis.components_GK @ turn_RK.T, *along, *lifted)


def own_axes(networks: Mapping[int, Sequence[Any]]) -> dict[str, Make]:
    """Give what makes the axes that say themselves how many they are; `networks` are by the id of what is prepared."""
    return {
        "features": lambda ready, profiles: features_of(ready, profiles, networks[id(ready)]),
        "code": lambda ready, profiles: regressed(profiles, *_codes(profiles, networks[id(ready)][0])),
    }


def other_axes(networks: Mapping[int, Sequence[Any]], n_axes: int, seed: int, widths: Sequence[int]) -> dict[str, Make]:
    """Give what makes so many axes by other methods, and by models with codes of these widths."""

    def of(rival: Callable[[Profiles, int, int], Axes]) -> Make:
        return lambda _, profiles: rival(profiles, n_axes, seed)

    def of_pca(width: int) -> Make:
        return lambda ready, profiles: features_of(ready, profiles, [Linear(width, ready.basis.rank)], n_axes, own=[0])

    def of_width(width: int) -> Make:
        return lambda ready, profiles: features_of(ready, profiles, trained(ready, seed, width), n_axes, own=[0])

    def of_code(ready: Prepared, profiles: Profiles) -> Axes | None:
        return features_of(ready, profiles, networks[id(ready)], n_axes, own=[0])

    def of_decoded(ready: Prepared, profiles: Profiles) -> Axes:
        return RIVALS["ica_genes"](decoded(ready, profiles, networks[id(ready)][0]), n_axes, seed)

    def few_a_gene(_: Prepared, profiles: Profiles) -> Axes:
        axes = RIVALS["ica_genes"](profiles, n_axes, seed)
        kept_GN = np.argsort(-np.abs(axes.loading_GF), axis=1, kind="stable")[:, :FOLLOWED]
        few_GF = np.zeros_like(axes.loading_GF)
        np.put_along_axis(few_GF, kept_GN, np.take_along_axis(axes.loading_GF, kept_GN, axis=1), axis=1)
        return replace(axes, loading_GF=few_GF)

    of_pcas = {f"features of PCA {width}": of_pca(width) for width in LINEAR}
    of_widths = {f"features of {width} numbers": of_width(width) for width in widths}
    others = {name: of(rival) for name, rival in RIVALS.items()}
    controls = {
        "features of the code": of_code,
        "ica_genes, few a gene": few_a_gene,
        "ica_genes of decoded": of_decoded,
    }
    return {**others, **controls, **of_pcas, **of_widths}


def rows_by_method(
    networks: Mapping[int, Sequence[Any]],
    numbers: Sequence[int],
    seed: int,
    row: Callable[[str, str, Make], dict[str, Any] | None],
    widths: Sequence[int] = (),
) -> Iterator[dict[str, Any]]:
    """Give a row of each method: of others at as many axes as there are features, and at the numbers asked for.

    `row` makes one of a method's name, the number asked for, in words, and what makes the axes; `None` without any.
    Features of codes of other `widths` are as many as those of the first.
    """
    asked = {str(n_axes): n_axes for n_axes in numbers}
    for name, make in own_axes(networks).items():
        if (one := row(name, "as many", make)) is not None:
            if name == "features":
                asked = {"as many": one["axes"], **asked}
            yield one
    for asked_for, n_axes in asked.items():
        wider = widths if asked_for == "as many" else ()
        for name, make in other_axes(networks, n_axes, seed, wider).items():
            if (one := row(name, asked_for, make)) is not None:
                yield one
