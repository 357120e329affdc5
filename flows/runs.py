"""What the flows share: the tasks, one a stage.

Tasks pass paths and hashes. A stage's folder is named by a digest of all that its outcome depends on, so that a stage
whose inputs did not change is not run again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pandas as pd
from httpx import HTTPError
from prefect import Task, get_client, get_run_logger, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

from cic.config import Params, parse_params
from cic.errors import DataError, ServiceError
from cic.folders import read_json
from cic.pipeline import run_stage
from cic.progress import observed
from cic.registry.log import Overtaken
from cic.settings import load_settings
from cic.stage_list import STAGES, inventory, stage_key
from cic.using.starting import bring_start
from cic.versioning.pointers import check_pointer
from cic.versioning.transfer import pull

SECONDS_BETWEEN_UPDATES = 5.0
"""Of a progress artifact."""
TRANSIENT: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": 5,
    "retry_condition_fn": lambda task, run, state: _is_transient(state.result(raise_on_failure=False)),
    "cache_policy": NO_CACHE,
}


def _is_transient(outcome: object) -> bool:
    """Tell what may pass by itself. Who was overtaken would be so again: it has to judge anew."""
    return isinstance(outcome, ServiceError) and not isinstance(outcome, Overtaken)


@task(name="pull", task_run_name="pull", **TRANSIENT)
def pull_data(params: dict[str, Any]) -> str:
    """Bring the profiles from the DVC remote, compare them and their pointer with git, and give their MD5."""
    path = Path(parse_params(params).data.file)
    pull(path)
    pointer = check_pointer(path)
    get_run_logger().info("pull: %s is as its pointer says, md5 %s", path, pointer.md5)
    return pointer.md5


def _stage_task(name: str) -> Task[[dict[str, Any], dict[str, str]], str]:
    @task(name=name, task_run_name=name, description=STAGES[name].run.__doc__, **TRANSIENT)
    def run(params: dict[str, Any], folders: dict[str, str]) -> str:
        parsed, settings = parse_params(params), load_settings()
        paths = {stage: Path(folder) for stage, folder in folders.items()}
        folder = paths[name]
        began = time.monotonic()
        try:
            with progress_artifacts(name) as observer, observed(observer):
                ran = run_stage(name, parsed, paths, settings, keep=True)
        except DataError as error:
            if name == "ingest":
                show_stopped(error, parsed.data.name)
            raise
        # the engine's own line at the end of a task does not say of which
        if ran:
            get_run_logger().info("%s: done in %.0f s, %s", name, time.monotonic() - began, folder)
        else:
            get_run_logger().info("%s: nothing that it depends on has changed, %s", name, folder)
        if name == "ingest":
            show_checks(folder, parsed.data.name)
        if name == "search":
            show_trials(folder, parsed.data.name)
        return str(folder)

    return run


STAGE_TASKS = {name: _stage_task(name) for name in STAGES}


@contextmanager
def progress_artifacts(stage: str) -> Iterator[_ProgressArtifact]:
    """Show bars until the block has ended well: then the run's page lists what it came to, not a bar for each step."""
    shown = _ProgressArtifact(stage)
    yield shown
    try:
        with get_client(sync_client=True) as client:
            for artifact in shown.artifacts.values():
                client.delete_artifact(artifact)
    except (HTTPError, PrefectException) as error:  # a bar that stays is no harm to the stage, which is done
        get_run_logger().debug("%s: its bars stay on the page: %s", stage, error)


class _ProgressArtifact:
    """A progress artifact a bar, made at its beginning; each update is an event, so they are few."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.artifacts: dict[str, UUID] = {}
        self.updated = 0.0

    def __call__(self, label: str, done: int, total: int | None, note: str) -> None:
        if not total:
            return
        percent, said = 100 * done / total, f"{label}: {done}/{total}{note and ', '}{note}"
        now = time.monotonic()
        if label not in self.artifacts:
            # outside of an event loop it is no coroutine
            self.artifacts[label] = cast(UUID, create_progress_artifact(percent, self._key(label), said))
        elif done >= total or now - self.updated >= SECONDS_BETWEEN_UPDATES:
            update_progress_artifact(self.artifacts[label], progress=percent, description=said)
        else:
            return
        self.updated = now

    def _key(self, label: str) -> str:
        return "cic-progress-" + re.sub("[^a-z0-9]+", "-", f"{self.stage} {label}".lower()).strip("-")


SAID = {"warn": "**look**", "note": "note"}
"""Of findings by their level; what stops a run has stopped it before this is told."""


def checks_told(folder: Path, data: str) -> str:
    """Give what the checks found as Markdown, the worst first."""
    checks = read_json(folder / "checks.json")
    sizes = {"profiles": checks["n_samples"], "genes": checks["n_genes"]}
    sizes |= {role: len(checks[role]) for role in ("labels", "groups") if checks[role]}
    rows = [f"| {SAID[one['level']]} | {one['message'].replace('|', '&#124;')} |" for one in checks["findings"]]
    return "\n".join(
        [
            f"# {data}: {', '.join(f'{n:,} {name}' for name, n in sizes.items())}",
            "",
            *(["| | |", "|---|---|", *rows] if rows else ["Nothing deserves attention."]),
            "",
            f"With pictures: `{folder / 'checks.html'}`",
        ]
    )


def show_checks(folder: Path, data: str) -> None:
    """Make the artifact of what the checks found."""
    about = f"What deserves attention in {data}."
    create_markdown_artifact(checks_told(folder, data), key="cic-checks", description=about)


def show_stopped(error: DataError, data: str) -> None:
    """Make the artifact of why the data cannot be trained on."""
    markdown = f"# {data} is not trained on\n\n{error.found}\n\n{error.fix or ''}"
    create_markdown_artifact(markdown, key="cic-checks", description=f"Why nothing was trained on {data}.")


SHOWN = {
    "number": "trial",
    "depth": "depth",
    "bottleneck_width": "width",
    "error_ratio_to_pca": "error over PCA",
    "error": "validation error",
    "state": "state",
    "hidden_width": "hidden width",
    "reason": "why it ended",
}
"""Columns of the table of trials, by those of `trials.csv`: as many as the page has room for, the outcome too."""


def show_trials(folder: Path, data: str) -> None:
    """Make the table artifact of a search's trials."""
    trials = pd.read_csv(folder / "trials.csv")[[*SHOWN]].rename(columns=SHOWN)
    rows = [{str(key): _shown(value) for key, value in row.items()} for row in trials.to_dict("records")]
    about = f"Every trial of the search on {data}, in order; MLflow has the rest of each."
    create_table_artifact(table=rows, key="cic-trials", description=about)


def _shown(value: Any) -> Any:
    """Give a cell as a page shows it: errors to four digits, nothing where there is nothing."""
    if pd.isna(value):
        return None
    return round(value, 4) if isinstance(value, float) else value


def run_stages(params: Params, names: Iterable[str]) -> dict[str, Path]:
    """Pull the data and run the stages `names` in order; give the folder of each."""
    plain = params.model_dump(mode="json")
    md5 = pull_data(plain)
    settings = load_settings()
    bring_start(params, settings)
    root, found, folders = settings.home / "stages", inventory(params, settings), dict[str, Path]()
    for name in names:
        folders[name] = root / f"{name}-{stage_key(name, params, folders, found, md5)[:16]}"
        STAGE_TASKS[name](plain, {stage: str(folder) for stage, folder in folders.items()})
    return folders


def flow_run_id() -> str | None:
    """Give the id of the present flow run."""
    return flow_run.get_id()
