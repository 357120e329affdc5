"""Where the Gene Expression Omnibus keeps the files of a series or a platform.

The layout is that of https://ftp.ncbi.nlm.nih.gov/geo/README.txt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cic.errors import DataError, ServiceError
from cic.fetching.listing import listed
from cic.fetching.record import Remote
from cic.fetching.service import MissingError, Service
from cic.fetching.sums import Sum, sums_of
from cic.progress import track

ACCESSION = re.compile(r"(GSE|GPL)[0-9]{1,9}")
ROOMS = {"GSE": "series", "GPL": "platforms"}
KINDS = {"GSE": ("matrix", "soft", "suppl"), "GPL": ("annot", "soft", "suppl")}
"""Folders of each accession that are looked into, the one that is fetched if nothing is said first."""


@dataclass(frozen=True)
class Entry:
    """A file that can be fetched."""

    kind: str
    name: str
    remote: Remote
    known: Sum


def parsed(accession: str) -> str:
    """Give an accession as GEO writes it.

    Raises
    ------
    DataError
        If it is that of neither a series nor a platform.
    """
    if not ACCESSION.fullmatch(accession.strip().upper()):
        raise DataError(
            f"`{accession}` is no accession of a series or a platform", where="ACCESSION",
            expected="GSE and digits, such as GSE10072, or GPL and digits, such as GPL96",
            fix="of a sample (GSM) or a curated set (GDS) name the series; GEO's page about it says which",
        )  # fmt: skip
    return accession.strip().upper()


def folder_of(base: str, accession: str) -> str:
    """Give the address of an accession's folder: `series/GSE10nnn/GSE10072/` of GSE10072."""
    kind, digits = accession[:3], accession[3:]
    return f"{base}/{ROOMS[kind]}/{kind}{digits[:-3]}nnn/{accession}/"


def entries(service: Service, base: str, accession: str) -> list[Entry]:
    """Ask which files there are of an accession, of all kinds.

    Raises
    ------
    DataError
        If there is none of that number.
    ServiceError
        If the server does not answer, or with something other than a list of files.
    """
    folder = folder_of(base, accession)
    try:
        kinds = listed(service.text(folder), folder)
    except MissingError as error:
        raise DataError(
            f"there is no {accession}", where=str(error.where), expected="an accession that is public",
            fix="look it up on GEO's pages: it may be misspelt, withdrawn, or private until it is published",
        ) from None  # fmt: skip
    if not any(name.endswith("/") for name in kinds):
        raise ServiceError(
            "the answer lists no folders", where=folder, expected="a list with matrix/, soft/, suppl/ or annot/",
            fix="see the page in a browser: a notice of the server, a login of the network, or a wrong CIC_GEO_URL",
        )  # fmt: skip
    files = {kind: _files(service, kinds[f"{kind}/"]) for kind in KINDS[accession[:3]] if f"{kind}/" in kinds}
    sums = {kind: sums_of(service, urls) for kind, urls in files.items()}
    every = [(kind, name, url) for kind, urls in files.items() for name, url in urls.items()]
    return [Entry(kind, name, service.remote(url), sums[kind][name]) for kind, name, url in track(every, "sizes")]


def _files(service: Service, folder: str) -> dict[str, str]:
    return {name: url for name, url in listed(service.text(folder), folder).items() if not name.endswith("/")}


def chosen(there: list[Entry], accession: str, what: str | None, only: Sequence[str]) -> list[Entry]:
    """Choose among the files of an accession.

    Parameters
    ----------
    what
        A kind, or `all`. If left out, the first kind of that accession, or all kinds where names are given.
    only
        Names, perhaps with `*` and `?`, any of which has to fit; none is all.

    Raises
    ------
    DataError
        If none is chosen, saying what there is.
    """
    what = what or ("all" if only else KINDS[accession[:3]][0])
    if what not in (*KINDS[accession[:3]], "all"):
        raise DataError(
            f"`{what}` is nothing that {accession} can have", where="--what",
            expected=", ".join((*KINDS[accession[:3]], "all")), fix="name one of these",
        )  # fmt: skip
    of_kind = [entry for entry in there if what in (entry.kind, "all")]
    fitting = [entry for entry in of_kind if not only or any(fnmatchcase(entry.name, pattern) for pattern in only)]
    if not fitting:
        missed = f"no file that is called {' or '.join(only)}" if of_kind else f"nothing of the kind `{what}`"
        have = ", ".join(dict.fromkeys(entry.name if of_kind else entry.kind for entry in (of_kind or there)))
        raise DataError(
            f"{accession} has {missed}", where=accession, expected=f"one of: {have or 'nothing'}",
            fix=f"`cic data get {accession} --list` shows what there is",
        )  # fmt: skip
    return fitting
