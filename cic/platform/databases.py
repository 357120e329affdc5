"""Databases on a PostgreSQL server, the embedded one or any other: their addresses, and what is asked of them."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import psycopg
from psycopg import sql

from cic.errors import ServiceError
from cic.settings import redact


def database_url(admin_url: str, database: str, driver: str = "") -> str:
    """Give the URL of one database on the server of `admin_url`.

    Parameters
    ----------
    driver
        Such as ``asyncpg``; empty is SQLAlchemy's default.
    """
    parts = urlsplit(admin_url)
    query = dict(parse_qsl(parts.query))
    if driver == "asyncpg" and "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    scheme = "postgresql" + (f"+{driver}" if driver else "")
    # An address without a host is written `user@`, or a bare `@`, so that the path is not taken for it.
    return f"{scheme}://{parts.netloc or '@'}/{database}" + (f"?{urlencode(query, safe='/')}" if query else "")


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """Split a URL for a command line, which others can read, and an environment with the password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, {}
    account_name, _, address = parts.netloc.rpartition("@")
    netloc = f"{account_name.split(':', 1)[0]}@{address}"
    return parts._replace(netloc=netloc).geturl(), {"PGPASSWORD": unquote(parts.password)}


def answers(url: str, seconds: float = 2.0) -> str | None:
    """Say why the server does not answer; None when it does."""
    try:
        with psycopg.connect(url, connect_timeout=max(2, round(seconds))) as connection:
            connection.execute("select 1")
    except psycopg.Error as error:
        return redact(str(error).strip())
    return None


def ensure_databases(admin_url: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Create the databases that are missing, and give their names.

    Raises
    ------
    ServiceError
        If the server does not answer or the user may not create them.
    """
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
            present = {row[0] for row in connection.execute("select datname from pg_database")}
            missing = tuple(name for name in names if name not in present)
            for name in missing:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise ServiceError(
            f"databases {', '.join(names)} cannot be created: {redact(str(error).strip())}",
            where=redact(admin_url),
            fix="let the user create databases, or create them by hand",
        ) from None
    return missing


def schema_note(admin_url: str, database: str) -> str | None:
    """Read what `write_schema_note` left on a database."""
    with psycopg.connect(admin_url, connect_timeout=10) as connection:
        query = "select shobj_description(oid, 'pg_database') from pg_database where datname = %s"
        row = connection.execute(query, (database,)).fetchone()
    return row[0] if row else None


def write_schema_note(admin_url: str, database: str, note: str) -> None:
    """Note on a database whose schema it holds; the note lives and dies with the tables."""
    with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(sql.SQL("comment on database {} is {}").format(sql.Identifier(database), sql.Literal(note)))
