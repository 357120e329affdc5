"""Units: conversions, what values and files say against a declared one, and counts that are estimates."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from evaluated import params, some_evidence, subject
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from store_parts import tiny_bundle
from test_counts import counted

import cic
from cic.data import sparse
from cic.data.conversions import converted
from cic.data.matrix import ExpressionMatrix, read_matrix, write_matrix
from cic.data.readers import read_table
from cic.data.sparse_units import log2_sparse
from cic.data.unit_checks import check_unit, doubts
from cic.data.units import from_log2_scale, log2_scale
from cic.data.wide import Wide
from cic.errors import DataError, ModelError
from cic.evaluation.questions.counts.measure import measure
from cic.evaluation.questions.counts.say import counts_section
from cic.model.scale_choice import with_scale

POSITIVE = arrays(np.float32, (3, 5), elements=st.floats(0, 1e4, width=32)).filter(lambda x: (x.sum(axis=1) > 1).all())


def wide_of(values_SG: np.ndarray, stored: bool = False) -> Wide:
    kept = scipy.sparse.csr_array(values_SG) if stored else values_SG
    return Wide(kept, [f"s{row}" for row in range(len(values_SG))], [f"g{at}" for at in range(values_SG.shape[1])])


def dense(wide: Wide) -> np.ndarray:
    return sparse.dense(wide.values)


@given(values=POSITIVE, stored=st.booleans())
def test_fpkm_become_tpm_in_proportion(values: np.ndarray, stored: bool) -> None:
    found, unit = converted(wide_of(values, stored), "fpkm", None, 0.5, Path("a.csv"))
    assert unit == "tpm"
    np.testing.assert_allclose(dense(found).sum(axis=1), 1e6, rtol=1e-5)
    expected = 1e6 * values.astype(np.float64) / values.sum(axis=1, keepdims=True, dtype=np.float64)
    np.testing.assert_allclose(dense(found), expected, rtol=1e-5, atol=1e-30)


@settings(deadline=None, max_examples=25)
@given(
    counts=arrays(np.int64, (3, 5), elements=st.integers(0, 10_000)).filter(lambda x: (x[:, :4].sum(axis=1) > 0).all()),
    lengths=st.lists(st.integers(100, 20_000), min_size=4, max_size=4),
    scale=st.sampled_from([1, 1e-3]),
    stored=st.booleans(),
)
def test_counts_become_tpm_by_lengths_in_bases_or_thousands(
    tmp_path_factory: pytest.TempPathFactory, counts: np.ndarray, lengths: list[int], scale: float, stored: bool
) -> None:
    path = tmp_path_factory.mktemp("lengths") / "lengths.tsv"  # the fifth gene has none
    path.write_text("gene\tlength\n" + "".join(f"g{at}\t{length * scale:.9g}\n" for at, length in enumerate(lengths)))
    found, unit = converted(wide_of(counts.astype(np.float32), stored), "counts", path, 0.5, Path("a.csv"))
    per_length = counts[:, :4] / np.array(lengths)
    assert unit == "tpm" and list(found.columns) == ["g0", "g1", "g2", "g3"]
    np.testing.assert_allclose(dense(found), 1e6 * per_length / per_length.sum(axis=1, keepdims=True), rtol=1e-5)


@given(values=arrays(np.float32, (3, 4), elements=st.floats(0, 20, width=32)), stored=st.booleans())
def test_logarithms_to_other_bases_become_log2(values: np.ndarray, stored: bool) -> None:
    for unit, base in (("ln", np.e), ("log10", 10.0)):
        given_SG = (values * np.log(2) / np.log(base)).astype(np.float32)
        if np.all(given_SG == np.rint(given_SG)):
            continue
        found, kept = converted(wide_of(given_SG, stored), unit, None, 0.5, Path("a.csv"))  # type: ignore[arg-type]
        assert kept == "log2"
        np.testing.assert_allclose(dense(found), values, rtol=1e-5, atol=1e-6)


def test_a_table_of_lengths_is_featurecounts_own_or_any(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("id,ENSG00000000001.4,ENSG00000000002.1,ENSG00000000003.2\ns1,10,10,5\ns2,0,30,0\n")
    how = {"unit": "counts", "samples_in": "rows"}
    (tmp_path / "fc.txt").write_text(
        '# Program:featureCounts v2.0.3; Command:"featureCounts" "-a" "x.gtf"\n'
        "Geneid\tChr\tStart\tEnd\tStrand\tLength\ta.bam\n"
        "ENSG00000000001\tchr1;chr1\t1;5\t3;9\t+;+\t1000\t10\nENSG00000000002.9\tchr1\t1\t9\t+\t3000\t10\n"
    )
    found = read_table(path, lengths=tmp_path / "fc.txt", **how)  # type: ignore[arg-type]
    assert found.unit == "tpm" and found.genes == ("ENSG00000000001.4", "ENSG00000000002.1")
    np.testing.assert_allclose(found.values, [[750_000, 250_000], [0, 1_000_000]], rtol=1e-6)
    assert "2 of 3 genes, with 90.9% of the counts, have a length" in caplog.text
    with pytest.raises(DataError, match="too few: 2 of 3 genes"):
        read_table(path, lengths=tmp_path / "fc.txt", least_mapped=0.9, **how)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="lengths of genes, and the unit `log2`"):
        read_table(path, lengths=tmp_path / "fc.txt", unit="log2", samples_in="rows")
    for text, wrong in (
        ("gene,size\nENSG00000000001,5\n", "no column of lengths"),
        ("gene,length\nENSG00000000001,-5\n", r"a length of '-5'(?s:.)*line 2"),
        ("gene,length\nENSG00000000001,long\n", "a length of 'long'"),
        # two lengths by one name say nothing
        ("gene,length\nENSG00000000001.1,5\nENSG00000000001.2,6\n", "too few: 0 of 3"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(DataError, match=wrong):
            read_table(path, lengths=tmp_path / "bad.csv", **how)  # type: ignore[arg-type]
    path.write_text("id,A,B\ns1,1.5,2\ns2,1,0\n")
    with pytest.raises(DataError, match="contradict the unit `counts`"):
        read_table(path, lengths=tmp_path / "fc.txt", **how)  # type: ignore[arg-type]


def test_real_counts_by_relative_lengths_are_the_tpm_that_the_file_has_too(real_data: Path, tmp_path: Path) -> None:
    gencode = pd.read_csv(real_data / "maps" / "ensembl_gencode_v36_gene_map.csv.gz")
    gencode[["gene_id", "rel_len"]].rename(columns={"rel_len": "length"}).to_csv(tmp_path / "len.csv", index=False)
    folder = real_data / "specimens" / "gdc_star_v36"
    found = read_table(folder, unit="counts", lengths=tmp_path / "len.csv")
    own = read_table(folder, unit="tpm")
    expected = pd.DataFrame(own.values, columns=own.genes)[list(found.genes)].to_numpy()
    seen = expected > 1
    assert np.median(np.abs(found.values[seen] / expected[seen] - 1)) < 0.01


ESTIMATED = "id,A,B\ns1,1.4,2.6\ns2,0,5\n"


def test_estimated_counts_are_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(ESTIMATED)
    found = read_table(path, unit="estimated_counts", samples_in="rows")
    assert found.unit == "estimated_counts"
    np.testing.assert_array_equal(found.values, np.array([[1.4, 2.6], [0, 5]], dtype=np.float32))
    write_matrix(tmp_path / "ours.parquet", found)
    assert read_matrix(tmp_path / "ours.parquet").unit == "estimated_counts"
    with pytest.raises(DataError, match=r"contradict the unit `counts`(?s:.)*estimated_counts"):
        read_table(path, unit="counts", samples_in="rows")
    path.write_text("id,A,B\ns1,0,0\ns2,0,5.5\n")
    with pytest.raises(DataError, match=r"no counts at all: s1(?s:.)*--drop-empty"):
        read_table(path, unit="estimated_counts", samples_in="rows")
    turned = tmp_path / "turned.csv"
    turned.write_text("id,s1,s2\nENSG00000000003,0,0\nENSG00000000005,0,5\n")
    with pytest.raises(DataError, match=r"no counts at all: ENSG00000000003(?s:.)*turn --samples-in round"):
        read_table(turned, unit="counts", samples_in="rows")
    kept = read_table(path, unit="estimated_counts", samples_in="rows", drop_empty=True)
    assert list(kept.samples.index) == ["s2"]
    path.write_text("id,A,B\ns1,-1,2.5\ns2,0,5.5\n")
    with pytest.raises(DataError, match="-1 contradicts the unit `estimated_counts`"):
        read_table(path, unit="estimated_counts", samples_in="rows")


@given(values=POSITIVE)
def test_estimated_counts_are_on_the_scale_of_counts(values: np.ndarray) -> None:
    whole = np.rint(values)
    whole[:, 0] += 1
    log2_SG = log2_scale(whole, "estimated_counts")
    np.testing.assert_array_equal(log2_SG, log2_scale(whole, "counts"))
    np.testing.assert_array_equal(log2_sparse(sparse.compressed(whole), "estimated_counts").toarray(), log2_SG)
    per_million = from_log2_scale(log2_scale(values, "estimated_counts"), "estimated_counts")
    np.testing.assert_allclose(per_million.sum(axis=1), 1e6, rtol=1e-3)


def estimated(depth: float, n_samples: int) -> ExpressionMatrix:
    """Counts of which a part was shared out among genes."""
    base = counted(depth=depth, n_samples=n_samples)
    shared_SG = np.random.default_rng(0).uniform(0.8, 1.2, base.values.shape).astype(np.float32)
    return ExpressionMatrix(base.values * shared_SG, base.genes, base.samples, "estimated_counts")


def test_estimated_counts_are_judged_as_counts_are_and_the_report_says_what_they_are(tmp_path: Path) -> None:
    one = subject(estimated(20_000.0, 240), epochs=5)
    answer = measure(one)
    assert answer.finding is not None and answer.finding.deviance.model.value < 1  # type: ignore[attr-defined]
    section = counts_section(answer.finding, some_evidence(answer), tmp_path)  # type: ignore[arg-type]
    assert any("counts are estimates" in note for note in section.notes)


def test_a_model_takes_counts_and_estimated_ones_alike(tmp_path: Path) -> None:
    whole = counted(depth=5_000.0, n_samples=60)
    for trained, given_ in ((whole, "estimated_counts"), (estimated(5_000.0, 60), "counts")):
        loaded = cic.load(tiny_bundle(tmp_path / given_, trained, 4))
        others = ExpressionMatrix(whole.values, whole.genes, whole.samples, given_)  # type: ignore[arg-type]
        told = loaded.encode(others)
        same = loaded.encode(ExpressionMatrix(whole.values, whole.genes, whole.samples, trained.unit))
        pd.testing.assert_frame_equal(told, same)
        with pytest.raises(ModelError, match="profiles are in `tpm`"):
            loaded.encode(ExpressionMatrix(whole.values, whole.genes, whole.samples, "tpm"))


def normalised(n_samples: int = 12, n_genes: int = 300, total: float = 1e4) -> np.ndarray:
    """Counts of unequal profiles, brought to one sum."""
    draw = np.random.default_rng(0)
    counts_SG = draw.poisson(np.exp(draw.normal(1, 1.5, (n_samples, n_genes)))).astype(np.float64)
    return total * counts_SG / counts_SG.sum(axis=1, keepdims=True)


LOGS = {"log2": np.log2, "ln": np.log, "log10": np.log10}


@pytest.mark.parametrize("true", LOGS)
@pytest.mark.parametrize("declared", LOGS)
@pytest.mark.parametrize("stored", [False, True])
def test_logarithms_to_another_base_are_refused_with_the_evidence(true: str, declared: str, stored: bool) -> None:
    values = LOGS[true](normalised() + 1).astype(np.float32)
    names = [f"s{row}" for row in range(len(values))], [f"g{at}" for at in range(values.shape[1])]
    given_ = sparse.compressed(values) if stored else values
    if true == declared:
        check_unit(given_, declared, *names, "a.csv")
        return
    with pytest.raises(DataError, match=rf"every profile adds up to 10,000, while(?s:.)*declare `{true}`"):
        check_unit(given_, declared, *names, "a.csv")


def test_where_the_base_does_not_show_nothing_is_said() -> None:
    values = np.log(normalised() + 1).astype(np.float32)
    names = [f"s{row}" for row in range(len(values))], [f"g{at}" for at in range(values.shape[1])]
    check_unit(values[:, ::2], "log2", names[0], names[1][::2], "genes left out")
    alike = np.random.default_rng(0).permuted(np.tile(values[0], (len(values), 1)), axis=1)
    check_unit(alike, "log2", *names, "quantile-normalised, so that sums are equal to any base")
    check_unit(values[:2], "log2", names[0][:2], names[1], "two samples")


@pytest.mark.parametrize(
    ("values", "unit", "said"),
    [
        (normalised(total=1e6), "tpm", None),
        (normalised(total=1e4), "cpm", "adds up to 10,000 and not to a million(?s:.)*`intensity`"),
        (normalised(total=1e6)[:, ::3], "tpm", "unless genes were left out"),
        (np.rint(normalised(total=1e5)), "counts", None),
        (np.rint(normalised(total=1e2)), "counts", r"the median sample has \d+ counts"),
        (np.log2(normalised(total=1e5) + 1), "estimated_counts", "are these logarithms"),
        (np.log2(normalised(n_genes=2000) + 1), "log2", None),
        (np.log10(normalised(n_genes=2000) + 1)[:, ::2], "log2", "declare `log10`"),
        (normalised(), "intensity", None),
        (np.rint(normalised(total=1e2))[:, :50], "counts", None),  # a panel may be anything
    ],
)
def test_what_looks_odd_is_said_with_its_evidence(values: np.ndarray, unit: str, said: str | None) -> None:
    found = doubts(values.astype(np.float32), unit)  # type: ignore[arg-type]
    assert doubts(sparse.compressed(values), unit) == found  # type: ignore[arg-type]
    if said is None:
        assert found == []
    else:
        assert len(pd.Series(found).str.contains(said).loc[lambda hit: hit]) == 1, found


def test_doubts_are_told_when_a_file_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pd.DataFrame(normalised(total=1e4)).rename(columns=lambda at: f"G{at}x").to_csv(tmp_path / "a.csv")
    read_table(tmp_path / "a.csv", unit="cpm", samples_in="rows")
    assert "adds up to 10,000 and not to a million" in caplog.text


SERIES = """!Series_title\t"one"
!Sample_title\t"a"\t"b"
!Sample_data_processing\t"Reads were trimmed"\t"Reads were trimmed"
!Sample_data_processing\t"{said}"\t"{said}"
!series_matrix_table_begin
"ID_REF"\t"GSM1"\t"GSM2"
"TP53"\t1.5\t2.5
"MYC"\t3.5\t4.5
!series_matrix_table_end
"""


@pytest.mark.parametrize(
    ("said", "unit", "told"),
    [
        ("normalised by RMA", "intensity", "`log2` or `log_ratio`"),
        ("FPKM by cufflinks", "tpm", "`fpkm`"),
        ("z-scores over samples", "log2", "`scaled`"),
        ("log10 transformed", "log2", "`log10`"),
        ("normalised by RMA", "log2", None),
        ("MAS5.0, then log2", "log2", None),
        ("counts, then TPM", "tpm", None),
        ("as ever", "tpm", None),
    ],
)
def test_what_a_series_says_of_its_values_is_held_against_the_unit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, said: str, unit: str, told: str | None
) -> None:
    path = tmp_path / "GSE1_series_matrix.txt"
    path.write_text(SERIES.format(said=said))
    found = read_table(path, unit=unit)  # type: ignore[arg-type]
    assert list(found.samples["processing"]) == [f"Reads were trimmed; {said}"] * 2
    if told is None:
        assert "speaks for" not in caplog.text
    else:
        assert f"declared as `{unit}`, but the file says of its values what speaks for {told}: Reads" in caplog.text


@pytest.mark.parametrize("stored", [False, True])
def test_what_scanpy_noted_of_logarithms_is_held_against_the_unit(tmp_path: Path, stored: bool) -> None:
    logged = np.log(normalised()[:, :50] + 1).astype(np.float32)

    def written(x: np.ndarray, **note: object) -> Path:
        cells = anndata.AnnData(scipy.sparse.csr_matrix(x) if stored else x)
        cells.uns["log1p"] = note
        cells.write_h5ad(tmp_path / "a.h5ad")
        return tmp_path / "a.h5ad"

    for note in ({}, {"base": None}, {"base": np.e}):
        for unit in ("counts", "log2", "intensity"):
            with pytest.raises(DataError, match=rf"declared unit `{unit}`, but its X is said(?s:.)*declare `ln`"):
                read_table(written(logged, **note), unit=unit)  # type: ignore[arg-type]
        found = read_table(written(logged, **note), unit="ln")
        np.testing.assert_allclose(found.values, logged / np.log(2), rtol=1e-5)
    assert read_table(written(logged, base=2), unit="log2").unit == "log2"
    # the note stays where counts are put back into X
    assert read_table(written(np.rint(normalised())[:, :50].astype(np.float32)), unit="counts").unit == "counts"


def test_names_of_units_that_are_not_ours_are_told_ours(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ESTIMATED)
    for unit, ours in (("rpkm", "fpkm"), ("log1p", "ln"), ("log", "log10"), ("zscore", "scaled")):
        with pytest.raises(DataError, match=rf"`{unit}` is not known(?s:.)*do: declare.*`{ours}`"):
            read_table(tmp_path / "a.csv", unit=unit, samples_in="rows")  # type: ignore[arg-type]


def test_the_scale_of_estimated_counts_is_chosen_as_that_of_counts() -> None:
    matrix = estimated(300.0, 120)
    part_S = np.array(["train", "train", "validation"] * 40)
    auto = params().model_copy(update={"preprocess": params().preprocess.model_copy(update={"transform": "auto"})})
    chosen = with_scale(auto, matrix, part_S).preprocess.transform
    whole = ExpressionMatrix(np.rint(matrix.values), matrix.genes, matrix.samples, "counts")
    assert chosen == with_scale(auto, whole, part_S).preprocess.transform == "sqrt"
