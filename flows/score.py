"""Flow `cic-score`: encode whatever a folder holds that has no codes yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from cic.settings import load_settings
from cic.versioning.pointers import check_pointer, pointer_of
from cic.versioning.transfer import pull
from cic.watching.index import Entry
from cic.watching.known import known_model
from cic.watching.scoring import Scored, score
from flows.runs import TRANSIENT, progress_artifacts

MOST_ROWS = 100


@flow(name="cic-score", log_prints=True)
def cic_score(
    folder: str,
    model: str | None = None,
    scores: str | None = None,
    reading: dict[str, Any] | None = None,
    group: str | None = None,
    only: list[str] | None = None,
) -> dict[str, Any]:
    """Encode every file of a folder that the model has not encoded yet, each into a table of its own.

    A file that cannot be scored is an outcome, not a failure: it is told, and tried again by the next run.

    Parameters
    ----------
    folder
        With files of profiles, or a data set such as data/raw/NAME, which is pulled and held against its pointer.
        Relative to the project.
    model
        Such as models:/NAME@champion or models:/NAME/3. Without it the champion of `registry.name` in params.yaml.
    scores
        Folder for codes and index. Without it CIC_HOME/scores.
    reading
        How files are read, by the options of `cic data import`, as {"samples_in": "columns"}.
    group
        Column about the samples that says which belong together, for `cic-monitor`.
    only
        Names of the files, which may have * and ?.
    """
    project = load_settings().project
    found = score_task(str(project / folder), model, scores and str(project / scores), reading, group, only)
    print(found["text"])
    return found


@task(name="score", task_run_name="score", **TRANSIENT)
def score_task(
    folder: str,
    model: str | None,
    scores: str | None,
    reading: dict[str, Any] | None,
    group: str | None,
    only: list[str] | None,
) -> dict[str, Any]:
    """Pull the folder if it is a data set under DVC, and score what is in it."""
    path = Path(folder)
    if pointer_of(path).is_file():
        pull(path)
        check_pointer(path)
    used, digest = known_model(model)
    place = Path(scores) if scores else load_settings().home / "scores"
    with progress_artifacts("score"):
        found = score(path, used, digest, place, reading=reading, group=group, only=only or ())
    for one in found.failed:
        get_run_logger().warning("%s could not be scored: %s", one.input, one.said)
    create_markdown_artifact(
        told(found, used.stamp, place), key="cic-scores", description=f"What was scored by {used.stamp}."
    )
    return {
        "text": found.text,
        "scored": [one.input for one in found.new],
        "failed": {one.input: one.said for one in found.failed},
        "known": found.n_known,
    }


def told(found: Scored, model: str, scores: Path) -> str:
    """Give what a pass came to as Markdown, what could not be scored first."""
    rows = [_row("**not scored**", one) for one in found.failed] + [_row(f"{one.samples:,}", one) for one in found.new]
    more = [f"and {len(rows) - MOST_ROWS:,} more"] if len(rows) > MOST_ROWS else []
    table = ["| input | profiles | |", "|---|---|---|", *rows[:MOST_ROWS], "", *more] if rows else []
    return "\n".join([f"# {model}: {found.text}", "", *table, "", f"Codes and index: `{scores}`"])


def _row(n: str, one: Entry) -> str:
    return f"| `{one.input}` | {n} | {' '.join(one.said.split()).replace('|', '&#124;')} |"
