"""Models of a registry that trainings start from, fetched to where the stages read them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cic.model.bundle_files import copy_bundle
from cic.registry.fetched import fetched_bundle, version_of
from cic.settings import Settings, start_folder


def is_fetched(reference: str, settings: Settings) -> bool:
    """Tell whether a registered model is below `CIC_HOME`, and not from another store, where that name is another's.

    What somebody else put there, as `cic reproduce` does, bears no note of a store, and is taken as it is.
    """
    place = start_folder(reference, settings.home)
    note = _note(place)
    return place.exists() and (not note.exists() or note.read_text() == _store(settings))


def fetch_start(uri: str, reference: str, settings: Settings, artifacts_uri: str | None = None) -> Path:
    """Put a registered model below `CIC_HOME`, once, as a version does not change; give its folder.

    Parameters
    ----------
    uri
        By which the store of the settings is read.
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
    place = start_folder(reference, settings.home)
    if not is_fetched(reference, settings):
        with fetched_bundle(uri, version_of(uri, reference), artifacts_uri) as folder:
            copy_bundle(folder, place)
        _note(place).write_text(_store(settings))
    return place


def _note(place: Path) -> Path:
    return place.with_name(f"{place.name}.store")


def _store(settings: Settings) -> str:
    """Give what a store is known again by, without the password that its address may hold."""
    return hashlib.sha256(settings.tracking_uri.encode()).hexdigest()
