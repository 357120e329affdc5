"""The secret that protects Prefect's API, and the page that brings it to the owner's browser."""

from __future__ import annotations

import os
import secrets
from html import escape
from pathlib import Path

LOGIN_PATH = "/cic-login"
USER = "cic"


def secret_of(home: Path) -> str:
    """Give the secret of the platform of this home, made at its first start; only the owner can read it."""
    path = home / "prefect.secret"
    if not path.exists():
        write_private(path, f"{USER}:{secrets.token_urlsafe(32)}")
    return path.read_text()


def write_login_page(path: Path, url: str, secret: str) -> None:
    """Write the page that leads a browser to the server with the secret: who cannot read the file is not let in."""
    target = escape(f"{url}{LOGIN_PATH}#{secret}", quote=True)
    refresh = f'<meta http-equiv="refresh" content="0; url={target}">'
    write_private(path, f'<!doctype html><meta charset="utf-8"><title>cic</title>{refresh}\n')


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
