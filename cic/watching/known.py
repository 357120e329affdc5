"""A model and the digest by which its scores are known, whatever its version is called."""

from __future__ import annotations

from pathlib import Path

from cic.model.bundle_files import bundle_digest
from cic.platform.at_rest import readable
from cic.registry.versions import find
from cic.settings import load_settings
from cic.using import Model, load

OF_FOLDER = "bundle:"
"""Begins the stamp of a model that is in no registry."""


def known_model(reference: str | None, params: Path = Path("params.yaml")) -> tuple[Model, str]:
    """Load a model as `cic.using.load` does, and give the SHA-256 of its bundle beside it."""
    model = load(reference, params)
    name = registered_name(model.stamp)
    if name is None:
        return model, bundle_digest(Path(str(reference)))
    with readable(load_settings()) as settings:
        return model, find(settings.tracking_uri, name, model.stamp.removeprefix(f"{name}/")).bundle_digest


def registered_name(stamp: str) -> str | None:
    """Give the registered model that a stamp such as ``cic/3`` names; `None` for a bundle in a folder."""
    return None if stamp.startswith(OF_FOLDER) else stamp.rpartition("/")[0]
