"""The run of a check of scored profiles: its figures over time, and its page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlflow.entities import RunStatus

from cic.tracking.files import TAG_VERSION
from cic.tracking.runs import TAG_KIND, TAG_NOTE, TAG_PROCESS, log_in_batches, this_process
from cic.tracking.store import connect, experiment_id, explained, files_kept


def experiment_of(model: str) -> str:
    """Name the experiment with the checks of a registered model's scores."""
    return f"cic-monitor/{model}"


def log_check(
    uri: str,
    model: str,
    version: str,
    *,
    text: str,
    metrics: Mapping[str, float],
    params: Mapping[str, object],
    page: Path,
    artifacts_uri: str | None = None,
) -> str:
    """Log one check of the profiles that a version scored, and give the id of its run.

    Parameters
    ----------
    text
        What it came to, in a sentence.
    params
        What was asked for.
    page
        The file with its pictures.
    artifacts_uri
        Where files go if no server looks after them.

    Raises
    ------
    ServiceError
        If the store does not answer, or does not take the page.
    """
    client = connect(uri)
    with explained(uri), files_kept(artifacts_uri or uri):
        within = experiment_id(client, experiment_of(model), artifacts_uri)
        tags = {TAG_KIND: "monitoring", TAG_NOTE: text, TAG_PROCESS: this_process(), TAG_VERSION: version}
        run_id = client.create_run(within, tags=tags, run_name=f"version {version}").info.run_id
        log_in_batches(client, run_id, metrics=metrics, params=params)
        client.log_artifact(run_id, str(page))
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.FINISHED))
    return str(run_id)
