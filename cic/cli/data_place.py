"""Where data sets lie in a project, and how they get there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cic.errors import ConfigError, DataError

if TYPE_CHECKING:
    from cic.data.matrix import ExpressionMatrix

RAW = Path("data/raw")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NAMED = 3
"""Sources that the pointer names, at most; `provenance.json` has all."""


def target_of(name: str) -> Path:
    """Give the place of the data set of that name."""
    if not NAME.fullmatch(name):
        raise DataError(
            f"`{name}` cannot be a name", where="--name", expected="letters, digits, dots, dashes and underscores"
        )
    return RAW / name


def put(matrix: ExpressionMatrix, target: Path, provenance: Mapping[str, Any], *, replace: bool, push: bool) -> bool:
    """Write a data set to its place and put it under DVC; tell whether that changed anything.

    Raises
    ------
    ConfigError
        If another one is there, and it is not to be replaced.
    """
    from cic.data.dataset import write_dataset
    from cic.versioning.pointers import is_added, md5_of, record_of
    from cic.versioning.transfer import add

    candidate = target.with_name(f".{target.name}.candidate")
    try:
        write_dataset(candidate, matrix, provenance)
        changed = not target.exists() or md5_of(candidate) != md5_of(target)
        if changed and target.exists() and not replace:
            raise ConfigError(
                "a data set of that name is there, with other content", where=str(target),
                fix="choose another --name, or say --replace",
            )  # fmt: skip
        if changed:
            shutil.rmtree(target, ignore_errors=True)
            candidate.replace(target)
    finally:
        shutil.rmtree(candidate, ignore_errors=True)
    if push or not is_added(target):
        record_of(target).unlink(missing_ok=True)  # this takes the place of simulated data
        about = {"unit": matrix.unit, "samples": matrix.n_samples, "genes": matrix.n_genes}
        add(target, {**about, "from": [one["file"] for one in provenance["sources"]][:NAMED]}, push)
    return changed
