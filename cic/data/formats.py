"""The files that profiles can be read from: one table, which the help, the docs and the errors are made from.

A file is known by what is in it, and by its ending where that does not tell. Importing this costs nothing.
"""

from __future__ import annotations

import codecs
import gzip
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


TABLE = Format(
    "table", ".csv, .tsv, .txt", None, "names in the first line and the first column, else numbers; of genes in rows "
    "also columns about genes ahead of the samples",
)  # fmt: skip
PARQUET = Format("Parquet", ".parquet", None, "likewise; names in the index or the first column of text")
FEATHER = Format("Feather", ".feather, .arrow", None, "likewise; names in the first column of text")
OURS = Format("data set", "a folder with profiles.parquet", "rows", "what `cic data import` made")
H5AD = Format(
    "AnnData", ".h5ad", "rows", "`X`, or by `--layer` raw or a layer; `obs` and `var`; features that are no genes are "
    "left out",
)  # fmt: skip
ZARR = Format("AnnData in Zarr", ".zarr, a folder", "rows", "likewise, of both versions of Zarr")
LOOM = Format("Loom", ".loom", "columns", "`matrix`, or by `--layer` a layer; what is said of genes and cells")
GCT = Format("GCT", ".gct", "columns", "versions 1.2 and 1.3, with what they say of genes and samples")
GCTX = Format("GCTX", ".gctx", "columns", "likewise")
SERIES = Format("GEO series matrix", "_series_matrix.txt", "columns", "values, titles, characteristics, platform")
SOFT = Format("GEO SOFT family", "_family.soft", "columns", "the column VALUE of each sample, and what is said of it")
TENX = Format("10x folder", "a folder with matrix.mtx", "columns", "counts of genes, without antibodies and guides")
TENX_H5 = Format("10x HDF5", ".h5", "columns", "likewise, as Cell Ranger 3 and later writes it")
FEATURE_COUNTS = Format("featureCounts", "a table", "columns", "counts by BAM file, with places and lengths of genes")
SAMPLES = Format(
    "a file a sample",
    "a folder of files, or a table that names them",
    "rows",
    "GDC, STAR, HTSeq, featureCounts, salmon, kallisto, RSEM; the unit says which numbers",
)
FORMATS = (
    TABLE, PARQUET, FEATHER, H5AD, ZARR, LOOM, GCT, GCTX, SERIES, SOFT, TENX, TENX_H5, FEATURE_COUNTS, SAMPLES, OURS,
)  # fmt: skip
READABLE = (
    ".csv, .tsv, .txt, .parquet, .feather, .h5ad, .zarr, .loom, .gct, .gctx, GEO series matrix or SOFT, 10x folder or "
    ".h5, featureCounts, a folder with a file a sample; text perhaps gzipped"
)
HDF5 = b"\x89HDF\r\n\x1a\n"
BY_ENDING = {".h5ad": H5AD, ".loom": LOOM, ".gctx": GCTX}
"""What does not begin as HDF5 does though its ending says so, so that its reader tells what is wrong."""
SIGNS = (
    (("#1.2", "#1.3"), GCT),
    (("!Series_", "!Sample_"), SERIES),
    (("^DATABASE", "^SERIES", "^PLATFORM", "^SAMPLE"), SOFT),
    (("# Program:featureCounts", "Geneid\tChr\tStart\tEnd\tStrand\tLength\t"), FEATURE_COUNTS),
)
"""What the first line of a text begins with."""
LISTS = {
    "id\tfilename\tmd5\tsize": ("filename", "id"),
    "File ID\tFile Name\t": ("File Name", "File ID"),
    "sample_id\tfile": ("file", None),
    "sample_id,file": ("file", None),
}
"""What the first line of a table begins with that names a file for each sample (GDC's manifest and sample sheet, one's
own); with the column of the file, and that of the folder which GDC's client puts it into."""
UNPACK = "unpack it, and give the file or folder that was in it"
FROM_R = "in R write the matrix that it holds: write.csv(as.matrix(x), 'x.csv')"
OTHERS = (
    (0, b"PK\x03\x04", "an Excel workbook, or another zip archive", f"save the sheet as CSV; or {UNPACK}"),
    (0, b"\xd0\xcf\x11\xe0", "an Excel workbook of the old kind", "save the sheet as CSV"),
    (0, b"X\n\x00\x00", "an object of R (.rds)", FROM_R),
    (0, b"RDX2\n", "objects of R (.RData)", FROM_R),
    (0, b"RDX3\n", "objects of R (.RData)", FROM_R),
    (4, b"1AY&SY", "packed by bzip2", UNPACK),
    (0, b"\xfd7zXZ", "packed by xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "packed by zstd", UNPACK),
    (257, b"ustar\x00", "an archive of files (.tar)", UNPACK),
    (257, b"ustar  \x00", "an archive of files (.tar)", UNPACK),
)
"""What tables are often kept in that is not read: bytes at a place of the file, unpacked; what it is; what to do."""
OF_ZARR = (".zgroup", "zarr.json", ".zmetadata")
"""Files of which a Zarr folder has one."""


def is_list(path: Path) -> bool:
    """Tell whether a file is a table that names a file for each sample."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(64).removeprefix(codecs.BOM_UTF8).startswith(tuple(begin.encode() for begin in LISTS))


def format_of(path: Path) -> Format:
    """Tell of what kind a file or folder is.

    Raises
    ------
    DataError
        If it is none that can be read.
    """
    from cic.data.layout import is_table
    from cic.data.matrix_file import is_matrix_file
    from cic.data.tenx import matrix_of
    from cic.data.text import NOT_TEXT, delimiter_of, open_text

    if path.is_dir():
        if is_matrix_file(path):
            return OURS
        if any((path / name).is_file() for name in OF_ZARR):
            return ZARR
        return TENX if matrix_of(path) is not None else SAMPLES
    with path.open("rb") as file:
        start = file.read(8)
    if start == HDF5:
        return _of_hdf5(path)
    _refuse_others(path)
    if start[:4] == b"PAR1" or path.suffix.lower() == ".parquet":
        return OURS if is_matrix_file(path) else PARQUET
    if start[:6] == b"ARROW1" or start[:4] == b"FEA1" or path.suffix.lower() == ".feather":
        return FEATHER
    if path.suffix.lower() in BY_ENDING:
        return BY_ENDING[path.suffix.lower()]
    try:
        with open_text(path) as text:
            first = text.readline(64)
    except NOT_TEXT:
        first = ""
    for begins, found in SIGNS:
        if first.startswith(begins):
            return found
    if is_list(path):
        return SAMPLES
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


def _refuse_others(path: Path) -> None:
    from cic.data.text import NOT_TEXT, is_packed

    try:
        with gzip.open(path) if is_packed(path) else path.open("rb") as file:
            start = file.read(512)
    except NOT_TEXT:  # the reader says what is wrong
        return
    for place, sign, what, fix in OTHERS:
        if start[place:].startswith(sign):
            raise DataError(f"this is {what}, and cannot be read", where=str(path), expected=READABLE, fix=fix)


def _of_hdf5(path: Path) -> Format:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "0" in file:
                return GCTX
            if "row_attrs" in file:
                return LOOM
            return TENX_H5 if "matrix" in file and "X" not in file else H5AD
    except OSError:  # the reader says what is wrong
        return BY_ENDING.get(path.suffix.lower(), H5AD)
