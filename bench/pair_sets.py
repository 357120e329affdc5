"""Pairs of studies of the same types: a model is trained on the first, and asked about the second."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.foreign_sets import STUDIES, over
from cic.data.matrix import ExpressionMatrix
from cic.data.readers import read_table

WORDS = {
    "Adipose Tissue": "adipose", "Adrenal Gland": "adrenal", "Blood": "leukocyte", "Muscle": "skeletal_muscle",
    "cerebellum": "brain", "hypothalamus": "brain",
}  # fmt: skip
"""Tissues that two studies call differently; all other names differ in case at most."""
PLATFORMS = ("celseq2", "dropseq")
PAIRS = ("tissues", *PLATFORMS)
"""Of the last two each is the first study, of which the other is the second."""


@dataclass(frozen=True)
class Pair:
    """Two studies with the sample column `label`; `second` has genes and labels of `first` only, in any number."""

    first: ExpressionMatrix
    second: ExpressionMatrix
    width: int

    @property
    def shared(self) -> list[str]:
        """Genes that both have, in the order of the first."""
        known = set(self.second.genes)
        return [gene for gene in self.first.genes if gene in known]


def read_pair(folder: Path, name: str) -> Pair:
    """Read a pair below `folder` (that of `CIC_REAL_DATA`)."""
    if name == "tissues":
        first, second, width = gtex26(folder), _three_laboratories(folder), 30
    else:
        first, second = (cells(folder, one) for one in sorted(PLATFORMS, key=lambda one: one != name))
        width = 10
    wanted, known = set(first.genes), second.samples["label"].isin(first.samples["label"]).to_numpy()
    genes = [gene for gene in second.genes if gene in wanted]
    return Pair(first, over(second, genes).select(known), width)


def gtex26(folder: Path) -> ExpressionMatrix:
    """Read 26 tissues, by the names that both studies have."""
    file = folder / "gtex26/expression.tsv.gz"
    return _named(read_table(file, samples_in="columns", unit="log2", labels=file.parent / "samples.csv"))


def _three_laboratories(folder: Path) -> ExpressionMatrix:
    """Give the three studies over the genes that all have, as an import and a merge do."""
    labels = pd.read_csv(folder / "normal3studies/samples.csv")
    read = []
    for name in STUDIES:
        study = read_table(
            folder / f"normal3studies/{name}.fpkm.tsv.gz", samples_in="columns", unit="fpkm", duplicate_genes="sum",
            gene_map=folder / "maps/ensembl_gencode_v36_gene_map.csv.gz",
        )  # fmt: skip
        own = labels[labels["study"] == name].set_index("sample_id").loc[study.samples.index, ["label"]]
        read.append(replace(study, samples=own.set_index(f"{name} " + own.index).rename_axis("sample_id")))
    shared = set.intersection(*(set(study.genes) for study in read))
    genes = [gene for gene in read[0].genes if gene in shared]
    values_SG = np.vstack([np.log2(over(study, genes).dense() + np.float32(1)) for study in read])
    return _named(ExpressionMatrix(values_SG, tuple(genes), pd.concat([study.samples for study in read]), "log2"))


def _named(matrix: ExpressionMatrix) -> ExpressionMatrix:
    label_S = matrix.samples["label"].map(lambda word: WORDS.get(word, word.lower()))
    return replace(matrix, samples=matrix.samples[[]].assign(label=label_S))


def cells(folder: Path, name: str) -> ExpressionMatrix:
    """Read three cell lines by one of `PLATFORMS`."""
    # the header is one field short, which pandas takes for an index
    table = pd.read_csv(folder / f"celseq2_dropseq/sc_{name}.count.csv.gz", index_col=0).T.rename_axis("sample_id")
    about = pd.read_csv(folder / f"celseq2_dropseq/sc_{name}.metadata.csv.gz", index_col=0)
    samples = pd.DataFrame({"label": about["cell_line"].astype(str)[table.index]}, index=table.index)
    values_SG = np.ascontiguousarray(table.to_numpy(np.float32))
    return ExpressionMatrix(values_SG, tuple(table.columns), samples, "counts")
