"""The runs of a search in MLflow: a parent, and a child a trial."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from cic.tracking.pages import prepare_views
from cic.tracking.runs import TAG_KIND, TAG_PROCESS, log_in_batches, this_process
from cic.tracking.store import all_runs, connect, experiment_id, explained

TAG_STUDY = "cic.study"
TAG_TRIAL = "cic.trial"
TAG_SEED = "cic.seed"
TAG_STATE = "cic.state"
TAG_REASON = "cic.reason"
TAG_PARENT = "mlflow.parentRunId"
UNFOLDED = {"mlflow.runType": "evaluation"}
"""Of a child: MLflow's page then shows it below its parent without a click, which its charts need, too."""
AT_ONCE = 4
"""Requests to a server at a time; a sqlite store takes one writer."""


CHOSEN = "★ "
"""Before the name of the trial that was chosen: what stands behind it the page may cut off."""


@dataclass(frozen=True)
class TrialRow:
    """What a trial's run shows.

    Attributes
    ----------
    state
        `complete`, `pruned` or `failed`.
    reason
        Why it was pruned, failed or stopped early; may be empty.
    seed
        From which all its random numbers descend; a tag, as no comparison is by it.
    params
        What the trial was. The first three by name are its shape, as the page that compares runs
        draws the first three.
    metrics
        What it came to: `error_validation`, first for the same reason, `error_validation_over_pca` (neither for a
        failed one), `seconds`, `trained_epochs`.
    """

    number: int
    state: str
    reason: str
    seed: int
    params: Mapping[str, str | int | float]
    metrics: Mapping[str, float]

    @property
    def name(self) -> str:
        """The run's name, such as ``d1 w8 #017 (pruned)``; what is longer the page cuts off."""
        shape = f"d{self.params['depth']} w{self.params['bottleneck_width']}"
        ending = "" if self.state == "complete" else f" ({self.state})"
        return f"{shape} #{self.number:03d}{ending}"


def open_search_run(
    uri: str,
    experiment: str,
    study: str,
    run_name: str,
    params: Mapping[str, object],
    tags: Mapping[str, str],
    artifacts_uri: str | None = None,
) -> str:
    """Give the id of the parent run of a study, which is opened, or reopened if the study has one.

    Parameters
    ----------
    study
        Identity of the study: the same space, data and budget have the same.
    params
        Flat parameters of the search; those of a reopened run stay as they were.
    """
    client = connect(uri)
    with explained(uri):
        within = experiment_id(client, experiment, artifacts_uri)
        prepare_views(client, within)
        now = {**tags, TAG_PROCESS: this_process()}
        known = all_runs(client, within, f"tags.`{TAG_STUDY}` = '{study}' and tags.`{TAG_KIND}` = 'search'")
        if known:
            run_id = known[0].info.run_id
            client.update_run(run_id, status="RUNNING")
            log_in_batches(client, run_id, tags=now)
            return run_id
        fixed = {TAG_STUDY: study, TAG_KIND: "search"}
        run = client.create_run(within, run_name=run_name, tags={**now, **fixed})
        log_in_batches(client, run.info.run_id, params=params)
        return run.info.run_id


def log_trials(uri: str, parent_run_id: str, rows: Sequence[TrialRow]) -> int:
    """Make sure that each trial has its finished child run, and give the number of those written now.

    Trials are known by their number, so a resumed search may hand in the whole table again. Pruned trials end as
    FINISHED with the tag `cic.state`, since that is what was meant to happen; failed ones end as FAILED.
    """
    client = connect(uri)
    with explained(uri):
        parent = client.get_run(parent_run_id)
        children = all_runs(client, parent.info.experiment_id, f"tags.`{TAG_PARENT}` = '{parent_run_id}'")
        known = {int(run.data.tags[TAG_TRIAL]): run for run in children if TAG_TRIAL in run.data.tags}
        due = [row for row in rows if row.number not in known or not _ended(known[row.number])]

        def write(row: TrialRow) -> None:
            _write_trial(client, parent, row, known.get(row.number))

        if uri.startswith(("http://", "https://")) and len(due) > 1:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(write, due))
        else:
            for row in due:
                write(row)
    return len(due)


def _ended(run: Run) -> bool:
    return run.info.status in ("FINISHED", "FAILED")


def _write_trial(client: MlflowClient, parent: Run, row: TrialRow, begun: Run | None) -> None:
    end = int(time.time() * 1000)
    if begun is None:
        begun = client.create_run(
            parent.info.experiment_id,
            start_time=end - int(row.metrics["seconds"] * 1000),
            run_name=row.name,
            tags={
                TAG_PARENT: parent.info.run_id,
                TAG_TRIAL: str(row.number),
                TAG_SEED: str(row.seed),
                TAG_KIND: "trial",
                **UNFOLDED,
                TAG_PROCESS: this_process(),
                TAG_STATE: row.state,
                **({TAG_REASON: row.reason} if row.reason else {}),
            },
        )
    log_in_batches(client, begun.info.run_id, params=row.params, metrics=row.metrics)
    client.set_terminated(begun.info.run_id, "FAILED" if row.state == "failed" else "FINISHED", end)


def mark_chosen(uri: str, parent_run_id: str, number: int) -> None:
    """Mark the trial that was chosen in its name, and no other."""
    client = connect(uri)
    with explained(uri):
        parent = client.get_run(parent_run_id)
        for run in all_runs(client, parent.info.experiment_id, f"tags.`{TAG_PARENT}` = '{parent_run_id}'"):
            plain = str(run.info.run_name).removeprefix(CHOSEN)
            name = CHOSEN * (run.data.tags.get(TAG_TRIAL) == str(number)) + plain
            if name != run.info.run_name:
                client.update_run(run.info.run_id, name=name)


def finish_search_run(
    uri: str,
    run_id: str,
    metrics: Mapping[str, float],
    figures: Iterable[Path] = (),
    tags: Mapping[str, str] | None = None,
    status: str = "FINISHED",
) -> None:
    """Close a search's run with its summary and its pictures, which go under `figures`."""
    client = connect(uri)
    with explained(uri):
        log_in_batches(client, run_id, metrics=metrics, tags=tags)
        for figure in figures:
            client.log_artifact(run_id, str(figure), "figures")
        client.set_terminated(run_id, status)
