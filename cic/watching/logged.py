"""A check as a run in MLflow."""

from __future__ import annotations

from pathlib import Path

from cic.errors import ConfigError
from cic.settings import Settings
from cic.tracking.watching import log_check
from cic.watching.known import registered_name
from cic.watching.monitoring import Checked, figures


def log_checked(checked: Checked, page: Path, settings: Settings) -> str:
    """Log a check and its page, and give the id of the run.

    Raises
    ------
    ConfigError
        If the model is in no registry, by whose name its checks are found.
    """
    name = registered_name(checked.model)
    if name is None:
        raise ConfigError(f"{checked.model} has no name in MLflow", where="model", expected="a registered model")
    return log_check(
        settings.tracking_uri,
        name,
        checked.model.removeprefix(f"{name}/"),
        text=checked.text,
        metrics=figures(checked),
        params={"asked": checked.window.asked, "rate": checked.rate, "unit": checked.unit},
        page=page,
        artifacts_uri=settings.artifact_location,
    )
