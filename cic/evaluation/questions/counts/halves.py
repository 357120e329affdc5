"""How much of the squared error is counting noise, told by counts that are dealt out into two halves.

If counts are Poisson, the two halves of a binomial thinning are independent, each as a measurement with half the counts
would be (Neufeld et al. 2024, Biostatistics 25:270; Batson, Royer and Webber 2019 choose denoisers so). Two halves of
one profile lie twice the noise apart, on whatever scale they are; what a model makes of one half is in error against
the other by that noise and by what it misses of the rates, and by nothing else, as the other half had no part in it.
Nothing of this holds for counts that a model was given whole: there it foretells noise by the same noise. So model and
PCA are trained again, on halves.

Axes: S profiles, G modelled genes, K coordinates of the basis, W code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.config import Training
from cic.data.preprocess import Preprocessor
from cic.evaluation.profiles.preprocessed import ROWS_AT_A_TIME
from cic.model.autoencoder import frozen
from cic.model.basis import SampleBasis, squared_norms
from cic.model.fold import Fold
from cic.model.prepare import left_out_units, shifting_groups
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.seeds import derive_seed, generator


@dataclass(frozen=True)
class HalfErrors:
    """Squared distances of test profiles over the modelled genes, on the model's scale, a mean over both halves.

    All are 0 of a profile of which one half has no counts at all, which is no measurement.

    Attributes
    ----------
    noise_S
        What counting adds, half the squared distance of two halves.
    mean_S, pca_S, model_S
        Between a half and what the training mean, PCA of equal width and the model make of the other.
    """

    noise_S: np.ndarray
    mean_S: np.ndarray
    pca_S: np.ndarray
    model_S: np.ndarray


def halved(counts_SG: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Deal out whole counts into two halves, each count to either with equal chance (float32)."""
    whole_SG = np.rint(counts_SG).astype(np.float32)
    first_SG = np.empty_like(whole_SG)
    for start in range(0, len(whole_SG), ROWS_AT_A_TIME):  # a draw takes twice the memory of what is kept
        rows = slice(start, start + ROWS_AT_A_TIME)
        first_SG[rows] = draw.binomial(whole_SG[rows].astype(np.int64), 0.5)
    return first_SG, whole_SG - first_SG


def half_errors(
    values_SG: np.ndarray,
    samples: pd.DataFrame,
    part_S: np.ndarray,
    preprocessor: Preprocessor,
    hyper: Hyperparameters,
    training: Training,
    rank: int,
    seed: int,
) -> HalfErrors:
    """Train on halves of the training profiles, and hold what is made of a half of each test profile against the other.

    Parameters
    ----------
    values_SG
        Counts over all genes of the preprocessor.
    samples, part_S
        Columns `group` and `replicate` as far as there are any; `train`, `validation` or `test` of each.
    preprocessor
        Of the measured model: genes and scale stay its own, centres do not.
    rank
        Components of the basis; 0 is full rank.

    Raises
    ------
    FloatingPointError
        If the loss stops being finite.
    """
    halves = halved(values_SG, generator(seed, "halves"))
    seen_S = (halves[0].sum(axis=1) > 0) & (halves[1].sum(axis=1) > 0)
    train_S, validation_S, test_S = ((part_S == part) & seen_S for part in ("train", "validation", "test"))
    train_SG, validation_SG = (preprocessor.transform(halves[0][part]) for part in (train_S, validation_S))
    mean_G = train_SG.mean(axis=0, dtype=np.float64).astype(np.float32)
    basis = SampleBasis.fit(train_SG - mean_G, rank, derive_seed(seed, "basis"))
    z_train_SK, _ = basis.project(train_SG - mean_G)
    z_validation_SK, outside_S = basis.project(validation_SG - mean_G)
    square = basis.scale**2
    fold = Fold(
        z_train_SK,
        z_validation_SK,
        left_out_units(samples[train_S]),
        outside_S / square,
        squared_norms(validation_SG - mean_G) / square,
        shift_train_S=shifting_groups(samples[train_S]),
    )
    network = frozen(fit_network(fold, hyper, training, derive_seed(seed, "training")).network)
    test = [preprocessor.transform(half[test_S]) - mean_G for half in halves]
    errors = HalfErrors(*np.zeros((4, int((part_S == "test").sum()))))
    at = seen_S[part_S == "test"]
    errors.noise_S[at] = squared_norms(test[0] - test[1]) / 2
    for x_SG, other_SG in (test, test[::-1]):
        z_SK, _ = basis.project(x_SG)
        z_pca_SK = z_SK.copy()
        z_pca_SK[:, hyper.bottleneck_width :] = 0
        errors.mean_S[at] += squared_norms(other_SG) / 2
        errors.pca_S[at] += squared_norms(other_SG - basis.lift(z_pca_SK)) / 2
        errors.model_S[at] += squared_norms(other_SG - basis.lift(network.decode(network.encode(z_SK)))) / 2
    return errors
