"""Other names for genes, by a table: names of another kind, newer ones, or those of orthologs in another species.

Axes: G genes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cic.data.gene_names import kinds_of, plain
from cic.data.gene_tables import COLUMNS, Column, read_gene_table
from cic.data.guarded import guarded
from cic.data.species import alike, species_of
from cic.data.terms import GenesTo
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")


@dataclass(frozen=True)
class MapReport:
    """What a map made of the names of a file; its text is what the user is told.

    Attributes
    ----------
    kinds
        Of the names before, and the share of each.
    species
        As `species_of` tells it of the names before.
    mapped, shared
        Genes that found one name, and how many names too few there are for them: as many share one.
    ambiguous, unmapped
        Names of genes that found several, and none.
    """

    kinds: dict[str, float]
    to: str
    species: str | None
    n_genes: int
    mapped: int
    shared: int
    ambiguous: list[str]
    unmapped: list[str]

    def __str__(self) -> str:
        """Give it in words."""
        mixed = " and ".join(f"{share:.0%} {kind}" for kind, share in self.kinds.items()) * (len(self.kinds) > 1)
        known = ", ".join(filter(None, (self.species, mixed)))
        return (
            f"{self.mapped} of {self.n_genes} genes ({self.mapped / max(self.n_genes, 1):.1%}"
            f"{'; ' * bool(known)}{known}) have one {self.to} name, {self.shared} of these share it with another; "
            f"left out are {_some(self.ambiguous, 'with several')} and {_some(self.unmapped, 'with none')}"
        )


def _some(names: list[str], what: str) -> str:
    return f"{len(names)} {what}" + (f" (such as {', '.join(names[:3])})" if names else "")


def renamed(wide: Wide, table: Path, to: GenesTo, species_to: str | None, least: float, path: Path) -> Wide:
    """Give the same profiles with genes under other names; those without one, or with several, are left out.

    Parameters
    ----------
    table
        With a line a gene, probe or pair of orthologs, as `cic.data.gene_tables` reads it.
    species_to
        After whose orthologs genes are named; `None` for their own species.
    least
        Share of the genes that must find exactly one name.

    Raises
    ------
    DataError
        If fewer do, the table is of another species, or has no such names.
    """
    kinds, species = kinds_of(wide.columns), species_of(wide.columns)
    names_of = guarded(partial(read_map, kinds=tuple(kinds), to=to, species=species, species_to=species_to), table)
    targets = [names_of.get(plain(name), frozenset()) for name in wide.columns]
    keep = [place for place, found in enumerate(targets) if len(found) == 1]
    names = [next(iter(targets[place])) for place in keep]
    report = MapReport(
        kinds, to, species, len(targets), len(keep), len(names) - len(set(names)),
        ambiguous=[wide.columns[place] for place, found in enumerate(targets) if len(found) > 1],
        unmapped=[wide.columns[place] for place, found in enumerate(targets) if not found],
    )  # fmt: skip
    if len(keep) < least * len(targets) or not keep:
        raise DataError(
            f"too few genes are in the map: {report}", where=str(path), expected=f"at least {least:.0%} with one name",
            fix="see that the map is of that species and platform, or lower --least-mapped",
        )  # fmt: skip
    log.warning("%s: %s", path, report)
    return replace(wide, values=wide.values[:, keep], columns=names, about_columns=None)


def read_map(
    path: Path, kinds: Sequence[str], to: GenesTo, species: str | None = None, species_to: str | None = None
) -> dict[str, frozenset[str]]:
    """Read which names stand for which in a table about genes.

    A symbol that is no gene's own is looked for among previous ones, and last among synonyms.

    Parameters
    ----------
    kinds
        Of the names to be mapped, the most frequent first, which must be there; as `kinds_of` tells them.
    species
        Of these names, as `species_of` tells it.
    species_to
        Of the names to give, where that is another.

    Raises
    ------
    DataError
        If it has no columns of both, or only of another species.
    """
    columns = read_gene_table(path)
    if any(column.kind == "platform" for column in columns):
        kinds = ["platform"]
    found: dict[str, frozenset[str]] = {}
    for kind in kinds:
        pair = _pair(columns, kind, to, species, species_to)
        if pair is None and kind == kinds[0]:
            raise _lacking(columns, kind, to, species, species_to, path)
        if pair is None:
            continue
        source, target = pair
        ranks = [source]
        if kind == "symbol":
            older = [one for one in columns if alike(one.species, source.species)]
            ranks += [one for rank in ("previous", "synonyms") for one in older if one.kind == rank]
        for one in ranks:
            found = _targets(one, target) | found
    return found


def _pair(
    columns: list[Column], kind: str, to: str, species: str | None, species_to: str | None
) -> tuple[Column, Column] | None:
    """Give the columns to map from and to: the first that fit, those of the wanted species last to map from."""
    sources = [one for one in columns if one.kind == kind and alike(one.species, species)]
    for source in sorted(sources, key=lambda one: species_to is not None and _is_of(one, species_to)):
        for target in columns:
            fits = alike(target.species, source.species) if species_to is None else _is_of(target, species_to)
            if target.kind == to and fits:
                return source, target
    return None


def _is_of(column: Column, species: str) -> bool:
    return column.species is not None and alike(column.species, species)


def _lacking(
    columns: list[Column], kind: str, to: str, species: str | None, species_to: str | None, path: Path
) -> DataError:
    others = sorted({one.species for one in columns if one.kind == kind and one.species is not None})
    if species is not None and others and not any(alike(one.species, species) for one in columns if one.kind == kind):
        return DataError(
            f"it is a map of {' and '.join(others)} genes, while the profiles have {species} ones", where=str(path),
            expected="a map of the species of the profiles",
            fix="give one; for the names of orthologs a table of these, and --species-to",
        )  # fmt: skip
    lacking = [one for one in dict.fromkeys((kind, to)) if not any(column.kind == one for column in columns)]
    if not lacking:
        wanted = "the same species" if species_to is None else species_to
        return DataError(
            f"it has no column with {to} names of {wanted} beside one with {kind} names", where=str(path),
            expected=f"columns called like `mouse_{kind}` and `human_{to}`, or `mouse` and `human`",
            fix="name the columns so, or give another table",
        )  # fmt: skip
    return DataError(
        f"it has no column with {' and '.join(lacking)} names", where=str(path),
        expected=" and ".join(f"{one} ({', '.join(COLUMNS[one])})" for one in lacking),
        fix="give a map with --gene-map from the names of the profiles to those that you want",
    )  # fmt: skip


def _targets(source: Column, target: Column) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in range(len(source.cells)):
        names = {plain(name) for name in target.names(line)}
        for name in source.names(line):
            found.setdefault(plain(name), set()).update(names)
    return {name: frozenset(names) for name, names in found.items()}
