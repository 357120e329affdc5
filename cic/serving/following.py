"""Looking at an alias of the registry for the model that holds it now."""

from __future__ import annotations

from collections.abc import Callable

from cic.errors import ConfigError, ServiceError
from cic.registry.fetched import REFERENCE, fetch_bundle, named_version
from cic.registry.versions import current
from cic.settings import AT_REST, load_settings
from cic.using import Model


def follower(reference: str) -> Callable[[str], Model | None] | None:
    """Give what looks at the alias of ``models:/NAME@ALIAS``; `None` for a version, or a folder, which stay."""
    parts = REFERENCE.fullmatch(reference)
    if parts is None or parts["alias"] is None:
        return None
    return lambda stamp: _newer(reference, stamp)


def _newer(reference: str, stamp: str) -> Model | None:
    """Load the version that holds the alias, unless it is the one with that stamp.

    Raises
    ------
    ConfigError
        If none holds it.
    ModelError
        If it cannot be loaded.
    ServiceError
        If the registry does not answer.
    """
    settings = load_settings()  # the platform may have come up or gone down since
    if settings.tracking_uri.startswith(AT_REST):
        raise ServiceError("the platform that keeps the registry is at rest", where=reference, fix="cic up")
    name, alias = named_version(reference)
    version = current(settings.tracking_uri, name, alias)
    if version is None:
        raise ConfigError("the alias holds no version", where=reference, fix="cic registry promote VERSION")
    if f"{name}/{version.version}" == stamp:
        return None
    numbered = f"models:/{name}/{version.version}"
    return Model(*fetch_bundle(settings.tracking_uri, numbered, settings.artifacts_uri))
