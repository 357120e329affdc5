"""What genes are called: dates of a spreadsheet, and other names by a map."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from cic.data.gene_names import CERTAIN, namespace_of, read_map
from cic.data.mending import merged_genes
from cic.data.readers import read_table
from cic.data.wide import Wide
from cic.errors import DataError


def table(path: Path, genes: list[str]) -> Path:
    pd.DataFrame(np.arange(2 * len(genes)).reshape(2, -1) + 0.5, ["a", "b"], genes).to_csv(path)
    return path


def genes_of(path: Path, **how: object) -> tuple[str, ...]:
    return read_table(path, unit="log2", samples_in="rows", **how).genes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "gene"),
    [
        ("9-Sep", "SEPT9"), ("Sep-09", "SEPT9"), ("2023-09-09", "SEPT9"), ("2023-09-09 00:00:00", "SEPT9"),
        ("45178", "SEPT9"), ("7-Mar", "MARCH7"), ("1-Dec", "DEC1"),
    ],
)  # fmt: skip
def test_genes_that_became_dates_have_their_names_back(
    tmp_path: Path, name: str, gene: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = table(tmp_path / "a.csv", ["TP53", "MYC", name, "GAPDH", "ACTB", "A1BG"])
    assert genes_of(path) == ("TP53", "MYC", gene, "GAPDH", "ACTB", "A1BG")
    assert f"1 genes that a spreadsheet took for dates have their names back: {name} is {gene}" in caplog.text


@pytest.mark.parametrize("name", ["1-Mar", "2-Mar", "44256", "2021-03-02", "4-Oct", "16-Sep"])
def test_dates_that_may_have_been_several_genes_are_refused(tmp_path: Path, name: str) -> None:
    path = table(tmp_path / "a.csv", ["TP53", "MYC", name, "9-Sep", "GAPDH", "ACTB", "A1BG"])
    with pytest.raises(DataError, match=f"2 genes are called by dates.* 1 it cannot .*: {name}"):
        genes_of(path)


def test_numbers_among_numbers_and_like_names_are_no_dates(tmp_path: Path) -> None:
    numbers = ["44256", "45178", "1", "2", "100"]
    assert genes_of(table(tmp_path / "a.csv", numbers)) == tuple(numbers), "these are of Entrez"
    symbols = ["HLA-A", "NKX2-1", "MT-CO1", "SEPT9", "MARCH1", "MAR-12X", "3-Foo"]
    assert genes_of(table(tmp_path / "b.csv", symbols)) == tuple(symbols)


def test_no_two_dates_are_one_gene() -> None:
    assert len(set(CERTAIN.values())) == len(CERTAIN)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["ENSG00000141510.18", "ENSMUSG00000059552"], "ensembl"),
        (["7157", "4609"], "entrez"),
        (["1007_s_at", "1053_at"], "probe"),
        (["ILMN_1343291"], "probe"),
        (["TP53", "MYC"], "symbol"),
    ],
)
def test_names_tell_what_they_are(names: list[str], kind: str) -> None:
    assert namespace_of(names) == kind


MAP = """GeneID,Symbol,Synonyms,ensembl
7157,TP53,P53|LFS1,ENSG00000141510
4609,MYC,c-Myc|BOTH,ENSG00000136997
1,A1BG,A1B|BOTH|TP53,ENSG00000121410
60,ACTB,-,ENSG00000075624
"""


def test_genes_are_named_by_a_map_and_what_is_lost_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "map.csv.gz").write_bytes(gzip.compress(MAP.encode()))
    by = {"gene_map": tmp_path / "map.csv.gz"}
    path = table(
        tmp_path / "a.csv", ["ENSG00000141510.18", "ENSG00000136997", "ENSG00000999999.1", "ENSG00000075624.9"]
    )
    assert genes_of(path, **by) == ("TP53", "MYC", "ACTB")
    assert "3 of 4 genes (75.0%) have one symbol name" in caplog.text
    assert "1 with none (such as ENSG00000999999.1)" in caplog.text
    assert genes_of(path, genes_to="entrez", **by) == ("7157", "4609", "60")
    with pytest.raises(DataError, match="too few genes are in the map: 3 of 4"):
        genes_of(path, least_mapped=0.9, **by)
    # a synonym is one only where it is no gene's own name; one of two genes is ambiguous
    old = table(tmp_path / "b.csv", ["P53", "MYC", "BOTH", "A1B", "TP53"])
    found = read_table(old, unit="log2", samples_in="rows", duplicate_genes="mean", **by)  # type: ignore[arg-type]
    assert found.genes == ("TP53", "MYC", "A1BG")
    np.testing.assert_allclose(found.values[0], [(0.5 + 4.5) / 2, 1.5, 3.5])
    assert "1 with several (such as BOTH)" in caplog.text and "1 of these share it with another" in caplog.text
    with pytest.raises(DataError, match="stand there more than once"):
        genes_of(old, **by)


def test_probes_by_a_platform_and_a_map_that_cannot_help(tmp_path: Path) -> None:
    (tmp_path / "gpl.tsv").write_text("ID\tGene Symbol\n1_at\tTP53\n2_at\tMYC /// MYCL\n3_at\t---\n4_at\tTP53\n")
    path = table(tmp_path / "a.csv", ["1_at", "2_at", "3_at", "4_at"])
    found = read_table(path, unit="log2", samples_in="rows", gene_map=tmp_path / "gpl.tsv", duplicate_genes="highest")
    assert found.genes == ("TP53",)
    np.testing.assert_array_equal(found.values, [[3.5], [7.5]])
    (tmp_path / "map.csv").write_text(MAP)
    with pytest.raises(DataError, match=r"no column with probe names(?s:.)*probe_id"):
        genes_of(path, gene_map=tmp_path / "map.csv")


@given(
    data=st.integers(1, 5).flatmap(
        lambda rows: st.lists(
            st.tuples(st.integers(0, 3), st.lists(st.integers(0, 9), min_size=rows, max_size=rows)),
            min_size=1,
            max_size=9,
        )
    ),
    how=st.sampled_from(["mean", "median", "max", "sum", "highest"]),
    stored=st.booleans(),
)
def test_repeated_genes_come_to_what_pandas_makes_of_them(
    data: list[tuple[int, list[int]]], how: str, stored: bool
) -> None:
    names = [f"G{gene}" for gene, _ in data]
    values_SG = np.array([column for _, column in data], dtype=np.float32).T
    kept = scipy.sparse.csr_array(values_SG) if stored else values_SG
    genes, merged = merged_genes(Wide(kept, [f"s{row}" for row in range(len(values_SG))], names), how)  # type: ignore[arg-type]
    merged_SG = merged.toarray() if scipy.sparse.issparse(merged) else merged
    frame = pd.DataFrame(values_SG.T.astype(np.float64), names)
    if how == "highest":
        frame = frame.assign(mean=frame.mean(axis=1)).sort_values("mean", ascending=False, kind="stable")
        expected = frame.drop(columns="mean").groupby(level=0).first()
    else:
        expected = frame.groupby(level=0).agg(how)
    np.testing.assert_allclose(merged_SG, expected.loc[list(genes)].to_numpy().T, rtol=1e-6)


def test_real_names_by_the_real_maps(real_data: Path) -> None:
    maps = real_data / "maps"
    known = read_map(maps / "ncbi_gene_info_entrez_symbol_ensembl.csv.gz", "ensembl", "symbol")
    assert known.of["ENSG00000141510"] == {"TP53"}
    assert read_map(maps / "GPL96_HG-U133A_probe2symbol.csv.gz", "probe", "symbol").of["1007_s_at"] == {
        "DDR1",
        "MIR4640",
    }
    assert read_map(maps / "ensembl_gencode_v36_gene_map.csv.gz", "ensembl", "symbol").of["ENSG00000000003"] == {
        "TSPAN6"
    }
    celseq = real_data / "celseq2_dropseq" / "sc_celseq2.count.csv.gz"
    matrix = read_table(
        celseq, unit="counts", samples_in="columns", duplicate_genes="sum",
        gene_map=maps / "ensembl_gencode_v36_gene_map.csv.gz",
    )  # fmt: skip
    assert {"ACTB", "GAPDH"} <= set(matrix.genes) and matrix.n_genes > 20_000
