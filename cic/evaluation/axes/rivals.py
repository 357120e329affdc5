"""As many axes by other methods as a model has features: PCA, ICA both ways, NMF, sparse PCA, and random directions.

All but NMF are unchanged by a rotation of the profiles, so they take coordinates in the sample basis, and their time
depends little on the number of genes. What is restricted, for time: NMF sees the genes that vary most and takes few
steps, ICA and sparse PCA stop after a number of iterations whether or not they have come to rest.

Axes: S profiles, N training profiles, G genes, K coordinates of the sample basis, F axes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.decomposition import NMF, FastICA
from sklearn.exceptions import ConvergenceWarning

from cic.evaluation.gene_sets.loadings import regression_loadings
from cic.model.threads import one_thread
from cic.seeds import derive_seed, generator

NMF_GENES, NMF_STEPS = 2000, 100
"""Most variable genes, and steps, that factorisation is given: more of either takes long and changes little."""
ICA_STEPS, ICA_TOLERANCE = 500, 1e-3
CUT = 3.0
"""Standard deviations below which a loading of ICA over genes counts as none, as is usual there."""
ROTATIONS = 50
"""Turns of sparse PCA."""


@dataclass(frozen=True)
class Axes:
    """Axes of one method, whatever it is.

    Attributes
    ----------
    loading_GF
        What each axis does to each gene; only the order of genes along an axis counts.
    train_NF, test_SF
        Activity of each axis in the training profiles, and in those held out.
    """

    loading_GF: np.ndarray
    train_NF: np.ndarray
    test_SF: np.ndarray


@dataclass(frozen=True)
class Profiles:
    """Profiles that axes are found in: preprocessed genes, and coordinates in the basis of the training profiles.

    Attributes
    ----------
    components_GK
        Orthonormal columns, by falling variance (`SampleBasis.components_GK`).
    z_train_NK, z_test_SK
        Coordinates, in any unit.
    x_train_NG, x_test_SG
        Preprocessed profiles, centred on the mean of the training ones.
    """

    components_GK: np.ndarray
    z_train_NK: np.ndarray
    z_test_SK: np.ndarray
    x_train_NG: np.ndarray
    x_test_SG: np.ndarray

    def coordinates(self, n_axes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the first components (G x F), and training and held-out profiles along them, float64."""
        own = (self.components_GK, self.z_train_NK, self.z_test_SK)
        components_GF, train_NF, test_SF = (one[:, :n_axes].astype(np.float64) for one in own)
        return components_GF, train_NF, test_SF


def pca(profiles: Profiles, n_axes: int, seed: int) -> Axes:
    """Principal components."""
    return Axes(*profiles.coordinates(n_axes))


def ica_of_profiles(profiles: Profiles, n_axes: int, seed: int) -> Axes:
    """Independent activities over profiles (Hyvärinen and Oja 2000), from the principal components."""
    _, train_NF, test_SF = profiles.coordinates(n_axes)
    ica = _fast_ica(train_NF.shape[1], derive_seed(seed, "ica"))
    return regressed(profiles, _quietly(lambda: ica.fit_transform(train_NF)), ica.transform(test_SF))


def ica_of_genes(profiles: Profiles, n_axes: int, seed: int) -> Axes:
    """Independent loadings over genes, as in transcriptomics (Liebermeister 2002); activities by least squares.

    What an axis is said to be about are its large loadings alone: those of `CUT` standard deviations or more.
    """
    components_GF, train_NF, test_SF = profiles.coordinates(n_axes)
    ica = _fast_ica(components_GF.shape[1], derive_seed(seed, "ica of genes"))
    axes = _projected(components_GF, train_NF, test_SF, _quietly(lambda: ica.fit_transform(components_GF)))
    large_GF = np.abs(axes.loading_GF) >= CUT * axes.loading_GF.std(axis=0)
    return replace(axes, loading_GF=np.where(large_GF, axes.loading_GF, 0.0))


def sparse_pca(profiles: Profiles, n_axes: int, seed: int) -> Axes:
    """Rotate principal loadings until cutting the small ones off changes least (SPCArt: Hu et al. 2014).

    The cut is at 1/√G, the root mean square of a loading, which the authors recommend for ℓ1.
    """
    components_GF, train_NF, test_SF = profiles.coordinates(n_axes)
    cut, rotation_FF = 1 / np.sqrt(len(components_GF)), np.eye(components_GF.shape[1])
    for _ in range(ROTATIONS):
        turned_GF = components_GF @ rotation_FF
        sparse_GF = np.sign(turned_GF) * np.maximum(np.abs(turned_GF) - cut, 0)
        left_FF, _, right_FF = np.linalg.svd(components_GF.T @ sparse_GF)
        rotation_FF = left_FF @ right_FF
    return _projected(components_GF, train_NF, test_SF, sparse_GF)


def nmf(profiles: Profiles, n_axes: int, seed: int, init: str = "random") -> Axes:
    """Non-negative factors of what lies above each gene's least value among training profiles (Lee and Seung 1999).

    From a random start, by which held-out profiles are reproduced best: from the usual one (`nndsvda`) it ends after
    two steps where many axes are asked for, most of which never move.
    """
    variable_G = np.argsort(-profiles.x_train_NG.var(axis=0), kind="stable")[:NMF_GENES]
    least_G = profiles.x_train_NG[:, variable_G].min(axis=0)
    above_train, above_test = (
        np.maximum(x_SG[:, variable_G] - least_G, 0) for x_SG in (profiles.x_train_NG, profiles.x_test_SG)
    )
    n_axes = min(n_axes, *above_train.shape)
    factors = NMF(n_axes, init=init, max_iter=NMF_STEPS, tol=1e-3, random_state=derive_seed(seed, "nmf"))
    train_NF = _quietly(lambda: factors.fit_transform(above_train))
    return regressed(profiles, train_NF, _quietly(lambda: factors.transform(above_test)))


def blind(profiles: Profiles, n_axes: int, seed: int) -> Axes:
    """Random directions in the span of the principal components, along which profiles vary as they do.

    Directions of equal variance would flatter whatever stands beside them: most are then noise.
    """
    components_GF, train_NF, test_SF = profiles.coordinates(n_axes)
    turn_FF = np.linalg.qr(generator(seed, "blind").normal(size=(train_NF.shape[1],) * 2))[0]
    return Axes(components_GF @ turn_FF, train_NF @ turn_FF, test_SF @ turn_FF)


RIVALS: dict[str, Callable[[Profiles, int, int], Axes]] = {
    "pca": pca,
    "ica": ica_of_profiles,
    "ica_genes": ica_of_genes,
    "nmf": nmf,
    "sparse_pca": sparse_pca,
    "blind": blind,
}
"""Each from profiles, number of axes (fewer where the basis has fewer) and seed."""


@dataclass(frozen=True)
class RivalSpec:
    """So many axes by the rival of this name: pure data, so that they can be found anywhere."""

    name: str
    profiles: Profiles
    n_axes: int
    seed: int


def rival_axes(spec: RivalSpec) -> Axes:
    """Find the axes of one rival, on one thread."""
    with one_thread():
        return RIVALS[spec.name](spec.profiles, spec.n_axes, spec.seed)


def _fast_ica(width: int, seed: int) -> FastICA:
    return FastICA(width, whiten="unit-variance", random_state=seed, max_iter=ICA_STEPS, tol=ICA_TOLERANCE)


def _quietly(fit: Callable[[], np.ndarray]) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit()


def regressed(profiles: Profiles, train_NF: np.ndarray, test_SF: np.ndarray) -> Axes:
    """Give axes with these activities, described by the regression of genes on all of them."""
    return Axes(regression_loadings(profiles.x_train_NG, train_NF), train_NF, test_SF)


def _projected(components_GF: np.ndarray, train_NF: np.ndarray, test_SF: np.ndarray, loading_GF: np.ndarray) -> Axes:
    """Give activities by least squares on the loadings, of what profiles are along the components."""
    to_activity_FF = np.linalg.lstsq(loading_GF, components_GF, rcond=None)[0].T
    return Axes(loading_GF, train_NF @ to_activity_FF, test_SF @ to_activity_FF)
