"""Gene sets from GMT files, matched by name to the genes of a model.

A line of a GMT file is a set: name, description and genes, separated by tabs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cic.errors import DataError

FEWEST_GENES, MOST_GENES = 10, 500
"""Matched genes that a set may have: with fewer chance rules, with more nothing particular is said."""


@dataclass(frozen=True)
class GeneSet:
    """Genes with a name; `collection` is the stem of the file that they come from."""

    name: str
    collection: str
    genes: tuple[str, ...]


@dataclass(frozen=True)
class MatchedSets:
    """Gene sets among the genes of a model.

    Attributes
    ----------
    names, collections
        One a set.
    members
        Positions of the genes of each set among the model's genes, ascending.
    n_small, n_large
        Sets left out since they have fewer than `FEWEST_GENES` of the model's genes, or more than `MOST_GENES` or all.
    n_matched
        Genes of the model that are in any set of the files.
    n_given
        Sets left out since features of the model could be drawn towards them, or towards others much like them.
    """

    names: tuple[str, ...]
    collections: tuple[str, ...]
    members: tuple[np.ndarray, ...]
    n_small: int
    n_large: int
    n_matched: int
    n_given: int = 0

    def __len__(self) -> int:
        return len(self.names)

    def without(self, given_P: np.ndarray) -> MatchedSets:
        """Leave out the sets that were given."""
        kept = np.flatnonzero(~given_P)
        return replace(
            self,
            names=tuple(self.names[at] for at in kept),
            collections=tuple(self.collections[at] for at in kept),
            members=tuple(self.members[at] for at in kept),
            n_given=int(given_P.sum()),
        )


def gmt_files(place: Path) -> list[Path]:
    """Give the GMT files at `place`, a file or a folder, in order of their names; none where there is nothing."""
    if place.is_dir():
        return sorted(file for file in place.iterdir() if file.suffix == ".gmt" and file.is_file())
    return [place] if place.is_file() else []


def read_gmt(file: Path) -> list[GeneSet]:
    """Read one GMT file; genes that stand twice in a set count once.

    Raises
    ------
    DataError
        If a line is no gene set, a set's name stands there twice, or the file is no text.
    """
    fix = "fetch the file again, or mend that line; other kinds of files do not belong into the folder as *.gmt"
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"this is no text: {error}", where=str(file), expected="a GMT file in UTF-8", fix=fix) from None
    sets: dict[str, GeneSet] = {}
    line_of: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *rest = (entry.strip() for entry in line.split("\t"))
        genes = tuple(dict.fromkeys(gene for gene in rest[1:] if gene))
        if not name or not genes:
            raise DataError(
                f"{len(line.rstrip().split(chr(9)))} field(s), which is no gene set: {line[:60]!r}",
                where=f"{file}, line {number}",
                expected="a name, a description and at least one gene, separated by tabs",
                fix=fix,
            )
        if name in sets:
            raise DataError(
                f"the set {name} stands there twice",
                where=f"{file}, lines {line_of[name]} and {number}",
                expected="a name of its own for each set",
                fix="remove or rename one of the two",
            )
        sets[name], line_of[name] = GeneSet(name, file.stem, genes), number
    return list(sets.values())


def match(sets: Sequence[GeneSet], genes: Sequence[str]) -> MatchedSets:
    """Find the genes of each set among `genes`, and keep the sets of a size that enrichment can be told of."""
    position = {gene: index for index, gene in enumerate(genes)}
    found = [np.array(sorted(position[gene] for gene in one.genes if gene in position), dtype=np.int64) for one in sets]
    sizes = np.array([len(positions) for positions in found], dtype=np.int64)
    most = min(MOST_GENES, len(genes) - 1)  # a set of all genes stands nowhere in a ranking of them
    kept = [index for index, size in enumerate(sizes) if FEWEST_GENES <= size <= most]
    matched = np.unique(np.concatenate(found)) if found else np.empty(0)
    return MatchedSets(
        tuple(sets[index].name for index in kept),
        tuple(sets[index].collection for index in kept),
        tuple(found[index] for index in kept),
        int((sizes < FEWEST_GENES).sum()),
        int((sizes > max(most, FEWEST_GENES - 1)).sum()),
        len(matched),
    )
