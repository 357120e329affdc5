"""What stands in the registry: versions, their aliases and their bundles. Nothing here changes anything."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import mlflow.artifacts
import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from cic.errors import ConfigError, ModelError, ServiceError
from cic.model.bundle import Bundle, bundle_digest, load_bundle
from cic.tracking.models import TAG_BUNDLE, TAG_FILES, TAG_VERSION, file_digests
from cic.tracking.store import connect, explained

CHAMPION, PREVIOUS = "champion", "previous"
LATEST = "latest"
"""What MLflow, too, calls the newest version; it cannot be an alias."""
SERVED = "mlflow-artifacts:"
"""Begins the address of files that an MLflow server hands through."""
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
REFERENCE = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


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
    fix = "`cic registry list` shows them"
    if known and meant == CHAMPION:
        fix = "`cic registry list` says why none was promoted; name a version instead, or `cic registry promote` one"
    raise ConfigError(
        f"`{wanted}` is no version, alias or run of the model `{name}`",
        where="registry",
        expected=", ".join(one.version for one in known) or "a registered version; there is none yet",
        fix=fix,
    )


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


@contextmanager
def fetched_bundle(uri: str, version: Version, artifacts_uri: str | None = None) -> Iterator[Path]:
    """Give the folder of a version's bundle for as long as the block runs; its files are those that were registered.

    Parameters
    ----------
    artifacts_uri
        Where a server keeps what it serves, to read past a server that does not run.

    Raises
    ------
    ModelError
        If its files are gone, are no model of ours, or are not what was registered.
    """
    client = connect(uri)
    with tempfile.TemporaryDirectory(prefix="cic-model-") as scratch:
        try:
            source = client.get_model_version_download_uri(version.name, version.version)
            if artifacts_uri is not None and source.startswith(SERVED):
                source = f"{artifacts_uri.rstrip('/')}/{source.removeprefix(SERVED).lstrip('/')}"
            root = Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=scratch, tracking_uri=uri))
            described = yaml.safe_load((root / "MLmodel").read_text())
            folder = root / described["flavors"]["python_function"]["artifacts"]["bundle"]["path"]
        except (MlflowException, OSError, KeyError, TypeError) as error:
            raise ModelError(
                f"the files of version {version.version} cannot be fetched: {error}",
                where=f"models:/{version.name}/{version.version}",
                fix="look whether its artifacts were deleted",
            ) from error
        _check_files(version, root, folder)
        yield folder


def _check_files(version: Version, root: Path, folder: Path) -> None:
    """Hold a version's files against what was noted when it was registered."""
    where = f"models:/{version.name}/{version.version}"
    fix = "roll back to another version, or register the model again from its run's stages"
    if not folder.resolve().is_relative_to(root.resolve()):
        raise ModelError("its bundle lies outside of the model", where=where, fix=fix)
    noted = json.loads(version.tags.get(TAG_FILES, "{}"))
    present = file_digests(root)
    changed = sorted(name for name in {*noted, *present} if noted.get(name) != present.get(name))
    if noted and changed:
        raise ModelError(
            f"{', '.join(changed)} of version {version.version} is not what was registered", where=where, fix=fix
        )
    if bundle_digest(folder) != version.bundle_digest:
        raise ModelError(f"the bundle of version {version.version} is not the one registered", where=where, fix=fix)


def check_stored(uri: str, name: str, number: str) -> None:
    """Fetch a version and hold its files against what was registered.

    Raises
    ------
    ModelError
        If they are gone or differ.
    """
    with explained(uri):
        version = version_numbered(connect(uri), name, number)
    with fetched_bundle(uri, version):
        return


def fetch_bundle(uri: str, reference: str, artifacts_uri: str | None = None) -> tuple[Bundle, str]:
    """Load a model, and give what to stamp its codes with, such as ``cic/3``.

    Parameters
    ----------
    reference
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or the folder of a bundle.
    artifacts_uri
        As of `fetched_bundle`.

    Raises
    ------
    ConfigError
        If it is none of these, or there is no such version.
    ModelError
        If its files are gone or damaged.
    """
    if not reference.startswith("models:/"):
        folder = Path(reference)
        return load_bundle(folder), f"bundle:{bundle_digest(folder)[:12]}"
    parts = REFERENCE.fullmatch(reference)
    if parts is None:
        raise ConfigError(
            f"`{reference}` is no address of a model", expected="models:/NAME@ALIAS or models:/NAME/VERSION"
        )
    version = find(uri, parts["name"], parts["alias"] or parts["version"])
    with fetched_bundle(uri, version, artifacts_uri) as folder:
        return load_bundle(folder), f"{version.name}/{version.version}"
