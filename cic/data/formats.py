"""The files that profiles can be read from: one table, which the help, the docs and the errors are made from.

A file is known by what is in it, and by its ending where that does not tell. Importing this costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cic.data.terms import SamplesIn
from cic.errors import DataError


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes
    ----------
    files
        What its files are called.
    samples_in
        Where a file of that kind has its samples; `None` where that has to be declared.
    holds
        In words, what is read of it.
    """

    name: str
    files: str
    samples_in: SamplesIn | None
    holds: str


TABLE = Format("table", ".csv, .tsv, .txt", None, "names in the first line and the first column, else numbers")
PARQUET = Format("Parquet", ".parquet", None, "names in the index or the first column of text, else numbers")
OURS = Format("data set", "a folder with profiles.parquet", "rows", "what `cic data import` made")
H5AD = Format("AnnData", ".h5ad", "rows", "`X`, `obs` and the names in `var`; features that are no genes are left out")
GCT = Format("GCT", ".gct", "columns", "versions 1.2 and 1.3, with what they say of genes and samples")
SERIES = Format("GEO series matrix", "_series_matrix.txt", "columns", "values, titles, characteristics, platform")
SOFT = Format("GEO SOFT family", "_family.soft", "columns", "the column VALUE of each sample, and what is said of it")
TENX = Format("10x folder", "a folder with matrix.mtx", "columns", "counts of genes, without antibodies and guides")
TENX_H5 = Format("10x HDF5", ".h5", "columns", "likewise, as Cell Ranger 3 and later writes it")
SAMPLES = Format(
    "a file a sample",
    "a folder of files",
    "rows",
    "GDC, STAR, HTSeq, salmon, kallisto, RSEM; the unit says which numbers",
)
FORMATS = (TABLE, PARQUET, H5AD, GCT, SERIES, SOFT, TENX, TENX_H5, SAMPLES, OURS)
READABLE = (
    ".csv, .tsv, .txt, .parquet, .h5ad, .gct, GEO series matrix or SOFT, 10x folder or .h5, a folder with a file a "
    "sample; text perhaps gzipped"
)
HDF5 = b"\x89HDF\r\n\x1a\n"
SIGNS = (
    (("#1.2", "#1.3"), GCT),
    (("!Series_", "!Sample_"), SERIES),
    (("^DATABASE", "^SERIES", "^PLATFORM", "^SAMPLE"), SOFT),
)
"""What the first line of a text begins with."""


def format_of(path: Path) -> Format:
    """Tell of what kind a file or folder is.

    Raises
    ------
    DataError
        If it is none that can be read.
    """
    from cic.data.layout import is_table
    from cic.data.matrix import is_matrix_file
    from cic.data.tenx import matrix_of
    from cic.data.text import NOT_TEXT, delimiter_of, open_text

    if path.is_dir():
        if is_matrix_file(path):
            return OURS
        return TENX if matrix_of(path) is not None else SAMPLES
    with path.open("rb") as file:
        start = file.read(8)
    if start == HDF5:
        return _of_hdf5(path)
    if start[:4] == b"PAR1" or path.suffix.lower() == ".parquet":
        return OURS if is_matrix_file(path) else PARQUET
    if path.suffix.lower() == ".h5ad":
        return H5AD
    try:
        with open_text(path) as text:
            first = text.readline(64)
    except NOT_TEXT:
        first = ""
    for begins, found in SIGNS:
        if first.startswith(begins):
            return found
    if delimiter_of(path) is not None or is_table(path):
        return TABLE
    matrix_market = first.startswith("%%MatrixMarket")
    raise DataError(
        f"files ending in `{''.join(path.suffixes[-2:])}` cannot be read",
        where=str(path),
        expected=READABLE,
        fix="give the folder that it lies in, with barcodes.tsv and features.tsv"
        if matrix_market
        else "convert it; genes and samples with their names in one wide table will do",
    )


def _of_hdf5(path: Path) -> Format:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return TENX_H5 if "matrix" in file and "X" not in file else H5AD
    except OSError:  # the reader says what is wrong
        return H5AD
