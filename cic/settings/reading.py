"""How the settings are read: from the environment, then from the platform that runs, or has run, for the home."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import AliasChoices, ValidationError

from cic.errors import ConfigError
from cic.process_identity import ProcessIdentity
from cic.settings.fields import STATE_FILE, Settings

AT_REST = "cic-platform://"
"""Begins the address of a store of runs that a platform keeps which does not run; the home follows."""


def running_platform(home: Path) -> dict[str, str]:
    """Give the addresses of the platform that runs for `home`, by field of `Settings`; empty where none does.

    A `platform.json` left by a platform that was killed counts as none.
    """
    try:
        state = json.loads((home / STATE_FILE).read_text())
        supervisor = ProcessIdentity(state["supervisor"]["pid"], state["supervisor"]["started"])
        ready, addresses = state["phase"] == "ready", dict(state["addresses"])
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, KeyError, TypeError):
        return {}
    return addresses if ready and supervisor.alive() else {}


def load_settings(*, with_platform: bool = True) -> Settings:
    """Read the settings from the environment, and from the running platform what the environment leaves open.

    Parameters
    ----------
    with_platform
        False leaves the running platform out, for those who start it.

    Raises
    ------
    ConfigError
        Naming each variable at fault; no value is shown, since it may hold a password.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        faults = "; ".join(f"{variable_of(str(fault['loc'][0]))}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(faults, where="environment", fix="correct or unset these variables") from None
    if not with_platform:
        return settings
    addresses = running_platform(settings.home)
    if not addresses and settings.has_platform_store:
        addresses = {"tracking_uri": f"{AT_REST}{settings.home}"}
    return settings.with_addresses({name: url for name, url in addresses.items() if name not in settings.given})


def variable_of(name: str) -> str:
    """Give the environment variable behind a field of `Settings`."""
    field = Settings.model_fields.get(name)
    if field is not None and isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    return name if name.isupper() else f"CIC_{name.upper()}"


def variables() -> frozenset[str]:
    """Give every environment variable that the settings read."""
    aliases = (field.validation_alias for field in Settings.model_fields.values())
    also = {str(name) for alias in aliases if isinstance(alias, AliasChoices) for name in alias.choices}
    return frozenset(map(variable_of, Settings.model_fields)) | also
