"""Versions of a data set: listed, named, compared, from wherever their bytes are."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli_data import RAW, SMALL, import_counts, project, run  # noqa: F401  # a fixture
from versioned import commit, git

from cic.data.differences import differences
from cic.data.matrix import ExpressionMatrix
from cic.errors import ConfigError, DataError


def drawn(seed: int, n_samples: int = 8, n_genes: int = 5) -> ExpressionMatrix:
    draw = np.random.default_rng(seed)
    index = pd.Index([f"s{number}" for number in range(n_samples)], name="sample_id")
    samples = pd.DataFrame({"label": list("ab" * n_samples)[:n_samples]}, index=index)
    values = draw.poisson(3, (n_samples, n_genes)).astype(np.float32)
    return ExpressionMatrix(values + 1, tuple(f"G{number}" for number in range(n_genes)), samples, "counts")


@given(st.integers(0, 10**6), st.sets(st.tuples(st.integers(0, 7), st.integers(0, 4))), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_was_changed_is_what_is_found(
    seed: int, places: set[tuple[int, int]], reorder: bool, sparse: bool
) -> None:
    before = drawn(seed)
    values = before.values.copy()
    for row, column in places:
        values[row, column] += 2
    after = replace(before, values=values)
    if reorder:
        after = after.select(np.random.default_rng(seed).permutation(8))
    if sparse:
        after = replace(after, values=scipy.sparse.csr_array(after.values))
    found = differences(before, after)
    assert found.n_values == len(places) and found.largest == (2 if places else 0)
    assert sum(found.changed_samples.values()) == sum(found.changed_genes.values()) == len(places)
    assert set(found.changed_samples) == {f"s{row}" for row, _ in places}
    assert found.reordered == (list(after.samples.index) != list(before.samples.index))
    assert found.none == (not places and not found.reordered)


def test_samples_genes_columns_and_units_that_differ_are_named() -> None:
    before = drawn(1)
    kept = np.array([0, 1, 2, 4, 5, 6, 7])
    after = before.select(kept)
    samples = after.samples.rename(index={"s7": "renamed"}).rename_axis("sample_id")
    samples = samples.assign(label=["b", *samples["label"][1:]], donor="x")
    found = differences(before, replace(after, samples=samples, unit="cpm"))
    assert (found.samples_gone, found.samples_new) == (["s3", "s7"], ["renamed"])
    assert found.renamed == {"s7": "renamed"} and found.units == ("counts", "cpm")
    assert found.columns == {"donor": "new", "label": 1} and not found.n_values
    fewer = ExpressionMatrix(before.values[:, 1:], before.genes[1:], before.samples, "counts")
    assert differences(before, fewer).genes_gone == ["G0"] and differences(fewer, before).genes_new == ["G0"]


@pytest.fixture
def two_versions(project: Path, tmp_path: Path) -> Path:  # noqa: F811
    """A data set with a named version, and a later one with another value and without a sample."""
    import_counts("--push")
    commit(project, "data")
    assert run("tag", "mine", "v1").exit_code == 0
    table = pd.read_csv(tmp_path / "counts.tsv.gz", sep="\t", index_col=0).drop(columns="s5")
    table.loc["G2", "s0"] += 7
    table.to_csv(tmp_path / "counts.tsv.gz", sep="\t")
    assert import_counts("--replace", "--push").exit_code == 0
    return project


def test_list_shows_states_and_names(two_versions: Path) -> None:
    run(*SMALL)
    told = run("list").output
    for line in (
        "mine",
        "5 samples x 4 genes, counts",
        "changed since the last commit",
        "version v1: ",
        "60 samples x 80 genes",
        "simulated",
    ):
        assert line in told
    commit(two_versions, "less")
    run("tag", "mine", "v2")
    mine, synthetic = json.loads(run("list", "--json").output)
    assert [version["name"] for version in mine["versions"]] == ["v1", "v2"]
    assert mine["state"] == "committed" and mine["versions"][1]["md5"] == mine["md5"]
    assert synthetic["name"] == "synthetic" and synthetic["state"] == "simulated"
    shutil.rmtree(RAW / "mine")
    assert "not here: `dvc pull`" in run("list").output


def test_diff_says_what_is_another_wherever_the_old_bytes_are(two_versions: Path) -> None:
    for lost in ((), (".dvc/cache",)):
        for folder in lost:
            shutil.rmtree(two_versions / folder)  # they are in the remote
        told = run("diff", "mine@v1", "mine").output
        for line in ("1 samples gone: s5", "1 values differ, by 7 at most", "in 1 samples: s0 (1)", "G2 (1)"):
            assert line in told
    assert run("diff", "mine").output.splitlines()[1:] == told.splitlines()[1:], "the last commit and what is here"
    assert "nothing differs" in run("diff", "mine@v1", "mine@HEAD").output
    shutil.rmtree(two_versions / ".dvc" / "cache")
    shutil.rmtree(two_versions / ".cic" / "dvc-remote")
    assert "neither DVC's cache nor its remote" in str(run("diff", "mine@v1").exception)
    assert git(two_versions, "status", "--porcelain").split() == ["M", "data/raw/mine.dvc"]


def test_what_has_no_version_is_told(two_versions: Path) -> None:
    assert "v1" in str(run("diff", "mine@v7").exception)
    assert isinstance(run("diff", "mine@v1", "other").exception, DataError)
    assert isinstance(run("tag", "mine", "v2").exception, DataError), "not committed"
    commit(two_versions, "less")
    assert isinstance(run("tag", "mine", "v1").exception, ConfigError), "the name is taken"
    assert isinstance(run("tag", "mine", "..").exception, ConfigError)
    run(*SMALL)
    assert isinstance(run("tag", "synthetic", "v1").exception, DataError)
