"""Bundles out of the registry: their files, held against what was registered. Nothing here changes anything."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cic.errors import ConfigError, ModelError
from cic.model.bundle import Bundle
from cic.model.bundle_files import bundle_digest, load_bundle

if TYPE_CHECKING:
    from cic.registry.versions import Version

# MLflow takes more than a second to import, which a bundle in a folder has no need of

HANDED_THROUGH = "mlflow-artifacts:"
"""Begins the address of files that an MLflow server hands through."""
MODELS, RUNS = "models:/", "runs:/"
REFERENCE = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


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
    import yaml
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    from cic.tracking.store import connect

    client = connect(uri)
    with tempfile.TemporaryDirectory(prefix="cic-model-") as scratch:
        try:
            source = past_server(client.get_model_version_download_uri(version.name, version.version), artifacts_uri)
            root = Path(download_artifacts(artifact_uri=source, dst_path=scratch, tracking_uri=uri))
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


def past_server(address: str, artifacts_uri: str | None) -> str:
    """Give the address of files without the server that hands them through, where it is known who keeps them."""
    if artifacts_uri is None or not address.startswith(HANDED_THROUGH):
        return address
    return f"{artifacts_uri.rstrip('/')}/{address.removeprefix(HANDED_THROUGH).lstrip('/')}"


def _check_files(version: Version, root: Path, folder: Path) -> None:
    """Hold a version's files against what was noted when it was registered."""
    from cic.tracking.files import TAG_FILES, file_digests

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
    from cic.registry.versions import version_numbered
    from cic.tracking.store import connect, explained

    with explained(uri):
        version = version_numbered(connect(uri), name, number)
    with fetched_bundle(uri, version):
        return


def named_version(reference: str) -> tuple[str, str]:
    """Give name, and number or alias, of ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    parts = REFERENCE.fullmatch(reference)
    if parts is None:
        raise ConfigError(
            f"`{reference}` is no address of a model", expected="models:/NAME@ALIAS or models:/NAME/VERSION"
        )
    return parts["name"], parts["alias"] or parts["version"]


def version_of(uri: str, reference: str) -> Version:
    """Give the version that ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``runs:/RUN_ID`` names.

    Raises
    ------
    ConfigError
        If there is none.
    """
    from cic.registry.versions import find, of_run

    if reference.startswith(RUNS):
        return of_run(uri, reference.removeprefix(RUNS))
    return find(uri, *named_version(reference))


def fetch_bundle(uri: str, reference: str, artifacts_uri: str | None = None) -> tuple[Bundle, str]:
    """Load a model, and give what to stamp its codes with, such as ``cic/3``.

    Parameters
    ----------
    reference
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION``, ``runs:/RUN_ID`` or the folder of a bundle.
    artifacts_uri
        As of `fetched_bundle`.

    Raises
    ------
    ConfigError
        If it is none of these, or there is no such version.
    ModelError
        If its files are gone or damaged.
    """
    if not reference.startswith((MODELS, RUNS)):
        bundle = load_bundle(Path(reference))
        return bundle, f"bundle:{bundle.digest[:12]}"
    version = version_of(uri, reference)
    with fetched_bundle(uri, version, artifacts_uri) as folder:
        return load_bundle(folder), f"{version.name}/{version.version}"
