"""The model on disk: `model.safetensors`, `model.json` and `origin.json`, data and no code.

The first two carry all that prediction needs: weights, basis, preprocessing, genes in order, unit and label names. They
hold nothing else, so equal digests mean equal models, however these came about. Where a model came from lies beside.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cic.data.preprocess import Preprocessor
from cic.errors import ModelError
from cic.model.architecture import Architecture
from cic.model.basis import SampleBasis
from cic.model.bundle import Bundle
from cic.model.classifier import Classifier
from cic.model.features import Features
from cic.model.inference import TrainedNetwork
from cic.model.reference import Reference

FORMAT = 9
READABLE_FORMATS = (2, 3, 4, 5, 6, 7, 8, FORMAT)
"""Format 2 has no reference of held-out profiles, before format 4 all models are of log2 values, before format 5
nothing is kept by which missing genes could be inferred, before format 6 no features, no network is merged of
several, and the network alone tells labels, in format 6 labels are told by code and coordinates, not by ranks,
before format 8 all profiles are told as undisturbed ones, and features are of what a code is decoded to alone, and
before format 9 nothing is kept by which one sees what gene sets features go with."""
FILES = ("model.safetensors", "model.json")
"""What a model is; its digest is over these."""
ORIGIN = "origin.json"


def save_bundle(folder: Path, bundle: Bundle) -> None:
    """Write `bundle` into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"preprocess.{name}": value for name, value in bundle.preprocessor.arrays().items()}
    tensors["basis.components_GK"] = bundle.basis.components_GK
    tensors["basis.singular_values_K"] = bundle.basis.singular_values_K
    tensors |= {f"network.{name}": value for name, value in bundle.network.weights.items()}
    if bundle.reference is not None:
        tensors |= {f"reference.{name}": value for name, value in bundle.reference.arrays().items()}
    if bundle.features is not None:
        tensors |= {f"features.{name}": value for name, value in bundle.features.arrays().items()}
    if bundle.classifier is not None:
        tensors |= {f"classifier.{name}": value for name, value in bundle.classifier.arrays().items()}
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / FILES[0])
    described = {
        "format": FORMAT,
        "architecture": bundle.architecture.model_dump(),
        "preprocess": bundle.preprocessor.about(),
        "basis": {"scale": bundle.basis.scale, "left_out": bundle.basis.left_out},
        "labels": list(bundle.labels),
        "feature_types": [] if bundle.features is None else list(bundle.features.types),
    }
    if bundle.features is not None:
        described["own_coordinates"] = bundle.features.n_own
        if bundle.features.given:
            described["given_sets"] = list(bundle.features.given)
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
        arrays, weights, kept, features, heads = (
            {name.removeprefix(mark): value for name, value in tensors.items() if name.startswith(mark)}
            for mark in ("preprocess.", "network.", "reference.", "features.", "classifier.")
        )
        # laid out so that a single profile's way in and out takes half the time
        components_GK = np.asfortranarray(tensors["basis.components_GK"])
        return Bundle(
            preprocessor=Preprocessor.restore(arrays, {"onto": "log2"} | described["preprocess"]),
            basis=SampleBasis(components_GK, tensors["basis.singular_values_K"], **described["basis"]),
            network=TrainedNetwork(Architecture.model_validate(described["architecture"]), weights),
            labels=tuple(described["labels"]),
            about=dict(about),
            reference=Reference.restore(kept) if kept else None,
            features=(
                Features.restore(
                    features,
                    described["feature_types"],
                    described.get("given_sets", []),
                    described.get("own_coordinates", 0),
                )
                if features
                else None
            ),
            classifier=Classifier.restore(heads) if heads else None,
            digest=bundle_digest(folder),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the bundle is damaged: {error}", where=str(folder), fix="fetch or train it again") from None


def copy_bundle(folder: Path, place: Path) -> None:
    """Copy a bundle's files to a folder that takes the place of `place`, whole or not at all, unless it is the same.

    Raises
    ------
    ModelError
        If there is no bundle, or it is damaged.
    """
    load_bundle(folder)
    names = (*FILES, ORIGIN)
    if all((place / name).is_file() and filecmp.cmp(folder / name, place / name, shallow=False) for name in names):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        whole = Path(scratch) / place.name
        whole.mkdir()
        for name in names:
            shutil.copyfile(folder / name, whole / name)
        shutil.rmtree(place, ignore_errors=True)
        whole.replace(place)


def bundle_digest(folder: Path) -> str:
    """Give the SHA-256 over the bytes of what the model is; where it came from has no part in it."""
    total = hashlib.sha256()
    for name in FILES:
        total.update(hashlib.sha256((Path(folder) / name).read_bytes()).digest())
    return total.hexdigest()
