"""The model on disk: `model.safetensors`, `model.json` and `origin.json`, data and no code.

The first two carry all that prediction needs: weights, basis, preprocessing, genes in order, unit and label names. They
hold nothing else, so equal digests mean equal models, however these came about. Where a model came from lies beside.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.data.terms import Unit
from cic.errors import ModelError
from cic.model.architecture import Architecture
from cic.model.basis import SampleBasis, squared_norms
from cic.model.inference import TrainedNetwork
from cic.model.inputs import aligned
from cic.model.reference import Reference
from cic.model.scales import scale_evidence
from cic.model.threads import one_thread

log = logging.getLogger(__name__)
FORMAT = 4
READABLE_FORMATS = (2, 3, FORMAT)
"""Format 2 has no reference of held-out profiles, and before format 4 all models are of log2 values."""
FILES = ("model.safetensors", "model.json")
"""What a model is; its digest is over these."""
ORIGIN = "origin.json"


@dataclass(frozen=True)
class Bundle:
    """A trained model from genes to code and back.

    Attributes
    ----------
    about
        Where it came from, no part of the model: `hyperparameters`, `trained_on` (content fingerprints of training and
        validation profiles), `data_digest`, `seed`, `validation_error`, `versions`.
    labels
        Class names of the classifier, in the order of its outputs; empty without one.
    reference
        What held-out profiles came to, to compare others with; `None` if nothing is known of that.
    digest
        Of the files that it was read from (`bundle_digest`); empty of one that was not read.
    """

    preprocessor: Preprocessor
    basis: SampleBasis
    network: TrainedNetwork
    labels: tuple[str, ...]
    about: dict[str, Any]
    reference: Reference | None = None
    digest: str = ""

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

    def align(self, profiles: ExpressionMatrix | pd.DataFrame, where: str = "input") -> np.ndarray:
        """Give values, samples x `genes_in`, by gene name; genes that the model does not know are ignored.

        Of a table the rows are profiles and the columns genes. A matrix is reordered without making a table of it.

        Values that seem to be on another scale than the training data are warned of.

        Raises
        ------
        ModelError
            If genes are missing or repeated, values are not finite numbers, or they contradict the unit.
        """
        values_SG = aligned(profiles, self.genes_in, self.unit, where, self.preprocessor.fill_G)
        if evidence := scale_evidence(self, values_SG):
            log.warning("%s: %s", where, evidence)
        return values_SG

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
        return self.basis.project(self.preprocessor.transform(values_SG))

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

    def reconstruct(self, values_SG: np.ndarray) -> np.ndarray:
        """Give the reconstructed profiles on log2 scale, samples x `genes`."""
        return self.decode(self.encode(values_SG))

    def squared_errors(self, values_SG: np.ndarray) -> np.ndarray:
        """Give each profile's squared reconstruction error over the preprocessed genes (float64, S)."""
        z_SK, outside_S = self.project(values_SG)
        error_SK = self.decode_basis(self.encode_basis(z_SK)) - z_SK
        return squared_norms(error_SK) * self.basis.scale**2 + outside_S

    def classify_codes(self, code_SW: np.ndarray) -> np.ndarray:
        """Give the probability of each label, float32, samples x labels.

        Raises
        ------
        ModelError
            If the model has no classifier.
        """
        if not self.labels:
            raise ModelError(
                "this model has no classifier",
                where="classify",
                fix="set `data.label` and a `training.label_weight` above 0 in params.yaml and train again",
            )
        with one_thread():
            return self.network.probabilities(np.asarray(code_SW, dtype=np.float32))


def save_bundle(folder: Path, bundle: Bundle) -> None:
    """Write `bundle` into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"preprocess.{name}": value for name, value in bundle.preprocessor.arrays().items()}
    tensors["basis.components_GK"] = bundle.basis.components_GK
    tensors["basis.singular_values_K"] = bundle.basis.singular_values_K
    tensors |= {f"network.{name}": value for name, value in bundle.network.weights.items()}
    if bundle.reference is not None:
        tensors |= {f"reference.{name}": value for name, value in bundle.reference.arrays().items()}
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / FILES[0])
    described = {
        "format": FORMAT,
        "architecture": bundle.architecture.model_dump(),
        "preprocess": bundle.preprocessor.about(),
        "basis": {"scale": bundle.basis.scale, "left_out": bundle.basis.left_out},
        "labels": list(bundle.labels),
    }
    for name, content in ((FILES[1], described), (ORIGIN, bundle.about)):
        (folder / name).write_text(json.dumps(content, sort_keys=True, indent=1) + "\n")


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or a newer release wrote it.
    """
    folder = Path(folder)
    missing = [name for name in (*FILES, ORIGIN) if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"no {' and no '.join(missing)}", where=str(folder), expected="a model bundle")
    try:
        described, about = (json.loads((folder / name).read_text()) for name in (FILES[1], ORIGIN))
        with safe_open(folder / FILES[0], framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"the bundle is damaged: {error}", where=str(folder), fix="fetch or train it again") from None
    if described.get("format") not in READABLE_FORMATS:
        raise ModelError(
            f"format {described.get('format')}",
            where=str(folder),
            expected=f"format {' or '.join(map(str, READABLE_FORMATS))}",
            fix="train it again with this release, or read it with the one that wrote it",
        )
    try:
        before = {"onto": "log2"} if described["format"] < FORMAT else {}
        arrays, weights, kept = (
            {name.removeprefix(mark): value for name, value in tensors.items() if name.startswith(mark)}
            for mark in ("preprocess.", "network.", "reference.")
        )
        return Bundle(
            preprocessor=Preprocessor.restore(arrays, described["preprocess"] | before),
            basis=SampleBasis(tensors["basis.components_GK"], tensors["basis.singular_values_K"], **described["basis"]),
            network=TrainedNetwork(Architecture.model_validate(described["architecture"]), weights),
            labels=tuple(described["labels"]),
            about=dict(about),
            reference=Reference.restore(kept) if kept else None,
            digest=bundle_digest(folder),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the bundle is damaged: {error}", where=str(folder), fix="fetch or train it again") from None


def bundle_digest(folder: Path) -> str:
    """Give the SHA-256 over the bytes of what the model is; where it came from has no part in it."""
    total = hashlib.sha256()
    for name in FILES:
        total.update(hashlib.sha256((Path(folder) / name).read_bytes()).digest())
    return total.hexdigest()
