"""Where data sets lie in a project."""

from __future__ import annotations

import re
from pathlib import Path

from cic.errors import DataError

RAW = Path("data/raw")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def target_of(name: str) -> Path:
    """Give the place of the data set of that name."""
    if not NAME.fullmatch(name):
        raise DataError(
            f"`{name}` cannot be a name", where="--name", expected="letters, digits, dots, dashes and underscores"
        )
    return RAW / f"{name}.parquet"
