"""Tables of text: their encodings, columns about genes, and what featureCounts writes."""

from __future__ import annotations

import gzip
import io
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import whole

from cic.data.about_genes import CERTAIN, DOUBTFUL, columns_about_genes
from cic.data.feature_counts import sample_names
from cic.data.kinds import Asked, read_wide
from cic.data.readers import read_table
from cic.data.text import SHARED, AsUtf8, open_text
from cic.errors import DataError

TEXT = "id\tµA\tB°\nKöln\t1.5\t2\nRené\t3.25\t4\n"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "UTF-16"), ("cp1252", "Windows-1252"), ("latin-1", "Windows-1252")],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_table_is_read_in_its_encoding(
    tmp_path: Path, encoding: str, said: str, ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cic.data")
    content = TEXT.replace("\n", ends).encode(encoding)
    for name in ("mine.tsv", "mine.2", "mine.tsv.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        found = read_table(path, unit="log2", samples_in="rows")
        assert found.genes == ("µA", "B°") and list(found.samples.index) == ["Köln", "René"]
        np.testing.assert_array_equal(found.values, [[1.5, 2], [3.25, 4]])
    assert (caplog.text.count(said) == 3) if said else not caplog.text.replace("'\\t'", "").count("Windows")


def test_labels_are_read_in_their_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,A,B\ns1,1,2\ns2,3,4\n")
    (tmp_path / "labels.csv").write_bytes("sample_id,type\ns1,Rückenmark\ns2,Herz\n".encode("cp1252"))
    found = read_table(tmp_path / "a.csv", unit="counts", samples_in="rows", labels=tmp_path / "labels.csv")
    assert list(found.samples["type"]) == ["Rückenmark", "Herz"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("id,ген,B\ns1,1,2\n".encode("cp1251"), "nor with certainty"),
        ("id,遺伝子,B\ns1,1,2\n".encode("shift-jis"), "nor with certainty"),
        ("id,łA,B\ns1,1,2\n".encode("cp1250"), "nor with certainty"),
        ("id,A,B\ns1,1,2\n".encode("utf-16-le"), "NUL"),
        ("id,µA,B\n".encode() + "sµ,1,2\n".encode("latin-1"), "nor with certainty"),
    ],
    ids=["cyrillic", "japanese", "polish", "UTF-16 without its mark", "two in one"],
)
def test_an_encoding_that_is_not_certain_is_refused_with_what_to_do(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{told}(?s:.)*save it as UTF-8"):
        read_table(path, unit="counts", samples_in="rows")


@settings(deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
)
def test_any_text_is_handed_on_as_utf8_in_pieces_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str, sizes: list[int]
) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    text = text.removeprefix("\ufeff")
    path.write_bytes(text.encode(encoding))
    found, file = b"", AsUtf8(path)
    while piece := file.read(sizes[len(found) % len(sizes)]):
        assert len(piece) <= max(sizes)
        found += piece
    assert found.decode() == text
    with open_text(path) as opened:
        assert opened.read() == text


@given(text=st.text(st.sampled_from("abc\t\n"), max_size=30), odd=st.lists(st.sampled_from(SHARED.decode("cp1252"))))
def test_windows_1252_is_read_where_each_such_letter_stands_alone(
    tmp_path_factory: pytest.TempPathFactory, text: str, odd: list[str]
) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    text = "x".join([text, *odd, ""])
    path.write_bytes(text.encode("cp1252"))
    with open_text(path) as opened:
        assert opened.read() == text


ANNOTATED = (
    "gene_id\tgene_name\tchr\tstart\tend\tstrand\tgene_length\tx\ty\n"
    "G1\tTP53\t1\t100\t900\t1\t800\t5\t0\nG2\tMYC\t1\t50\t70\t-1\t20\t7\t3\n"
)


@pytest.mark.parametrize("kind", ["tsv", "parquet", "feather"])
def test_columns_about_genes_are_no_samples(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cic.data")
    table, path = pd.read_csv(io.StringIO(ANNOTATED), sep="\t"), tmp_path / f"a.{kind}"
    if kind == "tsv":
        path.write_text(ANNOTATED)
    else:
        getattr(table, f"to_{kind}")(path)
    found = read_table(path, unit="counts", samples_in="columns", genes_by="gene_name")
    assert found.genes == ("TP53", "MYC") and list(found.samples.index) == ["x", "y"]
    np.testing.assert_array_equal(found.values, [[5, 7], [0, 3]])
    assert "6 columns are about genes and are no samples: `gene_name`, `chr`" in caplog.text
    assert "samples begin with x" in caplog.text
    about = read_wide(path, Asked("counts", "columns")).wide.about_columns
    assert about is not None and list(about["length"]) == [800, 20] and list(about["gene_id"]) == ["G1", "G2"]


@pytest.mark.parametrize(
    ("header", "texts", "found"),
    [
        ("id,s1,s2", {}, []),
        ("id,what,s1", {1}, [1]),
        ("id,Length,s1", {}, [1]),
        ("id,chr,start,end,width,s1", {}, [1, 2, 3, 4]),
        ("id,entrezgene_id,GeneSymbol,s1,s2", {2}, [1, 2]),
        (",description,length", {1}, [1, 2]),
    ],
)
def test_what_is_certainly_about_genes(header: str, texts: set[int], found: list[int]) -> None:
    assert columns_about_genes(header.split(","), texts, None, Path("a.csv")) == found


@pytest.mark.parametrize(
    ("header", "texts", "named"),
    [
        ("id,start,end,s1", {}, "`start`, `end`"),
        ("id,s1,s2,length", {}, "`length`"),
        ("id,s1,s2,what", {3}, "`what`"),
        ("id,name,foo,chr,s1", {1, 3}, "`foo`, `chr`"),
        ("id,exon_len,s1", {}, "`exon_len`"),
        ("id,symbol,baseMean,log2FoldChange,padj,s1", {1}, "`baseMean`, `log2FoldChange`, `padj`"),
    ],
)
def test_what_may_be_about_genes_is_asked_for(header: str, texts: set[int], named: str) -> None:
    with pytest.raises(DataError, match=f"may be about genes, or samples: {named}(?s:.)*--about-genes none"):
        columns_about_genes(header.split(","), texts, None, Path("a.csv"))


@given(st.sampled_from(sorted(CERTAIN | DOUBTFUL)), st.integers(1, 4))
def test_a_column_called_like_one_about_genes_never_becomes_a_sample_unasked(name: str, place: int) -> None:
    header = ["id", "s1", "s2", "s3"]
    header.insert(place, name)
    try:
        assert place in columns_about_genes(header, {}, None, Path("a.csv"))
    except DataError as error:
        assert f"`{name}`" in str(error)
    assert columns_about_genes(header, {}, ["none"], Path("a.csv")) == []
    assert columns_about_genes(header, {}, [name], Path("a.csv")) == [place]


def test_the_user_says_which_columns_are_about_genes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,start,end,s1\nG1,1,2,3\nG2,4,5,6\n")
    with pytest.raises(DataError, match="--about-genes 'start,end'"):
        read_table(path, unit="counts", samples_in="columns")
    found = read_table(path, unit="counts", samples_in="columns", about_genes=["start", "end"])
    assert list(found.samples.index) == ["s1"]
    found = read_table(path, unit="counts", samples_in="columns", about_genes=["none"])
    assert list(found.samples.index) == ["start", "end", "s1"]
    with pytest.raises(DataError, match=r"no column `size`(?s:.)*`start`, `end`, `s1`"):
        read_table(path, unit="counts", samples_in="columns", about_genes=["size"])
    for where in ({"samples_in": "rows"}, {"path": whole(tmp_path, "a.gct")}):
        with pytest.raises(DataError, match="leave it out"):
            read_table(**({"path": path, "unit": "counts", "about_genes": ["start"]} | where))  # type: ignore[arg-type]


def test_numbers_that_are_written_oddly_are_no_text_about_genes(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    for odd in ("1,500", "12%", "-", "1/2"):
        path.write_text(f"id\tx\ty\nG1\t{odd}\t2\nG2\t{odd}\t4\n")
        with pytest.raises(DataError, match="text among numbers"):
            read_table(path, unit="counts", samples_in="columns")


def test_a_word_among_the_numbers_of_a_sample_is_still_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(ANNOTATED.replace("7\t3", "high\t3"))
    with pytest.raises(DataError, match=r"text among numbers: 'high'(?s:.)*line 3 \(G2\), column 8 \(x\)"):
        read_table(path, unit="counts", samples_in="columns")


def test_feature_counts_are_called_as_their_bam_files_and_bring_lengths(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cic.data")
    path = whole(tmp_path, "featureCounts.txt")
    found = read_wide(path, Asked("counts")).wide
    assert found.rows[0] == "s0" and found.about_columns is not None
    assert list(found.about_columns["length"][:2]) == [100.0, 101.0]
    assert "samples are called as their BAM files, such as s0, which is /bam/s0.sorted.bam" in caplog.text
    lines = path.read_text().splitlines(True)
    path.write_text("".join([*lines[:5], lines[5].replace("\t+;+\t", "\t"), *lines[6:]]))
    with pytest.raises(DataError, match=r"ragged rows: 17 cells(?s:.)*line 6 \(GENE3\)"):
        read_table(path, unit="counts")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/d/a.bam", "/d/b.sorted.bam"], ["a", "b"]),
        (["a_Aligned.sortedByCoord.out.bam", "b.Aligned.out.sam"], ["a", "b"]),
        (["/d/a/Aligned.sortedByCoord.out.bam", "/d/b/Aligned.sortedByCoord.out.bam"], ["a", "b"]),
        (["/d/a/x.bam", "/e/a/x.bam"], ["/d/a/x.bam", "/e/a/x.bam"]),
        ([r"C:\d\a.bam"], ["a"]),
        (["sorted"], ["sorted"]),
    ],
)
def test_what_samples_of_bam_files_are_called(paths: list[str], names: list[str]) -> None:
    assert sample_names(paths) == names


def test_a_folder_of_feature_counts_of_one_sample_each(tmp_path: Path) -> None:
    for sample in ("a", "b"):
        lines = ["# Program:featureCounts v2.0.6", f"Geneid\tChr\tStart\tEnd\tStrand\tLength\t/bam/{sample}.bam"]
        lines += [f"G{number}\t1\t5\t9\t+\t{number}0\t{number + len(sample)}" for number in (1, 2)]
        (tmp_path / f"{sample}.txt").write_text("\n".join([*lines, ""]))
        (tmp_path / f"{sample}.txt.summary").write_text(f"Status\t/bam/{sample}.bam\nAssigned\t5\n")
    found = read_wide(tmp_path, Asked("counts")).wide
    assert found.rows == ["a", "b"] and found.about_columns is not None
    np.testing.assert_array_equal(found.values, [[2, 3], [2, 3]])
    assert list(found.about_columns["length"]) == [10, 20]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("GENE1\t", "GENE1"), r"1 cells, where the table of s0 has 2 columns(?s:.)*line 40 \(GENE1"),
        (("GENE1X", "GENE1X\tand"), r"3 cells, where the table of GPL1 has 2 columns(?s:.)*line 5 \(GENE1\)"),
        (("!platform_table_end\n", ""), r"2 columns|does not end"),
    ],
)
def test_a_line_of_soft_that_does_not_fit_is_named(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = whole(tmp_path, "a_family.soft")
    text = path.read_text()
    at = text.index(change[0], text.index("!sample_table_begin") if change[0] == "GENE1\t" else 0)
    path.write_text(text[:at] + text[at:].replace(*change, 1))
    with pytest.raises(DataError, match=told):
        read_table(path, unit="counts")
