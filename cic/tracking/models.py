"""The run of the final model, and its version in the registry."""

from __future__ import annotations

import importlib.metadata
import json
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import DataType, ParamSchema, ParamSpec

from cic.model.bundle_files import bundle_digest
from cic.tracking.files import (
    SERVED,
    TAG_BUNDLE,
    TAG_FILES,
    TAG_METRICS,
    TAG_STAGES,
    TAG_VERSION,
    file_digests,
)
from cic.tracking.lineage import Lineage, content_digest, dataset_input, environment_lock, flat_params
from cic.tracking.pages import linked_artifact, prepare_views
from cic.tracking.runs import TAG_KIND, TAG_NOTE, TAG_PROCESS, log_in_batches, this_process
from cic.tracking.store import all_runs, connect, experiment_id, explained, files_kept, insist

NEEDED_TO_SERVE = ("mlflow", "numpy", "pandas", "pyarrow", "pydantic", "pyyaml", "safetensors", "torch")
PARAMETERS = ModelSignature(inputs=None, params=ParamSchema([ParamSpec("output", DataType.string, "codes")]))
"""No inputs: genes are found by name. Without the schema MLflow drops parameters before `predict` sees them."""


@dataclass(frozen=True)
class ModelRun:
    """A logged model.

    Attributes
    ----------
    version
        Its version in the registry.
    reused
        Whether that very bundle was registered before, so that this run points to its version.
    """

    run_id: str
    version: str
    reused: bool


def log_model_run(
    uri: str,
    experiment: str,
    *,
    name: str,
    run_name: str,
    bundle: Path,
    metrics: Mapping[str, Any],
    headline: Mapping[str, float],
    curves: Mapping[str, Mapping[int, float]],
    params: Mapping[str, Any],
    shown_params: Mapping[str, object],
    lineage: Lineage,
    stages: Mapping[str, Mapping[str, Any]],
    shape: tuple[int, int],
    files: Iterable[Path] = (),
    card: str = "",
    about: str = "",
    artifacts_uri: str | None = None,
) -> ModelRun:
    """Log the final model with all it came from, and register it as the next version of `name`.

    Parameters
    ----------
    bundle
        Folder of the bundle.
    metrics
        The content of `metrics.json`: kept as that file, and known again by its digest.
    headline
        The few of them that the page of runs shows.
    curves
        Values by step, under the name of each curve.
    params
        Nested parameters: kept as the file `params.json`.
    shown_params
        The few of them that the page of runs shows.
    stages
        The manifest of each stage: kept as `stages.json`, and known again by its digest.
    shape
        Samples and genes of the data.
    files
        Report, profiles and figures. Pictures go under `figures`.
    card
        What a person should know about the model, in Markdown.
    about
        What a person should know about all versions of `name`.
    """
    client = connect(uri)
    with explained(uri), files_kept(artifacts_uri or uri):
        within = experiment_id(client, experiment, artifacts_uri)
        prepare_views(client, within)
        digests = {TAG_METRICS: content_digest(metrics), TAG_STAGES: content_digest(stages)}
        tags = {**lineage.tags(), **digests, TAG_KIND: "model", TAG_NOTE: card}
        run = client.create_run(within, run_name=run_name, tags={**tags, TAG_PROCESS: this_process()})
        run_id = run.info.run_id
        try:
            log_in_batches(client, run_id, metrics=headline, params=flat_params(shown_params), curves=curves)
            client.log_dict(run_id, dict(metrics), "metrics.json")
            client.log_dict(run_id, dict(params), "params.json")
            client.log_dict(run_id, dict(stages), "stages.json")
            insist(lambda: client.log_inputs(run_id, [dataset_input(lineage, *shape)]))
            client.log_text(run_id, environment_lock(), "environment.txt")
            for path in files:
                client.log_artifact(run_id, str(path), "figures" if path.suffix in (".svg", ".png") else None)
            version = version_with_bundle(client, name, lineage.bundle_digest)
            reused = version is not None
            if version is None:
                version, reused = _register(client, name, run, bundle, lineage, card, about)
            client.set_tag(run_id, TAG_VERSION, version)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
    return ModelRun(run_id, version, reused)


def known_model_run(
    uri: str, experiment: str, *, name: str, metrics: Mapping[str, Any], lineage: Lineage
) -> ModelRun | None:
    """Give the finished run that says all of this already, whichever flow run wrote it; the newest of them."""
    client = connect(uri)
    tags = lineage.tags()
    del tags["cic.flow_run_id"]
    with explained(uri):
        within = client.get_experiment_by_name(experiment)
        version = version_with_bundle(client, name, lineage.bundle_digest)
        if within is None or version is None:
            return None
        wanted = {TAG_BUNDLE: lineage.bundle_digest, TAG_KIND: "model", TAG_VERSION: version}
        wanted |= {TAG_METRICS: content_digest(metrics)}
        asked = " and ".join(f"tags.`{key}` = '{value}'" for key, value in wanted.items())
        runs = all_runs(client, within.experiment_id, f"attributes.status = 'FINISHED' and {asked}")
    same = [run for run in runs if tags.items() <= run.data.tags.items()]
    return ModelRun(same[-1].info.run_id, version, True) if same else None


def version_with_bundle(client: MlflowClient, name: str, digest: str) -> str | None:
    """Give the version of `name` whose bundle has that digest, if there is one."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{TAG_BUNDLE}` = '{digest}'")
    return min((str(one.version) for one in found), key=int, default=None)


def _register(
    client: MlflowClient, name: str, run: Run, bundle: Path, lineage: Lineage, card: str, about: str
) -> tuple[str, bool]:
    """Register a bundle; give its version, and whether somebody else had registered it at the same time.

    Numbers of versions only grow, so who made another one with the same bundle sees the first, and takes his own back.
    """
    run_id = run.info.run_id
    logged = client.create_logged_model(run.info.experiment_id, name=name, source_run_id=run_id)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        save_model(folder, bundle, Model(run_id=run_id, model_id=logged.model_id))
        files = file_digests(folder)
        client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    try:
        client.create_registered_model(name, description=about)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        if not client.get_registered_model(name).description:  # what a person wrote there stays
            client.update_registered_model(name, about)
    # not `models:/<id>`: a sqlite store would look that up in whatever store is the ambient one
    source = logged.artifact_location
    tags = {TAG_BUNDLE: lineage.bundle_digest, "cic.data_md5": lineage.tags()["cic.data_md5"]}
    tags |= {TAG_FILES: json.dumps(files, sort_keys=True)}
    report = linked_artifact(run.info.experiment_id, run_id, "report.html", "The report, with its figures")
    made = client.create_model_version(
        name, source, run_id, tags, description=f"{card}\n\n{report}.", await_creation_for=0, model_id=logged.model_id
    )
    first = version_with_bundle(client, name, lineage.bundle_digest)
    if first is None or first == str(made.version):
        return str(made.version), False
    client.delete_model_version(name, str(made.version))
    client.delete_logged_model(logged.model_id)
    return first, True


def save_model(folder: Path, bundle: Path, described: Model | None = None) -> None:
    """Write `bundle` as a model that MLflow loads and serves: code that is shown, data that is not code."""
    requirements = [f"{name}=={importlib.metadata.version(name).split('+')[0]}" for name in NEEDED_TO_SERVE]
    with warnings.catch_warnings():
        # MLflow warns of what is left out on purpose: type hints and an example of 20,000 columns
        warnings.simplefilter("ignore", UserWarning)
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(SERVED),
            artifacts={"bundle": str(bundle)},
            signature=PARAMETERS,
            pip_requirements=requirements,
            metadata={TAG_BUNDLE: bundle_digest(bundle)},
            mlflow_model=described,
        )
