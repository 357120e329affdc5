"""Flow runs by Prefect's API: start one of ours, look at it, read what it came to. Prefect itself is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cic.errors import ServiceError
from cic.platform.http import request_json
from cic.settings import Settings

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
BEGUN = ("PENDING", "RUNNING", "CANCELLING", *ENDED)
DEPLOYED = {
    "cic-train": "train-and-judge",
    "cic-search": "search-only",
    "cic-promote": "judge-again",
    "cic-validate": "on-file",
    "cic-score": "score-new",
    "cic-monitor": "watch-scores",
}
"""Name of each flow's deployment in `prefect.yaml`."""
UNKNOWN = "unknown"
"""Where a run ended of which nobody told."""
DEPLOY = '`prefect --no-prompt deploy --all`, in the project\'s folder after `eval "$(cic env)"`'


@dataclass(frozen=True)
class Step:
    """One step of a run, as its newest task run has it.

    Attributes
    ----------
    name
        Of the stage, or of what comes after the stages.
    state
        Prefect's type of state, such as `RUNNING`.
    seconds
        That it has run.
    percent
        Of its outermost bar that is not full yet; `None` where it shows none.
    label, note
        Of that bar: what is counted, and what was said of it last; behind them the bar within it.
    bar_seconds
        Between the beginning of that bar and what was said of it last.
    """

    name: str
    state: str
    seconds: float
    percent: float | None = None
    label: str = ""
    note: str = ""
    bar_seconds: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """What is left of its bar at the speed so far."""
        if not self.percent or self.percent >= 100:
            return None
        return self.bar_seconds * (100 - self.percent) / self.percent


@dataclass(frozen=True)
class Look:
    """A flow run as it stands: its name, state, message and steps, in order."""

    name: str
    state: str
    message: str
    steps: tuple[Step, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED

    @property
    def failed_step(self) -> str | None:
        """Name of the step in which it ended early; one still at work then was ended with its process."""
        early = ("FAILED", "CRASHED", "CANCELLED")
        at_fault = next((step.name for step in reversed(self.steps) if step.state in early), None)
        return at_fault or next((step.name for step in reversed(self.steps) if step.state != "COMPLETED"), None)

    @property
    def where_ended(self) -> str:
        """Where a run ended early, in words: at a step, or after the last that is known to have ended."""
        if self.failed_step is not None:
            return self.failed_step
        if self.steps:
            return f"{UNKNOWN}; `{self.steps[-1].name}` had ended"
        # a process that was killed may not have told of the first step that it began
        return UNKNOWN if self.state == "CRASHED" else "before the first"


class UnknownRun(ServiceError):
    """The server knows no flow run by that id."""


def _ask(settings: Settings, path: str, body: Any = None) -> Any:
    if settings.prefect_api_url is None:
        raise ServiceError(
            "there is no Prefect server here", where=str(settings.home),
            fix="`cic up` starts the platform; PREFECT_API_URL names another server",
        )  # fmt: skip
    try:
        return request_json(f"{settings.prefect_api_url}/{path}", body, 30.0, settings.prefect_auth)
    except ServiceError as error:
        if error.fix is not None or error.found.startswith("answered 4"):
            raise
        fix = "start that server, or correct PREFECT_API_URL"
        if "prefect_api_url" not in settings.given:
            fix = '`cic up` starts the platform; then `eval "$(cic env)"` again, as it may have got other ports'
        raise ServiceError(f"the Prefect server {error.found}", where=error.where, fix=fix) from None


@dataclass(frozen=True)
class Newest:
    """The flow run that began last."""

    id: str
    name: str
    state: str

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.state not in ENDED


def newest(settings: Settings) -> Newest | None:
    """Give the newest run of the training flow that has begun; `None` where there is none, or no server answers."""
    if settings.prefect_api_url is None:
        return None
    asked: dict[str, Any] = {"sort": "EXPECTED_START_TIME_DESC", "limit": 1}
    asked |= {"flows": {"name": {"any_": ["cic-train"]}}, "flow_runs": {"state": {"type": {"any_": [*BEGUN]}}}}
    try:
        found = _ask(settings, "flow_runs/filter", asked)
    except ServiceError:
        return None
    return Newest(str(found[0]["id"]), found[0]["name"], found[0]["state_type"]) if found else None


def start(settings: Settings, flow: str, parameters: dict[str, Any]) -> str:
    """Start a run of the deployment of `flow`, and give its id.

    Raises
    ------
    ServiceError
        If there is no server, or the flow is not deployed there.
    """
    asked = {
        "flows": {"name": {"any_": [flow]}},
        "deployments": {"name": {"any_": [DEPLOYED[flow]]}},
        "work_pools": {"name": {"any_": [settings.work_pool]}},
    }
    deployed = _ask(settings, "deployments/filter", asked)
    if not deployed:
        raise ServiceError(
            f"`{flow}/{DEPLOYED[flow]}` is not deployed", where=str(settings.prefect_api_url), fix=DEPLOY
        )
    made = _ask(settings, f"deployments/{deployed[0]['id']}/create_flow_run", {"parameters": parameters})
    return str(made["id"])


def names_of(settings: Settings, run_ids: Sequence[str]) -> list[str]:
    """Give the names of flow runs."""
    runs = _ask(settings, "flow_runs/filter", {"flow_runs": {"id": {"any_": list(run_ids)}}})
    return sorted(str(run["name"]) for run in runs)


def look(settings: Settings, run_id: str) -> Look:
    """Read where a flow run stands.

    Raises
    ------
    UnknownRun
        If the server does not know it.
    ServiceError
        If the server does not answer.
    """
    try:
        run = _ask(settings, f"flow_runs/{run_id}")
    except ServiceError as error:
        if not error.found.startswith(("answered 404", "answered 422")):  # it takes nothing but ids
            raise
        fix = 'an id is what `cic run --detach` prints, and `prefect flow-run ls` after `eval "$(cic env)"`'
        raise UnknownRun(f"there is no flow run `{run_id}`", where=settings.prefect_api_url, fix=fix) from None
    of_run = {"flow_runs": {"id": {"any_": [run_id]}}}
    tasks = _ask(settings, "task_runs/filter", {**of_run, "sort": "EXPECTED_START_TIME_ASC"})
    bars = _ask(settings, "artifacts/filter", _artifacts(run_id, "progress"))
    steps: dict[str, Step] = {}
    for task in sorted(tasks, key=lambda task: task["expected_start_time"] or ""):
        step = _step(task, [bar for bar in bars if bar["task_run_id"] == task["id"]])
        steps.pop(step.name, None)  # one that was done again stands where it was done last
        steps[step.name] = step
    state = run["state"] or {}
    return Look(run["name"], state.get("type", "SCHEDULED"), state.get("message") or "", tuple(steps.values()))


def _artifacts(run_id: str, kind: str) -> dict[str, Any]:
    return {"artifacts": {"flow_run_id": {"any_": [run_id]}, "type": {"any_": [kind]}}}


def _step(task: dict[str, Any], bars: list[dict[str, Any]]) -> Step:
    name, state = task["name"], task["state_type"] or "PENDING"
    seconds = _seconds_between(task["start_time"], task["end_time"])
    if not bars:
        return Step(name, state, seconds)
    at_work = sorted((bar for bar in bars if float(bar["data"]) < 100), key=lambda bar: bar["created"])
    outer, inner = (at_work[0], at_work[-1]) if at_work else [max(bars, key=lambda bar: bar["updated"])] * 2
    label, _, note = outer["description"].partition(": ")
    if inner is not outer:
        note += f" · {inner['description'].replace(': ', ' ', 1)}"
    within = _seconds_between(outer["created"], outer["updated"])
    return Step(name, state, seconds, float(outer["data"]), label, note, within)


def _seconds_between(start: str | None, end: str | None) -> float:
    if start is None:
        return 0.0
    until = datetime.now(UTC) if end is None else datetime.fromisoformat(end)
    return max(0.0, (until - datetime.fromisoformat(start)).total_seconds())


def told_by(settings: Settings, run_id: str) -> str:
    """Give the text that a flow run left for its readers; empty if it left none."""
    texts = _ask(settings, "artifacts/filter", _artifacts(run_id, "markdown"))
    return "\n\n".join(str(text["data"]) for text in texts)
