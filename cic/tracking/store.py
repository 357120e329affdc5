"""The way to one MLflow store: always by address, never through MLflow's ambient state."""

from __future__ import annotations

import fcntl
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from cic.errors import ServiceError
from cic.settings import AT_REST, make_private, redact

PATIENCE_SECONDS = 5.0
PATIENCE_WRITES = 5
PAGE = 1000
QUIET = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines and a request for every run that ends
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def connect(uri: str) -> MlflowClient:
    """Give a client of the tracking store and registry at `uri`.

    A server is asked for its health first: MLflow's own retries would take minutes to say that there is none. A fresh
    sqlite store is set up under a lock, since several processes that open one at once destroy it.

    Raises
    ------
    ServiceError
        If nothing answers there, or a platform keeps the store and does not run.
    """
    if uri.startswith(AT_REST):
        raise ServiceError(
            "the runs and models of this project are kept by the local platform, which is not running",
            where=uri.removeprefix(AT_REST),
            fix="start it with `cic up`; or name another store by CIC_MLFLOW_URI, such as sqlite:////ABSOLUTE/PATH",
        )
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    if uri.startswith(("http://", "https://")):
        _ask_health(uri)
    elif uri.startswith("sqlite:///"):
        _set_up_sqlite(uri)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _ask_health(uri: str) -> None:
    try:
        with urllib.request.urlopen(uri.rstrip("/") + "/health", timeout=PATIENCE_SECONDS):
            return
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ServiceError(
            f"the MLflow server does not answer: {error}",
            where=redact(uri),
            fix="start the platform with `cic up`, or correct CIC_MLFLOW_URI; unset, it means a local sqlite store",
        ) from None


@cache
def _set_up_sqlite(uri: str) -> None:
    """Make a fresh store beside its place, and put it there when it is whole: half of one never opens."""
    database = Path(uri.removeprefix("sqlite:///"))
    unfinished = database.with_name(f".{database.name}.unfinished")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        make_private(database.with_name("mlartifacts"))
        with database.with_name(database.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if database.exists():
                return
            for left in database.parent.glob(f"{unfinished.name}*"):
                left.unlink()
            made = f"sqlite:///{unfinished}"
            MlflowClient(tracking_uri=made, registry_uri=made).search_experiments(max_results=1)
            unfinished.rename(database)
    except (OSError, SQLAlchemyError, MlflowException) as error:
        raise ServiceError(
            f"the store of runs cannot be set up: {_first_line(error)}",
            where=str(database),
            fix="make room on the disk, or let this user write there",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn MLflow's own errors inside the block into a `ServiceError` that says where."""
    try:
        yield
    except MlflowException as error:
        raise ServiceError(f"MLflow says: {error.message}", where=redact(uri)) from error


@contextmanager
def files_kept(where: str) -> Iterator[None]:
    """Turn what an S3 store of models and reports raises inside the block into a `ServiceError`."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise ServiceError(
            f"the store of models and reports does not take them: {_first_line(error)}",
            where=redact(where),
            fix="see that it runs, and that MLFLOW_S3_ENDPOINT_URL and the variables AWS_* are those of it",
        ) from error


def insist(write: Callable[[], object]) -> None:
    """Write what may be written twice, again where another writer came between MLflow's look and its write."""
    for _ in range(PATIENCE_WRITES - 1):
        try:
            write()
        except MlflowException as error:
            if not any(sign in str(error) for sign in ("UNIQUE constraint", "UniqueViolation", "duplicate key")):
                raise
        else:
            return
    write()


def experiment_id(client: MlflowClient, name: str, artifacts_uri: str | None = None) -> str:
    """Give the id of the experiment `name`, which is made if it is not there.

    Parameters
    ----------
    artifacts_uri
        Where files go if no server looks after them; `None` is `mlartifacts` beside a sqlite store. Without it MLflow
        would put them into the working directory.
    """
    known = client.get_experiment_by_name(name)
    if known is not None:
        return known.experiment_id
    uri = client.tracking_uri
    location = None
    if not uri.startswith(("http://", "https://")):
        root = artifacts_uri or _beside(uri)
        location = f"{root.rstrip('/')}/{name}"
    try:
        return client.create_experiment(name, artifact_location=location)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        # somebody else made it meanwhile
        return experiment_id(client, name, artifacts_uri)


def _beside(uri: str) -> str:
    if not uri.startswith("sqlite:///"):
        raise ServiceError(
            "a database without a server in front of it does not say where files go",
            where=redact(uri),
            expected="the address of an MLflow server, or CIC_ARTIFACTS_URI",
        )
    return Path(uri.removeprefix("sqlite:///")).with_name("mlartifacts").as_uri()


def all_runs(
    client: MlflowClient, experiment: str, filter_string: str = "", view: int = ViewType.ACTIVE_ONLY
) -> list[Run]:
    """Give every run of the experiment with that id, page by page, oldest first."""
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment], filter_string, view, PAGE, order_by=["attributes.start_time ASC"], page_token=token
        )
        runs += page
        token = page.token
        if not token:
            return runs
