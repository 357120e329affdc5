"""A trained model from genes to code and back: preprocessing, basis and network in one.

On disk it is what `cic.model.bundle_files` writes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.data.terms import Unit
from cic.data.within import normal_scores
from cic.errors import ModelError
from cic.model.architecture import Architecture
from cic.model.basis import SampleBasis
from cic.model.classifier import Classifier, probabilities
from cic.model.features import Features
from cic.model.inference import TrainedNetwork
from cic.model.inputs import aligned
from cic.model.missing_genes import Inference, inference, missing_told
from cic.model.reference import Reference
from cic.model.scales import scale_evidence
from cic.model.seen import seen
from cic.model.threads import one_thread

log = logging.getLogger(__name__)
SMALLEST_REST = 1e-2
"""Share of the mean profile below which what is outside the basis is rounding."""


@dataclass(frozen=True)
class Bundle:
    """A trained model from genes to code and back.

    Attributes
    ----------
    about
        Where it came from, no part of the model: `hyperparameters`, `trained_on` (content fingerprints of training and
        validation profiles), `data_digest`, `seed`, `turn` (`cic.model.rotation`), `validation_error`, `versions`.
    labels
        Class names of the classifier, in the order of its outputs; empty without one.
    reference
        What held-out profiles came to, to compare others with; `None` if nothing is known of that.
    features
        Of profiles, beside their codes; `None` without any.
    classifier
        What tells the labels; `None` without any, and of a model made before format 6, whose network tells them.
    digest
        Of the files that it was read from (`bundle_digest`); empty of one that was not read.
    """

    preprocessor: Preprocessor
    basis: SampleBasis
    network: TrainedNetwork
    labels: tuple[str, ...]
    about: dict[str, Any]
    reference: Reference | None = None
    features: Features | None = None
    classifier: Classifier | None = None
    digest: str = ""
    _inferences: dict[bytes, Inference] = field(default_factory=dict, init=False, repr=False, compare=False)
    """By the genes that were there: whoever asks once asks again."""

    @property
    def architecture(self) -> Architecture:
        """Shape of the network."""
        return self.network.architecture

    @property
    def genes_in(self) -> tuple[str, ...]:
        """Genes that the model needs, in order."""
        return self.preprocessor.genes_in

    @property
    def genes(self) -> tuple[str, ...]:
        """Genes that it reproduces, in order."""
        return self.preprocessor.genes

    @property
    def code_columns(self) -> list[str]:
        """Names of the columns of a table of codes."""
        return [f"code_{number}" for number in range(1, self.architecture.bottleneck_width + 1)]

    @property
    def unit(self) -> Unit:
        """Unit of the values that it takes."""
        return self.preprocessor.unit

    def align(
        self, profiles: ExpressionMatrix | pd.DataFrame, where: str = "input", least_coverage: float | None = None
    ) -> np.ndarray:
        """Give values, samples x `genes_in`, by gene name; genes that the model does not know are ignored.

        Of a table the rows are profiles and the columns genes. A matrix is reordered without making a table of it.

        Values that seem to be on another scale than the training data are warned of.

        Parameters
        ----------
        least_coverage
            What the genes that are there have to tell, as `cic.model.missing_genes.Inference` has it; missing ones
            come as columns of NaN, and are inferred wherever the values are used. `None` asks for all genes.

        Raises
        ------
        ModelError
            If genes are missing or repeated, values are not finite numbers, or they contradict the unit.
        """
        values_SG = self.taken(profiles, self.unit, where, least_coverage)
        if evidence := scale_evidence(self, values_SG):
            log.warning("%s: %s", where, evidence)
        return values_SG

    def taken(
        self,
        profiles: ExpressionMatrix | pd.DataFrame,
        unit: Unit,
        where: str,
        least_coverage: float | None,
        tell: bool = True,
    ) -> np.ndarray:
        """Do what `align` does, without a look at the scale; counts may be in the other of their units."""
        partly = least_coverage is not None and self.infers
        values_SG = aligned(profiles, self.genes_in, unit, where, self.preprocessor.fill_G, partly)
        if least_coverage is not None:
            told = missing_told(self, values_SG, where, least_coverage)
            if told and tell:
                log.warning("%s: %s", where, told)
        return values_SG

    @property
    def infers(self) -> bool:
        """Whether it keeps what missing genes are inferred by."""
        return self.reference is not None and self.reference.infers

    def __repr__(self) -> str:
        shape = self.architecture
        return (
            f"Bundle({len(self.genes)} genes in `{self.unit}` -> {shape.bottleneck_width} numbers, "
            f"depth {shape.depth}, {len(self.labels)} labels)"
        )

    def project(self, values_SG: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give each profile's coordinates z_SK and its squared norm outside the basis (S).

        Parameters
        ----------
        values_SG
            Samples x `genes_in`, in that order, as `align` gives them.

        Raises
        ------
        ModelError
            If it is a table, whose columns may stand in any order.
        """
        if not isinstance(values_SG, np.ndarray):
            raise ModelError(
                f"a {type(values_SG).__name__} has names of its own, which would be ignored here",
                where="profiles",
                expected="an array, samples x the model's genes in their order",
                fix="bundle.encode(bundle.align(table)), which finds genes by name",
            )
        return self.basis.project(self.completed(self.preprocessor.transform(values_SG))[0])

    def completed(self, x_SG: np.ndarray) -> tuple[np.ndarray, Inference | None]:
        """Give preprocessed profiles with missing genes, which are columns of NaN, inferred from the others.

        Returns
        -------
        numpy.ndarray, Inference or None
            The profiles, and what the genes that are there tell; `None` where all are.
        """
        missing_G = np.isnan(x_SG).all(axis=0)
        if not missing_G.any() or not len(x_SG):
            return x_SG, None
        found = self.inference(~missing_G)
        return found.filled(x_SG), found

    def inference(self, present_G: np.ndarray) -> Inference:
        """Give what these of `genes` tell of the others.

        Raises
        ------
        ModelError
            If the model keeps nothing by which it could be told.
        """
        if not self.infers:
            raise ModelError(
                "the model keeps nothing by which missing genes could be inferred",
                where="model",
                fix="give all of its genes, or train it again with this release and 5 validation profiles at least",
            )
        key = np.packbits(present_G).tobytes()
        if key not in self._inferences:
            with one_thread():
                self._inferences[key] = inference(self, present_G)
        return self._inferences[key]

    def encode(self, values_SG: np.ndarray) -> np.ndarray:
        """Give the cell identity codes, float32, samples x `bottleneck_width`."""
        z_SK, _ = self.project(values_SG)
        return self.encode_basis(z_SK)

    def encode_basis(self, z_SK: np.ndarray) -> np.ndarray:
        """Give the codes of profiles by their coordinates."""
        with one_thread():
            return self.network.encode(z_SK)

    def decode_basis(self, code_SW: np.ndarray) -> np.ndarray:
        """Give the coordinates z_SK that codes decode to."""
        with one_thread():
            return self.network.decode(np.asarray(code_SW, dtype=np.float32))

    def decode(self, code_SW: np.ndarray) -> np.ndarray:
        """Give profiles on log2 scale, samples x `genes`, from codes.

        Raises
        ------
        ModelError
            If the codes have another width than the model's.
        """
        width = self.architecture.bottleneck_width
        if code_SW.ndim != 2 or code_SW.shape[1] != width:
            raise ModelError(f"codes of shape {code_SW.shape}", where="decode", expected=f"samples x {width}")
        return self.preprocessor.inverse(self.basis.lift(self.decode_basis(code_SW)))

    def activities(self, z_SK: np.ndarray, code_SW: np.ndarray) -> np.ndarray:
        """Give the activity of each feature, float32, samples x features, of profiles.

        Parameters
        ----------
        z_SK, code_SW
            Their coordinates and codes, as `project` and `encode` give them.

        Raises
        ------
        ModelError
            If the model has no features.
        """
        features = self.known_features()
        decoded_SK = self.decode_basis(code_SW)
        with one_thread():
            return features.activities(np.asarray(z_SK, dtype=np.float32), decoded_SK)

    def known_features(self) -> Features:
        """Give the features, or refuse where there are none.

        Raises
        ------
        ModelError
            If the model has none.
        """
        if self.features is None:
            raise ModelError(
                "this model has no features: none recurs, none was asked for, or it is from before there were any",
                where="features",
                fix="`fit.features: auto` keeps those alone that recur, a number so many whether they do or not: "
                "set one in params.yaml and train again",
            )
        return self.features

    def reconstruct(self, values_SG: np.ndarray) -> np.ndarray:
        """Give the reconstructed profiles on log2 scale, samples x `genes`."""
        return self.decode(self.encode(values_SG))

    def squared_errors(self, values_SG: np.ndarray) -> np.ndarray:
        """Give each profile's squared reconstruction error over the preprocessed genes (float64, S)."""
        return seen(self, values_SG).error_S * len(self.genes)

    @cached_property
    def unreached(self) -> tuple[np.ndarray, float]:
        """The direction of the mean training profile outside the basis, which no reconstruction reaches.

        Weights of values over `genes_in` on the scale of the model, before they are centred (float64; 0 where all is
        inside), and what is to be taken off their sum: what profiles have along it can be told without a projection.
        """
        fitted = self.preprocessor
        mean_G = fitted.mean_G / fitted.scale_G
        rest_G = mean_G - self.basis.components_GK @ (self.basis.components_GK.T @ mean_G)
        length, weight_G = float(np.linalg.norm(rest_G)), np.zeros(len(self.genes_in))
        if length > SMALLEST_REST * np.linalg.norm(mean_G):
            weight_G[fitted.kept] = rest_G / length / fitted.scale_G
        return weight_G, float(fitted.mean_G @ weight_G[fitted.kept])

    @cached_property
    def mean_log2_G(self) -> np.ndarray:
        """The mean training profile on log2 scale (float64)."""
        return self.preprocessor.inverse(np.zeros((1, len(self.genes)), dtype=np.float32))[0].astype(np.float64)

    def classify_codes(self, code_SW: np.ndarray) -> np.ndarray:
        """Give the probability of each label by codes alone, float32, samples x labels.

        Of a profile that is there `classify` says more.

        Raises
        ------
        ModelError
            If the model has no classifier.
        """
        self.check_classifies()
        code_SW = np.asarray(code_SW, dtype=np.float32)
        with one_thread():
            if self.classifier is None:
                return self.network.probabilities(code_SW)
            return probabilities(self.classifier.code_logits(code_SW))

    def classify(
        self, values_SG: np.ndarray, code_SW: np.ndarray, z_SK: np.ndarray, outside_S: np.ndarray
    ) -> np.ndarray:
        """Give the probability of each label, float32, samples x labels.

        Parameters
        ----------
        values_SG
            Profiles, samples x `genes_in`, as `align` gives them.
        code_SW, z_SK, outside_S
            Their codes and coordinates, and squared norms outside of the basis (`project`).

        Raises
        ------
        ModelError
            If the model has no classifier.
        """
        self.check_classifies()
        if self.classifier is None:
            return self.classify_codes(code_SW)
        rank_SG = None if self.classifier.rank_DLG is None else self.ranks(values_SG)
        with one_thread():
            seen = code_SW, z_SK, outside_S / self.basis.scale**2, rank_SG
            return probabilities(self.classifier.profile_logits(*seen))

    def ranks(self, values_SG: np.ndarray) -> np.ndarray:
        """Give normal scores of the ranks within each profile, float32, samples x `genes`.

        Missing genes are ranked where the others say that they are, and those of a corrected profile without the shift.
        """
        fitted = self.preprocessor
        log2_SG = fitted.unmoved(fitted.log2(values_SG))
        if (missing_SG := np.isnan(log2_SG)).any():
            x_SG, _ = self.completed(fitted.transform(values_SG))
            log2_SG = np.where(missing_SG, fitted.unmoved(fitted.inverse(x_SG)), log2_SG)
        return normal_scores(log2_SG).astype(np.float32)

    def check_classifies(self) -> None:
        """Refuse to classify without a classifier.

        Raises
        ------
        ModelError
            If the model has none.
        """
        if not self.labels:
            raise ModelError(
                "this model has no classifier",
                where="classify",
                fix="set `data.label` and `fit.classifier: true` in params.yaml and train again",
            )
