"""Other names for genes by the tables that people have, written here as those hand them out who name genes."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_gene_names import HUMAN, MOUSE, genes_of, table

from cic.data.gene_map import MapReport, read_map
from cic.data.readers import read_table
from cic.errors import DataError

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
    assert "3 of 4 genes (75.0%; human) have one symbol name" in caplog.text
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


def test_what_a_map_made_of_names_is_data_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "map.csv").write_text(MAP)
    with caplog.at_level(logging.WARNING, "cic.data"):
        genes_of(table(tmp_path / "a.csv", ["TP53", "BOTH", "NOSUCH"]), gene_map=tmp_path / "map.csv", least_mapped=0.3)
    (report,) = (one for record in caplog.records for one in record.args or () if isinstance(one, MapReport))
    assert (report.mapped, report.shared, report.ambiguous, report.unmapped) == (1, 0, ["BOTH"], ["NOSUCH"])


NCBI = """#tax_id\tGeneID\tSymbol\tLocusTag\tSynonyms\tdbXrefs\tchromosome\tdescription
9606\t1\tA1BG\t-\tA1B|ABG\tMIM:138670|HGNC:HGNC:5|Ensembl:ENSG00000121410|AllianceGenome:HGNC:5\t19\ta "quoted one
9606\t7157\tTP53\t-\tLFS1|P53\tMIM:191170|HGNC:HGNC:11998|Ensembl:ENSG00000141510\t17\ttumor protein p53
9606\t4609\tMYC\t-\tMRTL|bHLHe39\tMIM:190080|HGNC:HGNC:7553|Ensembl:ENSG00000136997\t8\tMYC proto-oncogene
9606\t999\tNOXREF\t-\t-\t-\t8\t-
"""
HGNC = """hgnc_id\tsymbol\tname\tstatus\talias_symbol\tprev_symbol\tentrez_id\tensembl_gene_id
HGNC:5\tA1BG\talpha-1-B glycoprotein\tApproved\t\t\t1\tENSG00000121410
HGNC:11998\tTP53\ttumor protein p53\tApproved\t"p53|LFS1|MARCH9"\t\t7157\tENSG00000141510
HGNC:7553\tMYC\tMYC proto-oncogene\tApproved\t"c-Myc|OLD"\t\t4609\tENSG00000136997
HGNC:25139\tMARCHF9\tmembrane associated ring-CH-type finger 9\tApproved\tRNF179\t"MARCH9|OLD"\t92979\tENSG00000139266
"""
BIOMART = """Gene stable ID\tGene stable ID version\tGene name\tGene Synonym\tNCBI gene (formerly Entrezgene) ID\t\
AFFY HG U133A probe
ENSG00000121410\tENSG00000121410.12\tA1BG\tA1B\t1\t209998_at
ENSG00000141510\tENSG00000141510.19\tTP53\tP53\t7157\t201746_at
ENSG00000141510\tENSG00000141510.19\tTP53\tLFS1\t7157\t211300_s_at
ENSG00000136997\tENSG00000136997.22\tMYC\t\t4609\t202431_s_at
"""
PLATFORM = """ID\tGB_ACC\tGene title\tGene symbol\tGene ID
201746_at\tNM_000546\ttumor "protein\tTP53\t7157
202431_s_at\tNM_002467\tMYC proto-oncogene\tMYC\t4609
200001_at\tNM_1\ttwo\tA1BG///ACTB\t1///60
200002_at\tNM_2\tnone\t\t
"""
ANNOT = f"""^Annotation
!Annotation_date = Aug 10 2018
!Annotation_platform = GPL96
#ID = ID from Platform data table
#Gene symbol = Entrez Gene symbol
!platform_table_begin
{PLATFORM}!platform_table_end
"""
GPL = f"#ID = Affymetrix Probe Set ID\n#GB_ACC = GenBank\n#Gene symbol = a gene symbol\n{PLATFORM}"
SOFT = f"""^DATABASE = GeoMiame
!Database_name = Gene Expression Omnibus (GEO)
^SERIES = GSE1
!Series_title = one
^PLATFORM = GPL96
!Platform_title = HG-U133A
#ID = probe
!platform_table_begin
{PLATFORM}!platform_table_end
^SAMPLE = GSM1
!Sample_title = first
#ID_REF =
#VALUE = log2 of the signal
!sample_table_begin
ID_REF\tVALUE
201746_at\t1.5
202431_s_at\t2.5
200001_at\t3.5
200002_at\t4.5
!sample_table_end
"""
GENE_ST = """#ID = Probe Set ID
#gene_assignment = accession // symbol // title
ID\tGB_LIST\tgene_assignment\tcategory
7892501\t\t---\tcontrol
7896736\tNM_1\tNM_000546 // TP53 // tumor protein // 17p13.1 // 7157 /// \
ENST00000269305 // TP53 // tumor protein p53\tmain
7896737\tNM_2\tNM_002467 // MYC // MYC proto-oncogene // 8q24.21 // 4609\tmain
"""
ILLUMINA = """#ID = Illumina Probe ID
ID\tSymbol\tILMN_Gene\tEntrez_Gene_ID\tSynonyms
ILMN_1779356\tTP53\tTP53\t7157\tP53; LFS1
ILMN_2110908\tMYC\tMYC\t4609\tc-Myc
"""


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        (NCBI, "ensembl", {"ENSG00000141510": "TP53", "ENSG00000121410": "A1BG"}),
        (NCBI, "entrez", {"7157": "TP53", "999": "NOXREF"}),
        (NCBI, "symbol", {"TP53": "TP53", "P53": "TP53", "bHLHe39": "MYC"}),
        (HGNC, "ensembl", {"ENSG00000139266": "MARCHF9"}),
        (HGNC, "entrez", {"92979": "MARCHF9"}),
        # a previous symbol comes before a synonym of another gene, and either is told of
        (HGNC, "symbol", {"MARCH9": "MARCHF9", "OLD": "MARCHF9", "RNF179": "MARCHF9", "c-Myc": "MYC", "p53": "TP53"}),
        (BIOMART, "ensembl", {"ENSG00000141510": "TP53"}),
        (BIOMART, "entrez", {"7157": "TP53"}),
        (BIOMART, "probe", {"201746_at": "TP53", "211300_s_at": "TP53"}),
        (BIOMART, "symbol", {"LFS1": "TP53", "P53": "TP53", "MYC": "MYC"}),
        *(
            (platform, kind, {"201746_at": "TP53", "202431_s_at": "MYC", "200001_at": "A1BG ACTB", "200002_at": ""})
            for platform in (ANNOT, GPL, SOFT, PLATFORM)
            for kind in ("probe",)
        ),
        # probes that are called by numbers are no genes of Entrez
        (GENE_ST, "entrez", {"7896736": "TP53", "7896737": "MYC", "7892501": ""}),
        (ILLUMINA, "probe", {"ILMN_1779356": "TP53", "ILMN_2110908": "MYC"}),
        ("gene_id,symbol\n7157,TP53\n", "entrez", {"7157": "TP53"}),
        ("gene_id,gene_name\nENSG00000141510.18,TP53\n", "ensembl", {"ENSG00000141510": "TP53"}),
        ("# my own\nensembl,symbol\nENSG00000141510,TP53\n", "ensembl", {"ENSG00000141510": "TP53"}),
    ],
)
def test_tables_are_read_as_they_are_handed_out(tmp_path: Path, text: str, kind: str, names: dict[str, str]) -> None:
    path = tmp_path / ("map.csv" if "," in text.splitlines()[-1] else "map.txt")
    path.write_text(text)
    assert (
        names.items() <= {name: " ".join(sorted(of)) for name, of in read_map(path, [kind], "symbol").items()}.items()
    )
    path.write_bytes(gzip.compress(text.replace("\n", "\r\n").encode()))
    assert (
        names.items() <= {name: " ".join(sorted(of)) for name, of in read_map(path, [kind], "symbol").items()}.items()
    )


def test_names_of_other_kinds_are_given_too(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text(NCBI)
    assert read_map(tmp_path / "map.txt", ["symbol"], "ensembl")["P53"] == {"ENSG00000141510"}
    assert read_map(tmp_path / "map.txt", ["ensembl"], "entrez")["ENSG00000141510"] == {"7157"}
    (tmp_path / "map.txt").write_text(ANNOT)
    assert read_map(tmp_path / "map.txt", ["probe"], "entrez")["200001_at"] == {"1", "60"}


def test_probes_by_a_platform_and_a_map_that_cannot_help(tmp_path: Path) -> None:
    (tmp_path / "gpl.tsv").write_text("ID\tGene Symbol\n1_at\tTP53\n2_at\tMYC /// MYCL\n3_at\t---\n4_at\tTP53\n")
    path = table(tmp_path / "a.csv", ["1_at", "2_at", "3_at", "4_at"])
    found = read_table(path, unit="log2", samples_in="rows", gene_map=tmp_path / "gpl.tsv", duplicate_genes="highest")
    assert found.genes == ("TP53",)
    np.testing.assert_array_equal(found.values, [[3.5], [7.5]])
    (tmp_path / "map.csv").write_text(MAP)
    with pytest.raises(DataError, match=r"no column with probe names(?s:.)*probe_id"):
        genes_of(path, gene_map=tmp_path / "map.csv")


def test_a_family_in_soft_is_its_own_map(tmp_path: Path) -> None:
    path = tmp_path / "GSE1_family.soft"
    path.write_text(SOFT)
    found = read_table(path, unit="log2", gene_map=path)
    assert found.genes == ("TP53", "MYC")
    np.testing.assert_array_equal(found.values, [[1.5, 2.5]])
    with pytest.raises(DataError, match=r"1 gene\(s\) have no `Gene symbol`(?s:.)*--gene-map"):
        read_table(path, unit="log2", genes_by="Gene symbol")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            SOFT.replace("^SAMPLE", "^PLATFORM = GPL97\n!platform_table_begin\nID\n!platform_table_end\n^SAMPLE"),
            "several",
        ),
        (SOFT[: SOFT.index("!platform_table_end")], "no !platform_table_end"),
        ("^SAMPLE = GSM1\n", "no !platform_table_begin"),
        ("# nothing\n# else\n", "only comments"),
        ("#ID = probe\n\n", "no column with probe and symbol names|no column with symbol names"),
        ("", "the file is empty"),
    ],
)
def test_a_damaged_map_is_told(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "map.txt").write_bytes(text.encode())
    with pytest.raises(DataError, match=found):
        genes_of(table(tmp_path / "a.csv", ["1_at", "2_at"]), gene_map=tmp_path / "map.txt")


def test_names_of_several_kinds_come_to_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "map.csv").write_text(MAP)
    path = table(tmp_path / "a.csv", ["TP53", "ENSG00000136997.22", "A1BG"])
    assert genes_of(path, gene_map=tmp_path / "map.csv") == ("TP53", "MYC", "A1BG")
    assert "67% symbol and 33% ensembl" in caplog.text and "several kinds" not in caplog.text


ORTHOLOGS = "mouse_symbol,human_symbol\n" + "".join(
    f"{mouse},{human}\n" for mouse, human in zip(MOUSE, HUMAN, strict=True)
)


def test_a_map_of_another_species_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "human.csv").write_text(
        "ensembl,symbol\n" + "".join(f"ENSG{n:011d},{one}\n" for n, one in enumerate(HUMAN))
    )
    by_symbol = small(tmp_path / "a.csv", MOUSE)
    with pytest.raises(
        DataError, match=r"map of human genes, while the profiles have mouse-like ones(?s:.)*species-to"
    ):
        genes_of(by_symbol, gene_map=tmp_path / "human.csv", genes_to="ensembl")
    by_id = small(tmp_path / "b.csv", [f"ENSMUSG{n:011d}" for n in range(25)])
    with pytest.raises(DataError, match="map of human genes, while the profiles have mouse ones"):
        genes_of(by_id, gene_map=tmp_path / "human.csv")
    with pytest.raises(DataError, match="map of human genes, while the profiles have mouse ones"):
        genes_of(by_id, gene_map=tmp_path / "human.csv", species_to="human")


def small(path: Path, genes: list[str]) -> Path:
    pd.DataFrame(np.full((2, len(genes)), 1.5) + np.eye(2, len(genes)), ["a", "b"], genes).to_csv(path)
    return path


def test_genes_get_the_names_of_their_orthologs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    extra = "Twin1,FUSED\nTwin2,FUSED\nSplit,LEFT\nSplit,RIGHT\nLost,\n"
    (tmp_path / "orthologs.csv").write_text(ORTHOLOGS + extra)
    path = small(tmp_path / "a.csv", [*MOUSE, "Twin1", "Twin2", "Split", "Lost"])
    to_human = {"gene_map": tmp_path / "orthologs.csv", "species_to": "human"}
    found = read_table(path, unit="log2", samples_in="rows", duplicate_genes="mean", **to_human)  # type: ignore[arg-type]
    assert found.genes == (*HUMAN, "FUSED")
    assert "27 of 29 genes (93.1%; mouse-like) have one symbol name, 1 of these share it" in caplog.text
    assert "1 with several (such as Split) and 1 with none (such as Lost)" in caplog.text
    # and back; without --species-to names stay of their own species
    human = small(tmp_path / "b.csv", HUMAN)
    assert genes_of(human, **to_human | {"species_to": "mouse"}) == tuple(MOUSE)
    assert genes_of(human, gene_map=tmp_path / "orthologs.csv") == tuple(HUMAN)
    with pytest.raises(DataError, match=r"no column with symbol names of rat beside one with symbol"):
        genes_of(path, **to_human | {"species_to": "rat"})
    with pytest.raises(DataError, match=r"`man` is not known(?s:.)*--species-to(?s:.)*human"):
        genes_of(path, **to_human | {"species_to": "man"})


MGI = """DB Class Key\tCommon Organism Name\tNCBI Taxon ID\tSymbol\tEntrezGene ID\tMouse MGI ID\tHGNC ID
1\tmouse, laboratory\t10090\tTrp53\t22059\tMGI:98834\t
1\thuman\t9606\tTP53\t7157\t\tHGNC:11998
2\tmouse, laboratory\t10090\tTwin1\t101\tMGI:1\t
2\tmouse, laboratory\t10090\tTwin2\t102\tMGI:2\t
2\thuman\t9606\tFUSED\t201\t\tHGNC:2
3\tmouse, laboratory\t10090\tAlone\t103\tMGI:3\t
"""
MARTS = """Gene stable ID\tGene name\tMouse gene stable ID\tMouse gene name\tMouse homology type
ENSG00000141510\tTP53\tENSMUSG00000059552\tTrp53\tortholog_one2one
ENSG00000000201\tFUSED\tENSMUSG00000000101\tTwin1\tortholog_one2many
ENSG00000000201\tFUSED\tENSMUSG00000000102\tTwin2\tortholog_one2many
"""
BARE = "mouse,human\nTrp53,TP53\nTwin1,FUSED\nTwin2,FUSED\n"


@pytest.mark.parametrize(("text", "ending"), [(MGI, "rpt"), (MARTS, "txt"), (BARE, "csv")])
def test_tables_of_orthologs_are_read_as_they_are_handed_out(tmp_path: Path, text: str, ending: str) -> None:
    path = tmp_path / f"orthologs.{ending}"
    path.write_text(text)
    to_human = read_map(path, ["symbol"], "symbol", "mouse-like", "human")
    assert to_human["Trp53"] == {"TP53"} and to_human["Twin1"] == to_human["Twin2"] == {"FUSED"}
    assert to_human.get("Alone", frozenset()) == frozenset()
    assert read_map(path, ["symbol"], "symbol", "human-like", "mouse")["FUSED"] == {"Twin1", "Twin2"}
    if text == MGI:
        assert read_map(path, ["entrez"], "symbol", None, "human")["22059"] == {"TP53"}
    if text == MARTS:
        assert read_map(path, ["ensembl"], "symbol", "mouse", "human")["ENSMUSG00000059552"] == {"TP53"}
        assert read_map(path, ["ensembl"], "symbol", "mouse")["ENSMUSG00000059552"] == {"Trp53"}


def test_real_names_by_the_real_maps(real_data: Path) -> None:
    maps = real_data / "maps"
    known = read_map(maps / "ncbi_gene_info_entrez_symbol_ensembl.csv.gz", ["ensembl"], "symbol", "human")
    assert known["ENSG00000141510"] == {"TP53"}
    platform = maps / "GPL96_HG-U133A_probe2symbol.csv.gz"
    assert read_map(platform, ["probe"], "symbol")["1007_s_at"] == {"DDR1", "MIR4640"}
    gencode = maps / "ensembl_gencode_v36_gene_map.csv.gz"
    celseq = real_data / "celseq2_dropseq" / "sc_celseq2.count.csv.gz"
    matrix = read_table(celseq, unit="counts", samples_in="columns", duplicate_genes="sum", gene_map=gencode)
    assert {"ACTB", "GAPDH"} <= set(matrix.genes) and matrix.n_genes > 20_000
    chowdary = read_table(
        real_data / "chowdary" / "expression.parquet", unit="intensity", samples_in="rows", gene_map=platform,
        duplicate_genes="highest",
    )  # fmt: skip
    assert {"ACTB", "KRT20"} <= set(chowdary.genes) and chowdary.n_genes > 12_000
