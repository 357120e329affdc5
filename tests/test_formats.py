"""Files that say themselves what they are: read as an independent writer wrote them, and known by their content."""

from __future__ import annotations

import gzip
import hashlib
import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import FIXED, mutants, write_fixed

from cic.checking.about_table import about_values
from cic.data.checks import facts_of
from cic.data.formats import FORMATS, format_of
from cic.data.provenance import sources
from cic.data.readers import read_table
from cic.errors import DataError

counts = st.integers(1, 6).flatmap(
    lambda samples: st.integers(1, 8).flatmap(
        lambda genes: st.lists(
            st.lists(st.integers(0, 10**6), min_size=genes, max_size=genes), min_size=samples, max_size=samples
        )
    )
)


def table_of(values: list[list[int]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    array = np.array(values, dtype=np.float32)
    array[:, 0] += 1  # a sample without any count is refused
    ids = [f"s{number}" for number in range(len(array))]
    table = pd.DataFrame(array, ids, [f"G{number}" for number in range(array.shape[1])])
    return table, pd.DataFrame({"type": [f"t{number % 2}" for number in range(len(ids))]}, ids)


@settings(deadline=None, max_examples=15)
@given(values=counts, kind=st.sampled_from(FIXED))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, values: list[list[int]], kind: str) -> None:
    table, samples = table_of(values)
    path = tmp_path_factory.mktemp("formats") / kind
    write_fixed(path, table, samples)
    found = read_table(path, unit="counts")
    np.testing.assert_array_equal(found.dense(), table)
    assert found.genes == tuple(table) and list(found.samples.index) == list(table.index)
    if kind.startswith("a_"):  # what is said of samples comes along
        assert list(found.samples["type"]) == list(samples["type"])


@pytest.mark.parametrize("kind", FIXED)
def test_a_file_is_known_by_its_content(tmp_path: Path, kind: str) -> None:
    table, samples = table_of([[1, 2], [3, 4]])
    write_fixed(tmp_path / kind, table, samples)
    lying = tmp_path / "profiles.txt"
    shutil.copy(tmp_path / kind, lying)
    assert format_of(lying) is format_of(tmp_path / kind)
    np.testing.assert_array_equal(read_table(lying, unit="counts").dense(), table)
    with pytest.raises(DataError, match="samples declared in rows"):
        read_table(lying, unit="counts", samples_in="rows")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id;A;B\ns1;1,5;2\ns2;3,25;4\n", ["';'", "comma"]),
        ("id\tA\tB\ns1\t1.5\t2\ns2\t3.25\t4\n", [r"'\t'"]),
        ('id,A,B\ns1,"1,5",2\ns2,"3,25",4\n', ["comma"]),
        ("A,B\ns1,1.5,2\ns2,3.25,4\n", []),
        ('"A" "B"\n'.replace(" ", ",") + '"s1",1.5,2\n"s2",3.25,4\n', []),
        ("\ufeffid,A,B\r\ns1,1.5,2\r\ns2,3.25,4\r\n", []),
    ],
    ids=[
        "semicolons and decimal commas",
        "tabs called csv",
        "quoted decimal commas",
        "R's header",
        "quoted",
        "mark and line ends of Windows",
    ],
)
def test_tables_are_read_as_they_are_written(
    tmp_path: Path, text: str, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cic.data")
    for name in ("mine.csv", "mine.2", "mine.csv.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        found = read_table(path, unit="log2", samples_in="rows")
        assert found.genes == ("A", "B") and list(found.samples.index) == ["s1", "s2"]
        np.testing.assert_array_equal(found.values, [[1.5, 2], [3.25, 4]])
    assert all(part in caplog.text for part in said)


def test_a_delimiter_at_the_end_of_each_row_moves_no_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,A,B\ns1,1.5,2,\ns2,3.25,4,\n")
    for missing in ("error", "drop-genes"):
        with pytest.raises(DataError, match=r"ragged rows: 4 cells, where the header has 3(?s:.)*line 2"):
            read_table(path, unit="log2", samples_in="rows", missing=missing)  # type: ignore[arg-type]


def test_gct_1_3_brings_what_it_says_of_genes_and_samples(tmp_path: Path) -> None:
    lines = [
        "#1.3", "2\t3\t1\t2", "id\tsymbol\tx\ty\tz", "type\t\tliver\tbrain\t", "dose\t\t1\t2\t3",
        "P1\tTP53\t0.5\t1.5\tNA", "P2\tMYC\t2.5\t3.5\t-4.5",
    ]  # fmt: skip
    path = tmp_path / "mine.gct"
    path.write_text("\n".join([*lines, ""]))
    found = read_table(path, unit="log_ratio", missing="drop-samples", genes_by="symbol")
    assert found.genes == ("TP53", "MYC") and list(found.samples.index) == ["x", "y"]
    assert found.samples.to_dict("list") == {"type": ["liver", "brain"], "dose": ["1", "2"]}
    np.testing.assert_array_equal(found.values, [[0.5, 2.5], [1.5, 3.5]])
    assert read_table(path, unit="log_ratio", missing="drop-genes").genes == ("P2",)
    for wrong, told in (
        ({}, "1 value.* missing"),
        ({"genes_by": "entrez", "missing": "drop-genes"}, "no `entrez`.*\n.*\n.*one of: id, symbol"),
    ):
        with pytest.raises(DataError, match=told):
            read_table(path, unit="log_ratio", **wrong)
    path.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(DataError, match=r"1 genes\n.*\n.*2, as line 2 declares"):
        read_table(path, unit="log_ratio", missing="drop-genes")


def test_classes_stand_in_the_order_of_the_samples(tmp_path: Path) -> None:
    table, samples = table_of([[10, 2], [3, 4], [5, 6]])
    write_fixed(tmp_path / "a.gct", table, samples)
    for classes in ("ALL AML ALL", "1 0 1"):
        (tmp_path / "a.cls").write_text(f"3 2 1\n# ALL AML\n{classes}\n")
        found = read_table(tmp_path / "a.gct", unit="counts", labels=tmp_path / "a.cls")
        assert list(found.samples["label"]) == ["ALL", "AML", "ALL"]
    (tmp_path / "short.cls").write_text("2 2 1\n# ALL AML\nALL AML\n")
    with pytest.raises(DataError, match="2 classes for 3 samples"):
        read_table(tmp_path / "a.gct", unit="counts", labels=tmp_path / "short.cls")
    (tmp_path / "line.cls").write_text("#numeric\n#A\n1 2 3\n")
    with pytest.raises(DataError, match="expected: number of samples and of classes"):
        read_table(tmp_path / "a.gct", unit="counts", labels=tmp_path / "line.cls")


def write_10x(folder: Path, table: pd.DataFrame, packed: bool, kinds: list[str]) -> Path:
    folder.mkdir()
    with (folder / "matrix.mtx").open("wb") as file:
        scipy.io.mmwrite(file, scipy.sparse.coo_matrix(table.T.to_numpy().astype(int)))
    (folder / "barcodes.tsv").write_text("".join(f"{one}\n" for one in table.index))
    lines = [f"{gene}\t{gene}X\t{kind}\n" for gene, kind in zip(table, kinds, strict=True)]
    (folder / ("features.tsv" if packed else "genes.tsv")).write_text("".join(lines))
    for file in list(folder.iterdir()) if packed else []:
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return folder


@pytest.mark.parametrize("packed", [True, False], ids=["version 3", "version 2"])
def test_a_folder_of_10x(tmp_path: Path, packed: bool, caplog: pytest.LogCaptureFixture) -> None:
    table, _ = table_of([[1, 2, 3], [0, 0, 7], [4, 5, 6]])
    table.iloc[1, 0] = 0
    kinds = ["Gene Expression", "Gene Expression", "Antibody Capture"]
    folder = write_10x(tmp_path / "mine", table, packed, kinds)
    with pytest.raises(DataError, match="no counts at all: s1"):
        read_table(folder, unit="counts")
    found = read_table(folder, unit="counts", genes_by="gene_name", drop_empty=True)
    assert found.genes == ("G0X", "G1X") and list(found.samples.index) == ["s0", "s2"]
    np.testing.assert_array_equal(found.dense(), table.iloc[[0, 2], :2])
    assert "1 features are no genes" in caplog.text and "1 samples without any count" in caplog.text
    next(folder.glob("barcodes*")).unlink()
    with pytest.raises(DataError, match=r"there is no barcodes\.tsv"):
        read_table(folder, unit="counts")


SAMPLE_FILES = {
    "star": "# gene-model: GENCODE v36\ngene_id\tgene_name\tgene_type\tunstranded\tstranded_first\ttpm_unstranded\n"
    "N_unmapped\t\t\t9\t9\t\nG0.1\tTP53\tcoding\t{0}\t0\t{0}.5\nG1.1\tMYC\tcoding\t{1}\t0\t{1}.5\n",
    "htseq": "G0.1\t{0}\nG1.1\t{1}\n__no_feature\t9\n",
    "star alone": "N_unmapped\t9\t9\t9\nG0.1\t{0}\t0\t0\nG1.1\t{1}\t0\t0\n",
    "salmon": "Name\tLength\tEffectiveLength\tTPM\tNumReads\nG0.1\t9\t8.5\t{0}.5\t{0}\nG1.1\t9\t8.5\t{1}.5\t{1}\n",
    "kallisto": "target_id\tlength\teff_length\test_counts\ttpm\nG0.1\t9\t8.5\t{0}\t{0}.5\nG1.1\t9\t8.5\t{1}\t{1}.5\n",
    "rsem": "gene_id\ttranscript_id(s)\tlength\teffective_length\texpected_count\tTPM\tFPKM\n"
    "G0.1\tt\t9\t8\t{0}\t{0}.5\t1\nG1.1\tt\t9\t8\t{1}\t{1}.5\t1\n",
}


@pytest.mark.parametrize("kind", SAMPLE_FILES)
def test_a_folder_with_a_file_a_sample(tmp_path: Path, kind: str) -> None:
    for number, sample in enumerate(("b", "a")):
        text = SAMPLE_FILES[kind].format(number + 1, 10 * number + 5)
        (tmp_path / f"{sample}.tsv.gz").write_bytes(gzip.compress(text.encode()))
    counts = "estimated_counts" if kind in ("salmon", "kallisto", "rsem") else "counts"
    found = read_table(tmp_path, unit=counts)  # type: ignore[arg-type]
    assert list(found.samples.index) == ["a", "b"] and found.genes == ("G0.1", "G1.1") and found.unit == counts
    np.testing.assert_array_equal(found.values, [[2, 15], [1, 5]])
    if "tpm" in SAMPLE_FILES[kind].lower():
        np.testing.assert_array_equal(read_table(tmp_path, unit="tpm").values, [[2.5, 15.5], [1.5, 5.5]])
    else:
        with pytest.raises(DataError, match="have no `tpm`"):
            read_table(tmp_path, unit="tpm")
    lines = gzip.decompress((tmp_path / "b.tsv.gz").read_bytes()).decode().splitlines(True)
    (tmp_path / "b.tsv.gz").write_bytes(gzip.compress("".join(line for line in lines if "G1" not in line).encode()))
    with pytest.raises(DataError, match=r"1 genes .*such as G1\.1"):
        read_table(tmp_path, unit=counts)  # type: ignore[arg-type]
    (tmp_path / "b.tsv.gz").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"first line is 'hello'(?s:.)*b\.tsv\.gz"):
        read_table(tmp_path, unit=counts)  # type: ignore[arg-type]


def test_samples_are_called_as_the_folders_of_files_that_are_called_alike(tmp_path: Path) -> None:
    for number, sample in enumerate(("liver", "brain")):
        (tmp_path / sample).mkdir()
        (tmp_path / sample / "quant.sf").write_text(SAMPLE_FILES["salmon"].format(number, 7))
        (tmp_path / sample / "cmd_info.json").write_text("{}")
    assert list(read_table(tmp_path, unit="tpm").samples.index) == ["brain", "liver"]


def test_of_a_platform_that_names_its_probes_genes_can_be_called_by_that(tmp_path: Path) -> None:
    table, samples = table_of([[1, 2], [3, 4]])
    write_fixed(tmp_path / "a_family.soft", table, samples)
    assert read_table(tmp_path / "a_family.soft", unit="counts", genes_by="Symbol").genes == ("G0X", "G1X")


def test_a_series_of_sequencing_is_told_where_its_counts_are(tmp_path: Path) -> None:
    path = tmp_path / "a_series_matrix.txt"
    path.write_text('!Sample_title\t"a"\n!series_matrix_table_begin\n"ID_REF"\t"GSM1"\n!series_matrix_table_end\n')
    with pytest.raises(DataError, match=r"its table is empty(?s:.)*supplementary"):
        read_table(path, unit="counts")


def test_what_is_none_of_these_is_told_what_is(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 nothing here")
    with pytest.raises(DataError, match=r"cannot be read(?s:.)*\.gct"):
        read_table(tmp_path / "a.pdf", unit="counts", samples_in="rows")
    (tmp_path / "matrix.csv").write_text("id,A,B\ns1,1,2\n")
    with pytest.raises(DataError, match=r"rows or the columns(?s:.)*--samples-in rows"):
        read_table(tmp_path / "matrix.csv", unit="counts")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no file in this folder"):
        read_table(tmp_path / "empty", unit="counts")


@pytest.mark.parametrize("name", ["a.csv", "a.bin", "a.h5ad", "a.parquet"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04 and more", r"zip(?s:.)*save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more", r"Excel(?s:.)*save the sheet as CSV"),
        (gzip.compress(b"X\n\x00\x00\x00\x03 and more"), r"R(?s:.)*write\.csv"),
        (gzip.compress(b"RDX3\nX\n\x00\x00 and more"), r"R(?s:.)*write\.csv"),
        (b"BZh91AY&SY and more", "unpack it"),
        (b"a.txt".ljust(257, b"\x00") + b"ustar\x0000", "unpack it"),
        (gzip.compress(b"a.txt".ljust(257, b"\x00") + b"ustar\x0000"), "unpack it"),
    ],
)
def test_what_others_keep_tables_in_is_told_whatever_it_is_called(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_table(tmp_path / name, unit="counts", samples_in="rows")


def test_a_table_that_begins_with_the_gene_rdx_is_none_of_these(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("RDX,BZW1\ns1,1,2\ns2,3,4\n")  # as R writes it, without a first cell
    assert read_table(tmp_path / "a.csv", unit="counts", samples_in="rows").genes == ("RDX", "BZW1")


def test_z_scores_are_taken_for_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,A,B\ns1,-5.5,40\ns2,0.5,-1\n")
    with pytest.raises(DataError, match=r"40 contradicts the unit `log_ratio`(?s:.)*declare `scaled`"):
        read_table(path, unit="log_ratio", samples_in="rows")
    found = read_table(path, unit="scaled", samples_in="rows")
    np.testing.assert_array_equal(found.values, [[-5.5, 40], [0.5, -1]])
    assert any("standardised before" in one.message for one in about_values(found, facts_of(found)))


def test_a_floor_is_for_intensities(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,A,B\ns1,-5,200.5\ns2,30,4\n")
    found = read_table(path, unit="intensity", samples_in="rows", floor=20)
    np.testing.assert_array_equal(found.values, [[20, 200.5], [30, 20]])
    assert "2 of 4 values are below 20" in caplog.text
    with pytest.raises(DataError, match=r"-5 contradicts(?s:.)*--floor"):
        read_table(path, unit="intensity", samples_in="rows")
    with pytest.raises(DataError, match="a floor of 20 for `log2`"):
        read_table(path, unit="log2", samples_in="rows", floor=20)


def test_no_sample_of_a_family_takes_the_values_of_another_or_is_lost_unsaid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = "!sample_table_begin\nID_REF\tVALUE\np1\t{}\np2\t{}\n!sample_table_end\n"
    path = tmp_path / "a_family.soft"
    path.write_text("^SAMPLE = s1\n" + table.format(1.5, 2) + "^SAMPLA = s2\n" + table.format(3, 4))
    with pytest.raises(DataError, match="`SAMPLA` begins nothing that SOFT knows"):
        read_table(path, unit="intensity")
    path.write_text("^SAMPLE = s1\n" + table.format(1.5, 2) + "^SERIES = x\n" + table.format(3, 4) + "^SAMPLE = s2\n")
    np.testing.assert_array_equal(read_table(path, unit="intensity").values, [[1.5, 2]])
    assert "1 samples have no table of values and are left out: s2" in caplog.text
    path.write_text("^SAMPLE = s1\n" + table.format(1.5, 2) + "^SAMPLE = s2\n" + table.replace("VALUE", "AVG"))
    with pytest.raises(DataError, match="columns ID_REF, AVG"):
        read_table(path, unit="intensity")


@pytest.mark.parametrize("name", ["matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz"])
def test_a_damaged_folder_is_read_or_told(tmp_path: Path, name: str) -> None:
    table, _ = table_of([[1, 2, 3], [4, 5, 6]])
    folder = write_10x(tmp_path / "mine", table, True, ["Gene Expression"] * 3)
    content, told = (folder / name).read_bytes(), 0
    for damaged in mutants(content, 24, 3):
        (folder / name).write_bytes(damaged)
        try:
            read_table(folder, unit="counts")
        except DataError as error:
            assert str(folder) in str(error) and (error.fix or error.expected)
            told += 1
    assert told


def test_the_table_of_formats_is_whole() -> None:
    assert len({one.name for one in FORMATS}) == len(FORMATS)
    assert all(one.holds and one.files for one in FORMATS)


HTSEQ = {"one": "A\t3\nB\t5\n__no_feature\t9\n", "two": "A\t4\nB\t6\n__no_feature\t9\n"}


def write_listed(folder: Path, how: str) -> Path:
    """Write two files of HTSeq, and the table that names them as GDC's client, its sample sheet or a person does."""
    lines = []
    for name, text in HTSEQ.items():
        inner = folder / (f"id-{name}" if how != "own" else ".")
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"{name}.counts").write_text(text)
        md5, size = hashlib.md5(text.encode()).hexdigest(), len(text)
        lines.append({
            "manifest": f"id-{name}\t{name}.counts\t{md5}\t{size}\treleased",
            "sheet": f"id-{name}\t{name}.counts\tRNA\tSAMPLE-{name}\tTumor",
            "own": f"{name},{name}.counts,Tumor",
        }[how])  # fmt: skip
    header = {
        "manifest": "id\tfilename\tmd5\tsize\tstate", "sheet": "File ID\tFile Name\tData Type\tSample ID\tTissue Type",
        "own": "sample_id,file,Tissue Type",
    }[how]  # fmt: skip
    path = folder / ("list.csv" if how == "own" else "list.txt")
    path.write_text("\n".join([header, *lines, ""]))
    return path


@pytest.mark.parametrize(
    ("how", "samples"),
    [
        ("manifest", ["one.counts", "two.counts"]),
        ("sheet", ["SAMPLE-one", "SAMPLE-two"]),
        ("own", ["one", "two"]),
    ],
)
def test_files_are_read_that_a_table_names(tmp_path: Path, how: str, samples: list[str]) -> None:
    path = write_listed(tmp_path, how)
    matrix = read_table(path, unit="counts")
    assert list(matrix.samples.index) == samples and matrix.genes == ("A", "B")
    np.testing.assert_array_equal(matrix.values, [[3, 5], [4, 6]])
    assert how == "manifest" or list(matrix.samples["Tissue Type"]) == ["Tumor", "Tumor"]
    assert {one["file"].rpartition("/")[2] for one in sources([path])} == {path.name, "one.counts", "two.counts"}


def test_what_a_table_says_of_files_is_held_to(tmp_path: Path) -> None:
    path = write_listed(tmp_path, "manifest")
    whole = path.read_text()
    damaged = tmp_path / "id-two" / "two.counts"
    damaged.write_text(HTSEQ["two"].replace("6", "7"))
    with pytest.raises(DataError, match="its md5 is"):
        read_table(path, unit="counts")
    damaged.write_text("A\t4\n")
    with pytest.raises(DataError, match="4 bytes"):
        read_table(path, unit="counts")
    damaged.unlink()
    with pytest.raises(DataError, match=r"no file `two\.counts`"):
        read_table(path, unit="counts")
    for elsewhere in ("../two.counts", "/etc/hostname"):
        path.write_text(whole.replace("two.counts", elsewhere))
        with pytest.raises(DataError, match="lies outside"):
            read_table(path, unit="counts")


SPECIMENS = {
    "Leukemia_hgu95av2.v1.2.gct": ({"unit": "intensity", "floor": 20.0, "labels": "Leukemia.cls"}, (48, 12564)),
    "bioqc_test.gct": ({"unit": "intensity", "floor": 20.0}, (26, 500)),
    "test_p100.v1.3.gct": ({"unit": "log_ratio", "missing": "drop-genes"}, (96, 95)),
    "soft_ex_family.soft": ({"unit": "log_ratio"}, (3, 20)),
    "10x_cr3": ({"unit": "counts", "drop_empty": True}, (4, 3)),
    "gdc_star_v36": ({"unit": "counts"}, (3, 60660)),
    "pbmc_5k_protein_v3.h5ad": ({"unit": "counts"}, (200, 16581)),
}


@pytest.mark.parametrize("name", SPECIMENS)
def test_every_specimen_is_read(real_data: Path, name: str) -> None:
    choices, shape = SPECIMENS[name]
    folder = real_data / "specimens"
    if "labels" in choices:
        choices = choices | {"labels": folder / str(choices["labels"])}
    assert read_table(folder / name, **choices).values.shape == shape  # type: ignore[arg-type]
