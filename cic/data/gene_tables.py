"""Tables about genes as those hand them out who name them: columns of names, by kind and species.

A platform of GEO by itself, annotated by NCBI or within a family in SOFT; NCBI's `gene_info`; HGNC's complete set;
exports of BioMart; the homologs of the Jackson Laboratory; and any CSV or TSV with headers like theirs.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from cic.data.gene_names import namespace_of
from cic.data.layout import layout_of
from cic.data.species import SPECIES, alike, species_of
from cic.data.text import NOT_TEXT, first_line, open_text
from cic.errors import DataError

COLUMNS = {
    "ensembl": ("ens", "ensembl", "ensembl_id", "ensembl_gene_id", "gene_stable_id", "ensembl_gene", "dbxrefs"),
    "symbol": (
        "symbol", "gene_symbol", "gene_sym", "approved_symbol", "hgnc_symbol", "mgi_symbol", "gene_name",
        "external_gene_name", "associated_gene_name", "ilmn_gene", "gene_assignment",
    ),
    "entrez": (
        "geneid", "entrez", "entrez_id", "entrezgene", "entrezgene_id", "entrez_gene_id", "entrez_gene", "ncbi_gene_id",
        "ncbi_gene_formerly_entrezgene_id",
    ),
    "probe": ("probe_id", "probe", "probeset", "probeset_id", "probe_set_id"),
    "platform": ("platform_id",),
    "previous": ("prev_symbol", "previous_symbols", "previous_symbol"),
    "synonyms": ("synonyms", "aliases", "alias_symbol", "alias_symbols", "gene_synonym", "gene_synonyms"),
}  # fmt: skip
"""What columns may be called, in small letters and with underscores; of two with one kind of names the first counts.

`platform` is the first column of a platform, which names its probes however it does, by numbers too."""
BY_CONTENT = ("gene_id", "gene", "id", "")
"""Headers that say too little: what is below them tells. The last is that of a column called as a species alone."""
ARRAYS = re.compile(r"(affy|illumina|agilent)_\w+")
OF_SPECIES = re.compile(rf"({'|'.join(name.replace(' ', '_') for name in SPECIES)})(?:_(.*))?")
HOMOLOG = {"hsapiens": "human", "mmusculus": "mouse", "rnorvegicus": "rat", "drerio": "zebrafish"}
"""How biomaRt calls species in `mmusculus_homolog_associated_gene_name`."""
WITHIN = {
    "dbxrefs": re.compile(r"(?:^|\|)Ensembl:([^|]+)"),
    "gene_assignment": re.compile(r"(?:^|///)[^/]*//([^/]+)(?=//|$)"),
}
"""Names in columns that hold more: NCBI's references, and what Affymetrix says of a probe set."""
SEVERAL = re.compile(r"\s*(?:///|\||;|, )\s*")
"""Between names in one cell."""
NOTHING = ("", "-", "---", "NA")
BEGIN, END = "!platform_table_begin", "!platform_table_end"
LOOKED_AT = 5_000


@dataclass(frozen=True)
class Column:
    """The names of one kind and species, a cell a line of the table."""

    kind: str
    species: str | None
    cells: list[str]

    def names(self, line: int) -> list[str]:
        """Give the names in a cell."""
        return names_in(self.cells[line])


def names_in(cell: str) -> list[str]:
    """Give the names in a cell."""
    return [name for name in SEVERAL.split(cell.strip()) if name not in NOTHING]


def read_gene_table(path: Path) -> list[Column]:
    """Read the columns of names of a table about genes, those first that count first.

    Raises
    ------
    DataError
        If it is no table, or of several platforms.
    """
    rows = rows_of(path)
    called = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in next(rows, [])]
    if {"db_class_key", "common_organism_name"} <= set(called):
        return _homologs(called, rows)
    headers = {place: header for place, name in enumerate(called) if (header := _header(name)) is not None}
    cells: dict[int, list[str]] = {place: [] for place in headers}
    for row in rows:
        for place, column in cells.items():
            column.append(row[place] if place < len(row) else "")
    by_rank = sorted(headers, key=lambda place: headers[place].rank)
    columns = {place: _column(headers[place], called[place], cells[place]) for place in by_rank}
    unsaid = [place for place in by_rank if headers[place].species is None]
    # what ids tell holds of the symbols and numbers beside them
    certain = next((columns[place].species for place in unsaid if columns[place].species in SPECIES), None)
    for place in unsaid:
        if certain is not None and alike(columns[place].species, certain):
            columns[place] = replace(columns[place], species=certain)
    return list(columns.values())


def _column(header: _Header, called: str, cells: list[str]) -> Column:
    if within := WITHIN.get(called):
        cells = [" /// ".join(map(str.strip, within.findall(cell))) for cell in cells]
    some = list(chain.from_iterable(map(names_in, cells[:LOOKED_AT])))
    kind = header.kind or namespace_of(some)
    if (kind, called) == ("symbol", "id"):
        kind = "probe"
    return Column(kind, header.species or species_of(some), cells)


@dataclass(frozen=True)
class _Header:
    """What a header tells of a column: its kind, or `None` where its content must tell, its species and its rank."""

    kind: str | None
    species: str | None
    rank: int


def _header(name: str) -> _Header | None:
    """Read a header; `None` of columns that hold no names."""
    species = None
    if (found := re.fullmatch(r"([a-z]+)_homolog_(\w+)", name)) and found[1] in HOMOLOG:
        species, name = HOMOLOG[found[1]], found[2]
    elif found := OF_SPECIES.fullmatch(name):
        species, name = found[1].replace("_", " "), found[2] or ""
    for kind, names in COLUMNS.items():
        if name in names:
            return _Header(kind, species, names.index(name))
    if ARRAYS.fullmatch(name):
        return _Header("probe", species, len(COLUMNS["probe"]))
    return _Header(None, species, 100) if name in BY_CONTENT and (name or species) else None


def _homologs(called: list[str], rows: Iterator[list[str]]) -> list[Column]:
    """Read a table with a line a gene, of which those of one class are homologs, as one with a line a class."""
    key, organism = called.index("db_class_key"), called.index("common_organism_name")
    headers = ((place, _header(name)) for place, name in enumerate(called))
    wanted = {place: header.kind for place, header in headers if header is not None and header.kind is not None}
    cells: dict[tuple[str, str], dict[str, list[str]]] = {}
    classes: dict[str, None] = {}
    for row in rows:
        if len(row) <= max(key, organism):
            continue
        classes[row[key]] = None
        species = row[organism].split(",")[0].strip()
        for place, kind in wanted.items():
            if place < len(row):
                cells.setdefault((kind, species), {}).setdefault(row[key], []).append(row[place])
    return [
        Column(kind, species, ["|".join(of_class.get(one, ())) for one in classes])
        for (kind, species), of_class in cells.items()
    ]


def rows_of(path: Path) -> Iterator[list[str]]:
    """Yield the cells of each line of a table, its header first, without what stands above or below it.

    Raises
    ------
    DataError
        If it is no table, or of several platforms.
    """
    try:
        with open_text(path) as file:
            first = first_line(path, file)
            lines = chain([first], iter(lambda: first_line(path, file), ""))
            if first.startswith(("^", "!")):
                yield from _of_platform(path, lines)
            elif first.startswith("#"):
                yield from _below_comments(path, lines)
            else:
                layout = layout_of(path)
                next(lines)
                yield layout.header
                yield from _cells(lines, layout.delimiter)
    except NOT_TEXT as error:
        raise DataError(f"not readable as a table: {error}", where=str(path), fix="fetch it again") from None


def _cells(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Part lines; beside tabs quotes are not relied on, since descriptions have single ones."""
    if delimiter != "\t":
        return csv.reader(lines, delimiter=delimiter)
    return ([cell.strip('"') for cell in line.rstrip("\r\n").split("\t")] for line in lines)


def _below_comments(path: Path, lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield a table below lines that begin with `#`, of which NCBI's last is the header, and a platform's name `ID`."""
    above, of_platform = "", False
    for line in lines:
        if line.startswith("#"):
            above, of_platform = line, of_platform or re.match(r"#ID\s*=", line) is not None
            continue
        delimiter = "\t" if "\t" in line else ","
        if not of_platform and 0 < above.count(delimiter) == line.count(delimiter):
            lines = chain([above[1:], line], lines)
        else:
            lines = chain([line], lines)
        rows = _cells(lines, delimiter)
        yield from _as_platform(rows) if of_platform else rows
        return
    raise DataError("there are only comments", where=str(path), expected="a table about genes")


def _as_platform(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    yield ["platform_id", *next(rows, [])[1:]]
    yield from rows


def _of_platform(path: Path, lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield the only table of a platform in SOFT; platforms stand before samples."""
    n_tables = 0
    for line in lines:
        if line.startswith("^SAMPLE"):
            break
        if not line.startswith(BEGIN):
            continue
        n_tables += 1
        if n_tables > 1:
            raise DataError(
                "it has the tables of several platforms", where=str(path), expected="one",
                fix="give the file of the platform alone, such as GPL96.annot.gz",
            )  # fmt: skip
        yield from _as_platform(_cells(_until_end(path, lines), "\t"))
    if not n_tables:
        raise DataError(
            f"there is no {BEGIN}", where=str(path), expected="the table of a platform",
            fix="give the family in SOFT, or the file of the platform, such as GPL96.annot.gz",
        )  # fmt: skip


def _until_end(path: Path, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith(END):
            return
        yield line
    raise DataError(f"there is no {END}", where=str(path), expected="a whole file", fix="fetch it again")
