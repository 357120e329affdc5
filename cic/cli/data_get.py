"""`cic data get`: files of the Gene Expression Omnibus."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cic.errors import ConfigError

if TYPE_CHECKING:
    from cic.fetching.geo import Entry

DOWNLOADS = Path("downloads")
TABLES = (".csv", ".tsv", ".txt")
SELF_TOLD = ("_series_matrix.txt", "_family.soft", ".h5ad", ".h5", ".gct", ".parquet")
"""Files that say themselves whether samples are their rows."""


def get_files(
    accession: Annotated[
        str,
        typer.Argument(help="a series (GSE...), or a platform (GPL...) for what its probes are", show_default=False),
    ],
    what: Annotated[
        str | None,
        typer.Option(
            help="kind of file: matrix, soft or suppl, of a platform annot, soft or suppl, or all. "
            "Default: matrix, of a platform annot, with --only all"
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="files of that name, which may have * and ?; can be repeated. Default: all")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="show what there is, and fetch nothing")] = False,
    to: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="folder to put them into. Default: downloads/ACCESSION, which git ignores"),
    ] = None,
    most_gb: Annotated[float, typer.Option(min=0, help="fetch no more than so many gigabytes in all")] = 2.0,
) -> None:
    """Fetch files of the Gene Expression Omnibus, after a list of what there is.

    An interrupted one goes on from where it was, what is here already is not fetched again, and nothing is unpacked.
    The server is that of `CIC_GEO_URL`, reached by `HTTPS_PROXY` if that is set. Example:

        cic data get GSE10072

        cic data get GSE118767 --only '*count*'
    """
    from filelock import FileLock, Timeout

    from cic.fetching.download import fetch, is_here
    from cic.fetching.geo import chosen, entries, parsed
    from cic.fetching.service import open_service
    from cic.settings import load_settings

    accession = parsed(accession)
    base = load_settings(with_platform=False).geo_url
    with open_service() as service:
        there = entries(service, base, accession)
        _show(accession, there)
        if list_only:
            return
        wanted = chosen(there, accession, what, only or [])
        folder = to or DOWNLOADS / accession
        missing = [one for one in wanted if not is_here(folder / one.name, one.remote)]
        most_bytes = int(most_gb * 1e9)
        _check_room(missing, most_bytes)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=0):
                for one in missing:
                    fetch(service, one.remote, folder / one.name, known=one.known, most_bytes=most_bytes)
        except Timeout:
            raise ConfigError(
                "another `cic data get` is writing there", where=str(folder), fix="wait for it, or choose another --to"
            ) from None
    _tell(folder, wanted, missing)


def _check_room(missing: list[Entry], most_bytes: int) -> None:
    size = sum(one.remote.size or 0 for one in missing)
    if size > most_bytes:
        raise ConfigError(
            f"{size / 1e9:.1f} GB are to be fetched", where="--most-gb", expected=f"no more than {most_bytes / 1e9:g}",
            fix=f"--most-gb {size / 1e9 + 0.1:.1f} if you want it all, else name files by --only",
        )  # fmt: skip


def _show(accession: str, there: list[Entry]) -> None:
    from rich.console import Console
    from rich.filesize import decimal
    from rich.markup import escape
    from rich.table import Table

    table = Table("kind", "file", "size", "of", title=f"{accession} has", title_justify="left")
    table.columns[2].justify = "right"
    for one in there:
        size = "unknown" if one.remote.size is None else decimal(one.remote.size)
        table.add_row(one.kind, escape(one.name), size, escape(one.remote.modified or ""))
    Console(soft_wrap=True).print(table)


def _tell(folder: Path, wanted: list[Entry], missing: list[Entry]) -> None:
    from rich.console import Console
    from rich.markup import escape

    from cic.data.terms import DECLARED_UNITS

    console = Console(soft_wrap=True)
    for one in wanted:
        how = "fetched" if one in missing else "is here already, as the server has it"
        console.print(f"{escape(str(folder / one.name))}: {how}")
    steps = [step for one in wanted if (step := next_step(folder / one.name))]
    if steps:
        console.print("\nnext:\n")
        for step in dict.fromkeys(steps):
            console.print(f"  {escape(step)}", highlight=False)
    if any("--unit UNIT" in step for step in steps):
        console.print(f"\nUNIT is what the numbers are: {', '.join(DECLARED_UNITS)}; the page of the series says it")


def next_step(path: Path) -> str | None:
    """Give the command that a fetched file is for, or None where that cannot be told from its name."""
    from cic.fetching.sums import is_list

    typed, plain = shlex.quote(str(path)), path.name.removesuffix(".gz")
    if plain.endswith((".annot", ".annot.txt")):
        return f"cic data import PROFILES --gene-map {typed} ...   # names probes by their genes"
    if plain.endswith((".tar", ".zip")) or path.suffix == ".tgz":
        return f"tar -xf {typed} -C FOLDER   # an archive: unpack it, and import the file or folder in it that you need"
    if is_list(path.name) or not plain.endswith((*SELF_TOLD, *TABLES)):
        return None
    name = re.sub(r"_series_matrix|_family|[^A-Za-z0-9-]", "-", plain.rpartition(".")[0]).strip("-")
    command = f"cic data import {typed} --name {name} --unit UNIT"
    return command if plain.endswith(SELF_TOLD) else f"{command} --samples-in columns"
