"""A folder with one file a sample, as pipelines that count or quantify reads leave it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from cic.data.about_genes import about_genes
from cic.data.file_lists import files_of
from cic.data.limits import check_values
from cic.data.terms import DeclaredUnit
from cic.data.text import NOT_TEXT, AsUtf8, first_line, open_text
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")
WHOLE = "fetch that file again, or take it out of the folder"
PACKED = (".gz", ".tsv", ".txt", ".counts", ".sf", ".results", ".out", ".tab", ".genes")


@dataclass(frozen=True)
class Kind:
    """What the files of one program look like.

    Attributes
    ----------
    header
        Their columns, or some of them; empty where there is no header.
    n_columns
        Where there is none, or where it is not known in full.
    genes
        The column with the gene, by name, or its place where there is no header.
    values
        The column with the numbers in each unit that there is; an empty name is the last.
    about
        Columns about genes.
    not_genes
        What lines that count something else begin with.
    """

    name: str
    header: tuple[str, ...]
    genes: str
    values: dict[DeclaredUnit, str]
    n_columns: int = 0
    about: tuple[str, ...] = ()
    not_genes: tuple[str, ...] = field(default=("N_", "__"))


KINDS = (
    Kind(
        "GDC, of STAR", ("gene_id", "gene_name", "gene_type", "unstranded", "tpm_unstranded"), "gene_id",
        {"counts": "unstranded", "tpm": "tpm_unstranded", "fpkm": "fpkm_unstranded"}, about=("gene_name", "gene_type"),
    ),
    Kind("salmon", ("Name", "EffectiveLength", "TPM", "NumReads"), "Name",
         {"tpm": "TPM", "estimated_counts": "NumReads"}),
    Kind("kallisto", ("target_id", "length", "eff_length", "est_counts", "tpm"), "target_id",
         {"tpm": "tpm", "estimated_counts": "est_counts"}),
    Kind("RSEM", ("gene_id", "transcript_id(s)", "effective_length", "expected_count", "TPM"), "gene_id",
         {"tpm": "TPM", "estimated_counts": "expected_count", "fpkm": "FPKM"}),
    Kind("featureCounts", ("Geneid", "Chr", "Start", "End", "Strand", "Length"), "Geneid", {"counts": ""}, n_columns=7,
         about=("Chr", "Strand", "Length")),
    Kind("STAR", (), "0", {"counts": "1"}, n_columns=4),
    Kind("HTSeq", (), "0", {"counts": "1"}, n_columns=2),
)  # fmt: skip


@dataclass(frozen=True)
class _File:
    path: Path
    sample: str
    kind: Kind
    columns: tuple[str, ...]
    skip: int


def read_sample_files(path: Path, unit: DeclaredUnit) -> Wide:
    """Read all files of a folder, or that a table names, each one sample, by the program that wrote them.

    A sample is called as its file without endings, or, where all files are called the same, as the folder that its
    file is in; by a table as that says, of which other columns come along.

    Parameters
    ----------
    unit
        Which of the numbers to take.

    Raises
    ------
    DataError
        Naming the file: if there is none, one is of another program or has other genes, or none has that unit.
    """
    named, about_samples = (_files(path), None) if path.is_dir() else files_of(path)
    files = [_recognised(file, sample) for file, sample in named]
    odd = next((file for file in files if file.kind is not files[0].kind), None)
    if odd is not None:
        raise DataError(
            f"a file of {odd.kind.name}, where the first is of {files[0].kind.name}", where=str(odd.path),
            expected="files of one program", fix="keep each in a folder of its own",
        )  # fmt: skip
    kind = files[0].kind
    if unit not in kind.values:
        raise DataError(
            f"files of {kind.name} have no `{unit}`", where=str(path), expected=" or ".join(kind.values),
            fix="declare one of these with --unit",
        )  # fmt: skip
    first = _read(files[0], unit)
    check_values(len(files), len(first), path)
    values_SG = np.empty((len(files), len(first)), dtype=np.float32)
    for row, file in enumerate(files):
        table = first if row == 0 else _read(file, unit)
        values_SG[row] = _in_order(table, first, file, files[0])
    log.info("%s: %d files of %s", path, len(files), kind.name)
    said = first.reset_index().drop(columns="value")
    about = about_genes({str(name): said[name].tolist() for name in said})
    return Wide(values_SG, [file.sample for file in files], list(first.index), about_samples, about)


def _files(folder: Path) -> list[tuple[Path, str]]:
    """Give the files in a folder, or of one name in its folders, and what to call their samples."""
    plain = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    plain = [path for path in plain if path.suffix != ".summary"]  # beside every file of featureCounts
    if plain:
        return [(path, _called(path)) for path in plain]
    inner = sorted(path for path in folder.glob("*/*") if path.is_file() and not path.name.startswith("."))
    by_name: dict[str, list[Path]] = {}
    for path in inner:
        by_name.setdefault(path.name, []).append(path)
    for paths in by_name.values():
        if len(paths) == len({path.parent for path in inner}):
            try:
                _recognised(paths[0], "")
            except DataError:
                continue
            return [(path, path.parent.name) for path in paths]
    raise DataError(
        "there is no file in this folder, nor one of the same name in each of its folders", where=str(folder),
        expected="a file a sample, or matrix.mtx of Cell Ranger", fix="name the folder that holds them",
    )  # fmt: skip


def _called(path: Path) -> str:
    name = path.name
    while (ending := Path(name).suffix.lower()) in PACKED and len(name) > len(ending):
        name = name[: -len(ending)]
    return name


def _recognised(path: Path, sample: str) -> _File:
    try:
        with open_text(path) as file:
            skip, line = 0, first_line(path, file)
            while line.startswith("#"):
                skip, line = skip + 1, first_line(path, file)
    except NOT_TEXT as error:
        raise DataError(f"not readable as text: {error}", where=str(path), fix=WHOLE) from None
    cells = tuple(line.rstrip("\r\n").split("\t"))
    for kind in KINDS:
        if kind.header and set(kind.header) <= set(cells) and kind.n_columns in (0, len(cells)):
            return _File(path, sample, kind, cells, skip + 1)
        if not kind.header and len(cells) == kind.n_columns and all(cell.strip().isdigit() for cell in cells[1:]):
            return _File(path, sample, kind, tuple(map(str, range(len(cells)))), skip)
    raise DataError(
        f"its first line is {line.strip()[:80]!r}", where=str(path),
        expected="a file of one sample, of " + ", ".join(kind.name for kind in KINDS),
        fix="of a folder of other files, bring them into one table of genes and samples",
    )  # fmt: skip


def _read(file: _File, unit: DeclaredUnit) -> pd.DataFrame:
    """Give the numbers, and what is said about genes, indexed by gene."""
    kind, wanted = file.kind, file.kind.values[unit] or file.columns[-1]
    texts = {name: pa.string() for name in (kind.genes, *kind.about)}
    try:
        table = pa.csv.read_csv(
            pa.PythonFile(AsUtf8(file.path, len(file.columns)), "r"),
            read_options=pa.csv.ReadOptions(skip_rows=file.skip, column_names=list(file.columns)),
            parse_options=pa.csv.ParseOptions(delimiter="\t"),
            convert_options=pa.csv.ConvertOptions(
                column_types={**texts, wanted: pa.float32()},
                include_columns=[*texts, wanted],
                strings_can_be_null=False,
            ),
        ).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"not readable as a table: {first}", where=str(file.path), fix=WHOLE) from None
    table = table.rename(columns={wanted: "value"}).set_index(kind.genes)
    genes = ~table.index.str.startswith(kind.not_genes)
    table = table[genes].rename_axis("gene_id")
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(f"the gene {twice} stands there twice", where=str(file.path), expected="once", fix=WHOLE)
    return table


def _in_order(table: pd.DataFrame, first: pd.DataFrame, file: _File, of: _File) -> np.ndarray:
    """Give the numbers of one file in the order of the genes of the first."""
    if table.index.equals(first.index):
        return table["value"].to_numpy()
    lacking = first.index.difference(table.index, sort=False)
    more = table.index.difference(first.index, sort=False)
    if len(lacking) or len(more):
        named = f"{len(lacking)} genes of {of.path.name} are missing" if len(lacking) else f"{len(more)} genes more"
        raise DataError(
            f"{named}, such as {(lacking if len(lacking) else more)[0]}", where=str(file.path),
            expected="the same genes in every file: the same annotation", fix=WHOLE,
        )  # fmt: skip
    return table["value"].reindex(first.index).to_numpy()
