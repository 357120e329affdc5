"""What genes are called: the kinds of names that a file uses, and names that a spreadsheet took for dates."""

from __future__ import annotations

import datetime
import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")
NAMESPACES = {
    "ensembl": re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?(_PAR_Y)?"),
    "entrez": re.compile(r"\d+"),
    "probe": re.compile(r".+_at|ILMN_\d+|A_\d+_P\d+"),
}
"""How names of each kind are written; what is none of these are symbols."""
MIXED = 0.05
"""Share of the names from which on those of a kind are more than the odd one out, such as a spike-in."""
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


def kind_of(name: str) -> str:
    """Tell what a name is: `ensembl`, `entrez`, `probe` or `symbol`."""
    return next((kind for kind, written in NAMESPACES.items() if written.fullmatch(name)), "symbol")


def kinds_of(names: Sequence[str]) -> dict[str, float]:
    """Give the kinds of names and the share of each, the most frequent first; rare ones are left out."""
    counts = Counter(map(kind_of, names))
    return {kind: n / len(names) for kind, n in counts.most_common() if n >= MIXED * len(names)}


def namespace_of(names: Sequence[str]) -> str:
    """Tell what most names are: `ensembl`, `entrez`, `probe` or `symbol`."""
    return next(iter(kinds_of(names)), "symbol")


def plain(name: str) -> str:
    """Give a name without what tells versions of an Ensembl id apart."""
    return re.sub(r"(\.\d+)?(_PAR_Y)?$", "", name) if NAMESPACES["ensembl"].fullmatch(name) else name


def tell_mixed(names: Sequence[str], path: Path) -> None:
    """Warn of a file whose names are of several kinds."""
    kinds = kinds_of(names)
    if len(kinds) > 1:
        parts = ", ".join(f"{share:.0%} {kind}" for kind, share in kinds.items())
        log.warning("%s: its genes have names of several kinds (%s); --gene-map brings them to one", path, parts)


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
