"""What the genes of the sex chromosomes say of a profile, and what is known of it.

XIST is expressed where there are two X chromosomes, the genes listed here where there is a Y. Their difference on log2
scale needs no threshold of its own for each platform: what an array shows where there is nothing is taken away. Between
the two nothing is said: tumours lose the Y or XIST, cell lines both, and mixtures have both. Where one of the two was
not measured (XIST codes for no protein) nothing is held against the other, if on that scale nothing is 0; that
tells one sex and never the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.terms import CENTRED_UNITS
from cic.data.units import log2_scale, to_a_million

XIST = {"XIST", "ENSG00000229807"}
Y_GENES = {
    "RPS4Y1": "ENSG00000129824",
    "DDX3Y": "ENSG00000067048",
    "KDM5D": "ENSG00000012817",
    "UTY": "ENSG00000183878",
    "EIF1AY": "ENSG00000198692",
}
APART = 2.0
"""Log2 units between XIST and the mean of the Y genes, from which on they speak for a sex."""
FEWEST_COUNTS = 5
"""Of these genes in a profile of counts: a single one is ambient RNA or chance."""
SOME_ZEROS = 0.001
"""Share of zeros from which on log2 values come from counts."""
COLUMN = re.compile(r"(?<![a-z])(sex|gender)(?![a-z])")
WORDS = {"f": "F", "female": "F", "woman": "F", "m": "M", "male": "M", "man": "M"}
TISSUES = {
    "M": re.compile(r"\b(?:prostat|testi[cs]|testes|seminal|epididym|penis)"),
    "F": re.compile(r"\b(?:ovar|uterus|uterine|endometri|cervix|fallopian|vagina)"),
}
"""Labels that only one sex has."""
SEXES = {"F": "female", "M": "male"}


@dataclass(frozen=True)
class Sexes:
    """What genes and table say of each profile.

    Attributes
    ----------
    x_S, y_S
        XIST, and the mean of the Y genes, on log2 scale.
    told_S
        `F` or `M` by these, or empty.
    known_S
        Likewise by the column `column`, or where that says nothing by a label that only one sex has.
    column
        Name of the column about the samples; empty without one.
    has_xist, y_genes
        Whether XIST is among the genes, and which genes of the Y chromosome are.
    """

    x_S: np.ndarray
    y_S: np.ndarray
    told_S: np.ndarray
    known_S: np.ndarray
    column: str
    has_xist: bool
    y_genes: tuple[str, ...]

    @property
    def contradicts_S(self) -> np.ndarray:
        """Whether both are known of a profile, and differ."""
        return (self.told_S != "") & (self.known_S != "") & (self.told_S != self.known_S)


def sexes_of(matrix: ExpressionMatrix, others: pd.DataFrame | None) -> Sexes | None:
    """Compare them; nothing where the genes are not there, or the unit has no absolute scale.

    Parameters
    ----------
    matrix
        Profiles without missing values, none of them without any count.
    others
        Sample columns that play no role, in the order of `matrix`: one of them may be about sex.
    """
    names = [gene.split(".")[0].upper() for gene in matrix.genes]
    at_x = [at for at, name in enumerate(names) if name in XIST]
    plain = {id_: symbol for symbol, id_ in Y_GENES.items()}
    at_y = {plain.get(name, name): at for at, name in enumerate(names) if plain.get(name, name) in Y_GENES}
    if not (at_x or at_y) or matrix.unit in CENTRED_UNITS:
        return None
    if not (at_x and at_y) and not nothing_is_zero(matrix):
        return None
    values_SG = matrix.values[:, [*at_x[:1], *at_y.values()]]
    values_SG = values_SG.toarray() if sparse.is_sparse(values_SG) else np.array(values_SG)
    seen_S = np.full(matrix.n_samples, True)
    if matrix.unit == "counts":
        seen_S = values_SG.sum(axis=1) >= FEWEST_COUNTS
        values_SG = values_SG * to_a_million(matrix.values)[:, None].astype(np.float32)
    log2_SG = log2_scale(values_SG, "cpm" if matrix.unit == "counts" else matrix.unit)
    nothing_S = np.zeros(matrix.n_samples)
    x_S = log2_SG[:, 0] if at_x else nothing_S
    y_S = log2_SG[:, len(at_x[:1]) :].mean(axis=1) if at_y else nothing_S
    told_S = np.full(matrix.n_samples, "", dtype=object)
    told_S[seen_S & (x_S - y_S >= APART)] = "F"
    told_S[seen_S & (y_S - x_S >= APART)] = "M"
    column, known_S = _known(matrix.samples, others)
    return Sexes(x_S, y_S, told_S, known_S, column, bool(at_x), tuple(sorted(at_y)))


def nothing_is_zero(matrix: ExpressionMatrix) -> bool:
    """Tell whether 0 stands for what is not expressed, as arrays, with their background, never have it."""
    if matrix.unit != "log2":
        return matrix.unit != "intensity"
    return any((block_SG == 0).mean() > SOME_ZEROS for block_SG in matrix.blocks())


def _known(samples: pd.DataFrame, others: pd.DataFrame | None) -> tuple[str, np.ndarray]:
    """Give the sex of each profile as far as the table tells it, and the column that does."""
    known_S = np.full(len(samples), "", dtype=object)
    if "label" in samples:
        for sex, tissue in TISSUES.items():
            known_S[samples["label"].astype(str).str.lower().str.contains(tissue).to_numpy()] = sex
    column = next((name for name in ([] if others is None else others) if COLUMN.search(str(name).lower())), None)
    if others is None or column is None:
        return "", known_S
    told_S = others[column].astype(str).str.strip().str.lower().map(WORDS).fillna("").to_numpy(dtype=object)
    return str(column), np.where(told_S != "", told_S, known_S)
