"""What the run behind a version keeps: tags, parameters, files as they were logged. Nothing here changes anything."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from cic.errors import ModelError
from cic.registry.fetched import past_server
from cic.registry.versions import NOT_THERE, Version
from cic.tracking.lineage import content_digest
from cic.tracking.store import connect, explained

GONE = "the run that the version came from is gone"
NEEDED_TAGS = ("cic.bundle_digest", "cic.data_file", "cic.data_md5", "cic.git_commit", "cic.params_digest", "cic.seed")


@dataclass(frozen=True)
class Run:
    """A run of MLflow, as far as it tells where a model came from.

    Attributes
    ----------
    params
        The few parameters that the page of runs shows.
    files
        Address of its files.
    """

    run_id: str
    status: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    files: str


def run_of(uri: str, version: Version, artifacts_uri: str | None = None) -> Run:
    """Give the run that a version came from.

    Parameters
    ----------
    artifacts_uri
        As of `cic.registry.fetched.fetched_bundle`.

    Raises
    ------
    ModelError
        If it was deleted, or does not say where the model came from.
    """
    where = f"run {version.run_id} in MLflow"
    with explained(uri):
        try:
            run = connect(uri).get_run(version.run_id)
        except MlflowException as error:
            if error.error_code not in NOT_THERE:
                raise
            raise ModelError(GONE, where=where) from error
    if run.info.lifecycle_stage == "deleted":
        raise ModelError(GONE, where=where, fix=f"mlflow runs restore --run-id {version.run_id}")
    if absent := [name for name in NEEDED_TAGS if name not in run.data.tags]:
        raise ModelError(f"it has no tag {', '.join(absent)}", where=where, fix="register a model by `cic publish`")
    files = past_server(run.info.artifact_uri, artifacts_uri)
    return Run(version.run_id, run.info.status, run.data.tags, run.data.params, files)


def file_of(uri: str, run: Run, name: str) -> bytes:
    """Give the bytes of a file of a run.

    Raises
    ------
    ModelError
        If it is not there.
    """
    with tempfile.TemporaryDirectory(prefix="cic-run-") as scratch:
        try:
            file = download_artifacts(artifact_uri=f"{run.files}/{name}", dst_path=scratch, tracking_uri=uri)
            return Path(file).read_bytes()
        except (MlflowException, OSError) as error:
            raise ModelError(f"its {name} cannot be fetched: {error}", where=f"run {run.run_id} in MLflow") from error


def content_of(uri: str, run: Run, name: str, tag: str | None = None) -> dict[str, Any]:
    """Give the content of a JSON file of a run, held against the digest in a tag of it if there is one.

    Raises
    ------
    ModelError
        If it is not there, or is not what was logged.
    """
    where = f"{name} of run {run.run_id} in MLflow"
    try:
        content = json.loads(file_of(uri, run, name))
        found = content_digest(content)
    except ValueError:
        raise ModelError("this is no JSON", where=where, expected="the file as it was logged") from None
    if tag is not None and found != run.tags.get(tag):
        raise ModelError(
            "this is not what was logged",
            where=where,
            expected=f"SHA-256 {run.tags.get(tag)} of its content, as the tag {tag} has it; found {found}",
        )
    return dict(content)
