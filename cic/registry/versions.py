"""What stands in the registry: versions and their aliases. Nothing here changes anything, or imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from cic.errors import ConfigError, ServiceError
from cic.tracking.files import TAG_BUNDLE, TAG_VERSION
from cic.tracking.store import connect, explained

CHAMPION, PREVIOUS = "champion", "previous"
LATEST = "latest"
"""What MLflow, too, calls the newest version; it cannot be an alias."""
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    name: str
    version: str
    run_id: str
    bundle_digest: str
    aliases: tuple[str, ...]
    tags: dict[str, str]
    created: datetime

    @classmethod
    def of(cls, found: ModelVersion, aliases: dict[str, str]) -> Version:
        """Take over what MLflow says; `aliases` are those of the model, name to version."""
        version = str(found.version)
        return cls(
            found.name,
            version,
            found.run_id or "",
            found.tags.get(TAG_BUNDLE, ""),
            tuple(alias for alias, holder in sorted(aliases.items()) if str(holder) == version),
            dict(found.tags),
            datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        )


def versions(uri: str, name: str) -> list[Version]:
    """Give all versions of a model, newest first; none if the model is not registered."""
    client = connect(uri)
    with explained(uri):
        aliases = aliases_of(client, name)
        found: list[ModelVersion] = []
        token = None
        while True:
            page = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                break
    return sorted((Version.of(one, aliases) for one in found), key=lambda one: int(one.version), reverse=True)


def registered(uri: str) -> list[str]:
    """Give the names of all registered models."""
    client = connect(uri)
    with explained(uri):
        return sorted(one.name for one in client.search_registered_models(max_results=1000))


def current(uri: str, name: str, alias: str = CHAMPION) -> Version | None:
    """Give the version that holds an alias, or `None`."""
    client = connect(uri)
    with explained(uri):
        holder = aliases_of(client, name).get(alias)
        return None if holder is None else version_numbered(client, name, holder)


def find(uri: str, name: str, wanted: str) -> Version:
    """Give the version with that number, alias or run id; the newest for `latest`.

    Raises
    ------
    ConfigError
        If there is none.
    """
    known = versions(uri, name)
    if wanted == LATEST and known:
        return known[0]
    meant = wanted.removeprefix("@")
    found = [one for one in known if meant in (one.version, one.run_id, *one.aliases)]
    if not found:
        # a run whose bundle had been registered before points to that version
        pointed = _version_of_run(uri, wanted)
        found = [one for one in known if pointed == one.version]
    if found:
        return found[0]
    fix, expected = "`cic registry list` shows them", f"a version of it, such as {known[0].version}" if known else ""
    if not known and (others := registered(uri)):
        fix, expected = (
            "name one of these, as models:/NAME@champion",
            f"a registered model: {', '.join(others)}",
        )
    if known and meant == CHAMPION:
        fix = "`cic registry list` says why none was promoted; name a version instead, or `cic registry promote` one"
    raise ConfigError(
        f"`{wanted}` is no version, alias or run of the model `{name}`",
        where="registry",
        expected=expected or "a registered version; there is none yet",
        fix=fix,
    )


def of_run(uri: str, run_id: str) -> Version:
    """Give the version that a run registered, or found registered before.

    Raises
    ------
    ConfigError
        If there is no such run, or it came to no registered model.
    """
    client = connect(uri)
    number = _version_of_run(uri, run_id)
    digest = client.get_run(run_id).data.tags.get(TAG_BUNDLE) if number else None
    with explained(uri):
        found = client.search_model_versions(f"tags.`{TAG_BUNDLE}` = '{digest}'") if digest else []
    same = sorted(
        (one for one in found if str(one.version) == number), key=lambda one: (one.run_id != run_id, one.name)
    )
    if not same:
        raise ConfigError(
            f"the run `{run_id}` has no registered model", where="registry",
            expected="the run of a training, whose page names the version",
            fix="`cic registry list` shows models; of a search or a trial there is none",
        )  # fmt: skip
    return version_numbered(client, same[0].name, str(number))


def _version_of_run(uri: str, run_id: str) -> str | None:
    try:
        return connect(uri).get_run(run_id).data.tags.get(TAG_VERSION)
    except MlflowException as error:
        if error.error_code in NOT_THERE:
            return None
        raise ServiceError(f"MLflow says: {error.message}", where="registry") from error


def version_numbered(client: MlflowClient, name: str, number: str) -> Version:
    """Give the version with that number."""
    return Version.of(client.get_model_version(name, number), aliases_of(client, name))


def aliases_of(client: MlflowClient, name: str) -> dict[str, str]:
    """Give the version behind each alias; none if the model is not registered."""
    try:
        return {alias: str(number) for alias, number in client.get_registered_model(name).aliases.items()}
    except MlflowException as error:
        if error.error_code in NOT_THERE:
            return {}
        raise
