"""What genes are called: kinds and species of names, dates of a spreadsheet, and genes that stand twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from cic.data.gene_names import CERTAIN, kinds_of, namespace_of
from cic.data.mending import merged_genes
from cic.data.readers import read_table
from cic.data.species import alike, species_of
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


def test_names_of_several_kinds_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mixed = [*(f"GENE{number}" for number in range(6)), *(f"ENSG0000014151{number}.2" for number in range(4))]
    assert kinds_of(mixed) == {"symbol": 0.6, "ensembl": 0.4}
    genes_of(table(tmp_path / "a.csv", mixed))
    assert "names of several kinds (60% symbol, 40% ensembl)" in caplog.text
    assert [*kinds_of([*(f"ENSG{number:011d}" for number in range(40)), "ERCC-00002"])] == ["ensembl"], "a spike-in"


HUMAN = [
    "TP53", "MYC", "GAPDH", "ACTB", "A1BG", "C1orf112", "KRAS", "EGFR", "BRCA1", "PTEN", "HLA-A", "MT-CO1", "CDK4",
    "RB1", "VIM", "KRT5", "SOX2", "NANOG", "POU5F1", "GATA3", "FOXP3", "IL6", "TNF", "ALB", "INS",
]  # fmt: skip
MOUSE = [
    "Trp53" if name == "TP53" else "mt-Co1" if name == "MT-CO1" else "H2-K1" if name == "HLA-A" else name.capitalize()
    for name in HUMAN
]


@pytest.mark.parametrize(
    ("names", "species"),
    [
        (HUMAN, "human-like"),
        (MOUSE, "mouse-like"),
        ([*MOUSE, "1700001A05Rik", "Gm1234", "F2"], "mouse-like"),
        ([*HUMAN, "ENSMUSG00000059552"], "human-like"),
        (["ENSG00000141510.18", "ENSG00000136997"], "human"),
        (["ENSMUSG00000059552"], "mouse"),
        (["ENSRNOG00000010756"], "rat"),
        (["ENSDARG00000035559", "ENSDARG00000035560", "ERCC-00002"], "zebrafish"),
        (["FBgn0039044"], "fruit fly"),
        (["ENSG00000141510", "ENSMUSG00000059552"], None),
        (["7157", "4609"], None),
        (["1007_s_at", "1053_at"], None),
        ([f"Gene{number}" for number in range(100)], None),
        (HUMAN[:5], None),
        ([*HUMAN, *MOUSE], None),
        ([], None),
    ],
)
def test_species_are_told_by_prefix_and_case(names: list[str], species: str | None) -> None:
    assert species_of(names) == species


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("human", "human", True), ("human", "human-like", True), ("pig", "human-like", True), (None, "mouse", True),
        ("human", "mouse", False), ("rat", "mouse-like", True), ("rat", "mouse", False), ("human", "mouse-like", False),
        ("zebrafish", "human-like", False),
    ],
)  # fmt: skip
def test_what_case_and_prefix_tell_is_compared(one: str | None, other: str | None, same: bool) -> None:
    assert alike(one, other) is alike(other, one) is same


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
