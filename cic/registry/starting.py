"""Models of a registry that trainings start from, fetched to where the stages read them."""

from __future__ import annotations

from pathlib import Path

from cic.model.bundle_files import copy_bundle
from cic.registry.fetched import fetched_bundle, version_of
from cic.settings import start_folder


def fetch_start(uri: str, reference: str, home: Path, artifacts_uri: str | None = None) -> Path:
    """Put a registered model below `CIC_HOME`, once, as a version does not change; give its folder.

    Parameters
    ----------
    reference
        ``models:/NAME/VERSION`` or ``runs:/RUN_ID``.
    artifacts_uri
        As of `cic.registry.fetched.fetched_bundle`.

    Raises
    ------
    ConfigError
        If there is no such model.
    ModelError
        If its files are gone or damaged.
    """
    place = start_folder(reference, home)
    if not place.exists():
        with fetched_bundle(uri, version_of(uri, reference), artifacts_uri) as folder:
            copy_bundle(folder, place)
    return place
