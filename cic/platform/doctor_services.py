"""What `cic doctor` asks of servers and stores."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from cic.errors import ServiceError
from cic.platform import databases
from cic.platform.checkup import Checkup
from cic.platform.control import current, health
from cic.platform.flow_runs import DEPLOYED
from cic.platform.http import request, request_json
from cic.platform.services import worker_trouble
from cic.platform.state import read_state
from cic.settings import AT_REST, Settings, redact

DEPLOYMENTS = frozenset(f"{flow}/{name}" for flow, name in DEPLOYED.items())


def platform(settings: Settings) -> Iterator[Checkup]:
    """Look at the local platform and each of its services."""
    state = current(settings)
    if state is None:
        if read_state(settings.state_file) is not None:
            yield Checkup("FAIL", "platform", "was killed or did not start", "run `cic up`, or `cic down` to tidy up")
        else:
            fine = "" if settings.tracking_uri.startswith(AT_REST) else "; fine for `dvc repro`"
            yield Checkup("WARN", "platform", f"not running{fine}", "run `cic up` for servers and deployments")
        return
    if state.phase != "ready":
        yield Checkup("WARN", "platform", state.phase, "wait a moment, then look again")
        return
    for name, trouble in health(settings, state).items():
        if trouble is not None:
            yield Checkup(
                "FAIL", name, trouble, f"read {state.services[name].log}; `cic down` and `cic up` start afresh"
            )
        elif state.services[name].restarts:
            found = f"restarted {state.services[name].restarts} times"
            yield Checkup("WARN", name, found, f"read {settings.logs / 'supervisor.log'} for why")
        else:
            yield Checkup("OK", name, state.services[name].link or "running")


def tracking(settings: Settings) -> Iterator[Checkup]:
    """Ask the MLflow server or store."""
    if settings.tracking_uri.startswith(AT_REST):
        yield Checkup("WARN", "tracking", "kept by the platform, which is not running", "run `cic up`")
        return
    yield _store("tracking", settings.tracking_uri, "CIC_MLFLOW_URI")


def studies(settings: Settings) -> Iterator[Checkup]:
    """Ask the database of the studies, and the PostgreSQL given in place of the embedded one."""
    if settings.tracking_uri.startswith(AT_REST) and "optuna_url" not in settings.given:
        yield Checkup("OK", "studies", "kept by the platform, which is not running")
    else:
        yield _store("studies", settings.optuna_url, "CIC_OPTUNA_URL")
    if settings.postgres_url is not None:
        yield _store("postgres", settings.postgres_url, "CIC_POSTGRES_URL")


def _store(subject: str, url: str, variable: str) -> Checkup:
    """Say whether a server or database answers; a sqlite file need not exist yet."""
    shown, scheme = redact(url), urlsplit(url).scheme
    fix = f"start it, or correct or unset {variable}"
    if scheme in ("http", "https"):
        try:
            request(f"{url.rstrip('/')}/health")
        except ServiceError as error:
            return Checkup("FAIL", subject, f"{shown} {error.found}", fix)
        return Checkup("OK", subject, shown)
    if scheme.startswith("postgres"):
        try:
            trouble = databases.answers(databases.database_url(url, urlsplit(url).path.lstrip("/")))
        except (ValueError, psycopg.Error) as error:
            trouble = redact(str(error))
        return (
            Checkup("OK", subject, shown) if trouble is None else Checkup("FAIL", subject, f"{shown}: {trouble}", fix)
        )
    if scheme.startswith("sqlite"):
        return _sqlite(subject, Path(urlsplit(url).path.removeprefix("/")), fix)
    return Checkup("WARN", subject, f"{shown} is not checked")


def _sqlite(subject: str, path: Path, fix: str) -> Checkup:
    at = path if path.exists() else next(folder for folder in path.parents if folder.exists())
    if not os.access(at, os.W_OK):
        return Checkup("FAIL", subject, f"{at} is not writable", fix)
    return Checkup("OK", subject, f"{path}{'' if path.exists() else ', created when first used'}")


def prefect(settings: Settings) -> Iterator[Checkup]:
    """Ask the Prefect server for a worker and for our deployments."""
    url = settings.prefect_api_url
    if url is None:
        return  # the line about the platform says what to do
    try:
        request(f"{url}/health")
        trouble = worker_trouble(settings)
        present = {f"{found['flow_name']}/{found['name']}" for found in _deployments(settings)}
    except ServiceError as error:
        if "prefect_api_url" in settings.given:
            yield Checkup("FAIL", "prefect", f"{redact(url)} {error.found}", "correct PREFECT_API_URL")
        else:
            yield Checkup("WARN", "prefect", "served by the platform, which is not running", "run `cic up`")
        return
    yield Checkup("OK", "prefect", redact(url))
    if trouble is None:
        yield Checkup("OK", "worker", f"online in work pool {settings.work_pool}")
    else:
        yield Checkup("FAIL", "worker", trouble, "run `cic up`, or start a worker for this pool")
    missing = sorted(DEPLOYMENTS - present)
    fix = 'run `eval "$(cic env)"; prefect --no-prompt deploy --all`'
    if missing:
        yield Checkup(
            "WARN",
            "deployments",
            f"missing: {', '.join(missing)}",
            fix,
        )
    else:
        yield Checkup("OK", "deployments", ", ".join(sorted(DEPLOYMENTS)))


def _deployments(settings: Settings) -> list[dict[str, str]]:
    url, auth = settings.prefect_api_url, settings.prefect_auth
    deployments = request_json(f"{url}/deployments/filter", {}, auth=auth)
    flows = {flow["id"]: flow["name"] for flow in request_json(f"{url}/flows/filter", {}, auth=auth)}
    return [{"name": found["name"], "flow_name": flows.get(found["flow_id"], "?")} for found in deployments]


def dvc(settings: Settings) -> Iterator[Checkup]:
    """Look for a default remote that verifies what it gives, and whether it is there."""
    folder = settings.project / ".dvc"
    if not (folder / "config").is_file():
        yield Checkup("FAIL", "dvc", f"{folder / 'config'} is missing", "run inside the project, or set CIC_PROJECT")
        return
    parsed = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parsed.read([folder / "config", folder / "config.local"])
    except configparser.Error as error:
        yield Checkup("FAIL", "dvc", f"{folder / 'config'} is not readable: {error}", "restore it from git")
        return
    name = parsed.get("core", "remote", fallback=None)
    section = f"'remote \"{name}\"'"
    if name is None or not parsed.has_option(section, "url"):
        yield Checkup("FAIL", "dvc remote", "no default remote", "`dvc remote add --default NAME URL`")
        return
    remote = dict(parsed.items(section))
    if remote.get("verify", "false").lower() != "true":
        found = f"{name} does not verify: a damaged file would be taken for good"
        yield Checkup("FAIL", "dvc remote", found, f"`dvc remote modify {name} verify true`")
    yield _remote(name, remote, folder)


def _remote(name: str, remote: dict[str, str], folder: Path) -> Checkup:
    url = remote["url"]
    if "://" not in url:
        path = (folder / url).resolve()  # DVC counts from the folder of its configuration
        if path.is_dir():
            return Checkup("OK", "dvc remote", f"{name} at {path}")
        return Checkup("OK", "dvc remote", f"{name} at {path}, made by the first `dvc push` of data that were imported")
    endpoint = remote.get("endpointurl", url if url.startswith("http") else "")
    if not endpoint:
        return Checkup("WARN", "dvc remote", f"{name} at {redact(url)} is not checked", "`dvc status --cloud` asks it")
    try:
        request(endpoint)
    except ServiceError as error:
        if not error.found.startswith("answered"):  # "forbidden" is an answer
            return Checkup(
                "FAIL", "dvc remote", f"{name}: {redact(endpoint)} {error.found}", "start it, or correct its url"
            )
    return Checkup("OK", "dvc remote", f"{name} at {redact(url)}")
