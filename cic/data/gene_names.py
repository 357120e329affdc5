"""What genes are called: which names a file uses, names that a spreadsheet took for dates, and other names by a map.

Axes: G genes.
"""

from __future__ import annotations

import csv
import datetime
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cic.data.layout import layout_of
from cic.data.terms import GenesTo
from cic.data.text import NOT_TEXT, first_line, open_text
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")
NAMESPACES = {
    "ensembl": re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?(_PAR_Y)?"),
    "entrez": re.compile(r"\d+"),
    "probe": re.compile(r".+_at|ILMN_\d+|A_\d+_P\d+"),
}
"""How names of each kind are written; what is none of these are symbols."""
MOSTLY = 0.8
COLUMNS = {
    "ensembl": ("ens", "ensembl", "ensembl_id", "ensembl_gene_id", "gene_id"),
    "symbol": ("symbol", "gene_symbol", "gene_name", "hgnc_symbol", "approved_symbol"),
    "entrez": ("geneid", "entrez", "entrez_id", "entrezgene", "entrez_gene_id", "entrez_gene"),
    "probe": ("probe_id", "probe", "probeset", "id"),
    "synonyms": ("synonyms", "aliases", "alias_symbol", "previous_symbols", "prev_symbol"),
}
"""What the columns of a map may be called, in small letters and with underscores; the first that is there counts."""
SEVERAL = re.compile(r"\s*(?:///|\|)\s*")
"""Between names in one cell."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY_MONTH, MONTH_DAY = re.compile(r"(\d{1,2})-([A-Za-z]{3})"), re.compile(r"([A-Za-z]{3})-(\d{1,2})")
DATE = re.compile(r"(?:19|20)\d\d-(\d\d)-(\d\d)(?: 00:00:00)?")
LIKE_DATES = re.compile(r"\d{1,2}-[A-Za-z]{3}|[A-Za-z]{3}-\d{1,2}|(?:19|20)\d\d-\d\d-\d\d.*|[34]\d{4}")
SERIAL, FIRST_DAY = re.compile(r"[34]\d{4}"), datetime.date(1899, 12, 30)
"""Days since which a spreadsheet counts; five digits are a date of the years 1982 to 2036."""
CERTAIN = {
    **{(9, day): f"SEPT{day}" for day in range(1, 16)},
    **{(3, day): f"MARCH{day}" for day in range(3, 12)},  # 1 and 2 may have been MARC1 and MARC2
    (12, 1): "DEC1",
}
"""Genes by the month and day that they were taken for (Zeeberg et al. 2004, BMC Bioinformatics 5:80)."""


def namespace_of(names: Sequence[str]) -> str:
    """Tell what most names are: `ensembl`, `entrez`, `probe` or `symbol`."""
    for kind, written in NAMESPACES.items():
        if sum(written.fullmatch(name) is not None for name in names) > MOSTLY * len(names):
            return kind
    return "symbol"


def plain(name: str, kind: str) -> str:
    """Give a name without what tells versions apart."""
    return re.sub(r"(\.\d+)?(_PAR_Y)?$", "", name) if kind == "ensembl" else name


def undated(wide: Wide, path: Path) -> Wide:
    """Give genes that a spreadsheet took for dates their names back, where there is but one that it can have been.

    Raises
    ------
    DataError
        Naming those where there is not.
    """
    like = [place for place, name in enumerate(wide.columns) if LIKE_DATES.fullmatch(name)]
    if not like or namespace_of(wide.columns) != "symbol":
        return wide
    dates = {place: date for place in like if (date := _date(wide.columns[place])) is not None}
    if not dates:
        return wide
    unclear = [wide.columns[place] for place, date in dates.items() if date not in CERTAIN]
    if unclear:
        raise DataError(
            f"{len(dates)} genes are called by dates, as spreadsheets make of SEPT9 or MARCH1; of {len(unclear)} it "
            f"cannot be told which they were: {', '.join(unclear[:5])}",
            where=str(path),
            expected="names of genes",
            fix="take the file from before it was opened in a spreadsheet, or name or remove these genes",
        )
    names = list(wide.columns)
    for place, date in dates.items():
        names[place] = CERTAIN[date]
    told = ", ".join(f"{wide.columns[place]} is {names[place]}" for place in [*dates][:3])
    log.warning("%s: %d genes that a spreadsheet took for dates have their names back: %s", path, len(dates), told)
    return replace(wide, columns=names)


def _date(name: str) -> tuple[int, int] | None:
    """Give month and day of a name that is a date."""
    if (found := DAY_MONTH.fullmatch(name)) and found[2].lower() in MONTHS:
        return MONTHS.index(found[2].lower()) + 1, int(found[1])
    if (found := MONTH_DAY.fullmatch(name)) and found[1].lower() in MONTHS:
        return MONTHS.index(found[1].lower()) + 1, int(found[2])
    if found := DATE.fullmatch(name):
        return int(found[1]), int(found[2])
    if SERIAL.fullmatch(name):
        day = FIRST_DAY + datetime.timedelta(days=int(name))
        return day.month, day.day
    return None


@dataclass(frozen=True)
class GeneMap:
    """Names of one kind by those of another.

    Attributes
    ----------
    of
        The names that a name of the first kind stands for; synonyms only where they are no name themselves.
    """

    kind: str
    to: str
    of: dict[str, frozenset[str]]


def read_map(path: Path, kind: str, to: GenesTo) -> GeneMap:
    """Read a table with a line a gene or probe, such as a platform's, NCBI's or GENCODE's.

    Parameters
    ----------
    kind
        What is to be mapped, as `namespace_of` tells it.

    Raises
    ------
    DataError
        If it has no columns of both kinds.
    """
    layout = layout_of(path)
    places: dict[str, int] = {}
    header = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in layout.header]
    for one, called in COLUMNS.items():
        name = next((name for name in called if name in header), None)
        if name is not None:
            places[one] = header.index(name)
    lacking = [one for one in (kind, to) if one not in places]
    if lacking:
        raise DataError(
            f"it has no column with {' and '.join(lacking)} names", where=str(path),
            expected=" and ".join(f"{one} ({', '.join(COLUMNS[one])})" for one in lacking),
            fix="give a map with --gene-map from the names of the profiles to those that you want",
        )  # fmt: skip
    found: dict[str, set[str]] = {}
    others: dict[str, set[str]] = {}
    try:
        with open_text(path) as file:
            lines = csv.reader(iter(lambda: first_line(path, file), ""), delimiter=layout.delimiter)
            next(lines)
            for cells in lines:
                if len(cells) <= max(places[kind], places[to]):
                    continue
                targets = {plain(name, to) for name in _names(cells[places[to]])}
                for name in _names(cells[places[kind]]):
                    found.setdefault(plain(name, kind), set()).update(targets)
                if kind == "symbol" and "synonyms" in places and len(cells) > places["synonyms"]:
                    for name in _names(cells[places["synonyms"]]):
                        others.setdefault(name, set()).update(targets)
    except NOT_TEXT as error:
        raise DataError(f"not readable as a table: {error}", where=str(path), fix="fetch it again") from None
    whole = {name: targets for name, targets in others.items() if name not in found} | found
    return GeneMap(kind, to, {name: frozenset(targets) for name, targets in whole.items()})


def _names(cell: str) -> list[str]:
    return [name for name in SEVERAL.split(cell.strip()) if name not in ("", "-", "---", "NA")]


def mapped(wide: Wide, genes: GeneMap, least: float, path: Path) -> Wide:
    """Give the same profiles with genes under other names; those without one, or with several, are left out.

    Parameters
    ----------
    least
        Share of the genes that must find exactly one name.

    Raises
    ------
    DataError
        If fewer do.
    """
    targets = [genes.of.get(plain(name, genes.kind), frozenset()) for name in wide.columns]
    keep = [place for place, found in enumerate(targets) if len(found) == 1]
    ambiguous = [wide.columns[place] for place, found in enumerate(targets) if len(found) > 1]
    unknown = [wide.columns[place] for place, found in enumerate(targets) if not found]
    names = [next(iter(targets[place])) for place in keep]
    n, share = len(targets), len(keep) / max(len(targets), 1)
    told = (
        f"{len(keep)} of {n} genes ({share:.1%}) have one {genes.to} name, "
        f"{len(names) - len(set(names))} of these share it with another; "
        f"left out are {_some(ambiguous, 'with several')} and {_some(unknown, 'with none')}"
    )
    if share < least or not keep:
        raise DataError(
            f"too few genes are in the map: {told}", where=str(path), expected=f"at least {least:.0%} with one name",
            fix="see that the map is of that species and platform, or lower --least-mapped",
        )  # fmt: skip
    log.warning("%s: %s", path, told)
    return replace(wide, values=wide.values[:, keep], columns=names, about_columns=None)


def _some(names: list[str], what: str) -> str:
    return f"{len(names)} {what}" + (f" (such as {', '.join(names[:3])})" if names else "")
