"""The real data sets as profiles over gene symbols, for measuring models on what comes from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix, Unit
from cic.data.readers import read_table

STUDIES = ("E-MTAB-305", "E-MTAB-513", "GSE30352")


def profile_sets(folder: Path) -> dict[str, ExpressionMatrix]:
    """Read every set below `folder` (that of `CIC_REAL_DATA`)."""
    chowdary = read_table(folder / "chowdary/expression.parquet", samples_in="rows", unit="intensity")
    replicates = pd.read_csv(folder / "rnamix/samples.csv", index_col=0)["replicate_group"].astype(str)
    rnamix = read_table(folder / "rnamix/counts.parquet", samples_in="rows", unit="counts")
    samples = pd.DataFrame({"replicate": replicates[rnamix.samples.index]}, index=rnamix.samples.index)
    pbmc = read_table(folder / "pbmc3k/counts.h5ad", samples_in="rows", unit="counts")
    found = {
        "tcga": read_table(folder / "tcga/expression.parquet", samples_in="rows", unit="log2"),
        "gtex26": read_table(folder / "gtex26/expression.tsv.gz", samples_in="columns", unit="log2"),
        "chowdary": chowdary,
        "khan": read_table(folder / "khan/expression.csv", samples_in="rows", unit="log_ratio"),
        "rnamix": ExpressionMatrix(rnamix.values, rnamix.genes, samples, "counts"),
        "pbmc3k": ExpressionMatrix(pbmc.values, pbmc.genes, pbmc.samples[[]], "counts"),
    }
    for name in ("celseq2", "dropseq"):
        # the header is one field short, which pandas takes for an index
        found[name] = _matrix(pd.read_csv(folder / f"celseq2_dropseq/sc_{name}.count.csv.gz", index_col=0).T, "counts")
    coding = pd.read_csv(folder / "maps/ensembl_gencode_v36_gene_map.csv.gz").query("gene_type == 'protein_coding'")
    symbol_of = dict(zip(coding["ens"], coding["gene_name"], strict=True))
    for name in STUDIES:
        table = pd.read_csv(folder / f"normal3studies/{name}.fpkm.tsv.gz", sep="\t", index_col=0).fillna(0)
        table = table[table.index.isin(symbol_of)].rename(index=symbol_of)
        table = table[~table.index.duplicated()].T
        found[name] = _matrix(pd.DataFrame(np.log2(table + 1), table.index, table.columns), "log2")
    return found


def over(matrix: ExpressionMatrix, genes: list[str]) -> ExpressionMatrix:
    """Give the profiles over these genes; those without a single count there are left out."""
    values_SG = np.ascontiguousarray(matrix.values[:, pd.Index(matrix.genes).get_indexer_for(pd.Index(genes))])
    taken = ExpressionMatrix(values_SG, tuple(genes), matrix.samples, matrix.unit)
    return taken.select(np.any(values_SG > 0, axis=1)) if matrix.unit == "counts" else taken


def _matrix(table: pd.DataFrame, unit: Unit) -> ExpressionMatrix:
    samples = pd.DataFrame(index=table.index.astype(str).rename("sample_id"))
    return ExpressionMatrix(np.ascontiguousarray(table.to_numpy(np.float32)), tuple(table.columns), samples, unit)
