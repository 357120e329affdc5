"""Stage `ingest`: profiles with the roles of their sample columns, and facts about them."""

from __future__ import annotations

from pathlib import Path

from cic.checking.check import check, refuse
from cic.checking.page import render
from cic.config import Params
from cic.data.matrix import read_matrix, write_matrix
from cic.data.missing import handled
from cic.data.roles import with_roles, without_roles
from cic.folders import Folders, write_json
from cic.settings import Settings


def ingest(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Read the profiles that the parameters name, give the sample columns their roles, and check them.

    What cannot be trained on stops here; of that only the page is kept.

    Raises
    ------
    DataError
        With all that makes a run impossible or worthless.
    """
    found = handled(read_matrix(Path(params.data.file)), params.data.missing)
    matrix = with_roles(found, params)
    checked = check(matrix, params, without_roles(found, params))
    page = render(checked, params.data.name)
    if checked.stops:
        settings.checks_page.parent.mkdir(parents=True, exist_ok=True)
        settings.checks_page.write_text(page)
    refuse(checked, params.data.file, str(settings.checks_page))
    write_matrix(out / "matrix.parquet", matrix)
    write_json(out / "checks.json", checked.to_json())
    (out / "checks.html").write_text(page)
