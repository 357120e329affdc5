"""Where things are and which device: from the environment only, never imported by the science.

Each address comes from the first of these that gives one:

1. the environment (`CIC_MLFLOW_URI`, `CIC_OPTUNA_URL`, `CIC_PREFECT_API_URL` or `PREFECT_API_URL`);
2. the local platform, when `cic up` has it running for this home (`platform.json`);
3. sqlite files and directories under the home, which need no server at all.

Where a platform has been up for the home and is not now, the store of runs is still that platform's (`AT_REST`): no
other one is opened beside it.
"""

from cic.settings.fields import Settings, is_loopback, redact
from cic.settings.places import PROJECT_MARKS, find_project, make_private, start_folder
from cic.settings.reading import AT_REST, load_settings, running_platform, variable_of, variables

__all__ = [
    "AT_REST",
    "PROJECT_MARKS",
    "Settings",
    "find_project",
    "is_loopback",
    "load_settings",
    "make_private",
    "redact",
    "running_platform",
    "start_folder",
    "variable_of",
    "variables",
]
