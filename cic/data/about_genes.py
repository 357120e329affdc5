"""Which columns of a table of genes are about the genes, such as their lengths, and are no samples.

Certain are columns ahead of the samples that hold text, or are called as only a property of genes is. Where it is
not certain the user says it: a column of lengths that was taken for a sample would spoil everything after it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from cic.errors import DataError

log = logging.getLogger("cic.data")
NONE = "none"
"""Says that every column is a sample."""
LENGTHS = frozenset(("length", "genelength", "exonlength", "exoniclength", "mergedlength", "unionlength"))
CHROMOSOMES = frozenset(("chr", "chrom", "chromosome", "chromosomename", "seqname", "seqnames", "seqid"))
COORDINATES = frozenset(("start", "end", "stop", "width"))
"""Certain beside a chromosome."""
CERTAIN = LENGTHS | CHROMOSOMES | {
    "strand", "gene", "genes", "geneid", "geneids", "genename", "genenames", "genesymbol", "genesymbols", "symbol",
    "symbols", "hgnc", "hgncid", "hgncsymbol", "mgiid", "mgisymbol", "externalgenename", "description",
    "genedescription", "biotype", "genebiotype", "genetype", "entrez", "entrezid", "entrezgene", "entrezgeneid",
    "ncbigeneid", "locuslink", "ensembl", "ensemblid", "ensemblgeneid", "ensemblgeneidversion", "ensg", "refseq",
    "refseqid", "uniprot", "unigene", "transcript", "transcriptid", "transcriptids", "ensembltranscriptid",
    "transcriptlength", "effectivelength", "efflength", "genestart", "geneend", "startposition", "endposition",
    "tss", "gccontent", "percentagegenegccontent", "percentagegccontent", "cytoband", "probe", "probeid", "probeset",
    "probesetid", "accession",
}  # fmt: skip
"""What only properties of genes are called, numbers or not; names as `_plain` gives them."""
DOUBTFUL = COORDINATES | {
    "id", "name", "names", "size", "position", "location", "locus", "level", "source", "band", "ncells", "mean",
    "average", "median", "sum", "total", "variance", "sd", "basemean", "aveexpr", "logfc", "log2fc", "log2foldchange",
    "foldchange", "lfcse", "stat", "pval", "pvalue", "padj", "adjpval", "adjpvalue", "fdr", "qvalue",
}  # fmt: skip
"""What such columns are called, and what samples might be."""
TELLING = re.compile(r"length|entrez|chrom|biotype|([^a-z]|^)(exon|len$)|^(gene|transcript)[^a-z]")
"""Parts of names, in small letters, that are doubtful."""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def columns_about_genes(
    header: Sequence[str], texts: Collection[int], asked: Sequence[str] | None, path: Path
) -> list[int]:
    """Give the places of the columns about genes, in a table that has samples in its other columns.

    Parameters
    ----------
    header
        Names of all columns; the first column holds the names of genes.
    texts
        Places of columns that hold text.
    asked
        Names of the columns about genes, as the user has said; `none` for none at all. `None`: nothing was said.

    Raises
    ------
    DataError
        Naming the columns of which it is not certain, or those that are not there.
    """
    if asked is not None:
        return _asked(header, asked, path)
    names = [_plain(name) for name in header]
    certain = set(texts) | {place for place, name in enumerate(names) if name in CERTAIN}
    if any(names[place] in CHROMOSOMES for place in certain):
        certain |= {place for place, name in enumerate(names) if name in COORDINATES}
    ahead = next((place for place in range(1, len(names)) if place not in certain), len(names))
    found, rest = list(range(1, ahead)), range(ahead, len(names))
    last = max((place for place in certain if place in rest), default=0)
    between = last if last < len(names) - 1 else 0  # what stands before a column about genes may be about them too
    doubtful = [
        place
        for place in rest
        if place <= between or place in certain or names[place] in DOUBTFUL or TELLING.search(header[place].lower())
    ]
    if doubtful:
        shown = _some([header[place] for place in doubtful])
        columns = ",".join(header[place] for place in [*found, *doubtful][:20])
        raise DataError(
            f"{len(doubtful)} column(s) may be about genes, or samples: {shown}",
            where=str(path),
            expected="samples only, or columns about genes ahead of the samples",
            fix=f"say which are about genes, such as --about-genes '{columns}', or --about-genes {NONE}",
        )
    if found:
        log.info(
            "%s: %d columns are about genes and are no samples: %s; samples begin with %s", path, len(found),
            _some([header[place] for place in found]), header[rest[0]] if rest else "none",
        )  # fmt: skip
    return found


def about_genes(columns: dict[str, list[str | None]]) -> pd.DataFrame:
    """Give columns about genes, by name, as a table of text; lengths, if there are any, also as numbers in `length`."""
    table = pd.DataFrame(columns, dtype=object)
    lengths = next((name for name in table if _plain(str(name)) in LENGTHS), None)
    if lengths is not None:
        table["length"] = pd.to_numeric(table[lengths], errors="coerce").astype(float)
    return table


def _asked(header: Sequence[str], asked: Sequence[str], path: Path) -> list[int]:
    names = [] if list(asked) == [NONE] else list(asked)
    unknown = [name for name in names if name not in header[1:]]
    if unknown:
        raise DataError(
            f"there is no column {_some(unknown)}", where=f"{path}, --about-genes",
            expected="names of columns beside the first: " + _some(header[1:], 20),
            fix="name those that are about genes, parted by commas",
        )  # fmt: skip
    return [place for place, name in enumerate(header) if place and name in names]


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(f"`{name}`" for name in names[:most]) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )
