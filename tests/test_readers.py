"""Files as people have them: what is read, and how what is wrong is told."""

from __future__ import annotations

import gzip
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import rewritten_metadata, whole

from cic.data import guarded
from cic.data.labels import join_labels, read_labels
from cic.data.matrix import ExpressionMatrix, read_matrix, write_matrix
from cic.data.readers import read_table
from cic.errors import DataError

GENES = ["TP53", "GAPDH", "007"]
SAMPLES = ["s1", "s2", "NA"]
VALUES = np.array([[1.5, 0.25, 7.0], [2.5, 3.0, 0.125], [4.0, 5.5, 6.0]], dtype=np.float32)


def frame() -> pd.DataFrame:
    return pd.DataFrame(VALUES, index=pd.Index(SAMPLES, name="id"), columns=GENES)


def write_h5ad(path: Path, table: pd.DataFrame, sparse: bool = False, **var: list[str]) -> None:
    x = scipy.sparse.csr_matrix(table.to_numpy()) if sparse else table.to_numpy()
    obs = pd.DataFrame({"type": pd.Categorical(["a", "b", "a"]), "depth": [1.0, 2.0, 3.0]}, index=list(table.index))
    anndata.AnnData(x, obs=obs, var=pd.DataFrame(var, index=list(table.columns))).write_h5ad(path)


def write_as(folder: Path, kind: str, table: pd.DataFrame) -> Path:
    path = folder / f"profiles{kind}"
    if kind.startswith(".csv"):
        table.to_csv(path)
    elif kind.startswith((".tsv", ".txt")):
        table.to_csv(path, sep="\t")
    elif kind == ".parquet":
        table.to_parquet(path)
    return path


@pytest.mark.parametrize("samples_in", ["rows", "columns"])
@pytest.mark.parametrize("kind", [".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".parquet"])
def test_every_kind_reads_the_same_in_both_orientations(tmp_path: Path, kind: str, samples_in: str) -> None:
    table = frame() if samples_in == "rows" else frame().T
    matrix = read_table(write_as(tmp_path, kind, table), samples_in=samples_in, unit="log2")
    assert matrix.genes == tuple(GENES)
    assert list(matrix.samples.index) == SAMPLES
    assert matrix.samples.index.name == "sample_id"
    assert matrix.unit == "log2"
    np.testing.assert_array_equal(matrix.values, VALUES)


@pytest.mark.parametrize("sparse", [False, True])
def test_h5ad_keeps_its_sample_columns(tmp_path: Path, sparse: bool) -> None:
    write_h5ad(tmp_path / "a.h5ad", frame(), sparse)
    matrix = read_table(tmp_path / "a.h5ad", samples_in="rows", unit="log2")
    np.testing.assert_array_equal(matrix.values, VALUES)
    assert list(matrix.samples["type"]) == ["a", "b", "a"]
    assert list(matrix.samples["depth"]) == [1.0, 2.0, 3.0]


def test_h5ad_leaves_out_what_is_no_gene(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_h5ad(tmp_path / "a.h5ad", frame(), feature_types=["Gene Expression", "Antibody Capture", "Gene Expression"])
    with caplog.at_level(logging.WARNING, "cic.data"):
        matrix = read_table(tmp_path / "a.h5ad", samples_in="rows", unit="log2")
    assert matrix.genes == ("TP53", "007")
    assert "1 features" in caplog.text and "Antibody Capture" in caplog.text


def test_h5ad_cannot_have_its_samples_in_columns(tmp_path: Path) -> None:
    write_h5ad(tmp_path / "a.h5ad", frame())
    with pytest.raises(DataError, match="samples-in rows"):
        read_table(tmp_path / "a.h5ad", samples_in="columns", unit="log2")


def test_parquet_takes_its_first_text_column_as_names_and_refuses_others(tmp_path: Path) -> None:
    frame().reset_index().to_parquet(tmp_path / "a.parquet", index=False)
    assert list(read_table(tmp_path / "a.parquet", samples_in="rows", unit="log2").samples.index) == SAMPLES
    frame().reset_index().assign(tissue="liver").to_parquet(tmp_path / "a.parquet", index=False)
    with pytest.raises(DataError, match=r"column `tissue`.*(?s:.*)--labels"):
        read_table(tmp_path / "a.parquet", samples_in="rows", unit="log2")


def test_a_file_that_cic_wrote_reads_back_and_keeps_its_unit(tmp_path: Path, tiny: ExpressionMatrix) -> None:
    write_matrix(tmp_path / "own.parquet", tiny)
    matrix = read_table(tmp_path / "own.parquet", samples_in="rows", unit="log2")
    np.testing.assert_array_equal(matrix.values, tiny.values)
    pd.testing.assert_frame_equal(matrix.samples, tiny.samples)
    with pytest.raises(DataError, match="`log2`"):
        read_table(tmp_path / "own.parquet", samples_in="rows", unit="log_ratio")


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=2), min_size=1, max_size=5),
    delimiter=st.sampled_from([".csv", ".tsv"]),
)
def test_text_gives_back_every_float32(
    tmp_path_factory: pytest.TempPathFactory, values: list[list[float]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("text") / f"a{delimiter}"
    array = np.array(values, dtype=np.float32)
    table = pd.DataFrame(array, index=[f"s{number}" for number in range(len(array))], columns=["A", "B"])
    table.to_csv(path, sep="," if delimiter == ".csv" else "\t")
    np.testing.assert_array_equal(read_table(path, samples_in="rows", unit="log2").values, array)


WRONG = {
    "ragged": ("id,A,B\ns1,1,2\ns2,1\n", ["ragged", "line 3", "s2"]),
    "text": ("id,A,B\ns1,1,2\ns2,1,high\n", ["text among numbers", "'high'", "line 3", "s2", "column 3 (B)"]),
    "missing": ("id,A,B\ns1,1,\ns2,1,2\n", ["missing value", "line 2", "column 3 (B)"]),
    "NA": ("id,A,B\ns1,1,NA\ns2,1,2\n", ["missing value", "'NA'", "line 2"]),
    "nan": ("id,A,B\ns1,1,2\ns2,nan,2\n", ["missing value", "line 3", "column 2 (A)"]),
    "infinite": ("id,A,B\ns1,1,2\ns2,inf,2\n", ["infinite", "line 3"]),
    "repeated sample": ("id,A,B\ns1,1,2\ns1,1,2\n", ["sample id", "s1"]),
    "repeated gene": ("id,A,A\ns1,1,2\ns2,1,2\n", ["gene", "A", "--duplicate-genes"]),
    "no name": ("id,A,\ns1,1,2\n", ["gene(s) have no name"]),
    "empty": ("", ["empty"]),
    "header only": ("id,A,B\n", ["no row"]),
    "no delimiter": ("id A B\ns1 1 2\n", ["single cell", "commas"]),
    "comment": ("# made by X,1\nid,A\ns1,1\n", ["comment", "line 1"]),
    "thousands": ('id,A,B\ns1,"1,500",2\n', ["text among numbers", "point"]),
    "not text": (b"\xff\xfe\x00\x01,\xff\n1,2\n", ["not readable"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_text_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    content, expected = WRONG[name]
    path = tmp_path / "wrong.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as error:
        read_table(path, samples_in="rows", unit="log2")
    message = str(error.value)
    assert str(path) in message
    assert [part for part in expected if part not in message] == []


def test_a_cut_gzip_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    whole = gzip.compress(frame().to_csv().encode() * 50)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not readable"):
        read_table(path, samples_in="rows", unit="log2")


@pytest.mark.parametrize("name", ["a.parquet", "a.h5ad"])
def test_a_damaged_binary_is_one_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PAR1 no more than that")
    with pytest.raises(DataError, match="not readable"):
        read_table(tmp_path / name, samples_in="rows", unit="log2")


def test_missing_file_unknown_suffix_and_undeclared_orientation(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "a.csv", samples_in="rows", unit="log2")
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"\.xlsx.*cannot be read"):
        read_table(tmp_path / "a.xlsx", samples_in="rows", unit="log2")
    frame().to_csv(tmp_path / "a.csv")
    with pytest.raises(DataError, match="rows or columns"):
        read_table(tmp_path / "a.csv", samples_in="auto", unit="log2")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="log2 or tpm or cpm or counts"):
        read_table(tmp_path / "a.csv", samples_in="rows", unit="rpkm")  # type: ignore[arg-type]


def random_table(make: str, shape: tuple[int, int] = (12, 150)) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    log2 = draw.uniform(0, 14, size=shape)
    values = {
        "log2": log2,
        "linear": np.exp2(log2),
        "counts": np.floor(np.exp2(log2)),
        "ratio": draw.normal(size=shape),
    }[make]
    return pd.DataFrame(values, index=[f"s{n}" for n in range(shape[0])], columns=[f"G{n}" for n in range(shape[1])])


@pytest.mark.parametrize(
    ("unit", "make", "accepted"),
    [
        ("log2", "log2", True),
        ("log2", "linear", False),
        ("log2", "counts", False),
        ("tpm", "linear", True),
        ("tpm", "log2", False),
        ("tpm", "ratio", False),
        ("tpm", "counts", False),
        ("counts", "counts", True),
        ("counts", "linear", False),
        ("counts", "ratio", False),
        ("intensity", "linear", True),
        ("intensity", "log2", False),
        ("log_ratio", "ratio", True),
        ("log_ratio", "log2", False),
        ("log_ratio", "linear", False),
    ],
)
def test_a_unit_that_the_values_contradict(tmp_path: Path, unit: str, make: str, accepted: bool) -> None:
    random_table(make).to_csv(tmp_path / "a.csv")
    if accepted:
        assert read_table(tmp_path / "a.csv", samples_in="rows", unit=unit).unit == unit  # type: ignore[arg-type]
    else:
        with pytest.raises(DataError, match=f"contradict.*`{unit}`"):
            read_table(tmp_path / "a.csv", samples_in="rows", unit=unit)  # type: ignore[arg-type]


def test_negative_and_broken_counts_are_named_by_sample_and_gene(tmp_path: Path) -> None:
    table = random_table("counts")
    table.iloc[4, 7] = -1
    table.to_csv(tmp_path / "a.csv")
    with pytest.raises(DataError, match="sample s4, gene G7"):
        read_table(tmp_path / "a.csv", samples_in="rows", unit="counts")
    table.iloc[4, 7] = 0.5
    table.to_csv(tmp_path / "a.csv")
    with pytest.raises(DataError, match="sample s4, gene G7"):
        read_table(tmp_path / "a.csv", samples_in="rows", unit="counts")
    table.iloc[4] = 0
    table.to_csv(tmp_path / "a.csv")
    with pytest.raises(DataError, match="no counts at all: s4"):
        read_table(tmp_path / "a.csv", samples_in="rows", unit="counts")


def test_profiles_that_add_up_to_more_than_a_million_are_no_tpm(tmp_path: Path) -> None:
    table = random_table("linear")
    table.loc["s3"] *= 2e6 / table.loc["s3"].sum()
    table.to_csv(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"2,000,000.*(?s:.*)sample s3"):
        read_table(tmp_path / "a.csv", samples_in="rows", unit="tpm")


@pytest.mark.parametrize(("how", "expected"), [("mean", [2.0, 5.0]), ("max", [3.0, 6.0]), ("sum", [4.0, 10.0])])
def test_repeated_genes_are_merged_as_asked(tmp_path: Path, how: str, expected: list[float]) -> None:
    (tmp_path / "a.csv").write_text("id,A,B,A\ns1,1,9,3\ns2,4,9,6\n")
    matrix = read_table(tmp_path / "a.csv", samples_in="rows", unit="log2", duplicate_genes=how)  # type: ignore[arg-type]
    assert matrix.genes == ("A", "B")
    np.testing.assert_array_equal(matrix.values, np.column_stack([expected, [9, 9]]))


def labelled(tmp_path: Path, labels: str, name: str = "labels.csv") -> ExpressionMatrix:
    frame().to_csv(tmp_path / "a.csv")
    (tmp_path / name).write_text(labels)
    return read_table(tmp_path / "a.csv", samples_in="rows", unit="log2", labels=tmp_path / name)


def test_labels_are_joined_by_id_whatever_their_order(tmp_path: Path) -> None:
    matrix = labelled(tmp_path, "age\tsample_id\tdonor\tdose\n9\tNA\t007\t0.5\n8\ts1\t010\t1.0\n\ts2\t\t2.0\n", "l.tsv")
    assert list(matrix.samples.index) == SAMPLES
    assert matrix.samples["donor"].tolist() == ["010", None, "007"]
    assert matrix.samples["age"].tolist() == ["8", None, "9"]
    assert matrix.samples["dose"].tolist() == [1.0, 2.0, 0.5]


def test_samples_without_a_row_are_all_named_on_both_sides(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        labelled(tmp_path, "sample_id,type\ns2,a\nx7,b\nx8,b\n")
    assert all(name in str(error.value) for name in ("s1", "NA", "x7", "x8"))


def test_rows_without_a_sample_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "cic.data"):
        matrix = labelled(tmp_path, "name,type\ns2,a\ns1,b\nNA,c\nx7,d\n")
    assert matrix.samples["type"].tolist() == ["b", "a", "c"]
    assert "x7" in caplog.text


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("sample_id,type\nS1,a\nS2,a\nNa,b\n", "upper and lower case"),
        ("sample_id,type\nTP53,a\nGAPDH,b\n", "--samples-in"),
        ("sample_id,type\nq,a\nr,b\n", "no overlap"),
        ("sample_id,type\ns1,a\ns1,b\n", "repeated"),
        ("sample_id,type\ns1,a\n,b\n", "empty"),
        ("sample_id,type\n", "no row"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, labels: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        labelled(tmp_path, labels)


def test_a_sheet_is_to_be_saved_as_text_and_few_of_many_ids_are_named(tmp_path: Path) -> None:
    (tmp_path / "sheet.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="save the sheet as CSV"):
        read_labels(tmp_path / "sheet.xlsx")
    samples = pd.DataFrame(index=pd.Index([f"s{n}" for n in range(300)], name="sample_id"))
    with pytest.raises(DataError, match=r"299 sample\(s\) have no row(.|\n)*s20 and 279 more\n"):
        join_labels(samples, samples.iloc[:1].assign(type="a"), {"g"}, Path("p"), Path("l"))


def test_a_ragged_or_missing_labels_table(tmp_path: Path) -> None:
    for labels, told in (
        ("sample_id,type\ns1,a\ns2,b,c\nNA,d\n", r"ragged rows: 3 cells, where the header has 2(?s:.)*line 3 \(s2\)"),
        ("sample_id,type\ns1,a\ns2\nNA,d\n", r"ragged rows: 1 cells(?s:.)*line 3 \(s2\)"),
        ("sample_id,type,type\ns1,a,b\ns2,b,c\nNA,d,e\n", "two columns are called `type`"),
    ):
        with pytest.raises(DataError, match=told):
            labelled(tmp_path, labels)
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "a.csv", samples_in="rows", unit="log2", labels=tmp_path / "none.csv")


def test_labels_as_r_writes_them_are_not_moved_by_a_column(tmp_path: Path, real_data: Path) -> None:
    matrix = labelled(tmp_path, '"type";"reads"\n"s1";"a";5\n"s2";"b";6\n"NA";"b";7\n')
    assert list(matrix.samples["type"]) == ["a", "b", "b"] and list(matrix.samples["reads"]) == ["5", "6", "7"]
    folder = real_data / "celseq2_dropseq"
    lines = read_labels(folder / "sc_celseq2.metadata.csv.gz")["cell_line"]
    assert lines.value_counts().to_dict() == {"H1975": 114, "H2228": 81, "HCC827": 79}


REAL = {
    "tcga": ("expression.parquet", "rows", "log2", (474, 17740)),
    "gtex26": ("expression.tsv.gz", "columns", "log2", (520, 467)),
    "chowdary": ("expression.parquet", "rows", "intensity", (104, 22283)),
    "khan": ("expression.csv", "rows", "log_ratio", (63, 2308)),
    "rnamix": ("counts.parquet", "rows", "counts", (340, 13906)),
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_read_with_their_labels(real_data: Path, name: str) -> None:
    file, samples_in, unit, shape = REAL[name]
    folder = real_data / name
    matrix = read_table(folder / file, samples_in=samples_in, unit=unit, labels=folder / "samples.csv")  # type: ignore[arg-type]
    assert matrix.values.shape == shape
    assert matrix.samples["label"].notna().all()


def test_real_single_cells_read(real_data: Path) -> None:
    matrix = read_table(real_data / "pbmc3k" / "counts.h5ad", samples_in="rows", unit="counts")
    assert matrix.values.shape == (2638, 13714)
    assert matrix.samples["cell_type"].nunique() == 9
    proteins = read_table(real_data / "specimens" / "pbmc_5k_protein_v3.h5ad", samples_in="rows", unit="counts")
    assert proteins.values.shape == (200, 16581)


def test_real_genes_in_rows_declared_wrongly(real_data: Path) -> None:
    folder = real_data / "gtex26"
    with pytest.raises(DataError, match="--samples-in"):
        read_table(folder / "expression.tsv.gz", samples_in="rows", unit="log2", labels=folder / "samples.csv")


# damaged and hostile files


def dies(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hangs(path: Path) -> None:
    time.sleep(60)


def fills(path: Path) -> int:
    return len(np.ones(10**12))


def fails(path: Path) -> None:
    raise KeyError("what a library raises")


@pytest.mark.attack("a file that kills, hangs or fills its reader", "8", ended="told")
@pytest.mark.parametrize(
    ("read", "told"), [(dies, "SIGSEGV"), (hangs, "longer than"), (fills, "memory"), (fails, "KeyError")]
)
def test_a_reader_that_is_brought_down_does_not_take_the_command_with_it(
    tmp_path: Path, read: Callable[[Path], object], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded._reader().end()
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for the functions above
    path = tmp_path / "a.csv"
    path.write_text("id,x,y\na,1,2\nb,3,4\n")
    monkeypatch.setattr(guarded, "SECONDS", 60.0)
    assert read_table(path, samples_in="rows", unit="counts").values.tolist() == [[1, 2], [3, 4]]
    monkeypatch.setattr(guarded, "SECONDS", 10.0 if read is hangs else 60.0)
    with pytest.raises(DataError, match=told):
        guarded.guarded(read, path)
    assert read_table(path, samples_in="rows", unit="counts").values.tolist() == [[1, 2], [3, 4]]


TWO = ["A", "B"]


@pytest.mark.attack("our own Parquet with other metadata, genes that are numbers", "9", ended="told")
@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"{broken", "metadata are broken"),
        ([1, 2], "metadata are broken"),
        ({"genes": TWO}, "metadata are broken"),
        ({"genes": [1, 2], "unit": "counts"}, "name no genes"),
        ({"genes": TWO, "unit": "furlongs"}, "name no genes"),
        ({"genes": ["A"], "unit": "counts"}, "`profile`"),
    ],
)
def test_our_own_file_with_wrong_metadata(tmp_path: Path, header: object, told: str) -> None:
    path = tmp_path / "own.parquet"
    samples = pd.DataFrame(index=pd.Index(["a", "b"], name="sample_id"))
    write_matrix(path, ExpressionMatrix(np.ones((2, 2), np.float32), ("A", "B"), samples, "counts"))
    rewritten_metadata(path, header)
    with pytest.raises(DataError, match=told):
        read_matrix(path)


@pytest.mark.attack("our own Parquet with other columns, null ids", "9", ended="told")
@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"sample_id": ["a", "b"]}, "`profile` is not there"),
        ({"profile": [[1.0, 2.0], [3.0, 4.0]]}, "`sample_id` is not there"),
        ({"sample_id": [1, 2], "profile": [[1.0, 2.0], [3.0, 4.0]]}, "`sample_id` is int64"),
        ({"sample_id": ["a", None], "profile": [[1.0, 2.0], [3.0, 4.0]]}, "without an id"),
        ({"sample_id": ["a", "a"], "profile": [[1.0, 2.0], [3.0, 4.0]]}, "more than once"),
        ({"sample_id": ["a", "b"], "profile": [[1.0, None], [3.0, 4.0]]}, "cannot be read|missing"),
        ({"sample_id": [], "profile": []}, "no samples"),
    ],
)
def test_our_own_file_with_wrong_columns(tmp_path: Path, columns: dict[str, list[object]], told: str) -> None:
    path = tmp_path / "own.parquet"
    kinds = {"profile": pa.list_(pa.float32(), 2)}
    arrays = {name: pa.array(values, kinds.get(name)) for name, values in columns.items()}
    if not columns.get("sample_id", ["some"]):
        arrays["sample_id"] = pa.array([], pa.string())
    pq.write_table(pa.table(arrays), path)
    rewritten_metadata(path, {"genes": TWO, "unit": "counts"})
    with pytest.raises(DataError, match=told):
        read_matrix(path)


@pytest.mark.attack("our own Parquet with profiles of varying length", "9", tries=5, ended="told")
def test_our_own_file_with_profiles_of_varying_length(tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    profiles = pa.array([[1.0, 2.0, 3.0], [4.0]], pa.list_(pa.float32()))
    pq.write_table(pa.table({"sample_id": ["a", "b"], "profile": profiles}), path)
    rewritten_metadata(path, {"genes": TWO, "unit": "counts"})
    with pytest.raises(DataError, match="`profile` is list"):
        read_matrix(path)


@pytest.mark.attack("sparse indices and layouts that do not fit", "5", tries=5, ended="told")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda file: file["X/indices"].__setitem__(0, 500), "indices from"),
        (lambda file: file["X/indices"].__setitem__(0, 10**6), "indices from"),
        (lambda file: file["X/indices"].__setitem__(0, -5), "indices from"),
        (lambda file: file["X/indptr"].__setitem__(1, 10**6), "do not follow"),
        (lambda file: file["X/indptr"].__setitem__(0, 3), "do not follow"),
        (lambda file: file["X"].attrs.__setitem__("shape", [12, 31]), "declared with the shape"),
        (lambda file: file.__delitem__("var"), "no `var`"),
        (lambda file: file.__delitem__("obs"), "no `obs`"),
        (lambda file: file.__delitem__("X"), "no matrix `X`"),
        (lambda file: file.__delitem__("X/indptr"), "neither dense nor sparse"),
    ],
)
def test_a_sparse_layout_that_does_not_fit_is_refused_before_it_is_used(
    tmp_path: Path, change: Callable[[h5py.File], None], told: str
) -> None:
    path = whole(tmp_path, "sparse.h5ad")
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(DataError, match=told):
        read_table(path, samples_in="rows", unit="counts")


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"g{number}" for number in range(300_002)) + "\n")
    with pytest.raises(DataError, match="300002 columns"):
        read_table(path, samples_in="rows", unit="counts")
    path = tmp_path / "long.csv.gz"
    path.write_bytes(gzip.compress(b"x" * (32 * 10**6 + 5), 1))
    with pytest.raises(DataError, match="first line of more than 32 million"):
        read_table(path, samples_in="rows", unit="counts")


def test_standardised_values_are_not_sent_to_a_linear_unit(tmp_path: Path) -> None:
    path = tmp_path / "z.csv"
    path.write_text("id,x,y\na,-1.5,40.0\nb,3.25,-2\n")
    with pytest.raises(DataError, match="z-scores"):
        read_table(path, samples_in="rows", unit="log_ratio")
