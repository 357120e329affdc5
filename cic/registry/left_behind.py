"""Models that were registered in files before a platform kept the runs: it does not read those."""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing

from cic.settings import Settings


def left_behind(settings: Settings) -> str | None:
    """Say which models the files below `CIC_HOME` have, where runs are kept elsewhere now; `None` if there are none."""
    path = settings.home / "mlflow.db"
    if settings.tracking_uri.startswith("sqlite") or not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as store:
            names = [name for (name,) in store.execute("SELECT DISTINCT name FROM model_versions ORDER BY name")]
    except sqlite3.Error:  # set up by halves, held by a run that is still writing, shut to this user, or damaged
        return None
    if not names:
        return None
    return (
        f"registered before the platform kept the runs, and not seen from it: {', '.join(names)}, in {path}. "
        "`cic publish` registers the model in build/ here; to read one there, put "
        f"CIC_MLFLOW_URI={shlex.quote(f'sqlite:///{path}')} before a command"
    )
