"""What featureCounts writes: a line a gene, with places and length, and a column of counts for each BAM file.

The layout is that of the users guide of Subread (Liao, Smyth and Shi 2014, Bioinformatics 30:923).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from cic.data.delimited import read_delimited
from cic.data.text import NOT_TEXT, first_line, open_text
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")
COMMENT = "# Program:featureCounts"
HEADER = ("Geneid", "Chr", "Start", "End", "Strand", "Length")
ENDINGS = re.compile(r"(\.(bam|sam|cram)|[._]?Aligned|\.?sortedByCoord|\.out|[._]sorted|[._]markdup|[._]dedup)+$")
"""What aligners and sorting add to the name of a sample."""


def read_feature_counts(path: Path, *, missing: bool, about: Sequence[str] | None) -> Wide:
    """Read a table of featureCounts; samples are called as their BAM files, and lengths come along.

    Raises
    ------
    DataError
        If it is damaged.
    """
    try:
        with open_text(path) as file:
            skip = int(first_line(path, file).startswith("#"))
    except NOT_TEXT as error:
        raise DataError(f"not readable as text: {error}", where=str(path), fix="write or fetch it again") from None
    wide = read_delimited(path, "columns", missing=missing, about=about, skip=skip)
    samples = sample_names(wide.rows)
    log.info("%s: samples are called as their BAM files, such as %s, which is %s", path, samples[0], wide.rows[0])
    return replace(wide, rows=samples)


def sample_names(paths: Sequence[str]) -> list[str]:
    """Call the samples of BAM files as the files, or else as their folders, or else as the whole paths."""
    files = [PurePosixPath(path.replace("\\", "/")) for path in paths]
    for names in ([ENDINGS.sub("", file.name) for file in files], [file.parent.name for file in files]):
        if len(set(names)) == len(names) and all(names):
            return names
    return list(paths)
