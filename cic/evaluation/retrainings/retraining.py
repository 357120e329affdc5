"""Training again with some profiles left out, without touching genes a second time.

All profiles are rotated once into an orthonormal basis. That changes no distance and no angle, so what is
centred, spanned and trained there on any part of the profiles is what it would be over genes; only the choice and the
scale of genes stay those of the measured model.

Axes: S all profiles, N training profiles, Y coordinates of all, K coordinates of the training profiles' own basis,
W code, L labels, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from cic.config import Training
from cic.errors import ModelError
from cic.evaluation.retrainings.jacobian import mean_jacobian
from cic.model.autoencoder import Autoencoder
from cic.model.basis import SampleBasis, squared_norms
from cic.model.classifier_fit import MOST_COORDINATES, find_classifier
from cic.model.fold import Fold
from cic.model.heads import Labelled
from cic.model.threads import one_thread
from cic.model.training import Hyperparameters
from cic.model.trial import Fitted, TrialSpec, fit_from_spec
from cic.progress import track
from cic.seeds import derive_seed
from cic.workers.workers import Workers


@dataclass(frozen=True)
class Coordinates:
    """All profiles in one orthonormal basis.

    It is exact, and then the same for every training, or, with more profiles than that takes, a basis of the training
    profiles alone: a truncated one of them all would be bent towards what was left out.

    Attributes
    ----------
    y_SY
        Coordinates, float32, in units of the preprocessed genes.
    outside_S
        Squared norm outside the basis: 0 unless there are more profiles than an exact basis takes.
    """

    y_SY: np.ndarray
    outside_S: np.ndarray


def coordinates(x_SG: np.ndarray, seed: int, fit_S: np.ndarray | None = None) -> Coordinates:
    """Rotate preprocessed profiles into a basis of them all, or of those under the mask `fit_S`."""
    with one_thread():
        basis = SampleBasis.fit(x_SG if fit_S is None else x_SG[fit_S], 0, seed)
        z_SK, outside_S = basis.project(x_SG)
    if fit_S is None and basis.left_out <= 1e-6:  # what rounding leaves outside an exact basis is no data
        outside_S = np.zeros(len(x_SG))
    return Coordinates(z_SK * np.float32(basis.scale), outside_S)


@dataclass(frozen=True)
class Spanned:
    """All profiles in the basis of those that are trained on.

    Attributes
    ----------
    z_SK
        Their coordinates.
    outside_S, total_S
        Squared norms outside of the basis, and in all (float64), in units of the coordinates.
    """

    basis: SampleBasis
    z_SK: np.ndarray
    outside_S: np.ndarray
    total_S: np.ndarray


class RetrainingError(ModelError):
    """A training beside the model's own failed; what needed it is left out."""


@dataclass(frozen=True)
class RetrainingSpec:
    """One training: pure data, so that it can run anywhere.

    Attributes
    ----------
    name
        What was left out, or which seed.
    train_S, validation_S
        Masks of the profiles to train on, and to keep the best epoch by.
    unit_S
        Number of the group that training leaves out with each training profile (`cic.model.prepare.left_out_units`).
    rank
        Components of the training profiles' basis; 0 is full rank.
    label_S
        Class of each profile, -1 where it has none; `None` trains without a classifier. Its weight in the training is
        `training.label_weight`; with 0 a classifier is found afterwards (`cic.model.classifier_fit`).
    label_unit_S
        Number of the group that finding a classifier leaves out with each training profile; `None` is `unit_S`.
    group_S, kind_S
        Group and label of each profile where groups are not to be told apart (`cic.model.group_share`).
    shift_S
        Group that shifts each training profile (`cic.model.prepare.shifting_groups`).
    rank_coordinates
        The same profiles by normal scores of ranks, where a classifier that is found afterwards reads these.
    with_jacobian
        Whether to tell what each number of the code does to the profile, which takes as long as encoding them all.
    n_genes
        That the coordinates stand for; 0 is as many as there are coordinates.
    spanned
        What the function `spanned` gives, where it is at hand.
    """

    name: str
    coordinates: Coordinates
    train_S: np.ndarray
    validation_S: np.ndarray
    unit_S: np.ndarray
    hyper: Hyperparameters
    training: Training
    seed: int
    rank: int
    label_S: np.ndarray | None = None
    n_labels: int = 0
    label_unit_S: np.ndarray | None = None
    group_S: np.ndarray | None = None
    kind_S: np.ndarray | None = None
    shift_S: np.ndarray | None = None
    rank_coordinates: Coordinates | None = None
    with_jacobian: bool = False
    n_genes: int = 0
    spanned: Spanned | None = None


@dataclass(frozen=True)
class Retrained:
    """A training's outcome on all profiles, trained on or not.

    Attributes
    ----------
    code_SW, pca_code_SW
        Codes of the model and of PCA of equal width on the same training profiles.
    error_S, pca_error_S, mean_error_S
        Squared error over the preprocessed genes (float64) of the model, of that PCA, and of the training mean.
    logit_SL
        Of the classifier; `None` without one.
    mean_jacobian_YW
        Derivative of the reconstruction with respect to the code, in the coordinates of all profiles, averaged over
        the training profiles; `None` where the spec does not ask for it.
    """

    name: str
    code_SW: np.ndarray
    pca_code_SW: np.ndarray
    error_S: np.ndarray
    pca_error_S: np.ndarray
    mean_error_S: np.ndarray
    logit_SL: np.ndarray | None
    mean_jacobian_YW: np.ndarray | None


def spanned(spec: RetrainingSpec) -> Spanned:
    """Fit a basis on the spec's training profiles, and bring all profiles into it, on one thread."""
    y_SY, more_S = spec.coordinates.y_SY, spec.coordinates.outside_S
    with one_thread():
        x_SY = y_SY - y_SY[spec.train_S].mean(axis=0, dtype=np.float64).astype(np.float32)
        basis = SampleBasis.fit(x_SY[spec.train_S], spec.rank)
        z_SK, outside_S = basis.project(x_SY)
        unit = basis.scale**2
        return Spanned(basis, z_SK, (outside_S + more_S) / unit, (squared_norms(x_SY) + more_S) / unit)


def retrain(spec: RetrainingSpec) -> Retrained:
    """Train in the basis of the spec's training profiles, and apply what comes of it to all profiles, on one thread.

    Raises
    ------
    RetrainingError
        If training comes to nothing, from another seed too.
    """
    with one_thread():
        own = spec.spanned or spanned(spec)
        basis, z_SK, outside_S, total_S = own.basis, own.z_SK, own.outside_S, own.total_S
        train_S, validation_S = spec.train_S, spec.validation_S
        joint_S = spec.label_S if spec.training.label_weight else None
        fold = Fold(
            z_SK[train_S],
            z_SK[validation_S],
            spec.unit_S[train_S],
            outside_S[validation_S],
            total_S[validation_S],
            None if joint_S is None else joint_S[train_S],
            None if joint_S is None else joint_S[validation_S],
            0 if joint_S is None else spec.n_labels,
            None if spec.group_S is None else spec.group_S[train_S],
            None if spec.kind_S is None else spec.kind_S[train_S],
            None if spec.shift_S is None else spec.shift_S[train_S],
        )
        network = _fitted(fold, spec)
        with torch.inference_mode():
            code_SW = network.encode(torch.from_numpy(z_SK))
            made_SK = network.decode(code_SW).numpy()
            logit_SL = None if joint_S is None else network.label_logits(code_SW).numpy()
        if spec.label_S is not None and joint_S is None:
            label_unit_S = spec.unit_S if spec.label_unit_S is None else spec.label_unit_S
            rank_SR = None if spec.rank_coordinates is None else _read(spec.rank_coordinates.y_SY, train_S)
            labelled = Labelled(
                code_SW.numpy()[train_S], made_SK[train_S], fold.z_train_SK, spec.label_S[train_S],
                label_unit_S[train_S], spec.n_labels, spec.n_genes or spec.coordinates.y_SY.shape[1],
                outside_S[train_S], None if rank_SR is None else rank_SR[train_S],
            )  # fmt: skip
            found = find_classifier(labelled, spec.seed)
            logit_SL = found.profile_logits(code_SW.numpy(), z_SK, outside_S, rank_SR)
        jacobian_KW = mean_jacobian(network, code_SW.numpy()[train_S]) if spec.with_jacobian else None
        width = spec.hyper.bottleneck_width
        unit = basis.scale**2
        return Retrained(
            spec.name,
            code_SW.numpy(),
            z_SK[:, :width],
            (squared_norms(made_SK - z_SK) + outside_S) * unit,
            (squared_norms(z_SK[:, width:]) + outside_S) * unit,
            total_S * unit,
            logit_SL,
            None if jacobian_KW is None else basis.lift(jacobian_KW.T.astype(np.float32)).T,
        )


def _read(y_SY: np.ndarray, train_S: np.ndarray) -> np.ndarray:
    """Give the coordinates of all profiles in the span of the training ones, as far as a classifier reads them."""
    x_SY = y_SY - y_SY[train_S].mean(axis=0, dtype=np.float64).astype(np.float32)
    return SampleBasis.fit(x_SY[train_S], MOST_COORDINATES).project(x_SY)[0]


def _fitted(fold: Fold, spec: RetrainingSpec) -> Autoencoder:
    reasons = []
    for seed in (spec.seed, derive_seed(spec.seed, "again")):
        fitted = fit_from_spec(TrialSpec(0, spec.hyper, seed, spec.training, (fold,)))
        if isinstance(fitted, Fitted):
            return fitted.network
        reasons.append(fitted.reason)
    raise RetrainingError(
        f"training again ({spec.name}) came to nothing, from two seeds: {'; '.join(reasons)}",
        where="evaluate",
        fix="leave the measure out of `evaluate.measures`, or search lower learning rates",
    )


def retrain_all(specs: Sequence[RetrainingSpec], workers: Workers, label: str) -> list[Retrained]:
    """Run all of `specs`, with a progress bar, and give the outcomes in their order.

    Trainings on the same profiles share their basis: of thousands it takes longer to find than to train in it.
    """
    keys = [(id(spec.coordinates), spec.train_S.tobytes(), spec.rank) for spec in specs]
    alike = dict(zip(keys, specs, strict=True))
    if len(alike) < len(specs):
        found = dict(zip(alike, workers.map(spanned, list(alike.values())), strict=True))
        specs = [replace(spec, spanned=found[key]) for key, spec in zip(keys, specs, strict=True)]
    return list(track(workers.map(retrain, specs), label, total=len(specs)))
