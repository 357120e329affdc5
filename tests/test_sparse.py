"""Sparse profiles are the same profiles: read, written, chosen and known again as dense ones are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cic.checking.library import library_of
from cic.data import sparse
from cic.data.guarded import guarded
from cic.data.matrix import ExpressionMatrix, fingerprints, read_matrix, write_matrix
from cic.data.matrix_file import read_matrix_rows
from cic.data.readers import read_table
from cic.data.terms import Unit
from cic.data.unit_checks import check_unit
from cic.digests import data_digest
from cic.errors import DataError

COUNTS = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 12)), elements=st.sampled_from([0, 0, 0, 1, 7]))


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a handful of profiles be many, so that they pass in several blocks."""
    monkeypatch.setattr("cic.data.sparse.BLOCK_ROWS", 4)
    monkeypatch.setattr("cic.data.matrix_file.ROWS_WRITTEN", 4)
    monkeypatch.setattr("cic.data.sparse.FEW", 5)


def matrix_of(values_SG: np.ndarray) -> ExpressionMatrix:
    index = pd.Index([f"s{number}" for number in range(len(values_SG))], name="sample_id")
    samples = pd.DataFrame({"label": [None, *"ab" * len(values_SG)][: len(values_SG)]}, index=index, dtype=object)
    return ExpressionMatrix(values_SG, tuple(f"g{number}" for number in range(values_SG.shape[1])), samples, "counts")


def both(values_SG: np.ndarray) -> tuple[ExpressionMatrix, ExpressionMatrix]:
    """Give the same profiles dense and sparse."""
    dense = matrix_of(values_SG)
    kept = ExpressionMatrix(sparse.compressed(values_SG), dense.genes, dense.samples, dense.unit)
    assert sparse.is_sparse(kept.values)
    return dense, kept


@given(COUNTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sparse_profiles_come_back_as_they_were(tmp_path: Path, values_SG: np.ndarray) -> None:
    _, kept = both(values_SG)
    write_matrix(tmp_path / "kept.parquet", kept)
    again = read_matrix(tmp_path / "kept.parquet")
    assert sparse.is_sparse(again.values)
    assert again.values.dtype == np.float32
    np.testing.assert_array_equal(again.values.toarray(), values_SG)
    pd.testing.assert_frame_equal(again.samples, kept.samples)
    assert (again.genes, again.unit) == (kept.genes, kept.unit)
    streamed = [block.toarray() for _, block in read_matrix_rows(tmp_path / "kept.parquet", 3)]
    np.testing.assert_array_equal(np.concatenate(streamed), values_SG)


@given(COUNTS, st.integers(0, 2**20))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sparse_profiles_are_known_as_the_dense_ones(values_SG: np.ndarray, seed: int) -> None:
    dense, kept = both(values_SG)
    assert fingerprints(kept.values) == fingerprints(dense.values)
    assert data_digest(kept) == data_digest(dense)
    order = np.random.default_rng(seed).permutation(len(values_SG))[: len(values_SG) // 2 + 1]
    for keep in (order, np.isin(np.arange(len(values_SG)), order)):
        chosen = kept.select(keep)
        assert sparse.is_sparse(chosen.values)
        np.testing.assert_array_equal(chosen.dense(), dense.select(keep).values)
    np.testing.assert_array_equal(np.concatenate(list(kept.blocks())), np.concatenate(list(dense.blocks())))


@given(
    COUNTS, st.sampled_from(["counts", "estimated_counts", "tpm", "log2", "log_ratio"]), st.floats(0.125, 3, width=32)
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sparse_profiles_are_measured_as_dense_ones(values_SG: np.ndarray, unit: Unit, factor: float) -> None:
    values_SG[:, 0] = 1  # none without any count
    values_SG *= 1 if unit == "counts" else np.float32(factor)
    genes = tuple(f"{'MT-' * (number % 3 == 1)}{number}" for number in range(values_SG.shape[1]))
    dense, kept = (replace(one, genes=genes, unit=unit) for one in both(values_SG))
    np.testing.assert_array_equal(
        sparse.totals(kept.values), [sum(row, start=0.0) for row in values_SG.astype(np.float64).tolist()]
    )
    pd.testing.assert_frame_equal(library_of(kept), library_of(dense), rtol=1e-12)


def test_the_same_bytes_whatever_the_profiles_came_from(tmp_path: Path) -> None:
    values_SG = np.random.default_rng(0).poisson(0.1, size=(30, 20)).astype(np.float32)
    kept, columns = both(values_SG)[1], scipy.sparse.csc_array(values_SG)
    stored_zeros = scipy.sparse.csr_array(values_SG + 1)
    stored_zeros.data -= 1
    written = []
    for number, values in enumerate((values_SG, columns, stored_zeros)):
        matrix = ExpressionMatrix(sparse.compressed(values), kept.genes, kept.samples, "counts")
        write_matrix(tmp_path / f"{number}", matrix)
        written.append((tmp_path / f"{number}").read_bytes())
    assert written[0] == written[1] == written[2]


@pytest.mark.parametrize("layout", ["csr", "csc", "dense"])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_an_h5ad_of_many_profiles_is_kept_sparse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, kind: type
) -> None:
    from cic.data.annotated import read_anndata

    monkeypatch.setattr("cic.data.sparse.SPARSE_FROM", 100)
    monkeypatch.setattr("cic.data.stores.STORED_A_TIME", 7)
    values_SG = np.random.default_rng(1).poisson(0.1, size=(30, 20)).astype(kind)
    values_SG[:, 0] = 1
    x = values_SG if layout == "dense" else scipy.sparse.coo_array(values_SG).asformat(layout)
    names = [pd.DataFrame(index=[f"{mark}{number}" for number in range(n)]) for mark, n in (("s", 30), ("g", 20))]
    anndata.AnnData(x, *names).write_h5ad(tmp_path / "a.h5ad")
    in_this_process = read_anndata(tmp_path / "a.h5ad")[0].values
    assert sparse.is_sparse(in_this_process)
    np.testing.assert_array_equal(in_this_process.toarray(), values_SG)
    matrix = read_table(tmp_path / "a.h5ad", samples_in="rows", unit="counts")
    assert sparse.is_sparse(matrix.values)
    np.testing.assert_array_equal(matrix.values.toarray(), values_SG)


def test_repeated_genes_of_sparse_profiles_are_merged_as_of_dense_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values_SG = np.random.default_rng(2).poisson(0.1, size=(30, 20)).astype(np.float32)
    values_SG[:, 0] = 1
    genes = pd.DataFrame(index=[f"g{number % 15}" for number in range(20)])
    samples = pd.DataFrame(index=[f"s{number}" for number in range(30)])
    anndata.AnnData(scipy.sparse.csr_array(values_SG), samples, genes).write_h5ad(tmp_path / "a.h5ad")
    for how in ("sum", "max", "mean"):
        read = [
            monkeypatch.setattr("cic.data.sparse.SPARSE_FROM", least)
            or read_table(tmp_path / "a.h5ad", samples_in="rows", unit="counts", duplicate_genes=how)  # type: ignore[arg-type]
            for least in (1, 10**9)
        ]
        assert [sparse.is_sparse(one.values) for one in read] == [True, False]
        np.testing.assert_array_equal(read[0].values.toarray(), read[1].values)


def test_profiles_come_whole_from_the_reading_process(tmp_path: Path) -> None:
    _, kept = both(np.eye(6, 9, dtype=np.float32))
    write_matrix(tmp_path / "kept.parquet", kept)
    np.testing.assert_array_equal(guarded(read_matrix, tmp_path / "kept.parquet").dense(), kept.dense())


def rewritten(path: Path, name: str, lists: list[list[float]], kind: pa.DataType) -> None:
    table = pq.read_table(path)
    place = table.schema.get_field_index(name)
    table = table.set_column(place, name, pa.array(lists, kind)).replace_schema_metadata(table.schema.metadata)
    pq.write_table(table, path)


@pytest.mark.attack("our own sparse Parquet with positions that do not fit", "9", ended="told")
@pytest.mark.parametrize(
    ("name", "lists", "told"),
    [
        (sparse.POSITIONS, [[0, 1], [1], [2]], "sample s0 has not as many values as positions"),
        (sparse.POSITIONS, [[0], [1], [4]], "sample s2 has the position 4, where ascending ones below 4"),
        (sparse.POSITIONS, [[0], [-1], [2]], "sample s1 has the position -1"),
        (sparse.POSITIONS, [[0], None, [2]], "values are missing"),
        (sparse.STORED, [[0.5], [None], [2.0]], "values are missing"),
        (sparse.STORED, [[0.5], [np.inf], [2.0]], "missing or infinite"),
        (sparse.STORED, [[0.5], [-1.0], [2.0]], "sample s1, gene g1"),
    ],
)
def test_sparse_profiles_that_do_not_fit_are_told(
    tmp_path: Path, name: str, lists: list[list[float]], told: str
) -> None:
    path = tmp_path / "kept.parquet"
    write_matrix(path, both(np.eye(3, 4, dtype=np.float32))[1])
    rewritten(path, name, lists, sparse.LAYOUT[name])
    with pytest.raises(DataError, match=told) as raised:
        read_matrix(path)
    assert str(path) in str(raised.value.where)


def test_positions_that_do_not_ascend_are_told(tmp_path: Path) -> None:
    path = tmp_path / "kept.parquet"
    write_matrix(path, both(np.ones((2, 2), dtype=np.float32))[1])
    rewritten(path, sparse.POSITIONS, [[0, 1], [1, 0]], sparse.LAYOUT[sparse.POSITIONS])
    with pytest.raises(DataError, match="sample s1 has the position 0"):
        read_matrix(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns([sparse.STORED]),
        lambda table: table.drop_columns([sparse.POSITIONS, sparse.STORED]),
        lambda table: table.set_column(
            table.schema.get_field_index(sparse.POSITIONS), sparse.POSITIONS, pa.array([["a"], ["b"], ["c"]])
        ),
    ],
)
def test_a_sparse_file_without_its_columns_is_told(tmp_path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    path = tmp_path / "kept.parquet"
    write_matrix(path, both(np.eye(3, 4, dtype=np.float32))[1])
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(DataError, match="the file is damaged: its column"):
        read_matrix(path)


def test_a_sparse_file_cut_short_is_told_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "kept.parquet"
    write_matrix(path, both(np.random.default_rng(0).poisson(0.3, size=(40, 30)).astype(np.float32))[1])
    content = path.read_bytes()
    for end in range(1, len(content), len(content) // 12):
        path.write_bytes(content[:end])
        with pytest.raises(DataError, match=r"damaged|not a file of profiles"):
            read_matrix(path)


def test_a_flipped_bit_in_a_page_is_told(tmp_path: Path) -> None:
    path = tmp_path / "kept.parquet"
    write_matrix(path, both(np.random.default_rng(0).poisson(0.3, size=(40, 30)).astype(np.float32))[1])
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read_matrix(path)


@pytest.mark.parametrize(
    ("unit", "change"),
    [
        ("counts", lambda x: x * np.float32(1.5)),
        ("counts", lambda x: x * (np.arange(len(x)) != 7)[:, None]),
        ("counts", lambda x: np.where(np.arange(x.size).reshape(x.shape) == 65, np.float32(-3), x)),
        ("log2", lambda x: x * 40),
        ("log2", lambda x: x * 4),
        ("log_ratio", lambda x: x),
        ("intensity", lambda x: x),
        ("tpm", lambda x: x * np.float32(1e6) + np.float32(0.5) * (x > 0)),
    ],
)
def test_a_unit_that_sparse_values_contradict_is_told_as_of_dense_ones(
    unit: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    counts_SG = np.random.default_rng(0).poisson(0.1, size=(40, 120)).astype(np.float32)
    counts_SG[:, 0] = 1
    values_SG = change(counts_SG).astype(np.float32)
    named = [f"s{row}" for row in range(40)], [f"g{column}" for column in range(120)]
    told = []
    for values in (values_SG, sparse.compressed(values_SG)):
        with pytest.raises(DataError) as raised:
            check_unit(values, unit, *named, "a.h5ad")
        told.append(str(raised.value))
    assert told[0] == told[1]


def test_repeated_positions_are_no_matrix() -> None:
    values = scipy.sparse.csr_array((np.ones(2, np.float32), [1, 1], [0, 2]), shape=(1, 3))
    with pytest.raises(DataError, match="positions repeat"):
        ExpressionMatrix(values, ("a", "b", "c"), pd.DataFrame(index=pd.Index(["s"])), "counts")


def test_dense_profiles_that_would_not_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _, kept = both(np.eye(3, 4, dtype=np.float32))
    monkeypatch.setattr("cic.data.limits.MEMORY_SHARE", 0.0)
    with pytest.raises(DataError, match="3 x 4 values, zeros included"):
        kept.dense()
