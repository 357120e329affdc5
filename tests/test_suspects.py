"""Of many profiles the audit looks at the suspicious ones: what was planted is among them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cic.config import Split
from cic.data import sparse
from cic.data.audit import audit_split
from cic.data.cells import CellRecipe, simulate_cells
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.split import split_samples
from cic.data.suspects import A_CHUNK, find_suspects, largest, sketch
from cic.data.twins import residuals
from cic.data.units import log2_scale


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> ExpressionMatrix:
    path = tmp_path_factory.mktemp("suspects") / "cells.parquet"
    simulate_cells(CellRecipe(samples=900, genes=1500, cell_types=6, studies=12, programs=20, molecules=1000), path)
    matrix = read_matrix(path)
    return replace(matrix, samples=matrix.samples.rename(columns={"cell_type": "label", "donor": "group"}))


@pytest.fixture
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 900 cells be many."""
    monkeypatch.setattr("cic.data.sparse.FEW", 300)


def planted(cells: ExpressionMatrix, kind: str) -> tuple[ExpressionMatrix, pd.Series, set[str]]:
    """Put a disguised copy of a training cell, or a mixture of two, into the test part; give their names."""
    part = split_samples(cells.samples, Split(), 0)
    draw = np.random.default_rng(5)
    first, second = np.flatnonzero(part == "train")[[3, 40]]
    counts_SG = cells.dense()
    copy_G = {
        "scaled": counts_SG[first] * 3,
        "measured again": draw.binomial(counts_SG[first].astype(int), 0.9),
        "cut": counts_SG[first] * (draw.random(cells.n_genes) < 0.85),
        "mixture": counts_SG[first] + counts_SG[second],
    }[kind]
    sample = cells.samples.iloc[[first]].set_axis(["planted"]).assign(group="own")
    values = sparse.compressed(np.vstack([counts_SG, copy_G[None]]).astype(np.float32))
    matrix = replace(cells, values=values, samples=pd.concat([cells.samples, sample]).rename_axis("sample_id"))
    return matrix, pd.concat([part, pd.Series({"planted": "test"})]), {"planted", str(cells.samples.index[first])}


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("kind", ["scaled", "measured again", "cut"])
def test_a_planted_twin_is_found_among_many(
    cells: ExpressionMatrix, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix, part, names = planted(cells, kind)
    audit = audit_split(matrix, part, Split())
    assert not audit.passed
    (found,) = [one for one in audit.findings if one.kind == "near_identical"]
    assert any(all(name in example for name in names) for example in found.examples)
    (compared,) = [one for one in audit.findings if one.kind == "compared"]
    assert not compared.blocks
    assert "held-out profiles were compared" in compared.message
    monkeypatch.setattr("cic.data.sparse.FEW", 10**6)
    (full,) = [one for one in audit_split(matrix, part, Split()).findings if one.kind == "near_identical"]
    assert full.message == found.message


@pytest.mark.usefixtures("_few")
def test_a_planted_mixture_is_among_the_suspects(cells: ExpressionMatrix) -> None:
    matrix, part, names = planted(cells, "mixture")
    out_SK = np.arange(matrix.n_samples)[:, None]
    suspects = find_suspects(matrix, part.to_numpy().astype(str), out_SK, 0, 300)
    assert names <= set(matrix.samples.index[suspects.rows])


@pytest.mark.usefixtures("_few")
def test_many_cells_without_twins_pass(cells: ExpressionMatrix) -> None:
    audit = audit_split(cells, split_samples(cells.samples, Split(), 0), Split())
    assert audit.passed
    assert {one.kind for one in audit.findings} <= {"compared", "share", "label_not_in_train"}


def test_the_sketch_keeps_angles_between_residuals(cells: ExpressionMatrix) -> None:
    x_SG = residuals(log2_scale(cells.dense(), "counts"))
    x_SG /= np.linalg.norm(x_SG, axis=1, keepdims=True)
    z_SD = sketch(cells, 1)
    apart_SS = z_SD @ z_SD.T - x_SG @ x_SG.T
    assert np.abs(apart_SS).max() < 6 / np.sqrt(z_SD.shape[1])
    assert np.sqrt(np.square(apart_SS).mean()) < 1.2 / np.sqrt(z_SD.shape[1])
    np.testing.assert_allclose(sketch(replace(cells, values=cells.dense()), 1), z_SD, atol=1e-4)


def test_no_more_are_looked_at_than_was_asked_for(cells: ExpressionMatrix) -> None:
    part_S = split_samples(cells.samples, Split(), 0).to_numpy().astype(str)
    suspects = find_suspects(cells, part_S, np.arange(cells.n_samples)[:, None], 0, 90)
    assert len(suspects.rows) <= 90
    assert suspects.n_suspects == 10
    assert suspects.n_asked == suspects.n_held_out == int((part_S != "train").sum())


@given(
    st.integers(1, 9).flatmap(
        lambda n: st.tuples(
            st.just(n),
            arrays(
                np.float32,
                st.tuples(st.integers(1, 4), st.integers(n, 20 * A_CHUNK)),
                elements=st.sampled_from([-1, 0, 0.25, 0.5, 1]),
                fill=st.sampled_from([-1, 0.25]),
            ),
        )
    )
)
@settings(max_examples=150, deadline=None)
def test_the_largest_are_those_of_a_whole_sort(asked: tuple[int, np.ndarray]) -> None:
    n, value_RS = asked
    np.testing.assert_array_equal(largest(value_RS, n), np.argsort(-value_RS, axis=1, kind="stable")[:, :n])


def test_the_largest_of_many_are_those_of_a_whole_sort() -> None:
    value_RS = np.random.default_rng(3).standard_normal((5, 60_000)).astype(np.float32)
    value_RS[0, -3:] = 9  # behind the last whole chunk
    value_RS[1] = -1
    np.testing.assert_array_equal(largest(value_RS, 8), np.argsort(-value_RS, axis=1, kind="stable")[:, :8])
