"""Which genes are badly reproduced is found out, and noise is told from failure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluated import changed, curved_profiles, some_evidence, some_facts, subject
from scipy.stats import spearmanr

from cic.evaluation.drawing import drawing
from cic.evaluation.questions.genes import measure as genes
from cic.evaluation.questions.genes.draw import gene_errors
from cic.evaluation.questions.genes.say import genes_section, genes_sentences


def noisy_profiles(noisy: int = 30, noise: float = 1.0):
    """Curved profiles whose first genes are measured with far more noise than the others."""
    matrix = curved_profiles(n_samples=200, noise=0.05, n_groups=20)
    values_SG = matrix.values.copy()
    extra = np.random.default_rng(9).normal(size=(matrix.n_samples, noisy)) * noise
    values_SG[:, :noisy] += extra.astype(np.float32)
    return replace(matrix, values=values_SG)


@pytest.fixture(scope="module")
def measured():
    one = subject(noisy_profiles())
    return one, genes.measure(one)


def without_columns(matrix, *names: str):
    return replace(matrix, samples=matrix.samples.drop(columns=list(names)))


def test_errors_add_up_to_those_of_the_profiles(measured):
    one, found = measured
    table, test_S = found.tables["genes"], one.test_S
    assert table["gene"].tolist() == list(one.bundle.genes)
    for column, method in (("error_model", "model"), ("error_pca", "pca"), ("variance", "mean_profile")):
        assert table[column].sum() == pytest.approx(one.errors[method][test_S].mean(), rel=1e-3)
    made_SG = one.bundle.decode(one.profiles.code_SW[test_S])
    log2_SG = one.bundle.preprocessor.inverse(one.x_SG[test_S])
    np.testing.assert_allclose(table["error_model"], np.square(made_SG - log2_SG).mean(axis=0), rtol=1e-2)
    np.testing.assert_allclose(table["mean_log2"], log2_SG.mean(axis=0), rtol=1e-4)


def test_noise_is_found_and_named_as_the_reason(measured):
    _, found = measured
    table, noise = found.tables["genes"], found.finding.noise
    assert table["noise"][:30].mean() == pytest.approx(1.0, rel=0.1)
    assert table["noise"][30:].mean() == pytest.approx(0.05**2, rel=0.1)
    assert noise.spearman.model.value == pytest.approx(
        spearmanr(table["error_model"], table["noise"]).statistic, abs=1e-6
    )
    assert noise.spearman.model.low > 0.2
    near_G = table["error_model"] <= 2 * table["noise"]
    assert near_G[:30].mean() > 0.8 > near_G[30:].mean()
    assert noise.n_as_replicates.model == near_G.sum()
    assert noise.share_as_replicates.model.value == pytest.approx(near_G.mean())
    assert noise.error_share_as_replicates.model.value == pytest.approx(
        table["error_model"][near_G].sum() / table["error_model"].sum()
    )
    assert 0.7 < noise.unavoidable.model.value < 1.2


def test_a_gene_that_no_model_foretells_is_the_worst():
    matrix = curved_profiles(n_samples=200, noise=0.05)
    values_SG = matrix.values.copy()
    # its own in every sample, and the same in both replicates: not noise, yet not to be foretold
    values_SG[:, 7] = 6 + np.repeat(np.random.default_rng(1).normal(size=100) * 0.9, 2)
    found = genes.measure(subject(replace(matrix, values=values_SG)))
    worst = genes.worst_genes(found.tables["genes"], 3)
    assert worst["gene"].iloc[0] == "g7"
    assert worst["unexplained_model"].iloc[0] > 0.7
    assert worst["noise"].iloc[0] < 1e-6
    assert list(worst["excess"]) == sorted(worst["excess"], reverse=True)


def test_intervals_hold_their_value_and_cover(measured):
    _, found = measured
    for one in dict(found.finding.noise.spearman).values():
        assert one.low <= one.value <= one.high
    hits = 0
    for seed in range(200):
        value_S = np.random.default_rng(seed).exponential(2, 40)
        without_X = [value_S.mean(), *((value_S.sum() - value_S) / 39)]
        interval = genes.jackknife_interval(np.array(without_X), 0.95, 0.0, np.inf)
        hits += interval.low < 2 < interval.high
    assert 0.88 <= hits / 200 <= 0.99
    assert genes.jackknife_interval(np.full(5, 0.5), 0.95, 0, 1).low is None
    assert genes.jackknife_interval(np.array([0.9, *np.linspace(0.5, 1, 9)]), 0.95, 0, 1).high == 1


def test_without_replicates_level_stands_in():
    found = genes.measure(subject(without_columns(curved_profiles(), "replicate", "group")))
    assert found.finding.noise is None and found.finding.n_sets == 0
    assert "mean level" in found.left_out["genes.noise"]
    assert found.tables["genes"]["noise"].isna().all()
    table = found.tables["genes"]
    assert found.finding.spearman_level.pca.value == pytest.approx(
        spearmanr(table["error_pca"], table["mean_log2"]).statistic, abs=1e-6
    )
    assert genes_sentences(found.finding, some_facts()) == []


def test_two_sets_tell_no_noise():
    matrix = curved_profiles()
    some = matrix.samples["replicate"].where(matrix.samples["replicate"].isin(["specimen 1", "specimen 2"]), None)
    found = genes.measure(subject(replace(matrix, samples=matrix.samples.assign(replicate=some))))
    assert found.finding.n_sets == 2 and found.finding.noise is None


def test_log_ratios_have_no_level(tmp_path):
    matrix = replace(curved_profiles(), unit="log_ratio")
    found = genes.measure(subject(without_columns(matrix, "replicate")))
    assert found.finding.spearman_level is None
    assert "log ratios" in found.left_out["genes.level"]
    section = genes_section(found.finding, some_evidence(found), tmp_path)
    told = " ".join((section.baseline, section.picture.alt, *section.table.columns, *section.notes, section.claim))
    assert "mean" in section.table.columns and "level" not in told.replace("Not held against level", "")


def test_the_same_subject_gives_the_same(measured):
    one, found = measured
    again = genes.measure(one)
    assert again.finding == found.finding
    pd.testing.assert_frame_equal(again.tables["genes"], found.tables["genes"])


def test_blocks_of_rows_do_not_change_the_errors(measured, monkeypatch):
    one, found = measured
    monkeypatch.setattr(genes, "ROWS_AT_A_TIME", 7)
    np.testing.assert_allclose(
        genes.measure(one).tables["genes"]["error_model"], found.tables["genes"]["error_model"], rtol=1e-5
    )


def test_sentences_do_not_flatter(measured):
    _, found = measured
    (spoken,) = genes_sentences(found.finding, some_facts())
    assert str(found.finding.n_genes) in spoken.text
    linear = genes.measure(subject(noisy_profiles(), depth=0))
    (spoken,) = genes_sentences(linear.finding, some_facts())
    assert spoken.standing == "open"
    worse = changed(found.finding, share_better_than_pca={"value": 0.4, "low": 0.3, "high": 0.45})
    (spoken,) = genes_sentences(worse, some_facts())
    assert spoken.standing == "bad"


@pytest.mark.parametrize("columns", [(), ("replicate", "group"), ("replicate",)])
def test_the_section_holds_with_and_without_replicates(tmp_path, columns):
    found = genes.measure(subject(without_columns(noisy_profiles(), *columns)))
    section = genes_section(found.finding, some_evidence(found), tmp_path)
    assert len(section.table.rows) == 25 and len({len(row) for row in section.table.rows}) == 1
    assert len(section.table.columns) == len(section.table.rows[0]) == (5 if columns else 6)
    assert any(found.left_out["genes.noise"] in note for note in section.notes) if columns else not found.left_out


def test_pca_is_not_said_to_be_better_than_itself(tmp_path):
    found = genes.measure(subject(without_columns(curved_profiles(), "replicate", "group"), depth=0))
    claim = genes_section(found.finding, some_evidence(found), tmp_path).claim
    assert claim.startswith("All 90 genes are reproduced as by PCA.")


@pytest.mark.parametrize("with_noise", [True, False])
def test_genes_are_drawn_and_the_worst_named(tmp_path, with_noise):
    draw = np.random.default_rng(0)
    level_G = draw.uniform(0, 12, 500)
    error_G = draw.exponential(0.1, 500)
    error_G[3] = 0.0
    table = pd.DataFrame(
        {
            "gene": [f"gene {number}" for number in range(500)],
            "mean_log2": level_G,
            "error_model": error_G,
            "error_pca": 2 * error_G,
            "noise": draw.exponential(0.1, 500) * (np.arange(500) > 1) if with_noise else np.nan,
        }
    )
    named = genes.worst_genes(table, 4)
    picture = drawing.draw(tmp_path, "genes", "Genes.", gene_errors(table, named, gene_unit="standard deviations"))
    assert all(f">{name}</text>" in picture.svg for name in named["gene"])
    assert ("error = noise" in picture.svg) == with_noise
    assert "SD²" in picture.svg
    assert len(picture.svg) < 600_000
