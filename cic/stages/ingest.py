"""Stage `ingest`: profiles with the roles of their sample columns, and facts about them."""

from __future__ import annotations

from pathlib import Path

from cic.config import Params
from cic.data.checks import check_matrix
from cic.data.matrix import read_matrix, write_matrix
from cic.data.missing import handled
from cic.data.roles import with_roles, without_roles
from cic.folders import Folders, write_json
from cic.settings import Settings


def ingest(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Read the profiles that the parameters name, give the sample columns their roles, and check them."""
    found = handled(read_matrix(Path(params.data.file)), params.data.missing)
    matrix = with_roles(found, params)
    write_matrix(out / "matrix.parquet", matrix)
    write_json(out / "checks.json", check_matrix(matrix, without_roles(found, params)))
