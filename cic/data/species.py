"""Which species names of genes are of, as far as prefix and case tell.

Ensembl's ids name their species by a prefix (https://www.ensembl.org/info/genome/stable_ids/prefixes.html). Symbols are
written in capitals for human genes (Bruford et al. 2020, Nature Genetics 52:754) and for those of most other
vertebrates, capitalised for mouse and rat (https://www.informatics.jax.org/mgihome/nomen/gene.shtml).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

PREFIXES = {
    "ENSG": "human", "ENSMUSG": "mouse", "ENSRNOG": "rat", "ENSDARG": "zebrafish", "ENSPTRG": "chimpanzee",
    "ENSMMUG": "macaque", "ENSSSCG": "pig", "ENSBTAG": "cow", "ENSCAFG": "dog", "ENSGALG": "chicken",
    "ENSOCUG": "rabbit", "ENSXETG": "frog", "FBgn": "fruit fly", "WBGene": "worm",
}  # fmt: skip
HUMAN_LIKE, MOUSE_LIKE = "human-like", "mouse-like"
"""What symbols tell by their case alone: human genes, or another species' that are written so; mouse or rat."""
LIKE = {
    "mouse": MOUSE_LIKE, "rat": MOUSE_LIKE,
    **dict.fromkeys(("human", "chimpanzee", "macaque", "pig", "cow", "dog", "chicken", "rabbit"), HUMAN_LIKE),
}  # fmt: skip
SPECIES = tuple(PREFIXES.values())
MOSTLY = 0.8
ENOUGH_STEMS = 20
"""Different beginnings of symbols from which on their case says something: `Gene1` to `Gene999` have one."""
ID = re.compile(r"([A-Za-z]{4,8})\d{6,}(\.\d+)?(_PAR_Y)?")


def species_of(names: Iterable[str]) -> str | None:
    """Tell the species of most names.

    Returns
    -------
    str or None
        A species of `SPECIES` by ids, `human-like` or `mouse-like` by the case of symbols, `None` where neither tells:
        numbers, probes, few names, or names of several species.
    """
    names = list(names)
    prefixes = Counter(found[1] for name in names if (found := ID.fullmatch(name)) and found[1] in PREFIXES)
    if prefixes.total() > len(names) / 2:
        prefix, n = prefixes.most_common(1)[0]
        return PREFIXES[prefix] if n > MOSTLY * prefixes.total() else None
    symbols = (name.replace("orf", "") for name in names if not ID.fullmatch(name))
    stems = {stem for name in symbols if len(stem := re.split(r"[\d.-]", name, maxsplit=1)[0]) > 1}
    if len(stems) < ENOUGH_STEMS:
        return None
    for kind, written in ((HUMAN_LIKE, str.isupper), (MOUSE_LIKE, _is_capitalised)):
        if sum(map(written, stems)) > MOSTLY * len(stems):
            return kind
    return None


def _is_capitalised(stem: str) -> bool:
    return stem[0].isupper() and stem[1:].islower()


def alike(one: str | None, other: str | None) -> bool:
    """Tell whether two answers of `species_of` may be of one species; an unknown one may be any."""
    return one is None or other is None or one == other or other in _wider(one) or one in _wider(other)


def _wider(species: str) -> tuple[str, ...]:
    return (LIKE[species],) if species in LIKE else ()
