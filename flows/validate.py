"""Flow `cic-validate`: measure a registered model on a file that it never saw."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from cic.config import Params, parse_params
from cic.evaluation.metrics import as_json
from cic.settings import load_settings
from cic.using import load
from cic.validation.kept import PAGE, name_of
from cic.validation.measure import Validated
from cic.validation.sentences import conclusions, headline
from cic.validation.validate import validate
from flows.form import takes
from flows.runs import TRANSIENT

SAID = {"bad": "**against it**", "open": "open", "good": "for it"}


@flow(name="cic-validate", log_prints=True)
@takes("seed", "evaluate", "registry")
def cic_validate(
    params: Params,
    file: str,
    model: str = "",
    label: str | None = None,
    group: str | None = None,
    replicate: str | None = None,
    label_map: str | None = None,
) -> dict[str, Any]:
    """Measure a model on a file, keep page and figures with its version in MLflow, and give the figures.

    Parameters
    ----------
    file
        A data set, as `cic data import` put it into place, or any file that says of itself what it holds; from the
        project's folder.
    model
        `models:/NAME@ALIAS` or `models:/NAME/VERSION`; left out, the champion of `registry.name`.
    label, group, replicate
        Sample columns; left out, those of that name.
    label_map
        Table with columns `from` and `to`: labels to replace by the model's words.
    """
    columns = {"label": label, "group": group, "replicate": replicate}
    reference = model or f"models:/{params.registry.name}@champion"
    return validate_task(params.model_dump(mode="json"), file, reference, columns, label_map)


@task(name="validate", task_run_name="validate", **TRANSIENT)
def validate_task(
    params: dict[str, Any], file: str, model: str, columns: dict[str, str | None], label_map: str | None
) -> dict[str, Any]:
    """Measure it, log it, and leave what it came to as an artifact."""
    parsed, settings, path = parse_params(params), load_settings(), Path(file)
    used = load(model)
    folder = settings.home / "validations" / f"{name_of(path)}-{re.sub('[^A-Za-z0-9]+', '-', used.stamp)}"
    made, _ = validate(
        used,
        path,
        folder,
        columns=columns,
        label_map=Path(label_map) if label_map else None,
        evaluate=parsed.evaluate,
        seed=parsed.seed,
        settings=settings,
    )
    get_run_logger().info("validate: %s %s", headline(made.found, made.types), folder)
    about = f"What {used.stamp} is worth on {path.name}."
    create_markdown_artifact(validation_told(made, folder), key="cic-validation", description=about)
    return as_json(made.found)


def validation_told(made: Validated, folder: Path) -> str:
    """Give what was found as Markdown, where the model loses first."""
    found = conclusions(made.found, made.types)
    rows = [f"| {SAID[one.standing]} | {one.text.replace('|', '&#124;')} |" for _, one in found]
    said = headline(made.found, made.types)
    return "\n".join([f"# {said}", "", "| | |", "|---|---|", *rows, "", f"With pictures: `{folder / PAGE}`"])
