"""GCT files, versions 1.2 and 1.3, as GenePattern and the Connectivity Map write them: genes in rows.

The layout is that of https://clue.io/connectopedia/gct_format.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from cic.data.limits import MOST_COLUMNS
from cic.data.text import NOT_TEXT, AsUtf8, first_line, open_text
from cic.data.wide import Wide, numbers
from cic.errors import DataError

VERSIONS = ("#1.2", "#1.3")
WHOLE = "write or fetch the file again"


def read_gct(path: Path) -> Wide:
    """Read a GCT file; what it says of genes and samples comes along.

    Raises
    ------
    DataError
        If it is none, or has not as many genes and samples as its second line says.
    """
    try:
        with open_text(path) as file:
            version = first_line(path, file).strip()
            sizes = _sizes(first_line(path, file), 4 if version == "#1.3" else 2, path)
            n_genes, n_samples, n_about_genes, n_about_samples = sizes if version == "#1.3" else (*sizes, 1, 0)
            lines = csv.reader(iter(lambda: first_line(path, file), ""), delimiter="\t")
            header = next(lines, [])
            about_samples = [next(lines, []) for _ in range(n_about_samples)]
    except NOT_TEXT as error:
        raise DataError(f"not readable as text: {error}", where=str(path), fix=WHOLE) from None
    n_columns = 1 + n_about_genes + n_samples
    for number, cells in enumerate([header, *about_samples], start=3):
        if len(cells) != n_columns:
            raise DataError(
                f"{len(cells)} cells",
                where=f"{path}, line {number}",
                expected=f"{n_columns}, as line 2 declares {n_samples} samples",
                fix=WHOLE,
            )
    texts, values_GS = numbers(AsUtf8(path, n_samples), header, 1 + n_about_genes, path, skip=3 + n_about_samples)
    if len(values_GS) != n_genes:
        raise DataError(
            f"{len(values_GS)} genes", where=str(path), expected=f"{n_genes}, as line 2 declares",
            fix="the file is cut short, or lines were left out: " + WHOLE,
        )  # fmt: skip
    samples = header[1 + n_about_genes :]
    of_genes = pd.DataFrame(dict(zip(header[: 1 + n_about_genes], texts, strict=True)))
    of_samples = {cells[0]: _column(cells[1 + n_about_genes :]) for cells in about_samples}
    about = pd.DataFrame(of_samples, dtype=object) if of_samples else None
    return Wide(values_GS.T.copy(), samples, texts[0], about, of_genes)


def _sizes(line: str, n: int, path: Path) -> list[int]:
    cells = line.split()
    if len(cells) < n or not all(cell.isdigit() for cell in cells[:n]):
        raise DataError(
            f"the second line is {line.strip()[:60]!r}", where=f"{path}, line 2",
            expected=f"{n} whole numbers: genes, samples" + (", columns and lines about these" if n > 2 else ""),
            fix=WHOLE,
        )  # fmt: skip
    found = [int(cell) for cell in cells[:n]]
    if found[1] > MOST_COLUMNS or sum(found[2:]) > MOST_COLUMNS:
        raise DataError(f"{found[1]} samples", where=f"{path}, line 2", expected=f"at most {MOST_COLUMNS}")
    return found


def _column(cells: list[str]) -> list[str | None]:
    return [cell.strip() or None for cell in cells]


def read_cls(path: Path) -> list[str]:
    """Read the classes of a `.cls` file, one a sample in the order of its GCT file.

    Raises
    ------
    DataError
        If it has not as many as it says, or classes that are numbers along a line (`#numeric`), which are no types.
    """
    try:
        with open_text(path) as file:
            lines = [line.split() for line in (first_line(path, file) for _ in range(3))]
    except NOT_TEXT as error:
        raise DataError(f"not readable as text: {error}", where=str(path), fix=WHOLE) from None
    counts, names, classes = lines
    if len(counts) < 2 or not counts[0].isdigit() or names[:1] != ["#"] or len(classes) != int(counts[0]):
        raise DataError(
            f"the first line is {' '.join(counts)[:60]!r}, and the third has {len(classes)} classes",
            where=str(path),
            expected="number of samples and of classes; a line of `#` and their names; a class for each sample",
            fix="give a table with --labels: sample_id and label",
        )
    if set(classes) <= set(names[1:]):
        return classes
    order = list(dict.fromkeys(classes))
    if len(order) > len(names) - 1:
        raise DataError(
            f"{len(order)} classes in the third line, {len(names) - 1} named in the second", where=str(path),
            expected="a name for each", fix=WHOLE,
        )  # fmt: skip
    # by the format numbers stand for the names in the order in which they first appear
    return [names[1 + order.index(one)] for one in classes]
