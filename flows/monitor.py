"""Flow `cic-monitor`: whether the profiles scored lately are like those held out in training; an event where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from cic.settings import load_settings
from cic.watching.comparisons import RATE
from cic.watching.known import known_model, registered_name
from cic.watching.logged import log_checked
from cic.watching.monitoring import Checked, check
from cic.watching.page import write
from cic.watching.window import window
from flows.runs import TRANSIENT

EVENT = "cic.drift"
"""Emitted where drift is found, about the resource `cic.model.NAME`; a trigger of a deployment may expect it."""


@flow(name="cic-monitor", log_prints=True)
def cic_monitor(
    model: str | None = None,
    scores: str | None = None,
    since: str | None = None,
    last: int | None = None,
    batch: str | None = None,
    rate: float = RATE,
) -> dict[str, Any]:
    """Compare the profiles that a registered model scored with those held out in its training.

    Drift is an outcome, not a failure: it is on the page, in MLflow, and an event `cic.drift`.

    Parameters
    ----------
    model
        Such as models:/NAME@champion or models:/NAME/3. Without it the champion of `registry.name` in params.yaml.
    scores
        Folder that `cic-score` wrote, relative to the project. Without it CIC_HOME/scores.
    since
        Profiles scored since a date or time, in UTC. Without any of these three, all of the model's.
    last
        So many profiles, the newest.
    batch
        The profiles of one input, by its name.
    rate
        Share of the checks of unchanged profiles that may find drift.
    """
    project = load_settings().project
    found = monitor_task(model, scores and str(project / scores), {"since": since, "last": last, "batch": batch}, rate)
    print(found["text"])
    if found["drift"]:
        name = found["model"]
        about = {"prefect.resource.id": f"cic.model.{name}", "prefect.resource.name": name}
        emit_event(EVENT, about, payload=found)
    return found


@task(name="monitor", task_run_name="monitor", **TRANSIENT)
def monitor_task(model: str | None, scores: str | None, chosen: dict[str, Any], rate: float) -> dict[str, Any]:
    """Check, write the page, log it, and leave artifacts that tell a reader of the flow run what came of it."""
    settings = load_settings()
    used, digest = known_model(model)
    place = Path(scores) if scores else settings.home / "scores"
    reference = used.bundle.reference
    checked = check(used.stamp, reference, window(place, digest, **chosen), rate)
    page = place / "monitor.html"
    write(checked, reference, page)
    run_id = log_checked(checked, page, settings)
    create_markdown_artifact(told(checked, page), key="cic-monitor", description=f"Whether {used.stamp} still fits.")
    return {
        "text": checked.text,
        "model": registered_name(used.stamp),
        "version": used.stamp,
        "drift": [one.topic for one in checked.drifted],
        "p": {one.topic: one.p for one in checked.tests if one.p is not None},
        "run_id": run_id,
        "page": str(page),
    }


def told(checked: Checked, page: Path) -> str:
    """Give what a check came to as Markdown."""
    drifted = {one.topic for one in checked.drifted}
    rows = [
        f"| {'**drift**' if one.topic in drifted else ''} | {one.title} | {one.found.replace('|', '&#124;')} | "
        f"{'not tested' if one.p is None else f'{one.p:.2g}'} |"
        for one in checked.tests
    ]
    return "\n".join(
        [
            f"# {checked.text}",
            "",
            "| | | found | p |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Of checks of unchanged profiles at most {checked.rate:.2%} find drift. With pictures: `{page}`",
        ]
    )
