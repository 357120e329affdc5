"""What is measured, and what a measure gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from cic.config import Params
from cic.data.matrix import ExpressionMatrix
from cic.data.synthetic import truth_files
from cic.evaluation.profiles.reconstruction import Projected
from cic.evaluation.retrainings.retraining import Coordinates, RetrainingSpec, coordinates
from cic.evaluation.statistics.intervals import Resampling, resampling
from cic.model.basis import is_exact
from cic.model.bundle import Bundle
from cic.model.prepare import left_out_units, shifting_groups, untold
from cic.model.training import Hyperparameters
from cic.seeds import derive_seed
from cic.workers.workers import Workers

T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """What the stages before left: the model, all profiles with the part of each, and how they came to be.

    Attributes
    ----------
    matrix
        All profiles, with the sample columns `label`, `group`, `replicate` and `proportion …`, as far as there are any.
    part_S
        `train`, `validation` or `test`, in the order of `matrix`.
    trials, finalists
        One row a trial of the search, and one a configuration trained again; `None` if there was none.
    choice
        The chosen hyperparameters and the `reason`.
    curves
        One row an epoch of each final training: training, kept, epoch, train_error, validation_error.
    audit, checks
        What the leakage audit and the checks of the data found.
    truth
        Activity of the planted programs, by sample id; `None` where the profiles were not simulated.
    n_profiles
        How many profiles there are, where `matrix` is a sample of them; 0 where it is all.
    """

    bundle: Bundle
    matrix: ExpressionMatrix
    part_S: np.ndarray
    trials: pd.DataFrame | None
    finalists: pd.DataFrame | None
    choice: Mapping[str, Any]
    curves: pd.DataFrame
    audit: Mapping[str, Any]
    checks: Mapping[str, Any]
    truth: pd.DataFrame | None = None
    n_profiles: int = 0


@dataclass(frozen=True)
class Subject:
    """A trained model with all profiles, and what measuring them takes.

    Attributes
    ----------
    values_SG
        All profiles over `bundle.genes_in`, in the unit that they were imported in.
    x_SG
        All profiles on the scale of the model, preprocessed once; those of them that a measure needs are had by
        `profiles.preprocessed.rows_of`.
    samples, part_S
        Sample columns `label`, `group`, `replicate` and `proportion …`, as far as there are any; the part of each.
    profiles, errors
        All profiles in the model's basis, and their squared errors by method.
    plan
        Resampling of the test profiles.
    trials, finalists
        What the search left; `None` if there was none.
    truth
        Activity of the planted programs, by sample id; `None` where the profiles were not simulated.
    seed
        From which every random number of a measure descends, by `derive_seed(seed, role)`.
    workers
        What runs retrainings.
    """

    bundle: Bundle
    values_SG: np.ndarray
    x_SG: np.ndarray
    samples: pd.DataFrame
    part_S: np.ndarray
    profiles: Projected
    errors: dict[str, np.ndarray]
    plan: Resampling
    params: Params
    trials: pd.DataFrame | None
    finalists: pd.DataFrame | None
    truth: pd.DataFrame | None
    seed: int
    workers: Workers

    @property
    def test_S(self) -> np.ndarray:
        """Which profiles are held out."""
        return self.part_S == "test"

    @property
    def hyper(self) -> Hyperparameters:
        """What the model was trained with."""
        return Hyperparameters.model_validate(self.bundle.about["hyperparameters"])

    @property
    def gene_sets(self) -> Path:
        """Where gene sets may be found: those of the parameters, but the planted programs of simulated profiles."""
        planted, _ = truth_files(Path(self.params.data.file))
        return Path(self.params.evaluate.gene_sets) if self.truth is None else planted

    @cached_property
    def coordinates(self) -> Coordinates:
        """All profiles in one basis of them all."""
        return coordinates(self.x_SG, derive_seed(self.seed, "coordinates"))

    @cached_property
    def _of_training(self) -> dict[bytes, Coordinates]:
        return {}

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Give what `make` gives, calling it once for each name: so questions share costly steps."""
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    def coordinates_of(self, train_S: np.ndarray) -> Coordinates:
        """Give all profiles in a basis on which those not trained on have no influence, for a retraining."""
        if is_exact(self.x_SG.shape):
            return self.coordinates
        known, mask = self._of_training, train_S.tobytes()
        if mask not in known:
            known[mask] = coordinates(self.x_SG, derive_seed(self.seed, "coordinates"), train_S)
        return known[mask]

    def rank_coordinates_of(self, train_S: np.ndarray) -> Coordinates | None:
        """Give the same by normal scores of ranks within profiles; `None` where the model itself sees no values."""
        if self.bundle.preprocessor.within != "none":
            return None
        rank_SG = self.once("ranks", self._ranks)
        if is_exact(rank_SG.shape):
            return self.once("rank coordinates", lambda: coordinates(rank_SG, derive_seed(self.seed, "ranks")))
        return coordinates(rank_SG, derive_seed(self.seed, "ranks"), train_S)

    def _ranks(self) -> np.ndarray:
        rank_SG = self.bundle.ranks(self.values_SG)
        rank_SG -= rank_SG[self.part_S == "train"].mean(axis=0)
        return rank_SG

    def retraining(
        self,
        name: str,
        train_S: np.ndarray,
        validation_S: np.ndarray,
        *,
        hyper: Hyperparameters | None = None,
        label_S: np.ndarray | None = None,
        label_weight: float = 0.0,
        with_jacobian: bool = False,
    ) -> RetrainingSpec:
        """Describe a training on some profiles, within the budget that `evaluate` gives to retrainings.

        Parameters
        ----------
        name
            Of what was left out; its seed descends from it.
        hyper
            Those of the measured model unless given.
        label_S
            Class of each profile, -1 for none, where a classifier is wanted: a joint one with `label_weight` above 0.
        with_jacobian
            As of `RetrainingSpec`.
        """
        config, training = self.params.evaluate, self.params.training
        hyper = self.hyper if hyper is None else hyper
        unit_S = np.full(len(self.samples), -1, dtype=np.int64)
        label_unit_S = unit_S.copy()
        unit_S[train_S] = left_out_units(self.samples[train_S])
        label_unit_S[train_S] = left_out_units(self.samples[train_S], fewest=2)
        shifted = shifting_groups(self.samples[train_S]) is not None
        group_S, kind_S = untold(self.samples) if training.group_penalty else (None, None)
        return RetrainingSpec(
            name=name,
            coordinates=self.coordinates_of(train_S),
            n_genes=self.x_SG.shape[1],
            train_S=train_S,
            validation_S=validation_S,
            unit_S=unit_S,
            hyper=hyper.model_copy(update={"hidden_width": min(hyper.hidden_width, config.hidden_width)}),
            training=training.model_copy(
                update={"epochs": min(training.epochs, config.epochs), "label_weight": label_weight}
            ),
            seed=derive_seed(self.seed, "retraining", name),
            # a narrower basis than the code would leave model and PCA the same
            rank=max(config.rank, hyper.bottleneck_width) if config.rank else 0,
            label_S=label_S,
            label_unit_S=label_unit_S,
            rank_coordinates=None if label_S is None or label_weight else self.rank_coordinates_of(train_S),
            n_labels=0 if label_S is None else int(label_S.max()) + 1,
            group_S=group_S,
            kind_S=kind_S,
            shift_S=unit_S if shifted else None,
            with_jacobian=with_jacobian,
        )

    def too_little(self, train_S: np.ndarray, validation_S: np.ndarray) -> bool:
        """Tell whether these profiles are too few for a code of the model's width, or to be left out unit by unit."""
        enough = train_S.sum() > self.hyper.bottleneck_width + 1 and validation_S.any()
        return not enough or len(np.unique(left_out_units(self.samples[train_S]))) < 2

    def resampling(self, samples: pd.DataFrame, *role: str) -> Resampling:
        """Choose what to resample of some profiles, by the parameters; draws descend from `role`."""
        config = self.params.evaluate
        return resampling(samples, config.bootstrap, config.confidence, derive_seed(self.seed, *role, "bootstrap"))

    def column(self, role: str) -> pd.Series:
        """Give a sample column, all missing where the data have none."""
        return sample_column(self.samples, role)


def sample_column(samples: pd.DataFrame, role: str) -> pd.Series:
    """Give a sample column, all missing where the data have none."""
    return samples[role] if role in samples else pd.Series(None, index=samples.index, dtype="object")
