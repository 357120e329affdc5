"""The store of a platform that does not run: what only reads it needs PostgreSQL alone, for a moment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from cic.errors import ServiceError
from cic.settings import AT_REST, Settings

# psycopg takes time to import, which a store that is not at rest has no need of

LOCK_FILE = "reading.lock"
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05


@contextmanager
def readable(settings: Settings) -> Iterator[Settings]:
    """Give settings by which the store of runs can be read for as long as the block runs; no more than read.

    They are the settings given, unless the store is that of a platform at rest: then its PostgreSQL runs meanwhile,
    and `tracking_uri` names the database.

    Raises
    ------
    ServiceError
        If PostgreSQL does not start, or the platform is about to start or stop.
    """
    if not settings.tracking_uri.startswith(AT_REST):
        yield settings
    elif settings.postgres_url is not None:
        yield _reading(settings, settings.postgres_url)
    else:
        from cic.platform.ownership import held

        with _one_reader(settings):
            if held(settings):
                raise ServiceError(
                    "the platform is starting or stopping", where=str(settings.home), fix="run it again in a moment"
                )
            with _postgres(settings) as admin_url:
                yield _reading(settings, admin_url)


def wait_for_readers(settings: Settings) -> None:
    """Wait until nobody reads past the platform; with its lock held, nobody begins to."""
    with _one_reader(settings):
        return


def _reading(settings: Settings, admin_url: str) -> Settings:
    from cic.platform import databases

    return settings.with_addresses({"tracking_uri": databases.database_url(admin_url, "mlflow")})


@contextmanager
def _one_reader(settings: Settings) -> Iterator[None]:
    try:
        with FileLock(settings.home / LOCK_FILE, timeout=PATIENCE_SECONDS):
            yield
    except Timeout:
        raise ServiceError(
            f"another process has been reading the store for {PATIENCE_SECONDS:.0f} s",
            where=str(settings.home / LOCK_FILE),
            fix="wait for it, or start the platform with `cic up`, which many can use at a time",
        ) from None


@contextmanager
def _postgres(settings: Settings) -> Iterator[str]:
    """Run the embedded PostgreSQL, and give its administrator's URL."""
    from cic.platform import databases, postgres
    from cic.platform.processes import has_ended, start, stop_child, tail_of

    cluster = postgres.Cluster(settings.postgres_folder)
    settings.logs.mkdir(exist_ok=True)
    log = settings.logs / "postgres.log"
    offset = log.stat().st_size if log.exists() else 0
    postgres.stop_leftover(cluster, PATIENCE_SECONDS)
    runtime = postgres.claim_runtime(cluster)
    try:
        postgres.prepare(cluster, runtime)
        user = None if runtime.user is None else (runtime.user.pw_uid, runtime.user.pw_gid)
        server = start(postgres.server_command(cluster, runtime), os.environ, log, user, cluster.data)
        try:
            url, deadline = postgres.socket_url(runtime.socket_folder), time.monotonic() + PATIENCE_SECONDS
            while (trouble := databases.answers(url)) is not None:
                if has_ended(server) or time.monotonic() > deadline:
                    told = f"{log}, whose end reads\n{tail_of(log, offset=offset)}"
                    raise ServiceError(f"PostgreSQL did not start: {trouble}", where=told)
                time.sleep(POLL_SECONDS)
            yield url
        finally:
            stop_child(server, PATIENCE_SECONDS, signal.SIGINT, whole_group=False)
    finally:
        postgres.release_runtime(cluster)
