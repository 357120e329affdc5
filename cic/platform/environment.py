"""What the platform's processes, and the flows that its worker starts, find in their environment."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from cic.settings import Settings, variable_of

# Nothing is sent to anyone, nothing is unpickled, no bars in logs.
QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "cic",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PYTHONUNBUFFERED": "1",
}
LOCAL_ADDRESSES = ("127.0.0.1", "localhost")
PASSED_ON = ("project", "home", "tracking_uri", "artifacts_uri", "optuna_url", "device", "from_platform")


def service_environment(settings: Settings) -> dict[str, str]:
    """Give the variables that every process of ours gets on top of its own environment.

    They say where everything is, in absolute terms: flows run in temporary folders. The project's
    root is in ``CIC_PROJECT``. Addresses may hold passwords: pass them on, do not print them.
    """
    ours = {variable_of(name): str(getattr(settings, name)) for name in PASSED_ON}
    ours |= {"MLFLOW_TRACKING_URI": settings.tracking_uri} | QUIET
    if settings.prefect_api_url is not None:
        ours |= {"CIC_PREFECT_API_URL": settings.prefect_api_url, "PREFECT_API_URL": settings.prefect_api_url}
    if settings.prefect_auth is not None:
        ours |= {"CIC_PREFECT_AUTH": settings.prefect_auth, "PREFECT_API_AUTH_STRING": settings.prefect_auth}
    # A profile or a cache of Prefect's in the user's own folder must not change what we do.
    ours["PREFECT_HOME"] = os.environ.get("PREFECT_HOME", str(settings.home / "prefect"))
    ours |= _local_without_proxy(os.environ) | _programs_first(os.environ) | bytecode_environment(settings, os.environ)
    return ours


def _local_without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Reach local servers directly where a proxy is set."""
    exempt = [part for part in environ.get("NO_PROXY", environ.get("no_proxy", "")).split(",") if part]
    value = ",".join(dict.fromkeys([*exempt, *LOCAL_ADDRESSES]))
    return {"NO_PROXY": value, "no_proxy": value}


def _programs_first(environ: Mapping[str, str]) -> dict[str, str]:
    """Put the programs installed beside this Python (dvc, mlflow, prefect) first."""
    here = str(Path(sys.executable).parent)
    others = [part for part in environ.get("PATH", os.defpath).split(os.pathsep) if part != here]
    return {"PATH": os.pathsep.join([here, *others])}


def bytecode_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Keep compiled Python below the home where it may not lie beside the sources.

    Containers often forbid Python to write it. Then every start of a server compiles thousands of
    files again, 5 to 6 seconds each.
    """
    package = importlib.util.find_spec("pydantic")
    compiled = package is not None and package.cached is not None and Path(package.cached).exists()
    if not environ.get("PYTHONDONTWRITEBYTECODE") or environ.get("PYTHONPYCACHEPREFIX") or compiled:
        return {}
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(settings.home / "bytecode")}
