"""Several data sets made one: nothing is changed that need not be, and no study shapes another but the reference."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from neuroCombat import neuroCombat

from cic.data import sparse
from cic.data.corrected import CORRECTION, is_reference
from cic.data.correction import corrected
from cic.data.explained import components, composition_shared, explained
from cic.data.label_words import near_misses, read_label_map
from cic.data.matrix import ExpressionMatrix
from cic.data.merged_samples import Part
from cic.data.merging import merged
from cic.data.readers import read_table
from cic.data.units import log2_scale
from cic.errors import DataError


def matrix_of(
    values_SG: np.ndarray, genes: list[str], ids: list[str] | None = None, unit: str = "tpm", **columns: list[object]
) -> ExpressionMatrix:
    ids = ids or [f"s{number}" for number in range(len(values_SG))]
    samples = pd.DataFrame(columns, index=pd.Index(ids, name="sample_id"))
    return ExpressionMatrix(np.asarray(values_SG, dtype=np.float32), tuple(genes), samples, unit)  # type: ignore[arg-type]


@st.composite
def data_sets(draw: st.DrawFn) -> list[Part]:
    names = draw(st.lists(st.sampled_from(["a", "b-1", "c.x", "D"]), min_size=2, max_size=4, unique=True))
    parts = []
    for name in names:
        genes = draw(st.permutations([f"G{number}" for number in range(6)]))[: draw(st.integers(4, 6))]
        ids = draw(st.lists(st.sampled_from(["x", "X", "y", "z ", "a:x", "1"]), min_size=1, max_size=4, unique=True))
        values_SG = np.random.default_rng(draw(st.integers(0, 99))).random((len(ids), len(genes))) * 100
        parts.append(Part(name, matrix_of(values_SG, genes, ids, tissue=["liver"] * len(ids)), "tissue"))
    return parts


@settings(max_examples=40, deadline=None)
@given(parts=data_sets(), order=st.randoms())
def test_values_stay_ids_are_unique_and_order_does_not_matter(parts: list[Part], order: object) -> None:
    common = set.intersection(*(set(part.matrix.genes) for part in parts))
    assume(common)
    matrix, kept = merged(parts, least_genes=0)
    assert set(matrix.genes) == common and matrix.unit == "tpm"
    assert matrix.samples.index.is_unique
    for part in parts:
        rows = np.flatnonzero(matrix.samples["study"] == part.name)
        ids = matrix.samples.get("original_id", matrix.samples.index.to_series()).iloc[rows]
        assert list(ids) == list(part.matrix.samples.index)
        places = [part.matrix.genes.index(gene) for gene in matrix.genes]
        np.testing.assert_array_equal(matrix.values[rows], part.matrix.values[:, places])
    order.shuffle(parts)  # type: ignore[attr-defined]
    again, kept_again = merged(parts, least_genes=0)
    pd.testing.assert_frame_equal(again.samples, matrix.samples)
    np.testing.assert_array_equal(again.values, matrix.values)
    assert again.genes == matrix.genes and kept == kept_again


def test_other_units_meet_on_log2_scale_and_counts_keep_the_total_of_all_their_genes() -> None:
    counts = matrix_of([[1, 2, 7], [0, 10, 10]], ["A", "B", "ONLY"], unit="counts")
    levels = matrix_of([[3.5, 0.5], [1.5, 2.5]], ["B", "A"], unit="log2")
    matrix, kept = merged([Part("x", counts), Part("y", levels)], least_genes=0.5)
    assert matrix.unit == "log2" and matrix.genes == ("A", "B")
    np.testing.assert_allclose(matrix.values[0], np.log2([1e5 + 1, 2e5 + 1]), rtol=1e-6)
    np.testing.assert_array_equal(matrix.values[2:], [[0.5, 3.5], [2.5, 1.5]])
    log2_SG = log2_scale(counts.values, "counts")
    assert kept[0].variance_share == pytest.approx(log2_SG[:, :2].var(axis=0).sum() / log2_SG.var(axis=0).sum())
    assert (kept[0].n_genes, kept[1].variance_share) == (3, pytest.approx(1))


def test_sparse_profiles_merge_as_dense_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    genes = [f"G{number}" for number in range(30)]
    dense = [matrix_of(draw.poisson(0.2, (20, 30)) + np.eye(20, 30), genes, unit="counts") for _ in range(2)]
    stored = [replace(one, values=sparse.compressed(one.values)) for one in dense]
    monkeypatch.setattr(sparse, "SPARSE_FROM", 1)
    for log2 in (False, True):
        plain, kept = merged([Part("a", dense[0]), Part("b", dense[1])], least_genes=1, log2=log2)
        mixed, kept_mixed = merged([Part("a", stored[0]), Part("b", dense[1])], least_genes=1, log2=log2)
        assert sparse.is_sparse(mixed.values) and mixed.unit == ("log2" if log2 else "counts")
        np.testing.assert_array_equal(mixed.values.toarray(), sparse.dense(plain.values))
        assert kept == kept_mixed


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (matrix_of([[1, 2]], ["A", "B"]), matrix_of([[-1, 2]], ["A", "B"], unit="log_ratio"), "do not go together"),
        (matrix_of([[1, 2]], ["A", "B"]), matrix_of([[1, 2]], ["a", "b"]), "without case and versions 2 agree"),
        (
            matrix_of([[1, 2]], ["ENSG00000000001", "ENSG00000000002"]),
            matrix_of([[1, 2]], ["A", "B"]),
            "x by ensembl, y by symbol(?s:.*)--gene-map",
        ),
        (matrix_of([[1, 2, 3]], list("ABC")), matrix_of([[1, 2, 3]], list("AXY")), r"33.3% of the 3 of x"),
        (matrix_of([[1]], ["A"], **{CORRECTION: ["centre: q"]}), matrix_of([[1]], ["A"]), "corrected to one another"),
    ],
)
def test_what_cannot_be_merged_is_refused_with_what_to_do(
    one: ExpressionMatrix, other: ExpressionMatrix, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        merged([Part("x", one), Part("y", other)], least_genes=0.5)


def test_columns_studies_and_what_only_a_set_means(caplog: pytest.LogCaptureFixture) -> None:
    first = matrix_of(
        np.ones((3, 1)),
        ["A"],
        ["p", "q", "r"],
        tissue=["Brain", "liver", None],
        donor=[1, 1, 2],
        series=["u", "u", "v"],
    )
    second = matrix_of(np.ones((2, 1)), ["A"], ["s", "t"], type=["brain", "liver"], donor=["1", "3"], study=["k", "l"])
    with caplog.at_level(logging.WARNING, "cic.data"):
        samples = merged([Part("a", first, "tissue", "series"), Part("b", second, "type")], least_genes=1)[0].samples
    assert list(samples["study"]) == ["u", "u", "v", "b", "b"]
    assert list(samples["own_study"].dropna()) == ["k", "l"]
    assert list(samples.index) == list("pqrst") and "original_id" not in samples
    assert samples["label"].isna().sum() == 1 and list(samples["donor"]) == ["1", "1", "2", "1", "3"]
    assert "`Brain` (a) and `brain` (b)" in caplog.text and "--study-by b=study" in caplog.text
    both = [Part("a", first, None, "series"), Part("b", second.select(np.array([0])), None, None)]
    samples = merged(both, least_genes=1, linking={"donor"})[0].samples
    assert list(samples["donor"]) == ["a:1", "a:1", "a:2", "b:1"], "donor 1 of one set is not donor 1 of another"
    with pytest.raises(DataError, match="study `u` is in a and u"):
        merged([Part("a", first, None, "series"), Part("u", second)], least_genes=1)


def test_labels_are_replaced_by_the_map_and_slips_in_it_are_named(tmp_path: Path) -> None:
    sets = [
        Part("a", matrix_of(np.ones((2, 1)), ["A"], tissue=["Brain", "Liver"]), "tissue"),
        Part("b", matrix_of(np.ones((2, 1)), ["A"], label=["brain", "Liver"]), "label"),
    ]
    path = tmp_path / "map.csv"
    path.write_text("set,from,to\na,Brain,brain\n,Liver,liver\n")
    samples = merged(sets, least_genes=1, label_map=read_label_map(path))[0].samples
    assert list(samples["label"]) == ["brain", "liver"] * 2
    assert list(samples["original_label"]) == ["Brain", "Liver", "brain", "Liver"]
    for text, said in (
        ("set,from,to\na,brain,x\n", "no profile is labelled `brain`(?s:.*)line 2"),
        ("set,from,to\nc,Brain,x\n", "no data set `c`"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            merged(sets, least_genes=1, label_map=read_label_map(path))
    for text, said in (
        ("set,from\na,b\n", "no column `to`"),
        ("from,to\nBrain,\n", "a word is missing"),
        ("from,to\nBrain,x\nBrain,y\n", "`Brain` is replaced twice(?s:.*)line 3"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            read_label_map(path)
    assert near_misses(["Brain", "brain ", "Brain_Cortex", "brain cortex", "skin"]) == [
        ("Brain", "brain "),
        ("Brain_Cortex", "brain cortex"),
    ]


def three_studies(seed: int = 0, shift: float = 2.0) -> ExpressionMatrix:
    """Three types in studies `a`, `b` and `c`, the same proportions in each, over 200 genes."""
    draw = np.random.default_rng(seed)
    study = np.repeat(["a", "b", "c"], [30, 24, 18])
    label = np.array(["t0", "t1", "t2"])[np.arange(72) % 3]
    type_of = {name: draw.normal(size=200) for name in ("t0", "t1", "t2")}
    shift_of = {"a": 0, "b": shift * draw.normal(size=200), "c": shift * draw.normal(size=200)}
    scale_of = {"a": 1.0, "b": 0.5, "c": 2.0}
    values_SG = np.stack(
        [
            6 + shift_of[s] + scale_of[s] * (type_of[t] + draw.normal(size=200))
            for s, t in zip(study, label, strict=True)
        ]
    )
    genes = [f"G{number}" for number in range(200)]
    return matrix_of(values_SG, genes, unit="log2", study=list(study), label=list(label))


@pytest.mark.parametrize("how", ["centre", "combat"])
def test_a_study_is_shaped_by_itself_and_the_reference_alone_and_never_by_labels(how: str) -> None:
    matrix = three_studies()
    before = corrected(matrix, how, "a")  # type: ignore[arg-type]
    study_S = matrix.samples["study"].to_numpy()
    np.testing.assert_array_equal(before.values[study_S == "a"], matrix.values[study_S == "a"])
    np.testing.assert_allclose(before.values[study_S == "b"].mean(0), matrix.values[study_S == "a"].mean(0), atol=0.2)
    assert list(is_reference(before.samples)) == list(study_S == "a")
    other_SG = matrix.values.copy()
    other_SG[study_S == "c"] = 3 * other_SG[study_S == "c"] - 1
    other = replace(matrix, values=other_SG, samples=matrix.samples.assign(label="?"))
    np.testing.assert_array_equal(
        corrected(other, how, "a").values[study_S == "b"],  # type: ignore[arg-type]
        before.values[study_S == "b"],
    )
    turned = np.random.default_rng(1).permutation(matrix.n_samples)
    again = corrected(matrix.select(turned), how, "a")  # type: ignore[arg-type]
    np.testing.assert_allclose(again.values, before.values[turned], atol=1e-5)


def test_combat_is_the_librarys_with_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "int", int, raising=False)  # which its entry asks for
    matrix = three_studies()
    theirs = neuroCombat(matrix.values.T.astype(float), matrix.samples[["study"]], "study", ref_batch="a")["data"].T
    np.testing.assert_allclose(corrected(matrix, "combat", "a").values, theirs, atol=2e-3)


def test_genes_that_never_vary_are_centred_and_what_cannot_be_corrected_is_refused() -> None:
    matrix = three_studies()
    values_SG = matrix.values.copy()
    values_SG[matrix.samples["study"] == "b", 0], values_SG[matrix.samples["study"] == "a", 1] = 9, 4
    adjusted = corrected(replace(matrix, values=values_SG), "combat", "a")
    b_S = (matrix.samples["study"] == "b").to_numpy()
    np.testing.assert_allclose(adjusted.values[b_S, 0], values_SG[~b_S][:30, 0].mean(), atol=1e-5)
    assert adjusted.values[b_S, 1].mean() == pytest.approx(4, abs=1e-5)
    with pytest.raises(DataError, match=r"no study `d`(?s:.*)a or b or c"):
        corrected(matrix, "centre", "d")
    with pytest.raises(DataError, match="study `b` has 2 profile"):
        corrected(matrix.select(np.r_[0:32, 54:72]), "combat", "a")


def test_explained_variance_is_that_of_sums_of_squares_and_falls_when_studies_are_corrected() -> None:
    matrix = three_studies()
    found, after = explained(matrix), explained(corrected(matrix, "centre", "a"))
    frame = pd.DataFrame(matrix.values.astype(float))
    total = ((frame - frame.mean()) ** 2).sum().sum()
    for column, share in (("study", found.study), ("label", found.type_)):
        within = frame - frame.groupby(matrix.samples[column].to_numpy()).transform("mean")
        assert share.value == pytest.approx(1 - (within**2).sum().sum() / total)
        assert share.by_chance == pytest.approx(2 / 71)
    # proportions are alike, so that neither explains what the other does
    assert found.study_beyond_type.value == pytest.approx(found.study.value)
    assert (found.n_types, found.n_studies, found.n_shared, found.n_profiles) == (3, 3, 3, 72)
    assert after.study.value == pytest.approx(0, abs=1e-6) and after.type_.value > found.type_.value
    assert found.neighbours.by_chance == pytest.approx(1 / 3)
    xy_S2, shares = components(matrix)
    np.testing.assert_allclose(xy_S2.var(axis=0) / frame.var(ddof=0).sum(), shares)
    assert composition_shared(matrix.samples, "a") == {"b": pytest.approx(1), "c": pytest.approx(1)}


def test_neighbours_of_other_studies_are_counted() -> None:
    matrix = three_studies(seed=3)
    noisy = replace(matrix, values=matrix.values + np.random.default_rng(0).normal(0, 4, (72, 200)).astype(np.float32))
    study_S, label_S = noisy.samples["study"].to_numpy(), noisy.samples["label"].to_numpy()
    label_S[:3] = "t9"  # of no other study
    near_SS = np.corrcoef(noisy.values.astype(float))
    right = [
        label_S[max(np.flatnonzero(study_S != study_S[row]), key=lambda other: near_SS[row, other])] == label_S[row]
        for row in range(3, 72)
    ]
    assert 0.3 < np.mean(right) < 0.95
    assert explained(replace(noisy, samples=noisy.samples.assign(label=label_S))).neighbours.value == np.mean(right)


def test_profiles_without_labels_tell_of_studies_alone() -> None:
    matrix = three_studies()
    found = explained(replace(matrix, samples=matrix.samples[["study"]]))
    assert found.study.value == pytest.approx(explained(matrix).study.value)
    assert found.type_.value == pytest.approx(0) and np.isnan(found.neighbours.value) and found.n_types == 1


def test_two_laboratories_with_the_same_names_of_samples(real_data: Path) -> None:
    about = pd.read_csv(real_data / "normal3studies" / "samples.csv")
    parts = []
    for name in ("E-MTAB-305", "E-MTAB-513"):
        matrix = read_table(real_data / "normal3studies" / f"{name}.fpkm.tsv.gz", unit="fpkm", samples_in="columns")
        label = about[about["study"] == name].set_index("sample_id")["label"]
        parts.append(Part(name, replace(matrix, samples=matrix.samples.assign(tissue=label)), "tissue"))
    matrix, kept = merged(parts, least_genes=0.5, log2=True)
    assert len(set.intersection(*(set(part.matrix.samples.index) for part in parts))) == 9
    assert matrix.n_samples == 27 and matrix.samples.index[0].startswith("E-MTAB-305:")
    assert matrix.n_genes > 40_000 and min(one.variance_share or 0 for one in kept) > 0.9
    before, after = explained(matrix), explained(corrected(matrix, "centre", "E-MTAB-513"))
    assert before.n_shared == 9 and after.study_beyond_type.value < before.study_beyond_type.value / 2
